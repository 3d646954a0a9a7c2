"""What a client may ask of a running engine, and the answers."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hptui.domain.spaces.edits import edits_from_json, edits_to_json
from hptui.domain.spaces.space import spec_to_json
from hptui.domain.study_changes import space_change_text
from hptui.domain.texts.readable import plural, show_duration
from hptui.domain.texts.run_text import require_possible
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_queue import find_waiting, seats_after, told_queue
from hptui.engine.ipc.message_schema import REQUESTS, require
from hptui.engine.ipc.protocol import ProtocolError
from hptui.engine.run.clock import now
from hptui.engine.run.events import (
    ExtendRequested,
    KillRequested,
    LimitRequested,
    PauseRequested,
    ResumeRequested,
    StopRequested,
    Tick,
    WorkersRequested,
)
from hptui.engine.run.rules import Phase
from hptui.engine.workers.machine.descriptors import require_room
from hptui.errors import HptuiError, StudyBusyError, UsageError
from hptui.storage.annotations.changes import edit_from_json
from hptui.storage.annotations.notes import NoteConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.domain.study_changes import ChangedWhat
    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.engine import Engine
    from hptui.engine.run.study_trials import LiveTrial
    from hptui.engine.workers.worker_manager import Slot


def answer(engine: Engine, message: Message) -> Message:
    """Return the answer to a client's message; `ok` says whether it was done."""
    operation = _OPERATIONS.get(str(message.get("op")))
    try:
        if operation is None:
            raise UsageError(f"The engine does not know {str(message.get('op'))[:40]!r}.")
        if engine.run_state is None:
            raise UsageError("The engine is still loading the objective; try again in a moment.")
        _require_meant(engine, message)
        require(message, REQUESTS.get(str(message.get("op")), {}))
        return {"ok": True, **operation(engine, message)}
    except ProtocolError as error:
        return {
            "ok": False,
            "message": f"The request is not complete: {error.message}.",
            "hint": "",
        }
    except HptuiError as error:
        return {"ok": False, "message": error.message, "hint": error.hint}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return {"ok": False, "message": f"The request is not complete: {error}.", "hint": ""}


def _require_meant(engine: Engine, message: Message) -> None:
    """Refuse a request that a lease has sent here, and that is meant for another study."""
    run = engine.run_state
    assert run is not None
    study, inode = message.get("study"), message.get("inode")
    is_study = study in (None, engine.plan.study)
    is_file = not inode or not run.hold.lease.inode or inode == run.hold.lease.inode
    if not (is_study and is_file):
        raise UsageError(f"This engine runs {safe_line(engine.plan.study)}, another study.")


def _status(engine: Engine, _: Message) -> Message:
    run = engine.run_state
    assert run is not None
    engine.settle()
    progress = engine.progress()
    time_s = now()
    slots: list[dict[str, Any]] = []
    for index, slot in sorted(engine.slots.items()):
        live = run.trials.live.get(slot.number) if slot.number is not None else None
        slots.append(
            {
                "slot": index,
                "trial": slot.number,
                "running_s": None if live is None else round(time_s - live.started_s, 3),
                "thinking_s": _thinking_s(engine, live, time_s),
                "step": None if live is None else live.last_step,
                "value": None if live is None else live.last_value,
                "pid": None if slot.worker is None else slot.worker.process.pid,
                "place": _place_of(slot),
                "load": _load_of(engine, slot),
                "ending": slot.ending is not None,
            }
        )
    trials = run.trials
    ended = trials.counts.ended
    limit_s = engine.rules.budget.timeout_s
    elapsed_s = time_s - engine.rules.started_s
    return {
        "study": engine.plan.study,
        "file": str(engine.plan.study_file),
        "objective": engine.plan.ref.name,
        "run": run.id,
        "pid": run.hold.lease.pid,
        "state": progress.state,
        "counts": asdict(trials.counts),
        "others": asdict(run.counts_of_others()),
        "running": progress.n_running,
        "waiting": run.n_waiting(),
        "n_trials": progress.n_trials,
        "target": engine.rules.budget.target,
        "rate": progress.rate,
        "eta_s": progress.eta_s,
        "elapsed_s": elapsed_s,
        "time_left_s": None if limit_s is None else max(0.0, limit_s - elapsed_s),
        "best": None if progress.best is None else asdict(progress.best),
        "directions": trials.directions,
        "sampler": run.sampler,
        "pruner": run.pruner,
        "sampler_ms_a_trial": 1000 * engine.sampler.spent_s / ended if ended else None,
        "thinking_s": progress.thinking_s,
        "ask_ahead": engine.plan.ask_ahead,
        "backend": engine.plan.backend,
        "threads_per_slot": engine.pool.threads_each(len(engine.slots)),
        "trouble": progress.trouble,
        "slots": slots,
        "notes": run.notes,
    }


