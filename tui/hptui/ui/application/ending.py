"""The end of the process, for certain: it comes some seconds after it was asked for, or sooner.

The event loop may stand still, a thread may hang, or the terminal may read nothing; none of these
keeps the process from its end. Signals and the loss of the terminal are noticed by a thread, so
that they count whatever the event loop does. A defect that ended it
is kept in a file.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable


END_LIMIT_S: Final = 8.0
"""How long the application has for ending in order."""
_RESTORING_LIMIT_S: Final = 1.0
_TERMINAL_CHECK_S: Final = 2.0
_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def is_in_browser() -> bool:
    """Say whether textual-serve has started this process, and carries its frames to a browser."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def has_reader() -> bool:
    """Say whether who carries keys to this process is still there."""
    poll = select.poll()
    poll.register(0, 0)
    return not poll.poll(0)


class CertainEnd:
    """Hears what ends the process, and ends it when it does not end by itself.

    Args:
        restore: Restores the terminal when the process is ended by force; it may block.
        is_there: Says whether the terminal is still there.
        limit_s: How long the process has for ending in order.
    """

    def __init__(
        self,
        restore: Callable[[], None],
        *,
        is_there: Callable[[], bool] = lambda: os.isatty(0),
        limit_s: float = END_LIMIT_S,
    ) -> None:
        self.restore: Callable[[], None] | None = restore
        """None once the terminal has been restored."""
        self._limit_s, self._is_there = limit_s, is_there
        self._lock = threading.Lock()
        self._is_asked = False

    def hear(self, tell: Callable[[int], object]) -> None:
        """Begin to hear signals and the loss of the terminal; only for the main thread.

        Args:
            tell: Told 128 + the signal's number, in another thread.
        """
        heard, told = os.pipe()
        os.set_blocking(told, False)
        for number in _NUMBERS:
            # Without handlers most of these end the process with the terminal in raw mode.
            signal.signal(number, _do_nothing)
        # Python writes the number at once, even while the main thread is in the middle of C code.
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        threading.Thread(
            target=self._listen, args=(heard, tell), name="end listener", daemon=True
        ).start()

    def _listen(self, heard: int, tell: Callable[[int], object]) -> None:
        while True:
            if select.select([heard], [], [], _TERMINAL_CHECK_S)[0]:
                number = os.read(heard, 1)[0]
            elif not self._is_there():
                # A terminal that is not the controlling one goes without a signal.
                number = signal.SIGHUP
            else:
                continue
            if number in _NUMBERS:
                self.ask(128 + number)
                tell(128 + number)

    def ask(self, code: int) -> None:
        """End the process with this exit code when it has not ended by itself within the limit."""
        with self._lock:
            if self._is_asked:
                return
            self._is_asked = True
        threading.Thread(target=self._force, args=(code,), name="end", daemon=True).start()

    def _force(self, code: int) -> None:
        threading.Event().wait(self._limit_s)
        if self.restore is not None:
            restoring = threading.Thread(target=self.restore, daemon=True)
            restoring.start()
            restoring.join(_RESTORING_LIMIT_S)
        os._exit(code)


def _do_nothing(*_: object) -> None:
    pass


_MAX_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class ApplicationFailure:
    """A defect, told in a line."""

    what: str
    """Safe to print."""
    report: Path | None
    """Where its traceback was written; None where that was impossible."""


def keep_failure(error: BaseException) -> ApplicationFailure:
    """Write an exception's traceback, without the values of variables, for its owner alone."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    text = safe_text("".join(traceback.format_exception(error)), max_chars=_MAX_CHARS)
    return ApplicationFailure(safe_line(what, max_chars=300), _write(text))


def _write(text: str) -> Path | None:
    import platformdirs

    folder = Path(platformdirs.user_log_dir("hptui"))
    path = folder / f"failure-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return None
    return path
