"""A study in text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hptui.cli.output.detail_lines import (
    artifact_lines,
    attribute_lines,
    field_line,
    field_lines,
    note_lines,
    plain_text,
)
from hptui.domain.run_place import short_path
from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.readable import plural, show_moment, show_size
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_WORDS
from hptui.engine.run.observer import reason_text
from hptui.registry.catalogue import spell
from hptui.storage.mirror.mirrors import mirror_state
from hptui.ui.setup.resource_fields import lost_variables, resource_options, texts_of_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.study_changes import StudyChange
    from hptui.storage.read.studies import StudySummary
    from hptui.storage.read.study_detail import RunRecord, StudyDetail
    from hptui.storage.read.trial_detail import TrialDetail


_MAX_NOTE_CHARS = 400
_MAX_COMMAND_CHARS = 2_000
_MAX_CHANGES = 10


def study_text(study: StudyDetail, best: TrialDetail | None) -> str:
    """Return the lines about a study; `best` is its best trial, where there is one."""
    summary = study.summary
    goals = [
        f"{direction} {safe_line(name)}".rstrip()
        for direction, name in zip(
            summary.directions, study.metric_names or [""] * len(summary.directions), strict=True
        )
    ]
    lines = [
        f"{safe_line(summary.name)}   {_place_text(summary)}",
        field_line("objective", objective_text(study)),
        field_line("goal", ", ".join(goals)),
        field_line("trials", counts_text(study.summary.counts)),
        field_line("best", _best_text(study, best)),
        field_line("last active", show_moment(summary.last_activity_s)),
        field_line("last run", run_text(study.runs[-1]) if study.runs else ""),
        *(_run_lines(study.runs[-1]) if study.runs else ()),
        *_edit_lines(study.edits),
        *field_lines("changes", [change_text(change) for change in study.changes[-_MAX_CHANGES:]]),
        field_line("tags", ", ".join(summary.tags)),
        *note_lines(study.note),
        *artifact_lines(study.artifacts),
        *attribute_lines(study.user_attributes, "attributes"),
    ]
    return "\n".join(line for line in lines if line)


def _place_text(summary: StudySummary) -> str:
    """Return where a study is: its file, or of what it is a mirror, and how old that is."""
    state = mirror_state(summary.path)
    if state is not None:
        return state.describe()
    return f"{safe_line(summary.path)} ({show_size(summary.size_bytes)})"


def objective_text(study: StudyDetail) -> str:
    """Return what a study tunes; nothing where it does not say."""
    ref = study.summary.objective
    if ref is None:
        return ""
    given = "".join(f" --arg {safe_line(f'{name}={value}')}" for name, value in ref.arguments)
    return f"{safe_line(ref.name)} ({safe_line(spell(ref), max_chars=_MAX_COMMAND_CHARS)}){given}"


def counts_text(counts: Mapping[str, int]) -> str:
    """Return how many trials there are in each state: `60: 58 complete, 0 pruned, 2 failed`."""
    shown = [
        f"{count} {STATE_WORDS[state]}"
        for state, count in counts.items()
        if count or state in ("COMPLETE", "PRUNED", "FAIL")
    ]
    return f"{sum(counts.values())}: {', '.join(shown)}"


def _best_text(study: StudyDetail, best: TrialDetail | None) -> str:
    if len(study.summary.directions) > 1:
        return f"several objectives: hptui best {safe_line(study.summary.name)} shows the front"
    if best is None or study.summary.best is None:
        return "no feasible trial is complete yet"
    params = "  ".join(
        f"{safe_line(param.name)} {show_choice(param.value)}" for param in best.params
    )
    return f"{study.summary.best.value!r}  trial {best.number}   {params}".rstrip()


def run_text(run: RunRecord) -> str:
    """Return how a run went."""
    parts = [safe_line(run.sampler)]
    if run.pruner:
        parts.append(f"pruner {safe_line(run.pruner)}")
    if run.workers is not None:
        parts.append(f"{plural(run.workers, 'worker')} {safe_line(run.backend)}")
    options = resource_options(texts_of_record(run.resources))
    options += [f"--env {name}" for name in lost_variables(run.resources)]
    if options:
        parts.append(safe_line(f"with {' '.join(options)}", max_chars=300))
    if run.seed is not None:
        parts.append(f"seed {run.seed}")
    if run.asks_ahead:
        parts.append("asked ahead")
    if run.started_s is not None:
        parts.append(f"from {show_moment(run.started_s)}")
    if run.ended_s is not None:
        parts.append(f"to {show_moment(run.ended_s)}")
    if run.reason:
        parts.append(f"ended: {safe_line(reason_text(run.reason))}")
    return ", ".join(part.strip() for part in parts if part)


def _run_lines(run: RunRecord) -> list[str]:
    why = field_line("why", safe_line(run.error, max_chars=_MAX_NOTE_CHARS))
    place = [
        field_line("ran in", short_path(run.place.folder)),
        field_line("with", run.place.python_text()),
    ]
    notes = [safe_line(note, max_chars=_MAX_NOTE_CHARS) for note in run.notes]
    return [why, *place, *field_lines("warnings", notes)]


def _edit_lines(edits: dict[str, dict[str, Any]]) -> list[str]:
    return field_lines("edits", [f"{name}: {edit_text(edit)}" for name, edit in edits.items()])


def change_text(change: StudyChange) -> str:
    """Return a change with who made it and when: `from #12 on: 2 to 4 workers (jo, ...)`."""
    about = ", ".join(each for each in (change.who, show_moment(change.at_s)) if each)
    return f"from #{change.number} on: {change.text}" + (f" ({about})" if about else "")


def edit_text(edit: dict[str, Any]) -> str:
    """Return what was edited of a parameter, not sanitised: `high 10, log, fixed at 3`."""
    parts = [_edit_text(key, value) for key, value in edit.items() if key != "fixed"]
    fixed: object = edit.get("fixed")
    if isinstance(fixed, dict):
        value: object = cast("dict[str, object]", fixed).get("value")
        parts.append(f"fixed at {plain_text(value)}")
    return ", ".join(parts)


def _edit_text(key: str, value: object) -> str:
    if key == "log":
        return "log" if value else "linear"
    return f"{key} {plain_text(value)}"
