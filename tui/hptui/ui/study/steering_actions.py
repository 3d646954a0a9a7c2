"""What a running study is asked from any screen that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.domain.texts.run_text import read_limit
from hptui.errors import SpaceError
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.study.steering import Answer, Steering, limit_problem, plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hptui.domain.spaces.space import ParamSpec
    from hptui.ui.application.stacked import StackedScreen
    from hptui.ui.study.steering import Request

    ValuesIn = Callable[[Mapping[str, ParamSpec]], Mapping[str, Any]]
    """Returns what stands in the form of a trial at first, for a space."""


class SteeringActions(ScreenPart):
    """Sends requests to a study's engine, which never make the screen wait, and tells its answers.

    Args:
        screen: The screen.
        path: The study's file.
        study_name: Its name in the file.
        after_answer: Reads anew what the engine may have changed.
    """

    def __init__(
        self,
        screen: StackedScreen[Any],
        path: Path,
        study_name: str,
        after_answer: Callable[[], object] = lambda: None,
    ) -> None:
        self._screen, self._after_answer = screen, after_answer
        self._path, self._study_name = path, study_name
        # Answers come in a thread.
        self._steering = Steering(
            path, study_name, lambda answer: screen.call_later(self._tell, answer)
        )
        self._copied: int | None = None
        self._values_in: ValuesIn = lambda _: {}

    def close(self) -> None:
        """End the thread of the requests."""
        self._steering.stop()

    def send(self, request: Request) -> None:
        """Carry a request out after those that wait, and tell what came of it."""
        self._steering.send(request)

    def _tell(self, answer: Answer) -> None:
        if not answer.is_done:
            self._screen.notify(f"{answer.text}\n{answer.hint}".rstrip(), severity="error")
        elif answer.about == "space":
            self._open_enqueue(answer.data)
        else:
            self._screen.notify(answer.text)
        self._after_answer()

    def confirm_kill(self, number: int) -> None:
        """Ask whether a running trial is to be ended, and have it ended."""

        def decide(choice: str | None) -> None:
            if choice == "kill":
                self.send(plainly("kill", trial=number))

        self._screen.app.push_screen(
            ChoiceDialog(
                f"Kill trial {number}?",
                "It counts as failed; what it computed is lost. The run goes on.",
                (("x", "kill", "kill it"),),
                no="let it run",
            ),
            decide,
        )

    def do_limit_time(self) -> None:
        """Ask when the run is to end, and have it end then."""

        def limit(text: str | None) -> None:
            if text is not None:
                self.send(plainly("limit", seconds=read_limit(text)))

        self._screen.app.push_screen(
            TextDialog(
                "Time limit",
                "The run ends after this time from now, like 30m or 1h30m; none for no limit.",
                "1h",
                limit_problem,
                is_suggestion=True,
            ),
            limit,
        )

    def do_queue(self) -> None:
        """Show the trials that wait, to order or cancel them."""
        from hptui.ui.study.queue_dialog import QueueDialog

        def after(_: None) -> None:
            self._after_answer()

        self._screen.app.push_screen(QueueDialog(self._path, self._study_name), after)

    def ask_for_trial(self, number: int | None, values: Mapping[str, Any]) -> None:
        """Open the form for a trial by hand once the engine has told its space.

        Args:
            number: The trial that it is a copy of; None for an empty form.
            values: What stands in the form at first.
        """
        self._copied = number
        self.ask_for_point(lambda _: values)

    def ask_for_point(self, values_in: ValuesIn) -> None:
        """Open the form for a trial by hand with what `values_in` says to the space."""
        self._values_in = values_in
        self._steering.send(plainly("space"), about="space")

    def _open_enqueue(self, answer: Mapping[str, Any]) -> None:
        from hptui.ui.study.enqueue import EnqueueScreen
        from hptui.ui.study.enqueue_draft import draft_of, space_from_engine

        number, self._copied = self._copied, None
        try:
            space, fixed = space_from_engine(answer)
        except SpaceError as error:
            self._screen.notify(f"{error.message}\n{error.hint}".rstrip(), severity="error")
            return
        if not space:
            self._screen.notify("The parameters are unknown until the first trial.")
            return

        def send(params: dict[str, Any] | None) -> None:
            if params is not None:
                self.send(plainly("enqueue", params=params))

        draft = draft_of(space, self._values_in(space), fixed=fixed, copy_of=number)
        self._screen.app.push_screen(EnqueueScreen(draft), send)
