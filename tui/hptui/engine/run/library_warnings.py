"""What libraries warn of in the engine's process: each kind is told once, to the person and kept.

Optuna warns by `warnings` and by its logger, in the middle of a sampler's work, where nobody can be
told. What is heard there is taken by the engine's loop.
"""

from __future__ import annotations

import inspect
import logging
import re
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from hptui.domain.causes import cause_of
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.domain.causes import Cause

MAX_KINDS: Final = 20
MAX_CHARS: Final = 400
"""Of what is told of one kind."""
_PACKAGE: Final = re.compile(r".*(?:site|dist)-packages[/\\](\w+)")
_OWN: Final = ("hptui", "py.warnings")
"""Loggers with sentences that are told otherwise."""


class Heard(logging.Handler):
    """The kinds of warnings of one run; those that differ in numbers alone are one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._known: set[Cause] = set()
        self._untold: list[str] = []
        self._guard = threading.Lock()
        """A sampler warns in another thread than the loop's."""

    @contextmanager
    def listening(self) -> Generator[None]:
        """Hear warnings and log records of the process within the block; others still do."""
        shown_before = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            self.add(_package_of(filename), str(message))
            shown_before(message, category, filename, lineno, file, line)

        # Optuna's logger hands nothing on to the root.
        loggers = (logging.getLogger(), logging.getLogger("optuna"))
        for logger in loggers:
            logger.addHandler(self)
        warnings.showwarning = show
        try:
            yield
        finally:
            if warnings.showwarning is show:
                warnings.showwarning = shown_before
            for logger in loggers:
                logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Hear a log record."""
        origin = record.name.partition(".")[0]
        if record.name in _OWN or origin in _OWN:
            return
        try:
            self.add(origin, record.getMessage())
        except Exception:  # noqa: BLE001 - as in `logging`, a bad message is not its logger's end
            self.handleError(record)

    def add(self, origin: str, message: str) -> None:
        """Note a warning, unless one of its kind was heard before, or too many kinds were."""
        with self._guard:
            self._add(origin, message)

    def _add(self, origin: str, message: str) -> None:
        cause = cause_of("warning", origin, message)
        if cause in self._known or len(self._known) > MAX_KINDS:
            return
        self._known.add(cause)
        if len(self._known) > MAX_KINDS:
            self._untold.append(f"There are more than {MAX_KINDS} kinds of warnings.")
            return
        self._untold.append(
            safe_line(f"{origin}: {' '.join(message.split())}", max_chars=MAX_CHARS)
        )

    def take(self) -> list[str]:
        """Return what has not been told yet, a line for each kind."""
        if not self._untold:
            return []
        with self._guard:
            untold, self._untold = self._untold, []
            return untold


def _package_of(filename: str) -> str:
    """Return which library warns, from where the warning points to.

    From Python 3.12 on, Optuna has its warnings point to whatever called Optuna, which is hptui:
    then it is the library that is nearest on the stack.
    """
    name = _named_by(filename)
    frame = inspect.currentframe()
    while name is None and frame is not None:
        name = _named_by(frame.f_code.co_filename)
        frame = frame.f_back
    return name or "Python"


def _named_by(filename: str) -> str | None:
    found = _PACKAGE.match(filename)
    return None if found is None or found[1] in _OWN else found[1]
