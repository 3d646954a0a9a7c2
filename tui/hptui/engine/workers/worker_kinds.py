"""The kinds of workers: how their processes are started, and what can be asked of them.

A kind starts processes; the pool does the rest. Whatever its kind, a worker process runs
`run_worker_process`, connects to the engine's socket and speaks its protocol, so that another kind,
in another environment or on another machine, needs no more than these two classes.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from joblib.externals.loky.process_executor import (  # pyright: ignore[reportMissingTypeStubs]
    ProcessPoolExecutor,
)

from hptui.engine.workers.worker_loop import run_worker_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.workers.machine.places import Place

Backend = Literal["loky", "threading", "ssh", "dask"]

_STATUS_WAIT_S: Final = 0.5


class StartedProcess(Protocol):
    """A worker process as its kind has started it."""

    @property
    def host(self) -> str:
        """The machine it is on; empty: this one."""
        ...

    @property
    def guarded(self) -> int:
        """The process here that leads a group and ends with the engine; 0: none."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether it has, once its sentinel is readable or its connection has ended."""
        ...

    @property
    def why_lost(self) -> str:
        """A sentence where nobody can tell how it has ended; empty where somebody can."""
        ...

    def signal(self, *, force: bool) -> None:
        """Ask a process on another machine to end, or kill it and all that it has started."""
        ...

    @property
    def pid(self) -> int:
        """The process id, also its session's and group's once it has settled."""
        ...

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when the process has ended; -1: none."""
        ...

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero the signal that ended it."""
        ...

    def collect(self) -> None:
        """Take the status of a process that has ended, without waiting."""
        ...

    def close_sentinel(self) -> None:
        """Close the descriptor: nobody waits for the end any more."""
        ...

    def release(self, *, kill: bool) -> None:
        """Wait for the end of the process, and let go of all that is held of it; may block.

        Args:
            kill: Whether to end it now; else it was told to end.
        """
        ...


class WorkerPlaces(Protocol):
    """What the workers of a run have for themselves."""

    @property
    def size(self) -> int | None:
        """How many processes have a place of their own; None where they need none."""
        ...

    @property
    def n_free(self) -> int | None:
        """How many more processes have a place; None: any number."""
        ...

    @property
    def cores_each(self) -> int | None:
        """How many cores each place has; None where none are kept apart."""
        ...

    def take(self) -> Place | None:
        """Return the place that is used least; None where there are none."""
        ...

    def give_back(self, place: Place | None) -> None:
        """Free a place whose process is gone."""
        ...


class WorkerKind(Protocol):
    """One way to start worker processes."""

    @property
    def places(self) -> WorkerPlaces | None:
        """Where its workers are, if not on this machine."""
        ...

    @property
    def ends_trials_by_process(self) -> bool:
        """Whether a process runs one trial at a time, so that its end ends just that one."""
        ...

    @property
    def descriptors_each(self) -> int:
        """How many files a worker costs the engine."""
        ...

    def start(self, order: Message, environment: Mapping[str, str]) -> StartedProcess:
        """Start a process.

        Args:
            order: What `run_worker_process` takes.
            environment: Variables it has beside the engine's from its first instruction on.

        Raises:
            OSError: The machine has no process, descriptor or memory for it.
            RuntimeError: Likewise, for a thread.
        """
        ...


class NearProcess:
    """What is the same for all processes of this machine."""

    host = ""
    has_ended = True
    why_lost = ""

    def signal(self, *, force: bool) -> None:
        """The pool signals its group itself."""


class LokyProcess(NearProcess):
    """A process of loky's, in an executor of its own: no death touches a neighbour."""

    def __init__(self, order: Message, environment: Mapping[str, str]) -> None:
        executor: Any = None
        try:
            executor = ProcessPoolExecutor(max_workers=1, env=dict(environment))
            future: Any = executor.submit(run_worker_process, order)
        except (OSError, RuntimeError):
            if executor is not None:
                # Its thread would wait for ever, and with it the end of this process.
                executor.shutdown(wait=False, kill_workers=True)
            raise
        # Its end is seen by the process's sentinel; the future would only repeat it.
        future.add_done_callback(_look_at)
        self._executor = executor
        (self._process,) = executor._processes.values()
        self.guarded = self.pid
        self._pidfd = open_pidfd(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def sentinel(self) -> int:
        # The pipe that loky watches stays open as long as a child that the objective forked.
        return self._process.sentinel if self._pidfd is None else self._pidfd

    @property
    def exit_code(self) -> int | None:
        # Loky's own thread may just be collecting the status.
        deadline = time.monotonic() + _STATUS_WAIT_S
        while (code := self._process.exitcode) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return code

    def collect(self) -> None:
        self._process.join(0)

    def close_sentinel(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def release(self, *, kill: bool) -> None:
        self._executor.shutdown(wait=True, kill_workers=kill)


class LokyWorkers:
    """Each worker is a process of its own."""

    places = None
    ends_trials_by_process = True
    descriptors_each = 10
    """Pipes of loky's executor, the connection, and a descriptor of the process itself."""

    def start(self, order: Message, environment: Mapping[str, str]) -> StartedProcess:
        return LokyProcess(order, environment)


class ThreadWorkers:
    """The workers are threads of one process: a trial that must end is asked to."""

    places = None
    ends_trials_by_process = False
    descriptors_each = 1

    def start(self, order: Message, environment: Mapping[str, str]) -> StartedProcess:
        return LokyProcess(order, environment)


KINDS: Final[Mapping[Backend, WorkerKind]] = {"loky": LokyWorkers(), "threading": ThreadWorkers()}


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends; None where there is none."""
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return None


def _look_at(future: Any) -> None:  # noqa: ANN401 - loky is untyped
    if not future.cancelled():
        future.exception()
