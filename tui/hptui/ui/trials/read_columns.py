"""Columns that are read from the file when a person chooses them: tags, memory, user attributes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from hptui.domain.resources import show_memory
from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.storage.read.text_fields import FileTexts
from hptui.ui.widgets.table_model import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from hptui.ui.study.snapshot import ReadCell

TAGS: Final = "tags"
MEMORY: Final = "memory"
ATTRIBUTE_PREFIX: Final = "user_attrs_"
"""Before an attribute's name in the key of its column, as in Optuna's data frames."""
MAX_ATTRIBUTES: Final = 200
"""Of more user attributes than these, the ones met first can be chosen."""
_MAX_CHARS: Final = 60
_NUMBER_WIDTH: Final = 9
_TEXT_WIDTH: Final = 16
_LOOKED_AT: Final = 50
"""So many cells tell how wide a column is and where its texts stand."""


def is_read(key: str) -> bool:
    """Say whether a column is one of these."""
    return key in (TAGS, MEMORY) or key.startswith(ATTRIBUTE_PREFIX)


def attribute_keys(path: Path, study_name: str) -> list[str]:
    """Return the keys of the columns of a study's user attributes; none where it cannot be read."""
    try:
        names = FileTexts(path, study_name).attribute_names(MAX_ATTRIBUTES)
    except HptuiError:
        return []
    return [f"{ATTRIBUTE_PREFIX}{name}" for name in names]


def read_columns(
    path: Path, study_name: str, keys: Collection[str]
) -> Mapping[str, Mapping[int, ReadCell]]:
    """Return what columns hold, by the numbers of trials.

    Raises:
        HptuiError: The file cannot be read.
    """
    texts = FileTexts(path, study_name)
    return {key: dict(_read(texts, key)) for key in sorted(keys) if is_read(key)}


def _read(texts: FileTexts, key: str) -> Iterable[tuple[int, ReadCell]]:
    if key == TAGS:
        return ((number, _text(", ".join(tags))) for number, tags in texts.tags())
    if key == MEMORY:
        return ((number, float(size)) for number, size in texts.memory())
    found = texts.attributes(key.removeprefix(ATTRIBUTE_PREFIX))
    return ((number, _cell_of(value)) for number, value in found)


def _cell_of(value: object) -> ReadCell:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return _text(str(value))
    if isinstance(value, str):
        return _text(value)
    try:
        return _text(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return ""


def _text(value: str) -> str:
    return safe_line(value, max_chars=_MAX_CHARS)


def header_of(key: str, cells: Mapping[int, ReadCell]) -> Column:
    """Return the header of a column that holds these cells."""
    if key == TAGS:
        return Column(key, "tags", _TEXT_WIDTH)
    if key == MEMORY:
        return Column(key, "memory", _NUMBER_WIDTH, "right")
    label = safe_line(key.removeprefix(ATTRIBUTE_PREFIX), max_chars=_MAX_CHARS)
    looked_at = [cell for cell, _ in zip(cells.values(), range(_LOOKED_AT), strict=False)]
    if all(isinstance(cell, float) for cell in looked_at):
        return Column(key, label, _NUMBER_WIDTH, "right")
    widest = max(len(show_cell(key)(cell)) for cell in looked_at)
    return Column(key, label, min(widest, _TEXT_WIDTH))


def show_cell(key: str) -> Callable[[ReadCell], str]:
    """Return how the cells of a column are shown."""

    def show(cell: ReadCell) -> str:
        if isinstance(cell, str):
            return cell
        return show_memory(int(cell)) if key == MEMORY else four_digits(cell)

    return show


def ranks_of(cells: Mapping[int, ReadCell]) -> Mapping[int, float]:
    """Return what orders the cells of a column: numbers by their size, then texts."""
    numbers = {cell for cell in cells.values() if isinstance(cell, float) and not math.isnan(cell)}
    texts = {cell for cell in cells.values() if isinstance(cell, str)}
    order: list[ReadCell] = [*sorted(numbers), *sorted(texts)]
    ranks = {cell: float(rank) for rank, cell in enumerate(order)}
    return {number: ranks[cell] for number, cell in cells.items() if cell in ranks}
