"""The dialog in which the parameters and objectives of a view are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.containers import Vertical
from textual.widgets import Static

from hptui.ui.data.view_options import ViewOptions
from hptui.ui.screens.dialogs import Dialog
from hptui.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from hptui.ui.data.view_choices import ViewChoices


class ViewChoicesDialog(Dialog[ViewOptions]):
    """Asks what a view shows; answers with the options of the view."""

    BINDINGS: ClassVar[list[BindingType]] = [("space", "toggle_choice", "take or give back")]

    def __init__(self, choices: ViewChoices) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Lay out the list and its keys."""
        with Vertical(id="frame"):
            yield Static(Text("What the view shows"), id="title")
            yield Grid(self._choices, empty="There is nothing to choose.")
            yield Static(id="problem", markup=False)
            yield Static(
                Text("space take or give back; none: the first or all   enter accept   esc cancel"),
                id="keys",
            )

    def action_toggle_choice(self) -> None:
        """Take the row under the cursor, or give it back, and go to the next one."""
        grid = self.query_one(Grid)
        if grid.cursor_key is None:
            return
        self._choices = self._choices.toggled(str(grid.cursor_key))
        grid.show(self._choices)
        grid.action_move(1)
        self.query_one("#problem", Static).update(Text(self._choices.problem))

    @on(Grid.RowOpened)
    def _accept(self) -> None:
        if self._choices.problem:
            self.app.bell()
        else:
            self.dismiss(self._choices.options)
