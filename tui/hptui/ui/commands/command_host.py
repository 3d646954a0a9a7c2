"""What footer, help and palette need of the screen whose commands they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from hptui.ui.commands.command_table import Command, Place


@runtime_checkable
class CommandHost(Protocol):
    """Something that has commands."""

    PLACE: ClassVar[Place]
    """Which commands belong to it."""

    def offers(self, command: Command) -> bool:
        """Say whether a command has a meaning here at all, usable now or not."""
        ...

    def refusal(self, command: Command) -> str | None:
        """Return why a command cannot be used now, or None where it can."""
        ...

    def label_of(self, command: Command) -> str:
        """Return what the footer calls a command now."""
        ...

    async def run_command(self, command_id: str) -> None:
        """Do what a command says, or tell why it cannot be done."""
        ...
