"""The keys that work on a screen, with what they do, and why some do not work now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from hptui.ui.commands import commands_of
from hptui.ui.key_names import key_text
from hptui.ui.moving_keys import MOVING
from hptui.ui.screens.dialogs import Dialog

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from hptui.ui.commands import Command
    from hptui.ui.screens.base import CommandScreen


class HelpScreen(Dialog[str]):
    """Lists the commands of the screen it was opened on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("question_mark,f1,q", "cancel", "close"),
        ("j", "scroll(1)", ""),
        ("k", "scroll(-1)", ""),
    ]

    def __init__(self, screen: CommandScreen[object]) -> None:
        super().__init__()
        self._about = screen

    def compose(self) -> ComposeResult:
        """List the keys."""
        with Vertical(id="frame"):
            yield Static(Text("Keys"), id="title")
            with VerticalScroll(id="scroll"):
                yield Static(self._table(), id="keys-table")
            yield Static(Text("esc close   ctrl+p finds commands by name"), id="keys")

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#scroll").scroll_relative(y=lines, animate=False)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        offered = [each for each in commands_of(self._about.PLACE) if self._about.offers(each)]
        own = [each for each in offered if each.place != "app"]
        for group in (own, [each for each in offered if each.place == "app"]):
            for command in group:
                self._add(table, command)
            table.add_row("", "")
        for keys, title in MOVING:
            table.add_row(
                Text("  ".join(keys), self.app.colour("footer-key-foreground")), Text(title)
            )
        return table

    def _add(self, table: Table, command: Command) -> None:
        keys = "  ".join(map(key_text, self.app.keys_of(command)))
        reason = self._about.refusal(command)
        title = Text(command.title)
        if reason:
            title = Text(f"{command.title}\n{reason}", self.app.colour("dimmed"))
        style = self.app.colour("dimmed" if reason else "footer-key-foreground")
        table.add_row(Text(keys, style), title)
