"""A trial as sections of lines: what the trial page and the side column show of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from rich.cells import cell_len

from hptui.domain.attribute_keys import ENQUEUED_KEY
from hptui.domain.resources import show_memory
from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import describe
from hptui.domain.texts.readable import four_digits, plural, show_duration, show_moment
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import COMPLETE, STATE_WORDS, state_name
from hptui.figures.request import value_name
from hptui.ui.study.enqueue_draft import params_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.storage.read.trial_detail import TrialDetail, TrialParam
    from hptui.storage.sqlite.attributes import Attributes
    from hptui.ui.study.snapshot import StudySnapshot


_NAME_CHARS: Final = 60
_VALUE_CHARS: Final = 300
_NAME_CELLS: Final = 24
_GAP: Final = "  "
SYSTEM_SECTION: Final = "system attributes"
"""What samplers and programs have noted."""


@dataclass(frozen=True, slots=True)
class Field:
    """A name, a value, and something about it in a quiet tone; all safe for a terminal."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under a title."""

    title: str
    fields: tuple[Field, ...]


def sections(trial: TrialDetail, now_s: float) -> list[Section]:
    """Return everything that is known of a trial except its reports, log and error.

    Args:
        trial: The trial.
        now_s: Seconds since 1970; says how long a running trial runs.
    """
    found = [
        Section("", tuple(_outcome(trial, now_s))),
        Section("parameters", tuple(map(param_field, trial.params))),
        Section("enqueued with", _enqueued(trial)),
        Section(
            "constraints",
            tuple(
                Field(safe_line(key, max_chars=_NAME_CHARS), repr(value), _broken(value))
                for key, value in trial.constraints.items()
            ),
        ),
        Section("attributes", _attributes(trial.user_attributes)),
        Section(SYSTEM_SECTION, _attributes(trial.system_attributes)),
        Section(
            "damaged", tuple(Field("", safe_line(each, max_chars=400)) for each in trial.damage)
        ),
    ]
    return [section for section in found if section.fields]


def _outcome(trial: TrialDetail, now_s: float) -> list[Field]:
    fields: list[Field] = []
    for index, value in enumerate(trial.values):
        if value is not None or trial.state == "COMPLETE":
            name = safe_line(
                value_name(trial.metric_names, len(trial.values), index), max_chars=_NAME_CHARS
            )
            direction = trial.directions[index] if index < len(trial.directions) else ""
            text = "none" if value is None else repr(value)
            fields.append(Field(name, text, direction + _spread(trial, index)))
    if trial.reports and not fields:
        step, value = trial.reports[-1]
        fields.append(Field("last report", repr(value), f"at step {step}"))
    if not trial.is_feasible:
        fields.append(Field("feasible", "no", "a constraint is violated"))
    if trial.start_s is not None:
        fields.append(Field("started", show_moment(trial.start_s)))
    if trial.complete_s is not None:
        took = "" if trial.duration_s is None else f"after {show_duration(trial.duration_s)}"
        fields.append(Field("ended", show_moment(trial.complete_s), took))
    elif trial.state == "RUNNING" and trial.start_s is not None:
        fields.append(Field("running for", show_duration(max(0.0, now_s - trial.start_s))))
    return [*fields, *_circumstances(trial)]


def _circumstances(trial: TrialDetail) -> list[Field]:
    fields: list[Field] = []
    if trial.place is not None:
        fields.append(Field("place", str(trial.place)))
    if trial.peak_memory is not None:
        fields.append(Field("memory", show_memory(trial.peak_memory), "at its peak"))
    if trial.tags:
        fields.append(Field("tags", safe_line(", ".join(trial.tags), max_chars=_VALUE_CHARS)))
    return fields


def _spread(trial: TrialDetail, index: int) -> str:
    """Return what repetitions say of a value; nothing where there were none."""
    return "" if trial.repeats is None else f", {trial.repeats.about(index)}"


def _enqueued(trial: TrialDetail) -> tuple[Field, ...]:
    """Return what a trial that waits was enqueued with; later its parameters tell it."""
    fixed: object = trial.system_attributes.get(ENQUEUED_KEY)
    if trial.params or not isinstance(fixed, dict):
        return ()
    found = cast("dict[object, object]", fixed)
    return tuple(
        Field(
            safe_line(name, max_chars=_NAME_CHARS),
            _shown(cast("ChoiceValue", value)),
        )
        for name, value in found.items()
    )


