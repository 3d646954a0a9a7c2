"""Keeps what libraries and child processes print away from our own output."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, slots=True)
class Output:
    """The real standard output and error, for this program alone."""

    out: TextIO
    err: TextIO

    def abandon_lost(self) -> None:
        """Send what a stream that takes nothing still holds, and all that follows, to nowhere."""
        for stream in (self.out, self.err):
            try:
                stream.flush()
            except OSError:
                point_to_nowhere(stream)


@contextlib.contextmanager
def shielded() -> Generator[Output]:
    """Give the caller the real streams, and send descriptors 1 and 2 of all others away.

    A warning, a resource tracker or a C library then cannot tear a progress line or add to a
    stream of JSON. What was sent away is shown on the real error stream if an exception leaves.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out_fd, err_fd = os.dup(1), os.dup(2)
    sink = os.memfd_create("hptui-output") if hasattr(os, "memfd_create") else _null()
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    _quiet_optuna()
    output = Output(
        os.fdopen(out_fd, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
        os.fdopen(err_fd, "w", encoding="utf-8", errors="backslashreplace", closefd=False),
    )
    try:
        yield output
    finally:
        output.abandon_lost()
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out_fd, 1)
        os.dup2(err_fd, 2)
        for fd in (out_fd, err_fd, sink):
            os.close(fd)
        logging.captureWarnings(capture=False)


def point_to_nowhere(stream: TextIO) -> None:
    """Have a stream write to the null device, also what it holds already.

    It would raise again when it is closed, or write into the file that has its number by then.
    """
    null = _null()
    os.dup2(null, stream.fileno())
    os.close(null)
    stream.flush()


def _null() -> int:
    return os.open(os.devnull, os.O_WRONLY)


def _quiet_optuna() -> None:
    import optuna

    optuna.logging.disable_default_handler()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
