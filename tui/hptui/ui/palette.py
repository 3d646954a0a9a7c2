"""The commands of the screen below, found by name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import DiscoveryHit, Hit, Provider

from hptui.ui.commands import commands_of
from hptui.ui.key_names import key_text
from hptui.ui.screens.base import CommandScreen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.command import Hits

    from hptui.ui.commands import Command


class CommandProvider(Provider):
    """Offers what the screen can do; what cannot be done now says why."""

    async def discover(self) -> Hits:
        """Offer every command before anything is typed."""
        for screen, command in self._offers():
            run = partial(screen.run_command, command.id)
            yield DiscoveryHit(command.title, run, help=_help(screen, command))

    async def search(self, query: str) -> Hits:
        """Offer the commands whose title or label matches."""
        matcher = self.matcher(query)
        for screen, command in self._offers():
            score = max(matcher.match(command.title), matcher.match(screen.label_of(command)))
            if score > 0:
                run = partial(screen.run_command, command.id)
                shown = matcher.highlight(command.title)
                yield Hit(score, shown, run, help=_help(screen, command))

    def _offers(self) -> Iterator[tuple[CommandScreen[Any], Command]]:
        screen = self.screen
        if isinstance(screen, CommandScreen):
            for command in commands_of(screen.PLACE):
                if screen.offers(command) and command.id != "palette":
                    yield screen, command


def _help(screen: CommandScreen[Any], command: Command) -> str:
    keys = "  ".join(map(key_text, screen.app.keys_of(command)))
    reason = screen.refusal(command)
    return f"{keys}   {reason}" if reason else keys
