"""The keys that work on a screen, with what they do, and why some do not work now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from hptui.ui.commands.command_table import MOVING, commands_of
from hptui.ui.commands.key_names import key_text
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.widgets.scrolling import ReadingScroll

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from hptui.ui.commands.command_table import Command, CommandHost


_FRAME_LINES: Final = 8
"""Lines that are no keys: the frame, the title, and the line below."""


class HelpScreen(Dialog[str]):
    """Lists the commands of the screen it was opened on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("question_mark,f1,q", "cancel", "close"),
    ]

    def __init__(self, screen: CommandHost) -> None:
        super().__init__()
        self._about = screen

    def compose(self) -> ComposeResult:
        palette = self.app.services.first_key_of("palette")
        keys = f"esc close   {palette} finds commands by name"
        with DialogFrame("Keys", keys=keys), ReadingScroll(id="scroll"):
            yield Static(self._table(), id="keys-table")

    def on_resize(self) -> None:
        """Give the keys the room that the terminal has."""
        self.query_one("#scroll").styles.max_height = self.rows_beside(_FRAME_LINES)

    def _table(self) -> Table:
        offered = [each for each in commands_of(self._about.PLACE) if self._about.offers(each)]
        refused: dict[str, list[Command]] = {}
        usable: list[Command] = []
        for command in offered:
            reason = self._about.refusal(command)
            (usable if reason is None else refused.setdefault(reason, [])).append(command)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        colour = self.app.services.colour
        key_style, dimmed = colour("footer-key-foreground"), colour("dimmed")
        self._add(table, [each for each in usable if each.place != "app"], key_style, "")
        self._add(table, [each for each in usable if each.place == "app"], key_style, "")
        for keys, title in MOVING:
            table.add_row(Text("  ".join(keys), key_style), Text(title))
        for reason, commands in refused.items():
            table.add_row("", "")
            table.add_row("", Text(f"Not now: {reason}"))
            self._add(table, commands, dimmed, dimmed)
        return table

    def _add(self, table: Table, commands: list[Command], key_style: str, style: str) -> None:
        for command in commands:
            keys = "  ".join(map(key_text, self.app.services.keys_of(command)))
            table.add_row(Text(keys, key_style), Text(command.title, style))
