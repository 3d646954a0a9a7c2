"""Starting a run in a thread: how far it is, what came of it, and giving it up."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.setup.setup_draft import SetupDraft


@dataclass(frozen=True, slots=True)
class Launched:
    """How far a launch is, or that it is over."""

    what: str = ""
    """What is done now."""
    took_s: float = 0.0
    is_over: bool = False
    error: HptuiError | None = None
    """Why the run does not go on, once the launch is over; None when it does."""
    is_given_up: bool = False
    """Whether it is over because a person gave it up."""


class Launching:
    """Starts one run at a time; `post` is called in a thread."""

    def __init__(self, post: Callable[[Launched], object]) -> None:
        self._post = post
        self._stop = threading.Event()
        self.is_running = False
        """Whether a launch goes on, as far as was told to `take`."""

    def start(self, draft: SetupDraft) -> None:
        """Start a run."""
        self._stop = threading.Event()
        self.is_running = True
        arguments = (draft, self._stop)
        # A daemon: the engine is a process of its own and goes on when this one ends.
        threading.Thread(target=self._run, args=arguments, name="launch", daemon=True).start()

    def give_up(self) -> None:
        """End the process that is being started, unless its run has begun by then."""
        self._stop.set()

    def take(self, news: Launched) -> None:
        """Note what was posted."""
        self.is_running = not news.is_over

    def _run(self, draft: SetupDraft, stop: threading.Event) -> None:
        from hptui.engine.run.start.launch import launch

        began_s = time.monotonic()

        def go_on(what: str) -> bool:
            if not stop.is_set():
                self._post(Launched(what, time.monotonic() - began_s))
            return not stop.is_set()

        error: HptuiError | None = None
        try:
            launch(draft.to_argv(), draft.study_file, draft.study, on_progress=go_on)
        except HptuiError as refusal:
            error = refusal
        except OSError as refusal:
            reason = refusal.strerror or refusal
            error = HptuiError(f"The engine cannot be started: {reason}.")
        except BaseException as defect:
            what = f"{type(defect).__name__}: {defect}"
            error = HptuiError(f"The engine cannot be started because of a defect of hptui: {what}")
            raise
        finally:
            given_up = error is not None and stop.is_set()
            self._post(Launched(is_over=True, error=error, is_given_up=given_up))
