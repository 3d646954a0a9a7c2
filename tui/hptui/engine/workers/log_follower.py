"""A log read as it grows, each line once, whatever becomes of its file meanwhile."""

from __future__ import annotations

import codecs
import contextlib
import os
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import shown_line
from hptui.engine.workers.trial_logs import CUT_SENTENCE, KEPT_BYTES
from hptui.storage.files.side_files import open_side_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GAP: Final = "[hptui has cut the log here]"
MAX_LINE_CHARS: Final = 10_000
_CHUNK_BYTES: Final = 1 << 20
_REMEMBERED_BYTES: Final = 4_096
_SEARCHED_BYTES: Final = 16 << 20
_OPEN_LINE_CHARS: Final = 1 << 20
"""A line that never ends is shown in parts of this length."""


class LogFollower:
    """Reads a log from where it ended the last time; lines are safe for a terminal.

    A log that was cut (`trial_logs.cut_log`) is found again by what was read last, one that was
    moved away is read to its end before the one in its place, and what is missing in the middle is
    told by `GAP`. A log that is not there yet has no lines.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._last = b""
        """The end of what was read."""
        self._forget_open()

    def _forget_open(self) -> None:
        self._open_line = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def read(self) -> Iterator[str]:
        """Yield the lines that have ended since the last time.

        Raises:
            OSError: The log cannot be read.
        """
        if self._fd is None and not self._open():
            return
        yield from self._read_on()
        while self._is_replaced():
            # What was written till it was moved is read; nobody writes to it any more.
            yield from self._read_on()
            yield from self._flush()
            self.close()
            self._begin()
            if not self._open():
                return
            yield from self._read_on()

    def finish(self) -> Iterator[str]:
        """Yield what has come since, and the last line where it has no end; let go of the file.

        Raises:
            OSError: The log cannot be read.
        """
        yield from self.read()
        yield from self._flush()
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            self._fd = open_side_file(self._path)
        return self._fd is not None

    def _is_replaced(self) -> bool:
        """Say whether another file stands in the log's place."""
        if self._fd is None:
            return False
        with contextlib.suppress(OSError):
            return not os.path.samestat(os.fstat(self._fd), self._path.lstat())
        return False

    def _read_on(self) -> Iterator[str]:
        assert self._fd is not None
        if os.fstat(self._fd).st_size < self._offset:
            yield from self._find_again(self._fd)
        while True:
            is_after_hole = self._skip_hole(self._fd)
            if is_after_hole:
                yield from self._flush()
                yield GAP
            room, is_before_hole = self._room(self._fd)
            data = os.pread(self._fd, room, self._offset)
            if not data:
                return
            self._offset += len(data)
            self._last = (self._last + data)[-_REMEMBERED_BYTES:]
            # Room is given back by blocks; the parts of a block beside a hole are zeros.
            data = data.lstrip(b"\0") if is_after_hole else data
            data = data.rstrip(b"\0") if is_before_hole else data
            yield from self._take(self._decoder.decode(data))

    def _find_again(self, fd: int) -> Iterator[str]:
        """Go on in a log that became shorter after what was read last."""
        size = os.fstat(fd).st_size
        if size == KEPT_BYTES:
            # It is being cut: its end is about to be put behind its head.
            return
        start = max(0, size - _SEARCHED_BYTES)
        text = os.pread(fd, size - start, start)
        at = text.rfind(self._last) if self._last else -1
        if at >= 0:
            self._offset = start + at + len(self._last)
            return
        cut = text.find(CUT_SENTENCE)
        yield from self._flush()
        if cut >= 0:
            yield GAP
        self._offset = start + cut + len(CUT_SENTENCE) if cut >= 0 else 0

    def _skip_hole(self, fd: int) -> bool:
        """Go to where the log has data again; say whether room was given back before it."""
        # At the end of the log there is no data, and not every system knows holes.
        with contextlib.suppress(OSError, AttributeError):
            data_at = os.lseek(fd, self._offset, os.SEEK_DATA)
            if data_at > self._offset:
                self._offset, self._last = data_at, b""
                return True
        return False

    def _room(self, fd: int) -> tuple[int, bool]:
        """Return how many bytes to read next, and whether a hole follows them."""
        with contextlib.suppress(OSError, AttributeError):
            hole_at = os.lseek(fd, self._offset, os.SEEK_HOLE)
            if hole_at - self._offset <= _CHUNK_BYTES:
                # There is one, by the system, behind the end of every file.
                return hole_at - self._offset, hole_at < os.fstat(fd).st_size
        return _CHUNK_BYTES, False

    def _take(self, text: str) -> Iterator[str]:
        *ended, self._open_line = (self._open_line + text).replace("\r\n", "\n").split("\n")
        for line in ended:
            yield shown_line(line, max_chars=MAX_LINE_CHARS)
        if len(self._open_line) > _OPEN_LINE_CHARS:
            yield from self._flush()

    def _flush(self) -> Iterator[str]:
        line = self._open_line + self._decoder.decode(b"", final=True)
        self._forget_open()
        if line:
            yield shown_line(line, max_chars=MAX_LINE_CHARS)
