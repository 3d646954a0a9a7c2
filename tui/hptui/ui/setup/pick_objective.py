"""Picking an objective: one of those that are here, or a file, or anything importable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from hptui.domain.text import escape_line
from hptui.errors import HptuiError
from hptui.registry.commands.typed_command import is_command
from hptui.registry.loading.arguments import missing_arguments
from hptui.ui.dialogs.pick import PickDialog, PickItem
from hptui.ui.setup.objective_completion import common_start, complete_objective
from hptui.ui.setup.setup_sources import ArgumentsMissingError, Opened, with_text
from hptui.ui.widgets.field_table import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.registry.catalogue import FoundObjective

_KEYS: Final = "enter choose   tab complete   esc cancel"


class ObjectivePicker(PickDialog):
    """Lists the objectives, and completes the path of a file.

    It returns what stands for the objective, which has been found to mean one. Enter on a folder
    goes into it, on a file lists its functions where there are several.

    Args:
        opened: The form.
        typed: What was typed before and given up; empty: the present objective where it is a
            command or has arguments, which nobody types twice.
        note: Takes what is typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    @dataclass
    class Completed(Message):
        """What a text can become has been looked up."""

        text: str
        items: tuple[PickItem, ...]

    @dataclass
    class Checked(Message):
        """An objective was looked for; `problem` says why there is none."""

        text: str
        problem: str
        lacks_arguments: bool = False

    def __init__(self, opened: Opened, typed: str, note: Callable[[str], object]) -> None:
        items = [_item(found) for found in opened.objectives]
        spelled = opened.draft.spelled
        is_long = " " in spelled and escape_line(spelled) == spelled
        super().__init__(
            "Choose an objective",
            items,
            spelled,
            "type to filter, or a path, or --metric NAME -- COMMAND",
            keys=_KEYS,
            typed=typed or (spelled if is_long else ""),
        )
        self._opened, self._note = opened, note
        self._listed_for = ""
        self._to_say = ""
        """What is said of the text that is being written into the field."""

    @property
    def _typed(self) -> str:
        return self.query_one("#field", Input).value.strip()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list, and look for what a path can become."""
        event.prevent_default()
        text = event.value.strip()
        self._note(text)
        self.say(self._to_say)
        self._to_say = ""
        if not is_path(text):
            self._list(text, self.matching(text))
        if text and not is_command(text):
            self._complete(text)

    def _list(self, text: str, items: list[PickItem]) -> None:
        self._listed_for = text
        if not items and text:
            if is_command(text):
                # It may be longer than a line, and stands above.
                items = [PickItem(text, "use this command", text)]
            else:
                note = "" if is_path(text) else "use this: a file, or package.module:name"
                items = [PickItem(text, text, note)]
        self.show_items(items)

    @work(thread=True, exclusive=True, exit_on_error=False, group="completion")
    def _complete(self, text: str) -> None:
        found = complete_objective(text, Path.cwd())
        self.post_message(self.Completed(text, tuple(PickItem(each, each) for each in found)))

    @on(Completed)
    def list_completions(self, message: Completed) -> None:
        """List what the text can become, if it still stands there."""
        text = message.text
        if self._typed != text or not (message.items or is_path(text)):
            return
        named = [] if is_path(text) else self.matching(text)
        self._list(text, [*named, *message.items])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pick what was typed where that is not yet what the list is of."""
        if self._listed_for != event.value.strip():
            event.prevent_default()
            event.stop()
            self.picked(event.value.strip())

    def action_complete(self) -> None:
        """Lengthen the text as far as all that is listed agrees, or to what is under the cursor."""
        typed, item = self._typed, self.under_cursor
        common = common_start([each.result for each in self.shown])
        if len(common) > len(typed) and common.startswith(typed):
            self._write(common)
        elif item is not None:
            self._write(item.result)

    def picked(self, result: str) -> None:
        """Go into a folder, or look whether there is such an objective."""
        if not result:
            return
        if result.endswith("/") and not is_command(result):
            self._write(result)
        else:
            self._check(result)

    def _write(self, text: str) -> None:
        field = self.query_one("#field", Input)
        field.value = text
        field.cursor_position = len(text)
        field.focus()

    @work(thread=True, exclusive=True, exit_on_error=False, group="check")
    def _check(self, text: str) -> None:
        try:
            with_text(self._opened, text)
        except ArgumentsMissingError as error:
            self.post_message(self.Checked(text, told(error), lacks_arguments=True))
        except HptuiError as error:
            self.post_message(self.Checked(text, told(error)))
        else:
            self.post_message(self.Checked(text, ""))

    @on(Checked)
    def answer(self, message: Checked) -> None:
        """Answer, or say why not and what a file holds."""
        if not message.problem:
            self.dismiss(message.text)
            return
        if message.lacks_arguments:
            if not message.text.endswith("--arg"):
                self._to_say = message.problem
                self._write(f"{message.text} --arg ")
        elif message.text.endswith(".py") and self._typed != message.text:
            self._write(message.text)
        elif message.text.endswith(".py"):
            self._complete(message.text)
        self.say(message.problem)


def is_path(text: str) -> bool:
    """Say whether a text looks like the path of a file rather than a name."""
    if is_command(text):
        return False
    return (
        "/" in text
        or text.startswith(("~", "."))
        or text.endswith(".py")
        or ".py:" in text
        or " -- " in text
    )


def _item(found: FoundObjective) -> PickItem:
    info, name = found.info, found.ref.name
    note = info.summary or (found.ref.target if found.ref.kind in ("file", "script") else "")
    if found.lacks_arguments:
        needed = missing_arguments(info, found.ref.arguments)
        note = f"needs {', '.join(each.name for each in needed)}   {note}".rstrip()
    about = f"{note}   {', '.join(info.directions)}"
    if info.tags:
        about += f"   {', '.join(info.tags)}"
    return PickItem(name, name, note, "" if found.lacks_arguments else found.problem, about)
