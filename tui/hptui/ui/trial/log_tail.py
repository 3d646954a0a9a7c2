"""The end of a trial's log, read as it grows: bounded, and safe for a terminal."""

from __future__ import annotations

import codecs
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.sgr import PLAIN, coloured_line
from hptui.domain.texts.text import escape_text, printed_line, redacted
from hptui.storage.files.side_files import open_side_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.domain.texts.sgr import Look, Span

MAX_BYTES: Final = 1024 * 1024
"""Of a longer log, the end of this size is read."""
MAX_LINES: Final = 10_000
MAX_LINE_CHARS: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class LogText:
    """What is known of a log at one moment."""

    lines: tuple[Sequence[Span], ...] = ()
    """Their texts, safe for a terminal, with the roles of the colours they were printed in."""
    n_bytes: int = 0
    """The file's size."""
    is_cut: bool = False
    """Whether lines before the first one are left out."""
    exists: bool = False
    problem: str = ""
    """Why it cannot be read."""

    @property
    def texts(self) -> list[str]:
        """The lines without their colours."""
        return ["".join(text for text, _ in line) for line in self.lines]

    @property
    def first(self) -> int:
        """About where the first line begins, in bytes."""
        sizes = (len(text.encode("utf-8", "replace")) + 1 for text in self.texts)
        return max(0, self.n_bytes - sum(sizes))


class LogTail:
    """Reads a log from where it ended the last time; a log that became shorter is read anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest = LogText()
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self._is_cut = False
        self._begins_inside_line = False
        self._lines: deque[Sequence[Span]] = deque(maxlen=MAX_LINES)
        self._open_line = ""
        self._look = PLAIN
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def read(self) -> LogText:
        """Return the log as it is now; the same object as before where nothing has changed."""
        try:
            size = self._path.stat().st_size
            if size < self._offset:
                self._forget()
            elif size == self._offset and self._latest.exists:
                return self._latest
            with os.fdopen(open_side_file(self._path), "rb") as stream:
                if size - self._offset > MAX_BYTES:
                    self._forget()
                    self._offset = size - MAX_BYTES
                    self._is_cut = self._begins_inside_line = True
                stream.seek(self._offset)
                data = stream.read(size - self._offset)
        except FileNotFoundError:
            if self._latest.exists:
                self._forget()
                self._latest = LogText()
            return self._latest
        except OSError as error:
            problem = f"The log cannot be read: {error.strerror or error}."
            if problem != self._latest.problem:
                self._latest = LogText(exists=True, problem=problem)
            return self._latest
        self._offset += len(data)
        self._take(self._decoder.decode(data))
        lines = tuple(self._lines)
        if self._open_line:
            lines += (self._shown(self._open_line)[0],)
        self._latest = LogText(lines, self._offset, self._is_cut, exists=True)
        return self._latest

    def _take(self, text: str) -> None:
        *ended, self._open_line = (self._open_line + text).replace("\r\n", "\n").split("\n")
        # A line without an end may not grow without one either.
        self._open_line = self._open_line[-4 * MAX_LINE_CHARS :]
        if self._begins_inside_line and ended:
            ended.pop(0)
            self._begins_inside_line = False
        self._is_cut = self._is_cut or len(self._lines) + len(ended) > MAX_LINES
        for line in ended[-MAX_LINES:]:
            shown, self._look = self._shown(line)
            self._lines.append(shown)

    def _shown(self, line: str) -> tuple[Sequence[Span], Look]:
        return coloured_line(line, self._look, max_chars=MAX_LINE_CHARS)


def read_to_copy(path: Path) -> tuple[str, bool]:
    """Return a log as a person copies it, and whether it is whole: its end, where it is long.

    Control characters are made visible and passwords in addresses left out; nothing is cut.

    Raises:
        OSError: It cannot be read.
    """
    with os.fdopen(open_side_file(path), "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - MAX_BYTES))
        text = stream.read(MAX_BYTES).decode("utf-8", "backslashreplace")
    lines = map(printed_line, redacted(text).split("\n"))
    return escape_text("\n".join(lines)), size <= MAX_BYTES
