"""What stands beside the plot of a study in the list of studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.readable import four_digits, plural, show_moment, show_size
from hptui.domain.texts.text import safe_line, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.study.snapshot import StudySnapshot

_MAX_PARAMS: Final = 100
_VALUE_CHARS: Final = 60
_MAX_NOTE_LINES: Final = 5
_NOTE_CHARS: Final = 300

Line = tuple[str, str, str]
"""A label, a text and its role: empty, or the word for a state."""


def preview_title(row: StudyRow) -> str:
    """Return the title: the study, and of how many trials the best one is."""
    name = safe_line(row.name, max_chars=60)
    if row.problem:
        return name
    return f"{name}, {plural(row.n_trials, 'trial')}"


def preview_lines(row: StudyRow, snapshot: StudySnapshot | None) -> list[Line]:
    """Return the lines: the best trial with its parameters, then what the study is."""
    if row.problem:
        return [("", safe_line(row.hint), "")] if row.hint else []
    lines: list[Line] = list(_best_lines(row, snapshot))
    if lines:
        lines.append(("", "", ""))
    if snapshot is not None and snapshot.sampler:
        lines.append(("sampler", _method(snapshot.sampler), ""))
        if snapshot.pruner:
            lines.append(("pruner", _method(snapshot.pruner), ""))
    if snapshot is not None and snapshot.runs:
        run = snapshot.runs[-1]
        if run.error and row.engine is None:
            lines.append(("failed", safe_line(run.error, max_chars=_NOTE_CHARS), "failed"))
        warned = [safe_line(note, max_chars=_NOTE_CHARS) for note in run.notes]
        lines += [("" if at else "warned", note, "") for at, note in enumerate(warned)]
    if row.tags:
        lines.append(("tags", safe_line(", ".join(row.tags)), ""))
    note = safe_text(row.note_start).expandtabs(4).splitlines()[:_MAX_NOTE_LINES]
    lines += [("" if at else "note", line, "") for at, line in enumerate(note)]
    lines.append(("last", show_moment(row.last_activity_s)[:-3], ""))
    if row.mirror is not None:
        lines.append(("is", row.mirror.describe(), "failed" if row.mirror.is_stale else ""))
        lines += [
            ("" if at else "lacks", safe_line(note), "") for at, note in enumerate(row.mirror.notes)
        ]
    else:
        lines.append(("file", f"{safe_line(row.path.name)}, {show_size(row.size_bytes)}", ""))
    return lines


def _best_lines(row: StudyRow, snapshot: StudySnapshot | None) -> Iterator[Line]:
    if len(row.directions) > 1:
        if snapshot is not None and len(snapshot.front):
            yield ("best", f"{len(snapshot.front)} on the Pareto front", "best")
        return
    if row.best is None:
        return
    yield ("best", f"{four_digits(row.best.value)}  trial {row.best.number}", "best")
    if snapshot is None:
        return
    at = snapshot.trials.row_of(row.best.number)
    for name, param in list(snapshot.trials.params.items())[:_MAX_PARAMS] if at is not None else ():
        if at is not None and param.has(at):
            value = param.value_at(at)
            is_count = isinstance(value, int) and not isinstance(value, bool)
            text = f"{value:,}" if is_count else show_choice(value, max_chars=_VALUE_CHARS)
            yield (safe_line(name, max_chars=_VALUE_CHARS), text, "")


def _method(spelled: str) -> str:
    return safe_line(spelled.partition(":")[0], max_chars=30)
