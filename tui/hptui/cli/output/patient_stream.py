"""A text stream whose reader may be slow, or stop reading, without holding up who writes."""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MOST_WAITING: Final = 64_000_000
"""Bytes that wait for a reader; whoever writes more waits with them."""


class PatientStream(io.TextIOWrapper):
    """Text for a descriptor, all of it in order, which a thread writes.

    What the thread could not write is an error of whatever is done next with the stream.
    """

    def __init__(self, fd: int) -> None:
        self._writer = _Writer(fd)
        super().__init__(
            io.BufferedWriter(self._writer), encoding="utf-8", errors="backslashreplace"
        )

    @property
    def error(self) -> OSError | None:
        """Why nothing more can be written; None while it can."""
        return self._writer.error

    def drain(self) -> None:
        """Wait until everything has been written.

        Raises:
            OSError: It cannot be written.
        """
        self.flush()
        self._writer.drain()

    def abandon(self) -> None:
        """Write nothing more, neither what waits nor what follows."""
        self._writer.abandon()


class _Writer(io.RawIOBase):
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: deque[bytes] = deque()
        self._n_waiting = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_abandoned = False
        self.error: OSError | None = None

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, data: Buffer, /) -> int:
        written = bytes(data)
        with self._changed:
            self._wait(_MOST_WAITING)
            if not self._is_abandoned:
                self._waiting.append(written)
                self._n_waiting += len(written)
                self._changed.notify_all()
            if self._thread is None:
                # A daemon: a reader that never reads again does not keep the process.
                self._thread = threading.Thread(target=self._write_all, name="output", daemon=True)
                self._thread.start()
        return len(written)

    def drain(self) -> None:
        with self._changed:
            self._wait(1)

    def _wait(self, n_bytes: int) -> None:
        """Wait until fewer bytes wait than these; raises when they never will."""
        self._changed.wait_for(
            lambda: self._n_waiting < n_bytes or self.error is not None or self._is_abandoned
        )
        if self.error is not None and not self._is_abandoned:
            raise self.error

    def abandon(self) -> None:
        with self._changed:
            self._is_abandoned = True
            self._waiting.clear()
            self._changed.notify_all()

    def _write_all(self) -> None:
        while self.error is None and not self._is_abandoned:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_abandoned)
                data = self._waiting.popleft() if self._waiting else b""
            error = self._write(data)
            with self._changed:
                self._n_waiting -= len(data)
                self.error = error
                self._changed.notify_all()

    def _write(self, data: bytes) -> OSError | None:
        rest = memoryview(data)
        try:
            while rest and not self._is_abandoned:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            return error
        return None
