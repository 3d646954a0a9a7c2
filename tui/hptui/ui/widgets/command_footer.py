"""The line at the bottom: the keys that can be used now, the most useful first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text

from hptui.ui.commands.command_table import CommandHost, commands_of
from hptui.ui.commands.key_names import key_text
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual import events

    from hptui.ui.commands.command_table import Command

_GAP = 2


class CommandFooter(RoleStyled):
    """Shows the commands that can be used now and fit, those of everywhere last; a click runs one.

    What cannot be used now stands in help and palette, with the reason.
    """

    DEFAULT_CSS = """
    CommandFooter {
        dock: bottom;
        height: 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "key": RoleStyle("footer-key-foreground"),
        "label": RoleStyle("foreground"),
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._spans: list[tuple[range, str]] = []

    def render(self) -> Text:
        """Draw the commands that fit the width, and remember where they stand."""
        screen = self.screen
        text = Text(no_wrap=True, overflow="crop", end="")
        self._spans = []
        if not isinstance(screen, CommandHost):
            return text
        key_style = self.style_of("key", partial=True)
        label_style = self.style_of("label", partial=True)
        text.append(" ")
        for command, key in self._fitting(screen):
            begin = len(text)
            text.append(key, key_style)
            text.append(f" {screen.label_of(command)}", label_style)
            self._spans.append((range(begin, len(text)), command.id))
            text.append(" " * _GAP)
        return text

    def _fitting(self, screen: CommandHost) -> list[tuple[Command, str]]:
        """Return the commands that fit, each with its key.

        Where room is short, those of everywhere are kept first.
        """
        usable = [
            (each, key_text(self.app.services.keys_of(each)[0]))
            for each in commands_of(screen.PLACE)
            if each.in_footer and screen.offers(each) and screen.refusal(each) is None
        ]
        by_worth = sorted(usable, key=lambda entry: entry[0].place != "app")
        room = self.size.width - 1 + _GAP
        kept: set[str] = set()
        for command, key in by_worth:
            room -= len(key) + 1 + len(screen.label_of(command)) + _GAP
            if room < 0:
                break
            kept.add(command.id)
        return [entry for entry in usable if entry[0].id in kept]

    async def on_click(self, event: events.Click) -> None:
        screen = self.screen
        if not isinstance(screen, CommandHost):
            return
        for span, command_id in self._spans:
            if event.x in span:
                await screen.run_command(command_id)
                return
