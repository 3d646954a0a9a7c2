"""Steering a study from a thread, one request after another: its engine, or its next run."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from hptui.domain.texts.run_text import read_limit
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Ask = Callable[[dict[str, Any]], Mapping[str, Any]]
    """Sends one request to the engine and returns its answer."""
    Request = Callable[[Ask], Mapping[str, Any]]
    """Something that is asked for; it may need several questions."""

_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    is_done: bool
    text: str
    """A sentence, not sanitised."""
    hint: str = ""
    about: str = ""
    """What the sender called the request."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The whole answer of the engine."""


class Steering:
    """Carries requests to a study's engine in order, in a thread that starts with the first one.

    Where nobody runs the study, some are carried out for its next run.

    Questions like "one worker more" are answered in the thread by what the engine says then, so
    keys that are pressed faster than the screen follows still add up.
    """

    def __init__(self, path: Path, study_name: str, post: Callable[[Answer], object]) -> None:
        self._path = path
        self._study_name = study_name
        self._post = post
        self._requests: SimpleQueue[tuple[Request, str] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def send(self, request: Request, about: str = "") -> None:
        """Carry this out after those that wait; `post` gets the answer, in the thread."""
        self._requests.put((request, about))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="steering", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread when the requests that wait are answered."""
        self._requests.put(None)

    def _run(self) -> None:
        while (item := self._requests.get()) is not None:
            self._post(self._answer(*item))

    def _answer(self, request: Request, about: str) -> Answer:
        from hptui.engine.studies.at_rest import steer

        try:
            answer = request(
                lambda message: steer(self._path, self._study_name, message, timeout_s=_TIMEOUT_S)
            )
        except HptuiError as error:
            return Answer(is_done=False, text=error.message, hint=error.hint, about=about)
        except Exception as error:  # noqa: BLE001 - a thread that dies would leave keys without effect
            what = f"{type(error).__name__}: {error}"
            return Answer(
                is_done=False, text=f"The engine cannot be asked that: {what}", about=about
            )
        return Answer(is_done=True, text=str(answer.get("text", "Done.")), about=about, data=answer)


def plainly(op: str, **fields: Any) -> Request:  # noqa: ANN401 - fields of a JSON message
    """Return the request of one question: an operation of the engine with its fields."""
    return lambda ask: ask({"op": op, **fields})


def toggle_pause(ask: Ask) -> Mapping[str, Any]:
    """Pause a run that runs, and resume one that is paused."""
    is_paused = ask({"op": "status"}).get("state") == "paused"
    return ask({"op": "resume" if is_paused else "pause"})


def change_workers(by: int) -> Request:
    """Return the request for `by` workers more than there are now, or are to be in the next run."""
    return plainly("jobs", by=by)


def limit_problem(text: str) -> str | None:
    """Return why `text` is not a time limit; None where it is."""
    try:
        read_limit(text)
    except UsageError as error:
        return f"{error.message}."
    return None


def check_number_or_none(text: str) -> str | None:
    """Return why `text` is neither a number of trials to add nor 0; None where it is."""
    return None if text.strip() == "0" else check_number_of_trials(text)


def check_number_of_trials(text: str) -> str | None:
    """Return why `text` is not a number of trials to add; None where it is."""
    plain = text.strip().replace(",", "").replace("_", "")
    if not plain:
        return "How many more trials?"
    digits = plain.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits[:13]) <= 10**9):
        return "It must be a whole number up to 1,000,000,000; one below 0 takes trials away."
    return None
