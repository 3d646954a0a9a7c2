"""A search space as rows of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from hptui.domain.spaces.param_edit import set_fields
from hptui.domain.spaces.space import ChoiceParam, describe, kind_of
from hptui.domain.texts.text import safe_line
from hptui.ui.commands.command_table import KeyOf, default_key
from hptui.ui.setup.space_draft import Field, SpaceDraft, cell_text
from hptui.ui.widgets.field_rows import FieldCell, FieldColumn, FieldRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.spaces.space import ParamSpec
    from hptui.registry.probing.probe import KnownParam
    from hptui.ui.widgets.field_rows import FieldRole

FIELDS: Final[tuple[Field, ...]] = get_args(Field)
COLUMNS: Final = (
    FieldColumn("name", "parameter", 9, 32),
    FieldColumn("kind", "kind", 6),
    FieldColumn("low", "low", 6, 12, "right"),
    FieldColumn("high", "high", 6, 12, "right"),
    FieldColumn("log", "scale", 6),
    FieldColumn("step", "step", 4, 8, "right"),
    FieldColumn("fixed", "fixed", 6, 20),
    FieldColumn("from", "from", 8, 60),
)
NARROW: Final = 100
"""Below this many cells what a field was stands in the place of where it comes from."""
_MAX_LABEL: Final = 200


def space_rows(draft: SpaceDraft, width: int) -> list[FieldRow]:
    """Return a row for each parameter, for a table of `width` cells."""
    return [
        FieldRow(name, tuple(_cells(draft, name, known, is_narrow=width < NARROW)))
        for name, known in draft.known.items()
    ]


def help_of(draft: SpaceDraft, name: str, field: str, key_of: KeyOf = default_key) -> str:
    """Return one line about a field of a parameter."""
    known = draft.known.get(name)
    if known is None:
        return ""
    what = {
        "low": "lowest value",
        "high": "highest value",
        "log": f"{key_of('edit-field')} changes the scale",
        "step": "distance between two values; empty for none",
        "fixed": "the only value to try; empty to search",
    }.get(field, "")
    if field == "low" and isinstance(known.spec, ChoiceParam):
        what = f"the choices to try; {key_of('edit-field')} chooses them"
    origin = {"declared": "declares", "probed": "suggests", "seen": "was given in earlier trials"}
    said = f"the objective {origin[known.origin]} {describe(known.spec)}"
    if known.origin == "seen":
        said = f"earlier trials had {describe(known.spec)}"
    return safe_line(f"{name}: {what}; {said}", max_chars=_MAX_LABEL)


def _cells(draft: SpaceDraft, name: str, known: KnownParam, *, is_narrow: bool) -> list[FieldCell]:
    spec, edit = draft.effective(name), draft.edit_of(name)
    cells = [
        FieldCell(safe_line(name, max_chars=_MAX_LABEL), "name"),
        FieldCell(kind_of(spec), "dim"),
    ]
    edited, is_fixed = draft.edited_fields(name), "fixed" in set_fields(edit)
    if isinstance(spec, ChoiceParam):
        role: FieldRole = "edited" if edited else ""
        text = safe_line(describe(spec), max_chars=_MAX_LABEL)
        cells.append(FieldCell(text, "off" if is_fixed else role, span=4, is_field=True))
        cells += [FieldCell()] * 3
    else:
        cells += [_range_cell(spec, edited, what, is_fixed=is_fixed) for what in FIELDS[:-1]]
    fixed = safe_line(cell_text(spec, "fixed", edit), max_chars=_MAX_LABEL)
    cells.append(FieldCell(fixed, "edited", is_field=True))
    cells.append(_origin_cell(draft, name, known, is_narrow=is_narrow))
    return cells


def _range_cell(
    spec: ParamSpec, edited: Sequence[str], what: Field, *, is_fixed: bool
) -> FieldCell:
    role: FieldRole = "edited" if what in edited else "dim" if what == "log" else ""
    if is_fixed:
        role = "off"
    return FieldCell(cell_text(spec, what), role, is_field=True)


def _origin_cell(draft: SpaceDraft, name: str, known: KnownParam, *, is_narrow: bool) -> FieldCell:
    was = draft.was(name)
    if known.condition:
        origin = known.condition if known.condition == "sometimes" else f"when {known.condition}"
    else:
        origin = "earlier trials" if known.origin == "seen" else known.origin
    if known.dynamic:
        origin = f"{origin}, varies"
    text = was if is_narrow and was else f"{origin}   {was}".rstrip()
    return FieldCell(
        safe_line(text, max_chars=_MAX_LABEL), "edited" if was and is_narrow else "dim"
    )
