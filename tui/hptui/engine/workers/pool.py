"""The worker processes of a run: started and ended, with the places that they have."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

from hptui.domain.texts.text import safe_line
from hptui.engine.run.clock import now
from hptui.engine.run.start.plan import available_cores
from hptui.engine.workers.machine.memory_guard import resident
from hptui.engine.workers.machine.places import Place, Places, cores_here
from hptui.engine.workers.machine.processes import (
    WORKER_VARIABLE,
    descendants,
    kill_all,
    signal_group,
)
from hptui.engine.workers.machine.versions import Versions
from hptui.engine.workers.machine.worker_variables import (
    far_variables,
    threads_each,
    worker_variables,
)
from hptui.engine.workers.orphans import OrphanedProcesses
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.resources import Resources
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.workers.guardian import Guardian
    from hptui.engine.workers.worker_kinds import StartedProcess, WorkerKind, WorkerPlaces
    from hptui.registry.loading.other_python import OtherPython


CONFIRM_S: Final = 10.0
"""How long another machine may take to confirm that a worker was killed."""
_NAME_CHARS: Final = 16
"""Characters of a token that say which worker is meant; the others prove it."""


@dataclass(eq=False)
class Worker:
    """One place where a trial can run: a process, or a thread of one."""

    token: str
    process: WorkerProcess
    channel: Channel | None = None
    is_ready: bool = False
    slot: int | None = None
    """The slot it serves, or None while it is spare."""


@dataclass(eq=False)
class WorkerProcess:
    """One worker process and the workers in it."""

    started: StartedProcess
    mark: str = ""
    """What the environment of all its processes holds."""
    place: Place | None = None
    """What it has for itself until it, and all that it has started, is gone."""
    workers: list[Worker] = field(default_factory=list[Worker])
    is_retired: bool = False
    """It gets no new trials and is ended when the last one in it has ended."""
    is_gone: bool = False
    confirm_by_s: float | None = None
    """When a machine must have confirmed that the process was killed."""
    leftovers: list[psutil.Process] = field(default_factory=list[psutil.Process])

    @property
    def pid(self) -> int:
        return self.started.pid


def _start_error(error: Exception) -> HptuiError:
    why = safe_line(getattr(error, "strerror", None) or error)
    return HptuiError(
        f"No new worker can be started: {why}.",
        hint="Use fewer workers, or raise the limits of processes and open files (ulimit -a).",
    )


class Pool:
    """Starts and ends worker processes."""

    def __init__(
        self,
        *,
        ref: ObjectiveRef,
        kind: WorkerKind,
        socket: Path,
        home: Path,
        log: Path,
        guardian: Guardian,
        max_files: int,
        resources: Resources,
        n_workers: int,
        python: OtherPython | None = None,
    ) -> None:
        self._ref = ref
        self.kind = kind
        self._socket = socket
        self._home = home
        self.log = log
        """What worker processes print outside their trials."""
        self._guardian = guardian
        self.max_files = max_files
        """How many files a worker may have open."""
        self._resources = resources
        self.versions = Versions.expected(python)
        """What all workers run with."""
        cores = cores_here() if resources.is_pinned else ()
        own = kind.places
        self.places: WorkerPlaces = Places(resources, n_workers, cores) if own is None else own
        self.unconfirmed: set[WorkerProcess] = set()
        """Those on other machines that were killed, as far as can be known here."""
        self._closing: list[threading.Thread] = []
        self.processes: list[WorkerProcess] = []
        self._workers: dict[str, Worker] = {}
        """By the begin of their tokens."""
        self.lingering: list[OrphanedProcesses] = []
        """What is left of those that have ended."""

    @property
    def is_far(self) -> bool:
        """Whether the workers are on other machines."""
        return self.kind.places is not None

    def threads_each(self, n_in_run: int) -> int:
        """Return how many native threads the code of each slot's trials may use."""
        if self.is_far:
            return self._resources.threads or self.places.cores_each or 1
        return threads_each(self._resources, self.places, n_in_run, available_cores())

    def start(self, n_wanted: int, n_in_run: int) -> Iterator[WorkerProcess]:
        """Start `n_wanted` workers, one process after the other, or all as threads of one.

        Raises:
            HptuiError: The machine has no process, descriptor or memory for them.
        """
        if self.kind.ends_trials_by_process:
            for _ in range(n_wanted):
                yield self._start(1, n_in_run)
        elif n_wanted:
            yield self._start(n_wanted, n_in_run)

    def _start(self, n_workers: int, n_in_run: int) -> WorkerProcess:
        tokens = [secrets.token_hex(16) for _ in range(n_workers)]
        mark = f"{WORKER_VARIABLE}={secrets.token_hex(8)}"
        place = self.places.take()
        order: Message = {
            "socket": str(self._socket),
            "home": str(self._home),
            "log": str(self.log),
            "objective": self._ref.to_json(),
            "workers": tokens,
            "threads": not self.kind.ends_trials_by_process,
            "max_files": self.max_files,
            "cores": [] if place is None else list(place.cores),
        }
        if place is not None and place.host:
            order["host"] = place.host
        try:
            started = self.kind.start(order, self._variables(place, n_in_run, mark))
        except (OSError, RuntimeError) as error:
            self.places.give_back(place)
            raise _start_error(error) from error
        process = WorkerProcess(started, mark, place)
        process.workers = [Worker(token, process) for token in tokens]
        self._workers |= {worker.token[:_NAME_CHARS]: worker for worker in process.workers}
        self.processes.append(process)
        if started.guarded:
            self._guardian.add(started.guarded)
        return process

    def _variables(self, place: Place | None, n_in_run: int, mark: str) -> dict[str, str]:
        """Return what a worker's environment has from its first instruction on."""
        if self.is_far:
            own = far_variables(self._resources, place)
        else:
            own = worker_variables(self._resources, place, self.threads_each(n_in_run))
        return own | dict([mark.split("=")])

    def is_bloated(self, process: WorkerProcess) -> bool:
        """Say whether a process that runs no trial holds much of what the next one may take."""
        limit = self._resources.memory
        return limit is not None and not self.is_far and resident(process.pid) > limit // 2

    def worker_of(self, token: str) -> Worker | None:
        """Return the worker that was given `token`."""
        # Which one is meant may be found out by asking; that it is who it says, may not.
        worker = self._workers.get(token[:_NAME_CHARS])
        given = token.encode(errors="replace")
        if worker is None or not secrets.compare_digest(worker.token.encode(), given):
            return None
        return worker

    def terminate(self, process: WorkerProcess, *, force: bool) -> None:
        """Ask a process and its group to end; with `force` kill it and all it has started."""
        if self.is_far:
            process.started.signal(force=force)
            if force and process.confirm_by_s is None:
                process.confirm_by_s = now() + CONFIRM_S
                self.unconfirmed.add(process)
            return
        process.leftovers = descendants(process.pid) or process.leftovers
        signal_group(process.pid, signal.SIGKILL if force else signal.SIGTERM)
        if force:
            kill_all(process.leftovers)
            # Before it has settled the process leads no group.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    @property
    def limits_memory(self) -> bool:
        """Whether what a worker's processes take is limited."""
        return self._resources.memory is not None

    def forget(self, process: WorkerProcess, *, is_closing: bool = False) -> None:
        """Clean up after a process that has ended: its group, its executor, its descriptors.

        All that it has started is killed, and keeps its place until it is gone; with `is_closing`
        it is ended with all else at the run's end.
        """
        process.is_gone = True
        self.unconfirmed.discard(process)
        if self.is_far:
            # Its agent has killed what it had started.
            self.places.give_back(process.place)
        else:
            self._end_rest(process, is_closing=is_closing)
        if process.started.guarded:
            self._guardian.drop(process.started.guarded)
        process.started.close_sentinel()
        for worker in process.workers:
            self._workers.pop(worker.token[:_NAME_CHARS], None)
            if worker.channel is not None:
                worker.channel.close()
        if process in self.processes:
            self.processes.remove(process)
        self._in_background(lambda: process.started.release(kill=True))

    def _end_rest(self, process: WorkerProcess, *, is_closing: bool) -> None:
        signal_group(process.pid, signal.SIGKILL)
        if is_closing:
            kill_all(process.leftovers)
        else:
            self._linger(
                OrphanedProcesses(
                    process.pid, process.mark, process.leftovers, process.place, now()
                )
            )

    def _linger(self, left: OrphanedProcesses) -> None:
        if left.is_gone():
            self.places.give_back(left.place)
        else:
            self.lingering.append(left)

    def settle(self, now_s: float) -> list[str]:
        """Give back the places of workers of which nothing is left.

        Returns:
            A sentence for each that is given back although something of it does not end.
        """
        told: list[str] = []
        for left in [each for each in self.lingering if now_s >= each.due_s]:
            if left.is_gone() or now_s >= left.until_s:
                told += left.give_up()
                self.lingering.remove(left)
                self.places.give_back(left.place)
        return told

    def close(self, timeout_s: float) -> None:
        """End all processes: politely, then after `timeout_s` by force; waits for them."""
        for process in self.processes:
            process.leftovers = [] if self.is_far else descendants(process.pid)
            for worker in process.workers:
                if worker.channel is not None:
                    worker.channel.send({"op": "exit"})
        deadline = time.monotonic() + timeout_s
        for process in list(self.processes):
            self._end(process, deadline)
        for thread in self._closing:
            thread.join(max(0.1, deadline + timeout_s - time.monotonic()))
        # This lets go of processes that have ended, and with them of pipes and semaphores.
        multiprocessing.active_children()

    def _end(self, process: WorkerProcess, deadline: float) -> None:
        ended = threading.Thread(target=lambda: process.started.release(kill=False), daemon=True)
        ended.start()
        ended.join(max(0.0, deadline - time.monotonic()))
        if ended.is_alive():
            self.terminate(process, force=True)
            ended.join(5)
        self.forget(process, is_closing=True)

    def _in_background(self, action: Callable[[], object]) -> None:
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        thread = threading.Thread(target=action, daemon=True)
        thread.start()
        self._closing.append(thread)
