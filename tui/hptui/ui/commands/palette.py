"""The commands of the screen below, found by name; those that cannot be used now say why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.ui.commands.command_table import commands_of
from hptui.ui.commands.key_names import key_text
from hptui.ui.dialogs.pick import PickDialog, PickItem

if TYPE_CHECKING:
    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.commands.command_table import Command


class CommandPicker(PickDialog):
    """Lists what a screen can do, each with its keys; returns the id of a command."""

    def __init__(self, screen: CommandScreen[Any]) -> None:
        items = [
            _item(screen, command)
            for command in commands_of(screen.PLACE)
            if screen.offers(command) and command.id != "palette"
        ]
        super().__init__("Commands", items, prompt="find a command")


def _item(screen: CommandScreen[Any], command: Command) -> PickItem:
    keys = "  ".join(map(key_text, screen.app.keys_of(command)))
    reason = screen.refusal(command)
    return PickItem(
        command.id,
        command.title,
        note=keys,
        disabled_reason=reason or "",
        words=command.label,
    )
