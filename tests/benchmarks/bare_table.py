"""A bare Textual application with one table: what any application has to pay."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import DataTable

FIRST_NUMBER = 70_000


class BareTable(App[None]):
    """A table of so many rows."""

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self._n_rows = n_rows

    def compose(self) -> ComposeResult:
        """Lay out the table."""
        yield DataTable[str](cursor_type="row")

    def on_mount(self) -> None:
        """Fill it."""
        table = self.query_one(DataTable[str])
        table.add_columns("number", "state", "value", "time", "x0", "x1", "x2", "x3", "x4")
        table.add_rows(
            [str(FIRST_NUMBER + row), "complete", *(f"{row * k:.4g}" for k in range(1, 8))]
            for row in range(self._n_rows)
        )
        table.focus()


if __name__ == "__main__":
    BareTable(int(sys.argv[1])).run()