def _broken(value: float) -> str:
    return "broken" if value > 0 or math.isnan(value) else ""


def param_field(param: TrialParam) -> Field:
    """Return a parameter with its exact value and what it was drawn from."""
    drawn_from = "" if param.spec is None else describe(param.spec)
    return Field(
        safe_line(param.name, max_chars=_NAME_CHARS),
        _shown(param.value),
        safe_line(drawn_from, max_chars=_VALUE_CHARS),
    )


def _shown(value: ChoiceValue) -> str:
    return show_choice(value, exact=True, max_chars=_VALUE_CHARS)


def _attributes(attributes: Attributes) -> tuple[Field, ...]:
    fields = [
        Field(
            safe_line(each.key, max_chars=_NAME_CHARS),
            ""
            if each.problem
            else safe_line(
                each.value if isinstance(each.value, str) else _as_json(each.value),
                max_chars=_VALUE_CHARS,
            ),
            safe_line(each.problem),
        )
        for each in attributes.found
    ]
    if attributes.n_omitted:
        fields.append(Field("", f"and {attributes.n_omitted:,} more"))
    return tuple(fields)


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


Line = list[tuple[str, str]]
"""Spans of a line: text and role."""


def detail_lines(
    trial: TrialDetail,
    now_s: float,
    width: int,
    note: Sequence[Line] = (),
) -> list[Line]:
    """Return the sections as lines: names in a column, then values and notes.

    Args:
        trial: The trial.
        now_s: Seconds since 1970.
        width: Cells of a line; notes that do not fit beside their values stand below them.
        note: The lines of a person's note.
    """
    lines: list[Line] = []
    own = note_lines(note)
    for section in sections(trial, now_s):
        if lines:
            lines.append([])
        if section.title:
            lines.append([(section.title, "title")])
        lines += field_lines(section.fields, width)
        if section.title == "":
            # A person's own words come before what programs have noted.
            lines, own = lines + own, []
    return lines + own


def note_lines(note: Sequence[Line], limit: int | None = None) -> list[Line]:
    """Return the lines of a note under a title; none where there is no note."""
    if not note:
        return []
    shown = list(note[:limit])
    if len(shown) < len(note):
        shown.append([(f"and {plural(len(note) - len(shown), 'more line')}", "note")])
    return [[], [("note", "title")], *shown]


def field_lines(fields: tuple[Field, ...], width: int) -> list[Line]:
    """Return names in a column, then values, and notes beside them or below."""
    names = min(_NAME_CELLS, max(cell_len(each.name) for each in fields))
    values = max((cell_len(each.value) for each in fields if each.note), default=0)
    notes = max(cell_len(each.note) for each in fields)
    before = names + len(_GAP) if names else 0
    is_beside = before + values + len(_GAP) + notes <= width
    lines: list[Line] = []
    for each in fields:
        name = _padded(each.name, names) + _GAP if names else ""
        line: Line = [(name, "name"), (each.value, "")]
        lines.append(line)
        if each.note and is_beside:
            line[1] = (_padded(each.value, values), "")
            line.append((_GAP + each.note, "note"))
        elif each.note and not each.value:
            line.append((each.note, "note"))
        elif each.note:
            lines.append([(" " * before, ""), (each.note, "note")])
    return lines


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))


_SHORT_NAME_CHARS: Final = 24
_SHORT_VALUE_CHARS: Final = 24
_MAX_PARAMS: Final = 20


def in_short(snapshot: StudySnapshot, number: int) -> str:
    """Return a trial's number, state, values and parameters on one line, safe for a terminal."""
    row = snapshot.trials.row_of(number)
    if row is None:
        return f"#{number}"
    parts = [f"#{number}"]
    state = int(snapshot.trials.states[row])
    if state != COMPLETE:
        parts.append(STATE_WORDS[state_name(state)])
    elif not snapshot.trials.is_feasible[row]:
        parts.append("infeasible")
    values: list[float] = snapshot.trials.values[row].tolist()
    parts += [four_digits(value) for value in values if not math.isnan(value)]
    params = list(params_of(snapshot, number).items())[:_MAX_PARAMS]
    parts += [
        f"{safe_line(name, max_chars=_SHORT_NAME_CHARS)} "
        f"{show_choice(value, max_chars=_SHORT_VALUE_CHARS)}"
        for name, value in params
    ]
    return "  ".join(parts)
