"""Texts in cells of CSV files: safe for terminals and spreadsheets, and read back as they were."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.spaces.choices import find_choice
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.spaces.choices import ChoiceValue

_MAX_CSV_CHARS: Final = 100_000
_STARTS: Final = "=+@\uff1d\uff0b\uff0d\uff20-"
"""What formulas begin with; in full width where a spreadsheet is set to Chinese or Japanese."""
_CELL: Final = "(?:^|;)[ \u00a0\u3000]*'*"
"""Where a cell begins: a spreadsheet that expects semicolons finds them in texts, too."""
_FORMULA: Final = re.compile(f"({_CELL})(?=[{_STARTS}]|^[\t\r])")
_GUARDED: Final = re.compile(f"({_CELL})'(?=[{_STARTS}])")
_FORMULA_IN_JSON: Final = re.compile(f";(?=[ \u00a0\u3000]*[{_STARTS}])")


def csv_text(text: str) -> str:
    """Return text that neither a terminal obeys nor a spreadsheet takes for a formula."""
    return safe_line(_FORMULA.sub(r"\1'", text), max_chars=_MAX_CSV_CHARS)


def csv_json(value: object) -> str:
    """Return JSON in which a spreadsheet finds no formula."""
    # Semicolons stand in texts only.
    return _FORMULA_IN_JSON.sub(r"\\u003b", json.dumps(value))


def unguarded(text: str) -> str:
    """Return text without the guards against spreadsheets that `csv_text` writes."""
    return _GUARDED.sub(r"\1", text)


def choice_in_cell(choices: Sequence[ChoiceValue], cell: str, *others: str) -> int | None:
    """Return the index of the choice in a cell, or None; `others` are more ways to read it."""
    for text in (cell, unguarded(cell), *others):
        index = find_choice(choices, text)
        if index is not None:
            return index
    # What an export made safe for a terminal is known by its safe form.
    safe = (
        index
        for index, choice in enumerate(choices)
        if isinstance(choice, str) and csv_text(choice) == cell
    )
    return next(safe, None)


def spell_attribute(value: object) -> str:
    """Return an attribute as a cell from which `read_attribute` has it again.

    Text stands as it is, unless it would be read as something else; all else is JSON.
    """
    if isinstance(value, str):
        plain = csv_text(value)
        # An empty cell is none at all.
        if plain and read_attribute(plain) == value:
            return plain
    return csv_json(value)


def read_attribute(cell: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the attribute in a cell: JSON, or as Python spells it, else the text itself."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        found = _of_python(cell)
        return unguarded(cell) if found is None else found


def _of_python(text: str) -> object:
    """Return a list, a dictionary, True or False as Python spells it; None for other texts."""
    if not (text.startswith(("[", "{", "(")) or text in ("True", "False")) or "\\" in text:
        return None
    try:
        value: object = ast.literal_eval(text)
        json.dumps(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value
