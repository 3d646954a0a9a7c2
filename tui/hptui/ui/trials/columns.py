"""The dialog in which columns of a table are hidden and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on

from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame, FormGrid
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

_FRAME_LINES: Final = 8
"""Lines that are no list: the frame, the title, and the keys."""


@dataclass(frozen=True, slots=True)
class ColumnChoices:
    """Columns as rows of a table, each with whether it is shown."""

    choices: Sequence[Column]
    hidden: frozenset[str]
    columns: Sequence[Column] = (Column("shown", "", 3), Column("name", "column", 40))
    sort: None = None
    grows_at: None = None

    def __len__(self) -> int:
        """Return how many columns can be chosen."""
        return len(self.choices)

    def cell(self, row: int, column: int) -> Cell:
        """Return the mark of a column, or its name."""
        choice = self.choices[row]
        is_hidden = choice.key in self.hidden
        if column:
            return Cell(choice.label, "dim" if is_hidden else "")
        return Cell("[ ]" if is_hidden else "[x]")

    def key_of(self, row: int) -> str:
        """Return the key of a column."""
        return self.choices[row].key

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a column stands."""
        return next((row for row, each in enumerate(self.choices) if each.key == key), None)


class ColumnsDialog(Dialog[frozenset[str]]):
    """Asks which columns are shown; answers with the keys of those that are hidden."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("a", "toggle_columns", "all or none"),
    ]

    def __init__(self, choices: Sequence[Column], hidden: frozenset[str]) -> None:
        super().__init__()
        self._model = ColumnChoices(choices, hidden)

    def compose(self) -> ComposeResult:
        """Lay out the list of columns and its keys."""
        keys = "space show or hide   a all   enter accept   esc cancel"
        with DialogFrame("Columns", keys=keys):
            yield FormGrid(self._model, lines_beside=_FRAME_LINES, empty="No column can be hidden.")

    @on(FormGrid.Marked)
    def _toggle(self, message: FormGrid.Marked) -> None:
        self._hide(self._model.hidden ^ {str(message.key)})

    def action_toggle_columns(self) -> None:
        """Show all columns; hide all of them, where all are shown."""
        everything = frozenset(choice.key for choice in self._model.choices)
        self._hide(frozenset() if self._model.hidden else everything)

    @on(FormGrid.RowOpened)
    def _accept(self) -> None:
        self.dismiss(self._model.hidden)

    def _hide(self, hidden: frozenset[str]) -> None:
        self._model = ColumnChoices(self._model.choices, hidden)
        self.query_one(FormGrid).show(self._model)
