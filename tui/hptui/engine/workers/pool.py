"""Worker processes: one private loky executor each, so that no death touches a neighbour."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import psutil
from joblib.externals.loky.process_executor import (  # pyright: ignore[reportMissingTypeStubs]
    ProcessPoolExecutor,
)

from hptui.domain.text import safe_line
from hptui.engine.run.clock import now
from hptui.engine.run.plan import available_cores
from hptui.engine.workers.memory_guard import resident
from hptui.engine.workers.orphans import OrphanedProcesses
from hptui.engine.workers.places import Place, Places, cores_here
from hptui.engine.workers.processes import (
    WORKER_VARIABLE,
    Guardian,
    descendants,
    kill_all,
    signal_group,
)
from hptui.engine.workers.versions import Versions
from hptui.engine.workers.worker_loop import run_host
from hptui.engine.workers.worker_program import WorkerProgram
from hptui.engine.workers.worker_variables import threads_each, worker_variables
from hptui.errors import HptuiError
from hptui.registry.loading.other_python import package_variables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.resources import Resources
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.registry.loading.other_python import OtherPython

Backend = Literal["loky", "threading"]

_STATUS_WAIT_S = 0.5


@dataclass(eq=False)
class Worker:
    """One place where a trial can run: a process, or a thread of one."""

    token: str
    host: Host
    channel: Channel | None = None
    is_ready: bool = False
    slot: int | None = None
    """The slot it serves, or None while it is spare."""


@dataclass(eq=False)
class Host:
    """One worker process and the workers in it."""

    executor: Any
    process: Any
    mark: str = ""
    """What the environment of all its processes holds."""
    place: Place | None = None
    """What it has for itself until it, and all that it has started, is gone."""
    workers: list[Worker] = field(default_factory=list[Worker])
    is_retired: bool = False
    """It gets no new trials and is ended when the last one in it has ended."""
    is_gone: bool = False
    pidfd: int | None = None
    """Refers to the process; readable when it has ended (Linux)."""
    leftovers: list[psutil.Process] = field(default_factory=list[psutil.Process])

    @property
    def pid(self) -> int:
        """The process id, also its group's once it has settled."""
        return self.process.pid

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when the process has ended."""
        # The pipe that loky watches stays open as long as a child that the objective forked.
        return self.process.sentinel if self.pidfd is None else self.pidfd

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero the signal that ended it."""
        # Loky's own thread may just be collecting the status.
        deadline = time.monotonic() + _STATUS_WAIT_S
        while (code := self.process.exitcode) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return code


def _open_pidfd(pid: int) -> int | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return None


def _start_error(error: Exception) -> HptuiError:
    why = safe_line(getattr(error, "strerror", None) or error)
    return HptuiError(
        f"No new worker can be started: {why}.",
        hint="Use fewer workers, or raise the limits of processes and open files (ulimit -a).",
    )


def _look_at(future: Any) -> None:  # noqa: ANN401 - loky is untyped
    if not future.cancelled():
        future.exception()


def _start_with_loky(config: Message, variables: dict[str, str]) -> tuple[Any, Any]:
    """Start a process, and return its executor and it.

    Raises:
        OSError: The machine has no room for it.
        RuntimeError: No thread can be started.
    """
    executor: Any = ProcessPoolExecutor(max_workers=1, env=variables)
    try:
        future: Any = executor.submit(run_host, config)
    except (OSError, RuntimeError):
        # Its thread would wait for ever, and with it the end of this process.
        executor.shutdown(wait=False, kill_workers=True)
        raise
    # Its end is seen by the process's sentinel; the future would only repeat it.
    future.add_done_callback(_look_at)
    (process,) = executor._processes.values()
    return executor, process


