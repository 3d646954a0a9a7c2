"""A list in which several things are chosen, each with a box before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on

from hptui.domain.texts.text import safe_line
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame, FormGrid
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

_FRAME_LINES: Final = 9
"""Lines that are no list: the frame, the title, what is wrong, and the keys."""
_NAME_CHARS: Final = 60


@dataclass(frozen=True, slots=True)
class CheckRows:
    """Things by their keys and names, as rows of a table, and which of them are chosen."""

    items: Sequence[tuple[str, str]]
    checked: frozenset[str]
    columns: Sequence[Column] = (Column("box", "", 3), Column("name", "name", _NAME_CHARS))
    sort: None = None
    grows_at: None = None

    def __len__(self) -> int:
        return len(self.items)

    def cell(self, row: int, column: int) -> Cell:
        """Return the box of a row, or its name."""
        key, name = self.items[row]
        is_checked = key in self.checked
        if column:
            return Cell(safe_line(name, max_chars=_NAME_CHARS), "" if is_checked else "dim")
        return Cell("[x]" if is_checked else "[ ]")

    def key_of(self, row: int) -> str:
        """Return the key of a row."""
        return self.items[row][0]

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a row stands."""
        return next((row for row, each in enumerate(self.items) if each[0] == key), None)


class CheckListDialog(Dialog[frozenset[str]]):
    """Asks for some of a list; answers with the keys of those that are chosen.

    Args:
        title: A few words.
        items: For each its key and its name.
        checked: The keys of those that are chosen at first.
        check: Returns a sentence about what is wrong with a choice; empty where it will do.
        empty: A sentence for a list of nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("a", "check_all", "all or none")]

    def __init__(
        self,
        title: str,
        items: Sequence[tuple[str, str]],
        checked: frozenset[str],
        *,
        check: Callable[[frozenset[str]], str] | None = None,
        empty: str = "",
    ) -> None:
        super().__init__()
        self._title, self._check, self._empty = title, check, empty
        self._model = CheckRows(items, checked)

    def compose(self) -> ComposeResult:
        """Lay out the list and its keys."""
        keys = "space choose or not   a all   enter accept   esc cancel"
        with DialogFrame(self._title, keys=keys, problem=""):
            yield FormGrid(self._model, lines_beside=_FRAME_LINES, empty=self._empty)

    @on(FormGrid.Marked)
    def _toggle(self, message: FormGrid.Marked) -> None:
        self._choose(self._model.checked ^ {str(message.key)})

    def action_check_all(self) -> None:
        """Choose all; none, where all are chosen."""
        everything = frozenset(key for key, _ in self._model.items)
        self._choose(frozenset() if everything <= self._model.checked else everything)

    @on(FormGrid.RowOpened)
    def _accept(self) -> None:
        if self._problem:
            self.app.bell()
        else:
            self.dismiss(self._model.checked)

    @property
    def _problem(self) -> str:
        return "" if self._check is None else self._check(self._model.checked)

    def _choose(self, checked: frozenset[str]) -> None:
        self._model = replace(self._model, checked=checked)
        self.query_one(FormGrid).show(self._model)
        self.query_one(DialogFrame).tell(self._problem)
