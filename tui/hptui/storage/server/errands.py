"""A thread that talks to a server, so that whoever asks it waits no longer than it wants to.

A server may be silent for minutes. What was begun is finished all the same, and its result is
kept for who asks for the same again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hptui.storage.sqlite.connection import StorageBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


_log = logging.getLogger("hptui.engine")
_AFTER_ERROR_S: Final = 5.0


@dataclass(slots=True, eq=False)
class _Errand:
    key: Hashable
    work: Callable[[], Any]
    is_done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None


class Errands:
    """Does one thing after another in a thread, and something on its own now and then."""

    def __init__(self, place: str, idle: Callable[[], float]) -> None:
        """Start the thread.

        Args:
            place: What the server is called in sentences.
            idle: Called while there is nothing else to do; returns after how many seconds it is to
                be called again. What it raises is logged.
        """
        self._place = place
        self._idle = idle
        self._pending: _Errand | None = None
        self._kept: dict[Hashable, _Errand] = {}
        self._queue: deque[_Errand | None] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="server", daemon=True)
        self._thread.start()

    def do(self, key: Hashable, work: Callable[[], Any], wait_s: float) -> Any:  # noqa: ANN401 - what the work returns
        """Do something in the thread and return what it gives, or raise what it raises.

        Args:
            key: What tells it from other things. If the same was asked for before and given up
                waiting for, this is its result, and `work` is not done again.
            work: What to do.
            wait_s: How long to wait, in seconds, also for what is being done before it.

        Raises:
            StorageBusyError: It is not done yet; it is finished all the same.
        """
        began_s = time.monotonic()
        while True:
            kept = self._kept.pop(key, None)
            if kept is not None:
                return _result(kept)
            errand = self._pending
            if errand is None:
                errand = self._pending = _Errand(key, work)
                with self._changed:
                    self._queue.append(errand)
                    self._changed.notify()
            left_s = wait_s - (time.monotonic() - began_s)
            if not errand.is_done.wait(max(0.0, left_s)):
                raise StorageBusyError(f"{self._place} does not answer.")
            self._pending = None
            # What has failed is asked for again by itself.
            if errand.key == key or errand.error is None:
                self._kept[errand.key] = errand

    def keep(self, key: Hashable, result: object) -> None:
        """Keep a result that could not be used yet for who asks for it next."""
        self._kept[key] = _Errand(key, lambda: None, result=result)

    @property
    def unclaimed(self) -> dict[Hashable, Any]:
        """The results that nobody has taken yet, by their keys."""
        pending = self._pending
        if pending is not None and pending.is_done.is_set() and pending.error is None:
            self._pending = None
            self._kept[pending.key] = pending
        return {key: each.result for key, each in self._kept.items() if each.error is None}

    @property
    def is_busy(self) -> bool:
        """Whether something is being done that somebody has given up waiting for."""
        return self._pending is not None and not self._pending.is_done.is_set()

    def forget(self, key: Hashable) -> None:
        """Forget a result that was kept."""
        self._kept.pop(key, None)

    def end(self, wait_s: float) -> bool:
        """Have the thread end after what it does now, and say whether it has within a time."""
        with self._changed:
            self._queue.append(None)
            self._changed.notify()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        rest_s = 0.0
        while True:
            with self._changed:
                if not self._queue:
                    self._changed.wait(rest_s)
                errand = self._queue.popleft() if self._queue else _NOTHING
            if errand is None:
                return
            if errand is _NOTHING:
                try:
                    rest_s = self._idle()
                except Exception:  # noqa: BLE001 - without the thread nothing would go on
                    _log.exception("in the thread that talks to a server")
                    rest_s = _AFTER_ERROR_S
                continue
            try:
                errand.result = errand.work()
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                errand.error = error
            errand.is_done.set()
            rest_s = 0.0


_NOTHING = _Errand("", lambda: None)


def _result(errand: _Errand) -> Any:  # noqa: ANN401
    if errand.error is not None:
        raise errand.error
    return errand.result
