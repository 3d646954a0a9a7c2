"""Which commands of a study can be given now, and a sentence for those that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.run_text import MAX_WORKERS
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import RUNNING
from hptui.ui.commands.command_table import KeyOf, default_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.study.snapshot import EngineState, StudySnapshot

_NEEDS_TRIAL: Final = frozenset(
    {"open-trial", "copy-trial", "edit-note", "edit-tags", "compare-trial"}
)
_FOR_NEXT_RUN: Final = frozenset(
    {"edit-space", "add-trial", "copy-trial", "budget", "more-workers", "fewer-workers"}
)
"""What can be done while nobody runs the study: it counts for the next run."""
_LABELS: Final = {("pause", "paused"): "resume", ("stop", "stopping"): "end now"}
"""Of commands and states of the engine."""


def disabled_reason(
    command_id: str,
    snapshot: StudySnapshot,
    selected: int | None,
    key_of: KeyOf = default_key,
) -> str | None:
    """Return why a command of the study screen cannot be given now; None where it can.

    Args:
        command_id: An id of `hptui.ui.commands.command_table`; those that are not about a run
            always can.
        snapshot: The study as it is shown.
        selected: The number of the trial under the cursor.
        key_of: Names the keys of other commands.
    """
    if command_id in _NEEDS_TRIAL and selected is None:
        return "No trial is selected."
    if command_id == "run-study":
        return _reason_at_rest(snapshot, key_of)
    if command_id == "fork-study":
        return None if snapshot.n_trials else "The study has no trial to copy."
    if command_id == "queue":
        return _why_no_queue(snapshot)
    if command_id == "failures":
        return None if snapshot.counts.get("FAIL") else "No trial has failed."
    if command_id not in _NEEDS_ENGINE:
        return None
    if snapshot.engine is None:
        return _at_rest(command_id, snapshot, selected, key_of)
    rule = _NEEDS_ENGINE[command_id]
    if command_id == "fewer-workers":
        return _fewer(snapshot.engine, key_of)
    return None if rule is None else rule(snapshot, snapshot.engine, selected)


def _why_no_queue(snapshot: StudySnapshot) -> str | None:
    if not snapshot.counts.get("WAITING"):
        return "No trial is waiting."
    return safe_line(snapshot.runner, max_chars=300) if snapshot.is_filled else None


def label_now(command_id: str, snapshot: StudySnapshot) -> str | None:
    """Return the footer's word for a command where the run's state gives it another one."""
    state = "" if snapshot.engine is None else snapshot.engine.state
    return _LABELS.get((command_id, state))


def _reason_at_rest(snapshot: StudySnapshot, key_of: KeyOf) -> str | None:
    if snapshot.engine is not None:
        return f"The study is running; {key_of('budget')} adds trials to its budget."
    if snapshot.is_filled:
        return safe_line(snapshot.runner, max_chars=300)
    return None if snapshot.trials.directions else "The study has not been read yet."


def _at_rest(
    command_id: str, snapshot: StudySnapshot, selected: int | None, key_of: KeyOf
) -> str | None:
    if snapshot.is_filled:
        return safe_line(snapshot.runner, max_chars=300)
    if command_id in _FOR_NEXT_RUN:
        if not snapshot.trials.directions:
            return "The study has not been read yet."
        return _unread(snapshot, selected) if command_id == "copy-trial" else None
    return f"This study is not running; {key_of('run-study')} sets up its next run."


def _pause(_: StudySnapshot, engine: EngineState, __: int | None) -> str | None:
    return "The run is stopping." if engine.state == "stopping" else None


def _kill(snapshot: StudySnapshot, engine: EngineState, selected: int | None) -> str | None:
    if selected is None:
        return "No trial is selected."
    if any(worker.trial == selected for worker in engine.workers):
        return None
    row = snapshot.trials.row_of(selected)
    if row is not None and snapshot.trials.states[row] == RUNNING:
        return f"Trial {selected} is not run by this engine."
    return f"Trial {selected} is not running."


def _more(_: StudySnapshot, engine: EngineState, __: int | None) -> str | None:
    if engine.state == "stopping":
        return "The run is stopping."
    return (
        f"There are at most {MAX_WORKERS} workers." if len(engine.workers) >= MAX_WORKERS else None
    )


def _fewer(engine: EngineState, key_of: KeyOf) -> str | None:
    if engine.state == "stopping":
        return "The run is stopping."
    stop = key_of("stop")
    return (
        f"There must be at least one worker; {stop} stops the run."
        if len(engine.workers) <= 1
        else None
    )


def _budget(_: StudySnapshot, engine: EngineState, __: int | None) -> str | None:
    if engine.n_trials is None:
        return "The run has no trial limit to raise."
    return "The run is stopping; run the study again." if engine.state == "stopping" else None


def _enqueue(_: StudySnapshot, engine: EngineState, __: int | None) -> str | None:
    return "The run is stopping." if engine.state == "stopping" else None


def _copy(snapshot: StudySnapshot, engine: EngineState, selected: int | None) -> str | None:
    return _enqueue(snapshot, engine, selected) or _unread(snapshot, selected)


def _unread(snapshot: StudySnapshot, selected: int | None) -> str | None:
    if selected is not None and snapshot.trials.row_of(selected) is None:
        return f"Trial {selected} has not been read yet."
    return None


_NEEDS_ENGINE: Final[
    dict[str, Callable[[StudySnapshot, EngineState, int | None], str | None] | None]
] = {
    "pause": _pause,
    "stop": None,
    "edit-space": _enqueue,
    "add-trial": _enqueue,
    "copy-trial": _copy,
    "kill-trial": _kill,
    "more-workers": _more,
    "fewer-workers": None,
    "budget": _budget,
    "limit-time": _enqueue,
    "loads": None,
}
