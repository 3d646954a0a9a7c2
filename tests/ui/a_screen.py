"""A screen with the commands of the studies screen, to try what all screens share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.widgets import Input, Static

from hptui.errors import HptuiError
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.dialogs.questions import ChoiceDialog, MessageDialog, TextDialog
from hptui.ui.widgets.command_footer import CommandFooter

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Said(Static, can_focus=True):
    """Shows what the last command did."""


class AScreen(CommandScreen[None]):
    PLACE = "studies"
    AUTO_FOCUS = ""
    CSS = "AScreen .pane { height: 8; }"

    def compose(self) -> ComposeResult:
        with Vertical(classes="pane"):
            yield Said("nothing yet")
            yield Input(id="field")
            yield Static("the pane's end")
        yield Static("below the pane")
        yield CommandFooter()

    def say(self, text: str | None) -> None:
        self.query_one(Said).update(f"said: {text}")

    def disabled_reason(self, command_id: str) -> str | None:
        return "No study is under the cursor." if command_id == "run-again" else None

    def do_new_study(self) -> None:
        self.say("new study")

    def do_run_again(self) -> None:
        self.say("run again")

    async def do_undo(self) -> None:
        raise HptuiError("There is nothing to undo.", hint="Delete [b]one[/b] first.")

    def do_delete_study(self) -> None:
        choices = [("d", "delete", "Delete it")]
        question = ChoiceDialog("Delete [x]?", "It has 3 trials.", choices, no="Keep it")
        self.app.push_screen(question, self.say)

    def do_rename_study(self) -> None:
        def check(text: str) -> str | None:
            return None if text.isalpha() else f"{text!r} is not of letters."

        self.app.push_screen(TextDialog("Rename", "The new name:", "abc", check), self.say)

    def do_export_study(self) -> None:
        self.app.push_screen(MessageDialog("Exported", "3 trials\x1b[31m [b]x[/b]"), self.say)

    def do_filter(self) -> None:
        self.query_one("#field").focus()
