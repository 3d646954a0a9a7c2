"""A list of which some things are marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets.option_list import Option

from hptui.ui.widgets.choice_list import ChoiceList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.studies.transfer_form import FormMark


class MarkList(ChoiceList):
    """Things of which space marks the one under the cursor, or takes its mark away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", show=False)]

    @dataclass
    class Changed(Message):
        """Something was marked, or its mark was taken away."""

    def __init__(self, marks: Sequence[FormMark]) -> None:
        super().__init__(id="marks")
        self._labels = {mark.id: mark.label for mark in marks}
        self.marked = frozenset(mark.id for mark in marks if mark.is_marked)
        self.add_options([Option(self._prompt(mark.id), mark.id) for mark in marks])

    def on_mount(self) -> None:
        """Put the cursor on the first."""
        self.action_first()

    def action_mark(self) -> None:
        """Mark what is under the cursor, or not, and go to the next one."""
        if self.highlighted is None:
            return
        key = str(self.get_option_at_index(self.highlighted).id)
        self.marked ^= {key}
        self.replace_option_prompt_at_index(self.highlighted, self._prompt(key))
        if self.highlighted + 1 < self.option_count:
            self.highlighted += 1
        self.post_message(self.Changed())

    def _prompt(self, key: str) -> Text:
        return Text(f"[{'x' if key in self.marked else ' '}] {self._labels[key]}")
