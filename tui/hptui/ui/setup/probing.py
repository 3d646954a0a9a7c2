"""Looking for an objective's parameters in a thread, one objective at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.errors import UsageError
from hptui.registry.probing.probe import probe
from hptui.registry.probing.probe_result import ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.domain.objective import ObjectiveRef
    from hptui.registry.probing.probe import ProbePlace


@dataclass(frozen=True, slots=True)
class Probed:
    """How far probing is, or what it found."""

    number: int
    """Which probing it is of; see `Probing.number`."""
    took_s: float
    n_trials: int = 0
    n_params: int = 0
    result: ProbeResult | None = None
    """None while it goes on."""


class Probing:
    """Runs probes, each in a thread of its own; `post` is called in that thread."""

    def __init__(self, post: Callable[[Probed], object]) -> None:
        self._post = post
        self._stop = threading.Event()
        self.number = 0
        """Of the latest probe; news of an earlier one is stale."""
        self.is_running = False
        """Whether the latest one goes on, as far as was told to `take`."""

    def start(self, ref: ObjectiveRef, find_place: Callable[[], ProbePlace]) -> None:
        """Probe an objective; one that was probed before is no longer.

        Args:
            ref: The objective.
            find_place: Finds where its trials will be; may raise a `UsageError`, which is told as
                what was found, and take its time.
        """
        self.stop()
        self.number += 1
        self._stop = threading.Event()
        self.is_running = True
        arguments = (ref, find_place, self.number, self._stop)
        # No daemon: at the end of the program it still ends the process that it started.
        threading.Thread(target=self._run, args=arguments, name="probe").start()

    def stop(self) -> None:
        """End the probe that goes on; it still tells what it has found."""
        self._stop.set()

    def take(self, news: Probed) -> bool:
        """Note what was posted, and say whether it is of the latest probe."""
        if news.number != self.number:
            return False
        self.is_running = news.result is None
        return True

    def _run(
        self,
        ref: ObjectiveRef,
        find_place: Callable[[], ProbePlace],
        number: int,
        stop: threading.Event,
    ) -> None:
        began_s = time.monotonic()

        def go_on(n_trials: int, n_params: int) -> bool:
            if not stop.is_set():
                took_s = time.monotonic() - began_s
                self._post(Probed(number, took_s, n_trials, n_params))
            return not stop.is_set()

        result: ProbeResult | None = None
        try:
            result = probe(ref, on_progress=go_on, place=find_place())
        except UsageError as error:
            result = ProbeResult(error=error.message, hint=error.hint)
        except OSError as error:
            result = ProbeResult(error=f"The objective cannot be probed: {error.strerror}.")
        finally:
            # Whoever waits must not wait for ever for what a defect has ended.
            found = result or ProbeResult(error="Looking for parameters failed by a defect.")
            self._post(Probed(number, time.monotonic() - began_s, result=found))
