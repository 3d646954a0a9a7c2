"""Leaving the application while it shows studies that run: what becomes of the runs is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import running_engine
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.dialogs.questions import ChoiceDialog
from hptui.ui.study.steering import Steering, plainly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App
    from textual.screen import Screen

    from hptui.ui.application.command_screen import ShownRun
    from hptui.ui.study.steering import Answer

_MAX_NAMED: Final = 3


def runs_on(screens: Sequence[Screen[Any]]) -> tuple[ShownRun, ...]:
    """Return the runs of this machine that the topmost screen with any shows.

    What a screen below another one knows may be old, so each is looked up again.
    """
    for screen in reversed(screens):
        shown = screen.runs() if isinstance(screen, CommandScreen) else ()
        if runs := tuple(run for run in shown if _is_run_here(run)):
            return runs
    return ()


def _is_run_here(run: ShownRun) -> bool:
    lease = running_engine(run.path, run.name)
    return lease is not None and lease.is_here


@dataclass(frozen=True, slots=True)
class _Words:
    """The question's words, for one run or for several."""

    text: str
    leave: str
    stop: str


class Leaving:
    """Asks whether runs are to go on or to stop, and ends the application, or not."""

    def __init__(self, app: App[int], runs: Sequence[ShownRun]) -> None:
        self._app = app
        self._runs = tuple(runs)
        self._n_open = len(self._runs)
        self._refusals: list[Answer] = []

    def ask(self) -> None:
        """Ask, and do what is answered."""
        words = _words([safe_line(run.name, max_chars=40) for run in self._runs])
        choices = (("l", "leave", words.leave), ("s", "stop", words.stop))
        question = ChoiceDialog("Leave hptui?", words.text, choices, no="stay")
        self._app.push_screen(question, self._decide)

    def _decide(self, choice: str | None) -> None:
        if choice == "leave":
            self._app.exit(0)
        elif choice == "stop":
            self._app.notify("Stopping…")
            for run in self._runs:
                steering = Steering(run.path, run.name, self._post)
                steering.send(plainly("stop"))
                steering.stop()

    def _post(self, answer: Answer) -> None:
        """Hand an answer on from the thread of its request."""
        self._app.call_later(self._take, answer)

    def _take(self, answer: Answer) -> None:
        self._n_open -= 1
        if not answer.is_done:
            self._refusals.append(answer)
        if self._n_open:
            return
        for refusal in self._refusals:
            self._app.notify(f"{refusal.text}\n{refusal.hint}".rstrip(), severity="error")
        if not self._refusals:
            self._app.exit(0)


def _words(names: Sequence[str]) -> _Words:
    if len(names) == 1:
        return _Words(
            f"{names[0]} runs on without it; opening the study again shows it.",
            "leave it running",
            "stop the run; running trials end first",
        )
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return _Words(
        f"{plural(len(names), 'study runs', 'studies run')} on without it: "
        f"{', '.join(names[:_MAX_NAMED])}{more}.",
        "leave them running",
        "stop these runs; running trials end first",
    )
