"""Picking an objective: one of those that are here, or a file, or anything importable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.widgets import Input, OptionList

from hptui.errors import HptuiError
from hptui.ui.data.setup_sources import Opened, complete_path, functions_in, with_text
from hptui.ui.screens.pick import PickDialog, PickItem
from hptui.ui.widgets.field_table import told

if TYPE_CHECKING:
    from hptui.registry.catalogue import Found


class ObjectivePicker(PickDialog):
    """Lists the objectives, and completes the path of a file.

    It returns what stands for the objective, which has been found to mean one. Enter on a folder
    goes into it, on a file lists its functions where there are several.
    """

    @dataclass
    class Completed(Message):
        """What a path can become has been looked up."""

        text: str
        items: tuple[PickItem, ...]

    @dataclass
    class Checked(Message):
        """An objective was looked for; `problem` says why there is none."""

        text: str
        problem: str

    def __init__(self, opened: Opened) -> None:
        items = [_item(found) for found in opened.objectives]
        super().__init__(
            "Choose an objective",
            items,
            opened.draft.objective,
            "type to filter, or a path like train.py or ~/code/train.py:function",
        )
        self._opened = opened

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list, or complete a path."""
        event.prevent_default()
        text = event.value.strip()
        self.say("")
        if is_path(text):
            self._complete(text)
            return
        items = self.matching(text)
        if not items and text:
            items = [PickItem(text, text, "use this: a file, or package.module:name")]
        self.show_items(items)

    @work(thread=True, exclusive=True, exit_on_error=False, group="completion")
    def _complete(self, text: str) -> None:
        path, _, _ = text.partition(".py:")
        if path != text or text.endswith(".py"):
            file = text if path == text else f"{path}.py"
            names = [f"{file}:{each.attribute}" for each in functions_in(file, Path.cwd())]
            items = [PickItem(name, name) for name in names if name.startswith(text)]
        else:
            items = []
        items = items or [PickItem(each, each) for each in complete_path(text, Path.cwd())]
        self.post_message(self.Completed(text, tuple(items)))

    def on_objective_picker_completed(self, message: Completed) -> None:
        """List what the path can become, if it still stands there."""
        if self.query_one("#field", Input).value.strip() == message.text:
            self.show_items(message.items or (PickItem(message.text, message.text),))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pick what was typed where nothing is listed."""
        if self.query_one(OptionList).highlighted is None:
            self.picked(event.value.strip())

    def picked(self, result: str) -> None:
        """Go into a folder, or look whether there is such an objective."""
        if not result:
            return
        field = self.query_one("#field", Input)
        if result.endswith("/"):
            field.value = result
            field.cursor_position = len(result)
            field.focus()
        else:
            self._check(result)

    @work(thread=True, exclusive=True, exit_on_error=False, group="check")
    def _check(self, text: str) -> None:
        try:
            with_text(self._opened, text)
        except HptuiError as error:
            self.post_message(self.Checked(text, told(error)))
        else:
            self.post_message(self.Checked(text, ""))

    def on_objective_picker_checked(self, message: Checked) -> None:
        """Answer, or say why not and what a file holds."""
        if not message.problem:
            self.dismiss(message.text)
            return
        field = self.query_one("#field", Input)
        if message.text.endswith(".py") and field.value != message.text:
            field.value = message.text
            field.cursor_position = len(message.text)
        elif message.text.endswith(".py"):
            self._complete(message.text)
        self.say(message.problem)


def is_path(text: str) -> bool:
    """Say whether a text looks like the path of a file rather than a name."""
    return "/" in text or text.startswith(("~", ".")) or text.endswith(".py") or ".py:" in text


def _item(found: Found) -> PickItem:
    note = found.info.summary or (found.ref.target if found.ref.kind == "file" else "")
    return PickItem(found.ref.name, found.ref.name, note, found.problem)
