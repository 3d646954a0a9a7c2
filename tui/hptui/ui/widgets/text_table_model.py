"""A table of texts as a widget shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from hptui.domain.texts.text import safe_line
from hptui.ui.widgets.table_model import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.domain.texts.text_table import TextTable
    from hptui.ui.widgets.table_model import Role, RowKey, Sort

_MAX_CHARS = 40


class TextTableModel:
    """The rows of a table of texts; its first two columns stand together and stay in sight.

    Args:
        table: The table, which need not be safe for a terminal.
        keys: What tells each row from the others.
        role_of: Says what the cell of a row and a column means, both counted from 0; the first two
            columns are the column 0.
    """

    sort: Sort | None = None
    grows_at: Literal["start", "end"] | None = None

    def __init__(
        self,
        table: TextTable,
        keys: Sequence[RowKey],
        role_of: Callable[[int, int], Role] = lambda _row, _column: "",
    ) -> None:
        self._rows = [_joined(row) for row in table.rows]
        self._keys = tuple(keys)
        self._role_of = role_of
        titles = _joined([column.title for column in table.columns])
        self.columns = tuple(
            Column(
                str(at),
                title,
                max([cell_len(title), *(cell_len(row[at]) for row in self._rows)]),
                "left" if at == 0 else table.columns[at + 1].align,
            )
            for at, title in enumerate(titles)
        )

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of a column."""
        return Cell(self._rows[row][column], self._role_of(row, column))

    def key_of(self, row: int) -> RowKey:
        """Return the key of a row."""
        return self._keys[row]

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where the row with this key stands, or None."""
        return self._keys.index(key) if key in self._keys else None


def _joined(cells: Sequence[str]) -> list[str]:
    first, second, *others = (safe_line(cell, max_chars=_MAX_CHARS) for cell in cells)
    return [f"{first or ' '} {second}", *others]
