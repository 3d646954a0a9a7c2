"""Keeps what libraries and child processes print away from our own output."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.cli.output.patient_stream import PatientStream

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True, slots=True)
class Output:
    """The real standard output and error, for this program alone."""

    out: PatientStream
    err: PatientStream

    @property
    def error(self) -> OSError | None:
        """Why one of them takes nothing more."""
        return self.out.error or self.err.error

    def drain(self) -> None:
        """Wait until all has been written.

        Raises:
            OSError: A stream takes nothing more.
        """
        for stream in (self.out, self.err):
            stream.drain()

    def finish(self) -> None:
        """Wait until all has been written that can be."""
        for stream in (self.out, self.err):
            with contextlib.suppress(OSError):
                stream.drain()

    def abandon_lost(self) -> None:
        """Forget what a stream that takes nothing still holds, and all that follows."""
        for stream in (self.out, self.err):
            if stream.error is not None:
                stream.abandon()


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
        PatientStream(out_fd),
        PatientStream(err_fd),
    )
    try:
        try:
            yield output
        except Exception:
            # What was said before the error comes first.
            output.finish()
            raise
        output.finish()
    finally:
        for stream in (output.out, output.err):
            stream.abandon()
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out_fd, 1)
        os.dup2(err_fd, 2)
        for fd in (out_fd, err_fd, sink):
            os.close(fd)
        logging.captureWarnings(capture=False)


def _null() -> int:
    return os.open(os.devnull, os.O_WRONLY)


def _quiet_optuna() -> None:
    import optuna

    optuna.logging.disable_default_handler()
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
