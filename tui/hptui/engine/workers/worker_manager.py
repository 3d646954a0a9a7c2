"""Which worker serves which slot: starting, assigning, ending, and what a death means."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.protocol import ProtocolError
from hptui.engine.run.outcome import ErrorKind, TrialError
from hptui.engine.workers.machine.descriptors import is_scarce
from hptui.engine.workers.machine.processes import describe_exit
from hptui.engine.workers.remote.agents import Agents
from hptui.engine.workers.remote.remote_workers import RemoteProcess
from hptui.engine.workers.trial_logs import cut_log
from hptui.errors import ObjectiveError
from hptui.storage.files.side_files import open_side_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.engine.ipc.connections import Connections
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.workers.pool import Pool, Worker, WorkerProcess

_MAX_DELAY_S = 5.0
_STARTS_WITHOUT_HELLO = 3
_ENDED_BY_US = ("killed", "timeout", "memory")


@dataclass(slots=True, eq=False)
class Slot:
    """A place in the run where one trial at a time is worked on."""

    index: int
    worker: Worker | None = None
    number: int | None = None
    ending: tuple[ErrorKind, str] | None = None
    """Why its trial was asked to end."""
    is_done: bool = False
    """Whether its worker has told how the trial has ended."""
    log: str = ""
    """Where the output of its trial goes."""
    peak: int = 0
    """The most memory that was seen of its trial, in bytes; 0: none was."""
    guests: list[Channel] = field(default_factory=list["Channel"])
    """Connections of processes that the trial has started and that use it."""


@dataclass(frozen=True, slots=True)
class Death:
    """A trial whose worker is gone."""

    slot: int
    number: int
    error: TrialError
    peak: int = 0
    """The most memory that was seen of it, in bytes."""


@dataclass(slots=True, eq=False)
class WorkerManager:
    """The slots of a run and the workers that serve them."""

    pool: Pool
    connections: Connections
    on_ready: Callable[[int], None]
    on_message: Callable[[Slot, Message, Channel], None]
    on_trouble: Callable[[str], None]
    """Takes a sentence on what goes on all the same."""
    slots: dict[int, Slot] = field(default_factory=dict[int, Slot])
    agents: Agents = field(init=False)
    """What there is of workers on other machines."""
    failed_starts: int = 0
    deaths_in_a_row: int = 0
    _slot_of: dict[Channel, Slot] = field(default_factory=dict["Channel", "Slot"])
    """The slot whose worker, or a guest of whose trial, speaks over each connection."""
    _start_at_s: float | None = None
    _is_closing: bool = False

    def __post_init__(self) -> None:
        self.agents = Agents(
            self.pool, self.connections, self.answer, self.on_trouble, self._start_missing
        )

    def open(self, n_workers: int) -> None:
        """Give each of the first `n_workers` slots a worker."""
        for index in range(n_workers):
            self.slots.setdefault(index, Slot(index))
        self._start_missing()

    def close_slot(self, index: int) -> None:
        """Take an idle slot away, and its worker with it."""
        slot = self.slots.pop(index, None)
        if slot is None or slot.worker is None:
            return
        worker, slot.worker = slot.worker, None
        worker.slot = None
        if self.pool.kind.ends_trials_by_process and worker.channel is not None:
            worker.process.is_retired = True
            worker.channel.send({"op": "exit"})
            self.pool.terminate(worker.process, force=False)

    def _start_missing(self) -> None:
        missing = [slot for slot in self.slots.values() if slot.worker is None]
        coming = [
            worker
            for process in self.pool.processes
            if not process.is_retired
            for worker in process.workers
            if worker.slot is None
        ]
        for worker in [each for each in coming if each.is_ready][: len(missing)]:
            self._assign(worker)
        missing = [slot for slot in self.slots.values() if slot.worker is None]
        wanted = len(missing) - len([each for each in coming if not each.is_ready])
        if wanted <= 0 or self._is_closing:
            return
        for process in self.pool.start(self._with_room(wanted), len(self.slots)):
            self.connections.watch_process(process)

    def _with_room(self, wanted: int) -> int:
        """Return how many of the wanted workers can start now; `restart` and `tick` start others.

        Where workers have places, as many as are free. Else none starts in the stead of one of
        which something is left; and where memory is limited, of one that is still to end. What is
        in the way and has no trial any more is killed.
        """
        pool, free = self.pool, self.pool.places.n_free
        if pool.is_far:
            return min(wanted, self.agents.n_free)
        leaving = [
            process
            for process in pool.processes
            if process.is_retired and not self._is_busy(process)
        ]
        if free is None:
            leaving = leaving if pool.limits_memory else []
            free = wanted - len(leaving) - len(pool.lingering)
        for process in leaving[: max(0, wanted - free)]:
            pool.terminate(process, force=True)
        return max(0, min(wanted, free))

    def _is_busy(self, process: WorkerProcess) -> bool:
        return any(
            slot.number is not None and slot.worker in process.workers
            for slot in self.slots.values()
        )

    def expects(self, message: Message) -> bool:
        """Say whether a first message is from a worker that was started here."""
        return self.pool.worker_of(str(message.get("token"))) is not None

    def say_hello(self, channel: Channel, message: Message) -> bool:
        """Take a worker's connection; False when nobody here started it.

        Raises:
            HptuiError: It runs with other versions than those that the run began with.
        """
        worker = self.pool.worker_of(str(message.get("token")))
        if worker is None or worker.process.is_gone:
            return False
        if "trial" in message:
            return self._take_guest(worker, channel, message["trial"])
        if not self.pool.is_far:
            self.pool.versions.require_same(message.get("versions"))
        old = worker.channel
        worker.channel = channel
        started = worker.process.started
        if isinstance(started, RemoteProcess) and not worker.is_ready:
            # Its agent has come by this connection before.
            started.note_hello(message.get("pid"))
            old = None
        if old is not None:
            # It comes again after its objective closed the connection; the trial goes on.
            if old is not channel:
                self._drain(worker, old)
            if worker.slot is not None and worker.slot in self.slots:
                self._slot_of[channel] = self.slots[worker.slot]
            return True
        worker.is_ready = self.agents.is_served = True
        self.failed_starts = 0
        if not worker.process.is_retired:
            self._assign(worker)
        return True

    def _take_guest(self, worker: Worker, channel: Channel, number: object) -> bool:
        """Serve a process that a running trial has started; False when the trial is over.

        And where descriptors are scarce: they are kept for workers.
        """
        slot = None if worker.slot is None else self.slots.get(worker.slot)
        if slot is None or slot.worker is not worker or slot.number != number:
            return False
        if is_scarce(channel.fileno()):
            return False
        slot.guests = [each for each in slot.guests if not each.is_closed]
        slot.guests.append(channel)
        self._slot_of[channel] = slot
        return True

    def _assign(self, worker: Worker) -> None:
        for slot in self.slots.values():
            if slot.worker is None:
                slot.worker = worker
                worker.slot = slot.index
                if worker.channel is not None:
                    self._slot_of[worker.channel] = slot
                self.on_ready(slot.index)
                return

    def slot_of(self, channel: Channel) -> Slot | None:
        """Return the slot whose worker, or a guest of whose trial, speaks over `channel`."""
        slot = self._slot_of.get(channel)
        if slot is None:
            return None
        if (slot.worker is not None and slot.worker.channel is channel) or channel in slot.guests:
            return slot
        # Its worker serves another one by now, or none.
        del self._slot_of[channel]
        return None

    def send(self, slot: Slot, message: Message) -> None:
        """Send a message to a slot's worker."""
        if slot.worker is not None and slot.worker.channel is not None:
            self.answer(slot.worker.channel, message)

    def answer(self, channel: Channel, message: Message) -> None:
        """Send a message over a connection."""
        channel.send(message)
        if channel.wants_to_write:
            self.connections.watch_writes(channel)

    def _clear(self, slot: Slot) -> None:
        """Forget the trial that a slot has had; its log holds to the cap from now on."""
        if slot.log:
            cut_log(slot.log)
        slot.number, slot.ending, slot.log, slot.is_done, slot.peak = None, None, "", False, 0
        for guest in slot.guests:
            self._slot_of.pop(guest, None)
            self.connections.drop(guest)
        slot.guests.clear()

    def release(self, slot: Slot) -> None:
        """Make a slot ready for its next trial after one has ended."""
        self._clear(slot)
        self.deaths_in_a_row = 0
        worker = slot.worker
        if worker is not None and self.pool.is_bloated(worker.process):
            # The next trial is not to fail for what this one has left behind.
            worker.process.is_retired = True
        if worker is not None and worker.process.is_retired:
            slot.worker = worker.slot = None
            self._end_if_idle(worker.process)
            self._start_missing()
        elif worker is not None and slot.index in self.slots:
            self.on_ready(slot.index)

    def end(self, slot: Slot, kind: ErrorKind, text: str, *, force: bool) -> Death | None:
        """End a slot's trial; a death is returned where the trial ends without its process.

        In a process of its own the trial ends with the process. A thread cannot be ended: it is
        told at its next call, and by force it is given up: its process takes no new trials and is
        killed when its other threads have finished theirs.
        """
        worker = slot.worker
        if worker is None or slot.number is None:
            return None
        slot.ending = (kind, text)
        if self.pool.kind.ends_trials_by_process:
            # If the trial ends by itself just now, the signal must not reach the next one.
            worker.process.is_retired = True
            self.pool.terminate(worker.process, force=force)
            return None
        if not force:
            self.send(slot, {"stop": text, "n": slot.number})
            return None
        death = Death(slot.index, slot.number, TrialError(kind, "", text))
        slot.worker = worker.slot = None
        worker.is_ready = False
        if worker.channel is not None:
            self.connections.drop(worker.channel)
        worker.process.is_retired = True
        self._clear(slot)
        self._end_if_idle(worker.process)
        self._start_missing()
        return death

    def _end_if_idle(self, process: WorkerProcess) -> None:
        if self._is_busy(process):
            return
        for slot in self.slots.values():
            if slot.worker in process.workers:
                slot.worker = None
        self.pool.terminate(process, force=True)

    def on_worker_exit(self, process: WorkerProcess) -> list[Death]:
        """Clean up after a process that has ended; returns the trials that died with it."""
        process.started.collect()
        self.connections.forget_process(process)
        said_hello = any(worker.is_ready for worker in process.workers)
        is_known = self.agents.on_exit(process, was_retired=process.is_retired)
        # A trial whose result is still in the pipe has ended; no other is given to this process.
        was_retired, process.is_retired = process.is_retired, True
        for worker in process.workers:
            if worker.channel is not None:
                self._drain(worker, worker.channel)
        lost = [slot for slot in self.slots.values() if slot.worker in process.workers]
        running = [slot for slot in lost if slot.number is not None and not slot.is_done]
        n_running = len(running)
        kinds = [None if slot.ending is None else slot.ending[0] for slot in running]
        deaths = [
            Death(slot.index, slot.number, self._why(process, slot, n_running), slot.peak)
            for slot in lost
            if slot.number is not None
        ]
        # What the trial has started ends, too, and so writes no more into its log.
        self.pool.forget(process)
        for slot in lost:
            slot.worker = None
            self._clear(slot)
        if kinds and not any(kind in _ENDED_BY_US for kind in kinds):
            self.deaths_in_a_row += 1
        if not said_hello and not was_retired and not is_known:
            self.failed_starts += 1
        return deaths

    def _drain(self, worker: Worker, channel: Channel) -> None:
        """Take what is left in a worker's connection, and close it."""
        self.agents.processes.pop(channel, None)
        slot = self.slots.get(worker.slot) if worker.slot is not None else None
        if slot is not None and slot.worker is worker:
            # What the objective left half written, or wrote itself, is no message.
            with contextlib.suppress(ProtocolError):
                for message in channel.receive_all():
                    self.on_message(slot, message, channel)
        self._slot_of.pop(channel, None)
        self.connections.drop(channel)

    def give_up(self, channel: Channel, why: str) -> None:
        """Kill a worker whose connection can no longer be used."""
        for process in self.pool.processes:
            if any(worker.channel is channel for worker in process.workers):
                slot = self.slot_of(channel)
                if slot is not None and slot.ending is None:
                    slot.ending = ("died", why)
                self.pool.terminate(process, force=True)
                return

    def _why(self, process: WorkerProcess, slot: Slot, n_running: int) -> TrialError:
        if slot.ending is not None:
            kind, text = slot.ending
            return TrialError(kind, "", text, _tail(slot.log))
        on = f" on {safe_line(process.started.host)}" if process.started.host else ""
        if process.started.why_lost:
            return TrialError("lost", "", process.started.why_lost, _tail(slot.log))
        how = describe_exit(process.started.exit_code)
        text = f"The worker process{on} ended ({how})"
        if n_running > 1:
            text += (
                f"; {plural(n_running, 'trial was', 'trials were')} running in it, and any "
                "of them may have caused it"
            )
        return TrialError("died", "", text + ".", _tail(slot.log))

    def restart(self, now_s: float) -> None:
        """Replace workers that have ended, later each time when they die one after the other.

        Raises:
            ObjectiveError: New workers end again and again before they are ready.
            HptuiError: No other machine can be reached.
        """
        if self._is_closing:
            return
        if self.agents.problem is not None:
            raise self.agents.problem
        if self.failed_starts >= _STARTS_WITHOUT_HELLO:
            raise ObjectiveError(
                "The worker process ended while it loaded the objective, "
                f"{plural(self.failed_starts, 'time')} one after the other.",
                hint="Try importing the file with python, outside hptui.",
            )
        bad = max(self.deaths_in_a_row, self.failed_starts)
        if bad <= 1:
            self._start_missing()
        elif self._start_at_s is None:
            self._start_at_s = now_s + min(_MAX_DELAY_S, 0.05 * 2.0**bad)

    def next_start_s(self) -> float | None:
        """Return when a delayed start is due, or what is left of a worker is looked at."""
        due = [left.due_s for left in self.pool.lingering]
        due += [] if self._start_at_s is None else [self._start_at_s]
        far_s = self.agents.due_s() if self.pool.is_far else None
        due += [] if far_s is None else [far_s]
        return min(due, default=None)

    def tick(self, now_s: float) -> None:
        """Start what was delayed and is due."""
        if self.pool.is_far and self.agents.tick(now_s) and self._start_at_s is None:
            self._start_missing()
        is_due = self._start_at_s is not None and now_s >= self._start_at_s
        if self.pool.lingering:
            for sentence in self.pool.settle(now_s):
                self.on_trouble(sentence)
            # Who died again and again waits on.
            is_due = is_due or self._start_at_s is None
        if is_due:
            self._start_at_s = None
            self._start_missing()

    def close(self, timeout_s: float) -> None:
        """End all workers and wait for their processes."""
        self._is_closing = True
        for slot in self.slots.values():
            started = None if slot.worker is None else slot.worker.process.started
            if isinstance(started, RemoteProcess):
                started.last_log = slot.log
        for process in list(self.pool.processes):
            self.connections.forget_process(process)
            # One that is still starting cannot be asked to end.
            is_starting = any(worker.channel is None for worker in process.workers)
            if self._is_busy(process) or is_starting or process.is_retired:
                self.pool.terminate(process, force=True)
        self.pool.close(timeout_s)
        if self.agents.cluster is not None:
            self.agents.cluster.close()


def _tail(log: str, n_bytes: int = 2_000) -> str:
    if not log:
        return ""
    with contextlib.suppress(OSError), os.fdopen(open_side_file(log), "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - n_bytes))
        return stream.read().decode("utf-8", "backslashreplace")
    return ""
