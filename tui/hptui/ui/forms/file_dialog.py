"""Asks for a file to write, and whether one that is there is to be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.widgets import Input, Static

from hptui.domain.texts.text import safe_line, safe_text
from hptui.ui.dialogs.questions import ChoiceDialog, Dialog
from hptui.ui.forms.fields import is_there, path_of, place_problem
from hptui.ui.forms.frame import DialogFrame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.ui.application.stacked import StackedScreen

EXISTS = "The file exists; enter asks whether to replace it."


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where something is to be written."""

    target: Path
    is_replacing: bool = False
    """Whether a file that is there is to be replaced."""


class FileDialog(Dialog[FilePlace]):
    """Asks for the path of a file, checked while it is typed.

    Args:
        title: A few words.
        prompt: A sentence above the field.
        initial: What stands in the field.
        name_problem: See `place_problem`.
    """

    def __init__(
        self, title: str, prompt: str, initial: str, name_problem: Callable[[Path], str]
    ) -> None:
        super().__init__()
        self._title, self._prompt, self._initial = title, prompt, initial
        self._name_problem = name_problem

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title, keys="enter accept   esc cancel", problem=""):
            yield Static(Text(safe_text(self._prompt)), id="text")
            yield Input(self._initial, id="field", select_on_focus=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong with what stands there."""
        problem = place_problem(event.value, self._name_problem)
        note = EXISTS if is_there(event.value) else ""
        self.query_one(DialogFrame).tell(problem or note, is_note=not problem)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer; where a file is there, ask first."""
        if place_problem(event.value, self._name_problem):
            self.app.bell()
            return
        ask_to_replace(self, path_of(event.value), self.dismiss)


def ask_to_replace(
    screen: StackedScreen[Any], target: Path, accept: Callable[[FilePlace], object]
) -> None:
    """Have a file accepted, at once where none is there, else once it may be replaced."""
    if not target.exists():
        accept(FilePlace(target))
        return

    def decide(choice: str | None) -> None:
        if choice:
            accept(FilePlace(target, is_replacing=True))

    screen.app.push_screen(
        ChoiceDialog(
            f"Replace {safe_line(target.name, max_chars=60)}?",
            "Its contents will be lost.",
            (("r", "replace", "replace it"),),
            no="keep it",
        ),
        decide,
    )
