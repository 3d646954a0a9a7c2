"""What the screens share from which a running study can be steered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import on
from textual.message import Message
from textual.screen import ScreenResultType

from hptui.errors import SpaceError
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.application.shown_run import ShownRun
from hptui.ui.dialogs.questions import ChoiceDialog
from hptui.ui.study.steering import Answer, Steering, plainly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SteeredScreen(CommandScreen[ScreenResultType]):
    """A screen about one study, with requests to its engine that never make it wait."""

    @dataclass
    class Answered(Message):
        """The engine has answered a request, or could not."""

        answer: Answer

    def __init__(self, path: Path, study_name: str) -> None:
        super().__init__()
        self.path = path
        self.study_name = study_name
        self.steering = Steering(
            path, study_name, lambda answer: self.post_message(self.Answered(answer))
        )
        self._copied: tuple[int | None, Mapping[str, Any]] = (None, {})

    def on_unmount(self) -> None:
        """End the thread of the requests."""
        self.steering.stop()

    @property
    def is_run_here(self) -> bool:
        """Whether an engine of this machine runs the study."""
        return False

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the study's run."""
        return (ShownRun(self.path, self.study_name),) if self.is_run_here else ()

    def after_answer(self, answer: Answer) -> None:
        """Do something more when the engine has answered."""

    @on(Answered)
    def tell_answer(self, message: Answered) -> None:
        """Say what came of a request."""
        answer = message.answer
        if not answer.is_done:
            self.notify(f"{answer.text}\n{answer.hint}".rstrip(), severity="error")
        elif answer.about == "space":
            self._open_enqueue(answer.data)
        else:
            self.notify(answer.text)
        self.after_answer(answer)

    def confirm_kill(self, number: int) -> None:
        """Ask whether a running trial is to be ended, and have it ended."""

        def decide(choice: str | None) -> None:
            if choice == "kill":
                self.steering.send(plainly("kill", trial=number))

        self.app.push_screen(
            ChoiceDialog(
                f"Kill trial {number}?",
                "It counts as failed; what it computed is lost. The run goes on.",
                (("x", "kill", "kill it"), ("n", "", "let it run")),
            ),
            decide,
        )

    def ask_for_trial(self, number: int | None, values: Mapping[str, Any]) -> None:
        """Open the form for a trial by hand once the engine has told its space.

        Args:
            number: The trial that it is a copy of; None for an empty form.
            values: What stands in the form at first.
        """
        self._copied = number, values
        self.steering.send(plainly("space"), about="space")

    def _open_enqueue(self, answer: Mapping[str, Any]) -> None:
        from hptui.ui.study.enqueue import EnqueueScreen
        from hptui.ui.study.enqueue_draft import draft_of, space_from_engine

        number, values = self._copied
        try:
            space, fixed = space_from_engine(answer)
        except SpaceError as error:
            self.notify(f"{error.message}\n{error.hint}".rstrip(), severity="error")
            return
        if not space:
            self.notify("The parameters are not known yet; the first trial tells them.")
            return

        def send(params: dict[str, Any] | None) -> None:
            if params is not None:
                self.steering.send(plainly("enqueue", params=params))

        draft = draft_of(space, values, fixed=fixed, copy_of=number)
        self.app.push_screen(EnqueueScreen(draft), send)
