"""The screen that all screens are: its commands are bound, asked whether they can be used, and run.

A subclass says its `PLACE`. Each command of that place is done by a method `do_<id>` of the screen
or of one of its `parts`; the screen may do commands of everywhere in its own way.
`disabled_reason` says why one cannot be used now. Its parts, and the runs that it shows, are told
of here, too.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic

from textual.binding import Binding
from textual.screen import ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from hptui.errors import HptuiError
from hptui.ui.application.stacked import StackedScreen
from hptui.ui.commands.command_table import Command, commands_of
from hptui.ui.widgets.command_footer import CommandFooter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual import events
    from textual.binding import BindingType

    from hptui.ui.commands.command_table import Command, Place


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A study that an engine runs, as far as a screen knows."""

    path: Path
    name: str
    """The study's name in the file."""


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


MIN_WIDTH, MIN_HEIGHT = 40, 12
"""The smallest terminal that the screens are drawn for."""


class TooSmall(Static):
    """The face of a terminal that is too small: the size it needs."""

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.update(f"hptui needs {MIN_WIDTH}x{MIN_HEIGHT},\nthis is {width}x{height}")


class CommandScreen(
    StackedScreen[ScreenResultType], Generic[ScreenResultType], inherit_bindings=False
):
    """A screen whose keys come from the list of commands."""

    PLACE: ClassVar[Place] = "app"
    """Which commands belong to this screen."""
    parts: tuple[ScreenPart, ...] = ()
    """What else does commands for the screen; the first that knows one does it."""
    ALLOW_IN_MAXIMIZED_VIEW = "CommandFooter, TooSmall"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (180, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (28, "-normal"), (45, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,super+c", "screen.copy_text", show=False)
    ]

    def __init_subclass__(cls, **options: bool) -> None:
        """Bind the keys of the place's commands; settings replace them through their ids."""
        if "PLACE" in cls.__dict__:
            own = cls.__dict__.get("BINDINGS", ())
            bound = map(_binding, commands_of(cls.PLACE))
            cls.BINDINGS = [*own, *bound]  # pyright: ignore[reportConstantRedefinition] - once a class
        super().__init_subclass__(**options)

    def disabled_reason(self, command_id: str) -> str | None:
        """Return a sentence why a command cannot be used now, or None when it can."""
        reasons = (part.disabled_reason(command_id) for part in self.parts)
        return next((reason for reason in reasons if reason), None)

    def refusal(self, command: Command) -> str | None:
        """Return why a command cannot be used now, or None: what footer, help and palette show."""
        if self._method(command) is None:
            return "That does not work on this screen."
        return self.disabled_reason(command.id)

    def label_of(self, command: Command) -> str:
        """Return what the footer calls a command now; one that undoes itself has two labels."""
        return command.label

    def offers(self, command: Command) -> bool:
        """Say whether a command has a meaning here at all, usable now or not."""
        return self._method(command) is not None

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the runs that are shown here; leaving the application asks about them."""
        return ()

    async def run_command(self, command_id: str) -> None:
        """Do what a command says, or tell why it cannot be done."""
        command = next(each for each in commands_of(self.PLACE) if each.id == command_id)
        if reason := self.refusal(command):
            self.notify(reason)
            return
        method = self._method(command)
        assert method is not None
        try:
            result = method()
            if inspect.isawaitable(result):
                await result
        except HptuiError as error:
            self.notify(f"{error.message}\n{error.hint}".rstrip(), severity="error")
        self.refresh_commands()

    async def action_run_command(self, command_id: str) -> None:
        """Run a command by its id; keys, footer and palette end here."""
        await self.run_command(command_id)

    def after_defect(self) -> None:
        """Wait no longer for what will not come."""
        for part in self.parts:
            part.after_defect()

    def on_unmount(self) -> None:
        for part in self.parts:
            part.close()

    def tell_outcome_of(self, work: Callable[[], str]) -> None:
        """Do work in a thread that ends in a sentence, or an error, and say it."""

        def done(text: str) -> None:
            self.notify(text, timeout=10)

        def failed(error: HptuiError) -> None:
            self.notify(f"{error.message}\n{error.hint}".rstrip(), severity="error", timeout=10)

        self.in_thread(work, done, failed)

    def refresh_commands(self) -> None:
        """Draw the footer again: what can be used may have changed."""
        for footer in self.query(CommandFooter):
            footer.refresh()

    def _method(self, command: Command) -> Callable[[], object] | None:
        own = getattr(self, command.method, None)
        if callable(own):
            return own
        of_parts = (part.method_of(command) for part in self.parts)
        method = next((method for method in of_parts if method is not None), None)
        method = method or getattr(self.app, command.method, None)
        return method if callable(method) else None

    async def on_mount(self) -> None:
        """Add the face of a terminal that is too small."""
        await self.mount(TooSmall())

    def on_resize(self, event: events.Resize) -> None:
        """Show the plain face when there is no room."""
        is_too_small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        self.set_class(is_too_small, "-too-small")

    def on_screen_resume(self) -> None:
        self.refresh_commands()

    def on_descendant_focus(self) -> None:
        """Ask again what can be used: it may depend on the pane."""
        self.refresh_commands()

    def do_back(self) -> None:
        """Leave a pane that fills the screen, or this screen for the one before."""
        if self.maximized is not None:
            self.minimize()
        else:
            self.dismiss()

    def do_next_pane(self) -> None:
        self.focus_next()

    def do_previous_pane(self) -> None:
        self.focus_previous()

    def do_full_screen(self) -> None:
        """Give the focused pane the whole screen, or put it back."""
        if self.maximized is not None:
            self.minimize()
            return
        pane = self._focused_pane()
        if pane is None:
            next_pane = self.app.services.first_key_of("next-pane")
            self.notify(f"Select a pane first (press {next_pane}).")
        else:
            self.maximized = pane

    def _focused_pane(self) -> Widget | None:
        focused = self.focused
        if focused is None:
            return None
        for node in focused.ancestors_with_self:
            if isinstance(node, Widget) and node.has_class("pane"):
                return node
        return focused


def _binding(command: Command) -> Binding:
    return Binding(
        ",".join(command.keys),
        f"run_command('{command.id}')",
        command.label,
        show=command.in_footer,
        tooltip=command.title,
        id=command.id,
    )
