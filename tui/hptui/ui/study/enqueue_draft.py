"""A trial that is written by hand: a text for each parameter, checked against its space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.spaces.choices import show_choice, spell_choice
from hptui.domain.spaces.edits import (
    UNSET,
    apply_edit,
    edits_from_json,
    resolve_text,
    resolve_value,
)
from hptui.domain.spaces.space import ChoiceParam, contains, describe, spec_from_json
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec
    from hptui.ui.study.snapshot import StudySnapshot

_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class DraftField:
    """One parameter of the trial; no text leaves it to the sampler."""

    name: str
    spec: ParamSpec
    text: str = ""
    fixed: str = ""
    """The value that an edit of the space has fixed it to, as text; it cannot be written then."""

    @property
    def problem(self) -> str:
        """Why the text is not a value of this parameter; empty where it is, or is empty."""
        if not self.text.strip():
            return ""
        try:
            resolve_text(self.name, self.spec, self.text.strip())
        except SpaceError as error:
            return f"{error.message} {error.hint}".strip()
        return ""

    @property
    def range_text(self) -> str:
        """What the parameter may be, safe for a terminal."""
        if self.fixed:
            return f"fixed to {self.fixed}"
        return safe_line(describe(self.spec), max_chars=300)

    @property
    def choices(self) -> tuple[str, ...]:
        """How the choices are spelled; empty for a number."""
        if not isinstance(self.spec, ChoiceParam):
            return ()
        return tuple(map(spell_choice, self.spec.choices))


@dataclass(frozen=True, slots=True)
class EnqueueDraft:
    """A trial to be enqueued."""

    fields: tuple[DraftField, ...]
    copy_of: int | None = None
    columns: Sequence[Column] = (
        Column("name", "parameter", 24),
        Column("value", "value", 18),
        Column("range", "range", 60),
    )
    sort: None = None
    grows_at: None = None

    def __len__(self) -> int:
        """Return how many parameters there are."""
        return len(self.fields)

    def cell(self, row: int, column: int) -> Cell:
        """Return the name of a parameter, what is written for it, or what it may be."""
        field = self.fields[row]
        if column == 0:
            return Cell(safe_line(field.name, max_chars=_NAME_CHARS))
        if column > 1:
            return Cell(field.range_text, "dim")
        text = safe_line(field.text, max_chars=_NAME_CHARS)
        if field.problem:
            return Cell(f"{text} ✗", "trouble")
        is_written = bool(text) and not field.fixed
        return Cell(field.fixed or text or "sampler", "" if is_written else "dim")

    def key_of(self, row: int) -> str:
        """Return the name of a parameter."""
        return self.fields[row].name

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a parameter stands."""
        return next((row for row, field in enumerate(self.fields) if field.name == key), None)

    def with_text(self, index: int, text: str) -> EnqueueDraft:
        """Return the draft with another text for one parameter."""
        fields = list(self.fields)
        fields[index] = replace(fields[index], text=text)
        return replace(self, fields=tuple(fields))

    def cycled(self, index: int, by: int) -> EnqueueDraft:
        """Return the draft with the next choice, or another one further on, of a parameter."""
        field = self.fields[index]
        choices = ("", *field.choices)
        at = choices.index(field.text) if field.text in choices else 0
        return self.with_text(index, choices[(at + by) % len(choices)])

    @property
    def problem(self) -> str:
        """The first thing that is wrong with it; empty where it can be enqueued."""
        return next((field.problem for field in self.fields if field.problem), "")

    @property
    def n_open(self) -> int:
        """How many parameters are left to the sampler."""
        return sum(not field.text.strip() and not field.fixed for field in self.fields)

    def params(self) -> dict[str, ChoiceValue]:
        """Return the values that have been written.

        Raises:
            SpaceError: A text is not a value of its parameter.
        """
        return {
            field.name: resolve_text(field.name, field.spec, field.text.strip())
            for field in self.fields
            if field.text.strip() and not field.fixed
        }


def draft_of(
    space: Mapping[str, ParamSpec],
    values: Mapping[str, Any],
    *,
    fixed: Mapping[str, object] | None = None,
    copy_of: int | None = None,
) -> EnqueueDraft:
    """Return a draft over a space with these values where they may be suggested.

    Args:
        space: The parameters as they are searched now.
        values: What stands in the fields at first.
        fixed: Values that edits of the space have fixed.
        copy_of: The trial that `values` are from.
    """
    known_fixed = fixed or {}
    fields = tuple(
        DraftField(
            name,
            spec,
            "" if name in known_fixed else _text_of(spec, values.get(name, UNSET)),
            _spelled(known_fixed[name]) if name in known_fixed else "",
        )
        for name, spec in space.items()
    )
    return EnqueueDraft(fields, copy_of)


def _text_of(spec: ParamSpec, value: object) -> str:
    if value is UNSET:
        return ""
    try:
        resolved = resolve_value("", spec, value)  # pyright: ignore[reportArgumentType]
    except SpaceError:
        return ""
    return spell_choice(resolved) if contains(spec, resolved) else ""


def _spelled(value: object) -> str:
    return show_choice(cast("ChoiceValue", value), exact=True)


def space_from_engine(
    answer: Mapping[str, Any],
) -> tuple[dict[str, ParamSpec], dict[str, object]]:
    """Read the engine's answer about its space: what is searched now, and what is fixed.

    Raises:
        SpaceError: The answer cannot be read.
    """
    edits = edits_from_json(answer.get("edits", {}))
    space: dict[str, ParamSpec] = {}
    fixed: dict[str, object] = {}
    for name, text in dict(answer.get("space", {})).items():
        spec = spec_from_json(str(text))
        edit = edits.get(str(name))
        space[str(name)] = spec if edit is None else apply_edit(str(name), spec, edit)
        if edit is not None and edit.fixed is not UNSET:
            fixed[str(name)] = edit.fixed
    return space, fixed


def params_of(snapshot: StudySnapshot, number: int) -> dict[str, Any]:
    """Return the parameters of a trial that has been read; empty where there is none."""
    row = snapshot.trials.row_of(number)
    if row is None:
        return {}
    return {
        name: column.value_at(row)
        for name, column in snapshot.trials.params.items()
        if row < len(column.spec_indices) and column.has(row)
    }
