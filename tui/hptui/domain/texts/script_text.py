"""What a person is told of the settings in an objective's script."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import DEFAULT_TRIALS
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.domain.objective import ObjectiveRef, ScriptSetting
    from hptui.domain.script_study import ScriptStudy

_MAX_LEFT_CHARS: Final = 1_000
"""A path that is to be typed must be whole."""


def not_taken_over(ref: ObjectiveRef, settings: Iterable[ScriptSetting]) -> str:
    """Return a sentence on what a script sets for its study, and hptui does not take over."""
    where = Path(ref.target).name if ref.kind == "file" else ref.target
    listed = ", ".join(each.text for each in settings)
    return f"{safe_line(where)} also sets {listed}: not taken over."


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Which settings of a run a person has typed, so that the script's do not count."""

    direction: bool = False
    sampler: bool = False
    pruner: bool = False
    seed: bool = False
    budget: bool = False
    study: bool = False
    """Which one of the script's."""


def script_notes(ref: ObjectiveRef, script: ScriptStudy, typed: Typed) -> tuple[str, ...]:
    """Return a sentence on what was taken over of a script, and one on what was not, if any."""
    where = safe_line(Path(ref.target).name)
    place = f" (line {script.line})" if script.line else ""
    notes = [f"Taken over from {where}{place}: {', '.join(map(safe_line, _taken(script, typed)))}."]
    if script.n_calls is None and not typed.budget:
        notes.append(
            f"{where} optimizes this study again and again: --trials sets the number of trials "
            f"(now {DEFAULT_TRIALS})."
        )
    if script.may_have_more and not typed.study:
        notes.append(f"{where} may optimize more: `hptui objectives {where}` lists its studies.")
    left = list(script.left)
    if script.storage:
        left.append(_storage(script))
    if left:
        listed = "; ".join(safe_line(each, max_chars=_MAX_LEFT_CHARS) for each in left)
        notes.append(f"Not taken over from {where}: {listed}.")
    return tuple(notes)


def _taken(script: ScriptStudy, typed: Typed) -> list[str]:
    is_single = len(script.directions) == 1
    said = {
        ", ".join(script.directions): not typed.direction,
        f"sampler {script.sampler}": script.sampler and not typed.sampler,
        f"{', '.join(script.fixed)} fixed": script.fixed,
        f"seed {script.seed}": script.seed is not None and not typed.seed,
        f"pruner {script.pruner}": script.pruner and not typed.pruner and is_single,
        _trials(script): script.n_trials is not None and not typed.budget,
        f"{script.timeout_s or 0:g} s": script.timeout_s is not None and not typed.budget,
        plural(script.n_waiting, "enqueued trial"): script.n_waiting,
        plural(script.n_added, "added trial"): script.n_added,
        f"callbacks ({', '.join(script.callbacks)})": script.callbacks,
        "constraints": script.has_constraints,
        "user attributes": script.user_attrs,
        "names of metrics": script.metric_names,
    }
    return [f"{script.function}()", *(text for text, is_so in said.items() if is_so)]


def _trials(script: ScriptStudy) -> str:
    calls = script.n_calls or 1
    return plural(script.n_trials or 0, "trial") + (f" in {calls:,} calls" if calls > 1 else "")


def _storage(script: ScriptStudy) -> str:
    """Return what becomes of the script's own storage, and what goes on in it."""
    held = f" with {plural(script.n_stored, 'trial')}" if script.n_stored else ""
    text = f"its storage {script.storage}{held}"
    if script.sqlite_file and script.name:
        path = shlex.quote(script.sqlite_file)
        return f"{text} (--storage {path} --study {shlex.quote(script.name)} goes on there)"
    return text
