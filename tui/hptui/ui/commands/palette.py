"""The commands of the screen below, found by name; those that cannot be used now say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.ui.commands.command_table import commands_of
from hptui.ui.commands.key_names import key_text
from hptui.ui.dialogs.pick import PickDialog, PickItem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.ui.commands.command_table import Command, CommandHost


def command_picker(host: CommandHost, keys_of: Callable[[Command], Sequence[str]]) -> PickDialog:
    """Return the list of what a screen can do, each with its keys; it answers with an id."""
    items = [
        PickItem(
            command.id,
            command.title,
            note="  ".join(map(key_text, keys_of(command))),
            disabled_reason=host.refusal(command) or "",
            words=command.label,
        )
        for command in commands_of(host.PLACE)
        if host.offers(command) and command.id != "palette"
    ]
    return PickDialog("Commands", items, prompt="find a command")
