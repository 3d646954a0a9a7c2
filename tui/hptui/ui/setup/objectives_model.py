"""The objectives that there are, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hptui.domain.texts.text import safe_line
from hptui.ui.widgets.table_model import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.registry.catalogue import FoundObjective
    from hptui.ui.widgets.table_model import Sort

_MAX_NAME = 32
_MIN_SUMMARY = 13
_BESIDE = 8
"""Cells of the gaps and the margins."""


class ObjectivesModel:
    """Objectives by name, each with its summary.

    Args:
        found: The objectives.
        width: Of the table, in cells.
    """

    sort: Sort | None = None
    grows_at: Literal["start", "end"] | None = None

    def __init__(self, found: Sequence[FoundObjective], width: int = 120) -> None:
        self.found = tuple(found)
        names = max((len(each.ref.name) for each in found), default=0)
        goals = max((len(_goal(each)) for each in found), default=0)
        name = Column("objective", "objective", max(9, min(names, _MAX_NAME)))
        goal = Column("goal", "goal", max(4, goals))
        room = width - name.width - goal.width - _BESIDE
        summary = Column("summary", "what it tunes", max(_MIN_SUMMARY, room))
        self.columns: tuple[Column, ...] = (name, goal, summary)

    def __len__(self) -> int:
        return len(self.found)

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of a column."""
        found = self.found[row]
        if column == 0:
            return Cell(safe_line(found.ref.name, max_chars=100))
        if column == 1:
            return Cell(_goal(found), "dim")
        return Cell(safe_line(found.problem or found.info.summary), "" if found.problem else "dim")

    def key_of(self, row: int) -> int:
        """Return the key of a row."""
        return row

    def row_of_key(self, key: int | str) -> int | None:
        """Return where an objective stands, or None."""
        return key if isinstance(key, int) and 0 <= key < len(self.found) else None


def _goal(found: FoundObjective) -> str:
    return "?" if found.info.doubt else "/".join(goal[:3] for goal in found.info.directions)
