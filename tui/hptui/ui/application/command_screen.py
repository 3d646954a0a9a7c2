"""The screen that all screens are: its commands are bound, asked whether they can be used, and run.

A subclass says its `PLACE` and has a method `do_<id>` for each command of that place, and for
those of everywhere that it does in its own way. `disabled_reason` says why one cannot be used now.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, ClassVar, Generic

from textual.binding import Binding
from textual.screen import ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from hptui.errors import HptuiError
from hptui.ui.application.stacked import StackedScreen
from hptui.ui.commands.command_table import Command, commands_of
from hptui.ui.study.publication import Published, outcome_of
from hptui.ui.widgets.command_footer import CommandFooter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual import events
    from textual.binding import BindingType
    from textual.worker import Worker

    from hptui.ui.application.shown_run import ShownRun
    from hptui.ui.commands.command_table import Place
    from hptui.ui.dialogs.annotating import Annotated
    from hptui.ui.studies.carry_form import CarryForm
    from hptui.ui.studies.study_actions import Outcome

MIN_WIDTH, MIN_HEIGHT = 40, 12
"""The smallest terminal that the screens are drawn for."""


class TooSmall(Static):
    """The face of a terminal that is too small: the size it needs."""

    def on_resize(self, event: events.Resize) -> None:
        """Say how far off it is."""
        width, height = event.size
        self.update(f"hptui needs {MIN_WIDTH}x{MIN_HEIGHT},\nthis is {width}x{height}")


class CommandScreen(
    StackedScreen[ScreenResultType], Generic[ScreenResultType], inherit_bindings=False
):
    """A screen whose keys come from the list of commands."""

    PLACE: ClassVar[Place] = "app"
    """Which commands belong to this screen."""
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

    def disabled_reason(self, command_id: str) -> str | None:  # noqa: ARG002 - for those that override it
        """Return a sentence why a command cannot be used now, or None when it can."""
        return None

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

    def edit_note(self, what: Annotated) -> None:
        """Open the note of a study or trial in an editor."""
        from hptui.ui.dialogs.note import NoteDialog

        self.app.push_screen(NoteDialog(what), self._tell_annotated)

    def edit_tags(self, what: Annotated) -> None:
        """Ask for the tags of a study or trial."""
        from hptui.ui.dialogs.annotations import TagsDialog

        self.app.push_screen(TagsDialog(what), self._tell_annotated)

    def open_form(self, form: CarryForm) -> None:
        """Ask what a form asks; `after_carrying` comes when it was done."""
        from hptui.ui.studies.carry import CarryDialog

        def take(outcome: Outcome | None) -> None:
            if outcome is not None:
                self.notify(outcome.text)
                self.after_carrying(outcome)

        self.app.push_screen(CarryDialog(form), take)

    def after_carrying(self, outcome: Outcome) -> None:
        """Take in that trials were carried to the study of the outcome."""

    def _tell_annotated(self, text: str | None) -> None:
        if text is not None:
            self.notify(text)
            self.after_annotating()

    def after_annotating(self) -> None:
        """Read anew what a note or tags were saved of."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say so when work in a thread has ended by a defect."""
        if self.services.tell_failed_work(event):
            self.after_defect()

    def after_defect(self) -> None:
        """Wait no longer for what will not come."""

    def publish(self, work: Callable[[], str]) -> None:
        """Have something written in a thread, and say what came of it."""

        def do() -> None:
            self.post_message(outcome_of(work))

        self.run_worker(do, thread=True, exit_on_error=False)

    def on_published(self, message: Published) -> None:
        """Say what was written."""
        severity = "information" if message.is_done else "error"
        self.notify(message.text, severity=severity, timeout=10)

    def ask_for_report(self, path: Path, study_name: str, filter_text: str = "") -> None:
        """Ask where a report is to be written, and write it."""
        from hptui.ui.study.publishing import write_report
        from hptui.ui.study.report import ReportDialog

        def write(wanted: tuple[Path, bool] | None) -> None:
            if wanted is not None:
                target, overwrite = wanted
                self.publish(
                    lambda: write_report(
                        path, study_name, target, filter_text=filter_text, overwrite=overwrite
                    )
                )

        self.app.push_screen(ReportDialog(study_name), write)

    def refresh_commands(self) -> None:
        """Draw the footer again: what can be used may have changed."""
        for footer in self.query(CommandFooter):
            footer.refresh()

    def _method(self, command: Command) -> Callable[[], object] | None:
        method = getattr(self, command.method, None) or getattr(self.app, command.method, None)
        return method if callable(method) else None

    async def on_mount(self) -> None:
        """Add the face of a terminal that is too small."""
        await self.mount(TooSmall())

    def on_resize(self, event: events.Resize) -> None:
        """Show the plain face when there is no room."""
        is_too_small = event.size.width < MIN_WIDTH or event.size.height < MIN_HEIGHT
        self.set_class(is_too_small, "-too-small")

    def on_screen_resume(self) -> None:
        """Ask again what can be used."""
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
        """Move the focus on."""
        self.focus_next()

    def do_previous_pane(self) -> None:
        """Move the focus back."""
        self.focus_previous()

    def do_full_screen(self) -> None:
        """Give the focused pane the whole screen, or put it back."""
        if self.maximized is not None:
            self.minimize()
            return
        pane = self._focused_pane()
        if pane is None:
            next_pane = self.services.first_key_of("next-pane")
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