class Pool:
    """Starts and ends worker processes."""

    def __init__(
        self,
        *,
        ref: ObjectiveRef,
        backend: Backend,
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
        self.backend: Backend = backend
        self._socket = socket
        self._home = home
        self._log = log
        self._guardian = guardian
        self.max_files = max_files
        """How many files a worker may have open."""
        self._resources = resources
        self._python = python
        self.versions = Versions.expected(python)
        """What all workers run with."""
        cores = cores_here() if resources.is_pinned else ()
        self.places = Places(resources, n_workers, cores)
        self._closing: list[threading.Thread] = []
        self.hosts: list[Host] = []
        self.lingering: list[OrphanedProcesses] = []
        """What is left of those that have ended."""

    def threads_each(self, n_slots: int) -> int:
        """Return how many native threads the code of each slot's trials may use."""
        return threads_each(self._resources, self.places, n_slots, available_cores())

    def start(self, n_workers: int, n_slots: int) -> Host:
        """Start a process with `n_workers` workers (one, unless the backend is threading).

        Raises:
            HptuiError: The machine has no process, descriptor or memory for it.
        """
        tokens = [secrets.token_hex(8) for _ in range(n_workers)]
        mark = f"{WORKER_VARIABLE}={secrets.token_hex(8)}"
        place = self.places.take()
        config = {
            "socket": str(self._socket),
            "home": str(self._home),
            "log": str(self._log),
            "objective": self._ref.to_json(),
            "workers": tokens,
            "threads": self.backend == "threading",
            "max_files": self.max_files,
            "cores": [] if place is None else list(place.cores),
        }
        variables = self._variables(place, n_slots, mark)
        try:
            if self._python is None:
                executor, process = _start_with_loky(config, variables)
            else:
                command = self._python.command("hptui.engine.workers.worker_program")
                variables |= package_variables(self._log.parent, variables)
                executor = process = WorkerProgram(command, os.environ | variables, config)
        except (OSError, RuntimeError) as error:
            self.places.give_back(place)
            raise _start_error(error) from error
        host = Host(executor, process, mark, place, pidfd=_open_pidfd(process.pid))
        host.workers = [Worker(token, host) for token in tokens]
        self.hosts.append(host)
        self._guardian.add(host.pid)
        return host

    def _variables(self, place: Place | None, n_slots: int, mark: str) -> dict[str, str]:
        """Return what a worker's environment has from its first instruction on."""
        n_threads = self.threads_each(n_slots)
        own = worker_variables(self._resources, place, n_threads)
        return own | dict([mark.split("=")])

    def is_bloated(self, host: Host) -> bool:
        """Say whether a process that runs no trial holds much of what the next one may take."""
        limit = self._resources.memory
        return limit is not None and resident(host.pid) > limit // 2

    def worker_of(self, token: str) -> Worker | None:
        """Return the worker that was given `token`."""
        given = token.encode(errors="replace")
        for host in self.hosts:
            for worker in host.workers:
                if secrets.compare_digest(worker.token.encode(), given):
                    return worker
        return None

    def terminate(self, host: Host, *, force: bool) -> None:
        """Ask a process and its group to end; with `force` kill it and all it has started."""
        host.leftovers = descendants(host.pid) or host.leftovers
        signal_group(host.pid, signal.SIGKILL if force else signal.SIGTERM)
        if force:
            kill_all(host.leftovers)
            # Before it has settled the process leads no group.
            with contextlib.suppress(ProcessLookupError):
                os.kill(host.pid, signal.SIGKILL)

    @property
    def limits_memory(self) -> bool:
        """Whether what a worker's processes take is limited."""
        return self._resources.memory is not None

    def forget(self, host: Host, *, is_closing: bool = False) -> None:
        """Clean up after a process that has ended: its group, its executor, its descriptors.

        All that it has started is killed, and keeps its place until it is gone; with `is_closing`
        it is ended with all else at the run's end.
        """
        host.is_gone = True
        signal_group(host.pid, signal.SIGKILL)
        if is_closing:
            kill_all(host.leftovers)
        else:
            self._linger(OrphanedProcesses(host.pid, host.mark, host.leftovers, host.place, now()))
        self._guardian.drop(host.pid)
        if host.pidfd is not None:
            os.close(host.pidfd)
            host.pidfd = None
        for worker in host.workers:
            if worker.channel is not None:
                worker.channel.close()
        if host in self.hosts:
            self.hosts.remove(host)
        self._in_background(lambda: host.executor.shutdown(wait=True, kill_workers=True))

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
        for host in self.hosts:
            host.leftovers = descendants(host.pid)
            for worker in host.workers:
                if worker.channel is not None:
                    worker.channel.send({"op": "exit"})
        deadline = time.monotonic() + timeout_s
        for host in list(self.hosts):
            self._end(host, deadline)
        for thread in self._closing:
            thread.join(max(0.1, deadline + timeout_s - time.monotonic()))
        # This lets go of processes that have ended, and with them of pipes and semaphores.
        multiprocessing.active_children()

    def _end(self, host: Host, deadline: float) -> None:
        ended = threading.Thread(target=host.executor.shutdown, daemon=True)
        ended.start()
        ended.join(max(0.0, deadline - time.monotonic()))
        if ended.is_alive():
            self.terminate(host, force=True)
            ended.join(5)
        self.forget(host, is_closing=True)

    def _in_background(self, action: Callable[[], object]) -> None:
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        thread = threading.Thread(target=action, daemon=True)
        thread.start()
        self._closing.append(thread)
