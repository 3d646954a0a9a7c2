"""What comes to an engine from other machines, and what it does about it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hptui.domain.resources import above_limit_text
from hptui.domain.texts.run_text import MAX_WORKERS
from hptui.engine.run import control
from hptui.engine.run.events import MemoryExceeded
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.run.engine import Engine
    from hptui.engine.workers.worker_manager import Slot

_MAX_PATH: Final = 4_096
_OF_AGENTS: Final = frozenset({"ping", "log", "kept", "memory", "gone", "hello", "unready"})
_FROM_AFAR: Final = _OF_AGENTS | {"cluster", "ended"}
"""What agents and the gateway say; all else is a worker's."""


def take_first(engine: Engine, channel: Channel, message: Message) -> bool:
    """Take the first message of an agent or a gateway; True when it is one of this run."""
    agents = engine._worker_manager.agents
    try:
        if message.get("op") == "gateway":
            is_ours = agents.take_gateway(channel, message)
        else:
            is_ours = agents.welcome(channel, message)
    except HptuiError as error:
        engine._fail(error)
        is_ours = False
    channel.is_closed |= not is_ours
    return is_ours


def take(engine: Engine, channel: Channel, message: Message) -> bool:
    """Take what comes from another machine; False where a worker here would say the same."""
    op = message.get("op")
    if not isinstance(op, str) or op not in _FROM_AFAR:
        # Most are of a trial.
        return False
    manager = engine._worker_manager
    if manager.agents.is_gateway(channel):
        _take_of_gateway(engine, message)
        return True
    if channel not in manager.agents.processes:
        return False
    slot = manager.slot_of(channel)
    number, log = (None, "") if slot is None else (slot.number, slot.log)
    match manager.agents.take(channel, message, number, log):
        case "done":
            return True
        case "gone":
            engine.on_process_end(manager.agents.processes[channel])
            return True
        case "other":
            pass
    try:
        return _take_of_worker(engine, channel, message, slot)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        # No agent says so.
        engine.on_broken(channel)
        return True


def _take_of_worker(engine: Engine, channel: Channel, message: Message, slot: Slot | None) -> bool:
    number = None if slot is None else slot.number
    match message.get("op"):
        case "hello" | "unready":
            if engine._worker_manager.expects(message):
                engine.on_first(channel, message)
        case "memory":
            limit = engine.plan.resources.memory
            if number is not None and limit is not None:
                text = above_limit_text(int(message["size"]), limit)
                engine._feed(MemoryExceeded(number, text))
        case "kept":
            if slot is not None and engine._dispatcher is not None:
                engine._dispatcher.note_kept(slot, str(message["folder"])[:_MAX_PATH])
        case _:
            return False
    return True


def _take_of_gateway(engine: Engine, message: Message) -> None:
    try:
        process = engine._worker_manager.agents.take_of_gateway(message)
    except HptuiError as error:
        engine._fail(error)
        return
    if process is not None:
        engine.on_process_end(process)
    n_threads = message.get("threads")
    if isinstance(n_threads, int) and "workers" not in engine.plan.typed:
        _use_threads(engine, n_threads)


def _use_threads(engine: Engine, n_threads: int) -> None:
    """Have a worker for each thread of a cluster, where nobody has said how many."""
    n_workers = min(max(1, n_threads), MAX_WORKERS)
    if engine.run_state is None:
        engine._plan = replace(engine.plan, n_workers=n_workers)
    elif n_threads and n_workers != engine.rules.n_workers:
        try:
            control.use_workers(engine, n_workers)
        except HptuiError as error:
            engine._observer.note(error.message)


def tick(engine: Engine, time_s: float) -> None:
    """Give up what has not answered in time."""
    agents = engine._worker_manager.agents
    due_s = agents.due_s()
    if due_s is None or time_s < due_s:
        return
    try:
        agents.require_cluster(time_s)
    except HptuiError as error:
        engine._give_up(error)
    for process in (*agents.unconfirmed(time_s), *agents.silent(time_s)):
        engine.on_process_end(process)
