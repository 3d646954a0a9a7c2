"""A part that screens are composed of: some commands, and what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.commands.command_table import Command


class ScreenPart:
    """Does commands for a screen: its methods `do_<id>` count as the screen's own.

    A part gets what it needs when it is made: its screen, and functions that return what is shown.
    What it finds out in a thread comes back through `CommandScreen.in_thread`.
    """

    def method_of(self, command: Command) -> Callable[[], object] | None:
        """Return what does a command; None where the part does not know it."""
        method = getattr(self, command.method, None)
        return method if callable(method) else None

    def disabled_reason(self, command_id: str) -> str | None:  # noqa: ARG002 - for those that override it
        """Return why a command cannot be used now; None where this part sees no reason."""
        return None

    def after_defect(self) -> None:
        """Wait no longer for what will not come."""

    def close(self) -> None:
        """Let go of threads and files; the screen has been left."""