def _thinking_s(engine: Engine, live: LiveTrial | None, time_s: float) -> float | None:
    """Return for how long a trial has waited for a sampler that takes long."""
    if live is None or live.asked_s is None or not engine.sampler.is_held_up:
        return None
    return round(time_s - live.asked_s, 3)


def _place_of(slot: Slot) -> dict[str, Any] | None:
    place = None if slot.worker is None else slot.worker.process.place
    return None if place is None else place.to_json()


def _load_of(engine: Engine, slot: Slot) -> dict[str, Any] | None:
    """Return the latest samples of a worker; None where none were taken."""
    pid = None if slot.worker is None else slot.worker.process.pid
    load = None if pid is None else engine.loads.by_pid.get(pid)
    return None if load is None else load.to_json()


def _pause(engine: Engine, _: Message) -> Message:
    engine.feed(PauseRequested())
    return {"text": f"Paused; {_running(engine)}."}


def _resume(engine: Engine, _: Message) -> Message:
    _require_going_on(engine, "resumed")
    engine.feed(ResumeRequested())
    return {"text": "Running."}


def _require_going_on(engine: Engine, what: str) -> None:
    if engine.rules.phase in (Phase.STOPPING, Phase.ENDED):
        raise UsageError(f"The run is stopping; it cannot be {what}.", hint="Run it again.")


def _stop(engine: Engine, message: Message) -> Message:
    now_too = bool(message.get("now"))
    engine.feed(StopRequested(now=now_too))
    running = _running(engine)
    return {"text": f"Ending at once; {running}." if now_too else f"Stopping; {running}."}


def _running(engine: Engine) -> str:
    count = len(engine.rules.running)
    what = "being ended" if engine.rules.end_running_at_s is not None else "still running"
    return f"{plural(count, 'trial')} {what}"


def _kill(engine: Engine, message: Message) -> Message:
    number = int(message["trial"])
    if number not in engine.rules.running.values():
        running = ", ".join(str(each) for each in sorted(engine.rules.running.values())) or "none"
        raise UsageError(f"Trial {number} is not running.", hint=f"Running now: {running}.")
    engine.feed(KillRequested(number))
    return {"text": f"Ending trial {number}."}


def _jobs(engine: Engine, message: Message) -> Message:
    n_workers = int(message["n"])
    require_possible(n_workers)
    before = engine.rules.n_workers
    use_workers(engine, n_workers)
    _note_change(engine, "workers", f"{before} to {plural(n_workers, 'worker')}")
    return {"text": f"Now using {plural(n_workers, 'worker')}."}


def use_workers(engine: Engine, n_workers: int) -> None:
    """Let a run have so many workers.

    Raises:
        UsageError: There is no room for them.
    """
    require_room(n_workers, len(engine.slots), engine.pool.kind)
    _require_places(engine, n_workers)
    engine.feed(WorkersRequested(n_workers))


def _require_places(engine: Engine, n_workers: int) -> None:
    size = engine.pool.places.size
    if size is not None and n_workers > size and engine.pool.is_far:
        raise UsageError(
            f"You asked for {plural(n_workers, 'worker')}, and the hosts have "
            f"{plural(size, 'place')}.",
            hint=f"Ask for at most {size}, or start the run again with more: --hosts HOST:N.",
        )
    if size is not None and n_workers > size:
        raise UsageError(
            f"You asked for {plural(n_workers, 'worker')}, but only "
            f"{plural(size, 'worker has', 'workers have')} devices or cores of their own here.",
            hint=f"Ask for at most {size}, or restart it with other --devices, --per-device, "
            "--threads or without --pin.",
        )


