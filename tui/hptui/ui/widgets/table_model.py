"""What a table shows, as a widget that draws only the visible part asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

RowKey = int | str
"""What tells a row from the others, wherever it stands."""

Align = Literal["left", "right"]

Role = Literal[
    "",
    "dim",
    "running",
    "complete",
    "pruned",
    "failed",
    "waiting",
    "best",
    "infeasible",
    "trouble",
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
]
"""What a cell means; the widget has a style for each."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    key: str
    """Unique within the table; it stands for the column in messages and settings."""
    label: str
    """Safe text for the header."""
    width: int
    """In cells, without the gap between columns. The widget may give more, never less."""
    align: Align = "left"
    is_open: bool = False
    """Whether it takes the room that is left, as the last one; what is `more` stands in it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands at one place of a table."""

    text: str
    """Safe text on one line; what does not fit its column is cut."""
    role: Role = ""
    more: str = ""
    """Told behind the text where the cells to the right are empty, and no open column is seen."""


@dataclass(frozen=True, slots=True)
class Sort:
    """How the rows of a table are ordered."""

    key: str
    """Of the column."""
    is_reversed: bool = False
    """Whether the greatest comes first."""


class TableModel(Protocol):
    """Rows and columns that do not change; another model takes their place.

    Every method is called for visible cells alone, on the event loop: it does no more than to
    look something up and format it.
    """

    @property
    def columns(self) -> Sequence[Column]:
        """The columns from left to right; the first one stays in sight."""
        ...

    @property
    def sort(self) -> Sort | None:
        """The order of the rows, for the mark in the header."""
        ...

    @property
    def grows_at(self) -> Literal["start", "end"] | None:
        """Where new rows come; a cursor that stands there goes with them."""
        ...

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of the column with this index."""
        ...

    def key_of(self, row: int) -> RowKey:
        """Return the key of a row."""
        ...

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where the row with this key stands, or None."""
        ...
