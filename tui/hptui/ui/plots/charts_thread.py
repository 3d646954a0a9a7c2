"""The one thread that draws: plotext keeps a single figure for the whole process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_STOP_TIMEOUT_S: Final = 1.0


class ChartThread:
    """A thread that does one job after another, of those with the same key only the latest.

    It starts with the first job. All methods can be called from any thread.
    """

    def __init__(self, name: str = "hptui-charts") -> None:
        self._name = name
        self._changed = threading.Condition()
        self._jobs: dict[object, Callable[[], None]] = {}
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self._last: Callable[[], None] | None = None

    def submit(
        self,
        key: object,
        make: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Have `make` called in the thread, then `done` with what it returned.

        A job with the same key that has not begun is dropped. When `make` raises an exception,
        `failed` gets it. After `stop` nothing is done.
        """

        def job() -> None:
            try:
                result = make()
            except Exception as error:  # noqa: BLE001 - one bad chart must not end all others
                if failed is not None:
                    failed(error)
                return
            done(result)

        with self._changed:
            if self._is_stopped:
                return
            self._jobs[key] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, key: object) -> None:
        """Drop the job with this key, if it has not begun."""
        with self._changed:
            self._jobs.pop(key, None)

    def stop(
        self, last: Callable[[], None] | None = None, *, timeout_s: float = _STOP_TIMEOUT_S
    ) -> None:
        """Drop what has not begun, and wait for what has, at most `timeout_s`.

        `last` is called in the thread at its end, and not at all when there was never a job.
        """
        with self._changed:
            self._is_stopped = True
            self._jobs.clear()
            self._last = last
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._is_stopped)
                if self._is_stopped:
                    break
                job = self._jobs.pop(next(iter(self._jobs)))
            job()
        if self._last is not None:
            self._last()