def _enqueue(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    params = message["params"]
    if not isinstance(params, dict):
        raise UsageError('The parameters must be a JSON object, like {"lr": 0.01}.')
    number = run.enqueue(params)  # pyright: ignore[reportUnknownArgumentType]
    engine.feed(Tick())
    return {"text": f"Trial {number} waits for a worker.", "trial": number}


def _queue(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    if message.get("trial") is None:
        return {"waiting": told_queue(run.trials.waiting()), "text": "Told."}
    number = int(message["trial"])
    run.trials.seat(seats_after(run.trials.waiting(), number, int(message.get("to") or 0)))
    engine.feed(Tick())
    return {"waiting": told_queue(run.trials.waiting()), "text": f"Moved trial {number}."}


def _cancel(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    number = int(message["trial"])
    find_waiting(run.trials.waiting(), number)
    if not run.trials.cancel(number):
        raise UsageError(f"Trial {number} has just begun.", hint="End it with hptui kill.")
    engine.feed(Tick())
    return {
        "waiting": told_queue(run.trials.waiting()),
        "text": f"Cancelled trial {number}; it is stored as failed.",
    }


def _enqueue_rows(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    count = run.enqueue_rows(message["rows"])
    with suppress(StudyBusyError):
        # So that whoever looks at the file next finds them; else they get there with the next ones.
        engine.commit()
    engine.feed(Tick())
    return {"text": f"{plural(count, 'trial waits', 'trials wait')} for a worker."}


def _extend(engine: Engine, message: Message) -> Message:
    more = int(message["trials"])
    if not more:
        raise UsageError("Add 1 trial or more, or take some away with a number below 0.")
    before = engine.rules.budget.n_trials
    if before is None:
        raise UsageError("The run has no trial limit to extend.")
    _require_going_on(engine, "extended")
    engine.feed(ExtendRequested(more))
    after = plural(engine.rules.budget.n_trials or 0, "trial")
    _note_change(engine, "budget", f"{before} to {after}")
    return {"text": f"This run now has {after}."}


def _limit(engine: Engine, message: Message) -> Message:
    seconds = message["seconds"]
    _require_going_on(engine, "given another end")
    engine.feed(LimitRequested(None if seconds is None else float(seconds)))
    limit = "no time limit" if seconds is None else f"{show_duration(seconds)} left"
    _note_change(engine, "budget", limit)
    if seconds is None:
        return {"text": "The run has no time limit."}
    return {"text": f"The run ends in {show_duration(seconds)} at the latest."}


def _space(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    if message.get("edits") is None:
        return {
            "space": {name: spec_to_json(spec) for name, spec in run.space.asked().items()},
            "edits": edits_to_json(run.space.edits),
            "since": dict(run.space.since),
        }
    edits = edits_from_json(message["edits"])
    is_dry = bool(message.get("dry"))
    change = run.space.change(edits, dry=is_dry)
    if not is_dry:
        _note_change(engine, "space", space_change_text(edits))
    engine.feed(Tick())
    when = "would be kept" if is_dry else "kept"
    return {
        "kept": change.kept,
        "set_aside": change.set_aside,
        "text": f"{plural(change.kept, 'trial')} {when}, {change.set_aside} set aside.",
    }


def _note_change(engine: Engine, what: ChangedWhat, text: str) -> None:
    run = engine.run_state
    assert run is not None
    run.record_change(what, text)


def _retry(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    numbers = message.get("trials")
    retried = run.retries.add(None if numbers is None else {int(each) for each in numbers})
    if not retried:
        raise UsageError("No failed trial is left to retry.")
    engine.feed(Tick())
    text = f"{plural(len(retried), 'failed trial')} will be retried."
    return {"text": text, "trials": retried}


def _annotate(engine: Engine, message: Message) -> Message:
    run = engine.run_state
    assert run is not None
    edit = edit_from_json(message["edit"])
    try:
        # What is buffered must not be at stake when the edit is refused.
        engine.commit()
        done = run.storage.annotate(run.study._study_id, edit)
    except NoteConflictError as error:
        return {"problem": "conflict", "text": error.message, "hint": error.hint}
    except StudyBusyError as error:
        return {"problem": "busy", "text": error.message, "hint": error.hint}
    return {"changed": done.n_changed, "text": "Saved."}


_OPERATIONS: dict[str, Callable[[Engine, Message], Message]] = {
    "status": _status,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "kill": _kill,
    "jobs": _jobs,
    "enqueue": _enqueue,
    "enqueue_rows": _enqueue_rows,
    "queue": _queue,
    "cancel": _cancel,
    "extend": _extend,
    "limit": _limit,
    "space": _space,
    "retry": _retry,
    "annotate": _annotate,
}
