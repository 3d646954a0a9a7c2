"""A log of any length, searched from its end in blocks, and read around a place of it.

Nothing here holds more of a log than a block; of lines that match only their places are kept.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.sgr import PLAIN, coloured_line
from hptui.storage.files.side_files import open_side_file
from hptui.ui.trial.log_tail import MAX_LINE_CHARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hptui.ui.widgets.wrapped_lines import Span

BLOCK_BYTES: Final = 1 << 20
MAX_HITS: Final = 1_000_000
"""Of so many lines that match the places are kept; more are counted."""
WINDOW_BYTES: Final = 256 << 10
"""Read before and behind a place."""
_MAX_WINDOW_LINES: Final = 5_000
"""Before and behind a place."""
_COLOURS: Final = re.compile(rb"\x1b\[[0-9;:]*m")


class LogSearch:
    """The lines of a log that hold some words, in any case; passes over colours.

    Lines are numbered from the end that the log had at first: -1 is the last one that matched
    then, 0 the first one that has come since.
    """

    def __init__(self, path: Path, words: str) -> None:
        self._path, self._words = path, words.casefold()
        self._older, self._newer = array("Q"), array("Q")
        self._searched_to = 0
        self.n_hits = 0
        self._going_on = threading.Lock()
        self.is_done = False
        """Whether all has been searched that was there at first."""

    def run(self, tell: Callable[[float], object], is_wanted: Callable[[], bool]) -> None:
        """Search what there is, from its end to its begin.

        Args:
            tell: Called after each block with the share of the log that has been searched.
            is_wanted: Whether to go on.

        Raises:
            OSError: The log cannot be read.
        """
        with os.fdopen(open_side_file(self._path), "rb") as stream:
            end = self._searched_to = stream.seek(0, os.SEEK_END)
            for start, block in _blocks_from_end(stream.fileno(), end, len(self._words) * 4):
                if not is_wanted():
                    return
                self._note(self._older, reversed(list(self._hits_in(start, block))))
                tell(1.0 if not end else (end - start) / end)
        self.is_done = True

    def go_on(self) -> None:
        """Search what has come since.

        Raises:
            OSError: The log cannot be read.
        """
        with self._going_on, os.fdopen(open_side_file(self._path), "rb") as stream:
            stream.seek(self._searched_to)
            while block := stream.read(BLOCK_BYTES):
                at = block.rfind(b"\n") + 1
                if not at and len(block) < BLOCK_BYTES:
                    # The line goes on.
                    return
                whole = block[: at or len(block)]
                self._note(self._newer, self._hits_in(self._searched_to, whole))
                self._searched_to += len(whole)
                stream.seek(self._searched_to)

    def step(self, at: int | None, by: int) -> int | None:
        """Return the number of the hit that follows another one, round the ends; None: no hit.

        Args:
            at: The number of a hit; None: go to the last one.
            by: 1 for the next, -1 for the one before.
        """
        first, last = -len(self._older), len(self._newer) - 1
        if first > last:
            return None
        if at is None:
            return last
        at += by
        return first if at > last else last if at < first else at

    def offset_of(self, at: int) -> int:
        """Return where the line of a hit begins, in bytes."""
        return self._older[-at - 1] if at < 0 else self._newer[at]

    def _note(self, kept: array[int], hits: Iterator[int]) -> None:
        for offset in hits:
            self.n_hits += 1
            if len(kept) < MAX_HITS:
                kept.append(offset)

    def _hits_in(self, start: int, block: bytes) -> Iterator[int]:
        """Yield where lines begin that match."""
        for index in _matching(block, self._words):
            yield start + index


def _matching(block: bytes, words: str) -> Iterator[int]:
    """Yield where the lines of a block begin that hold words, which are casefolded."""
    has_colours = b"\x1b[" in block
    plain = _COLOURS.sub(b"", block) if has_colours else block
    if plain.isascii() and not has_colours:
        # Many times as fast as text, line by line.
        folded, wanted, at = plain.lower(), words.encode("utf-8", "replace"), 0
        while (at := folded.find(wanted, at)) >= 0:
            yield folded.rfind(b"\n", 0, at) + 1
            at = folded.find(b"\n", at)
            if at < 0:
                return
        return
    text = plain.decode("utf-8", "backslashreplace").casefold()
    if words not in text:
        return
    at = 0
    for raw, line in zip(block.split(b"\n"), text.split("\n"), strict=True):
        if words in line:
            yield at
        at += len(raw) + 1


def _blocks_from_end(fd: int, end: int, overlap: int) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines in blocks, the last ones first; of an endless line pieces that overlap."""
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        block = os.pread(fd, end - start, start)
        if start:
            at = block.find(b"\n") + 1
            # A last line alone has its end before it.
            if 0 < at < len(block):
                start, block = start + at, block[at:]
        yield start, block.removesuffix(b"\n")
        is_piece = start and os.pread(fd, 1, start - 1) != b"\n"
        end = start + overlap if is_piece and start + overlap < end else start


@dataclass(frozen=True, slots=True)
class LogWindow:
    """The lines of a log around a place."""

    lines: tuple[tuple[Span, ...], ...]
    at: int
    """Which of them is the place."""
    first: int
    """Where the first line begins, in bytes."""
    last: int
    """Where the last line begins."""
    is_start: bool
    """Whether nothing comes before them."""
    is_end: bool
    """Whether nothing comes behind them."""
    share: float
    """Of the log, that is before the place."""


def read_window(path: Path, offset: int) -> LogWindow:
    """Return the lines around a place of a log.

    Raises:
        OSError: It cannot be read.
    """
    with os.fdopen(open_side_file(path), "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        offset = max(0, min(offset, size))
        start = max(0, offset - WINDOW_BYTES)
        stream.seek(start)
        data = stream.read(offset - start + WINDOW_BYTES)
    before, behind = data[: offset - start], data[offset - start :]
    if start:
        # The first line may be a piece of one.
        cut = before.find(b"\n") + 1
        start, before = start + cut, before[cut:]
    earlier = before.split(b"\n")
    # What the place is inside of, if it is no line's begin, goes with it.
    open_line = earlier.pop()
    dropped = earlier[: max(0, len(earlier) - _MAX_WINDOW_LINES)]
    start += sum(len(line) + 1 for line in dropped)
    earlier = earlier[len(dropped) :]
    later = (open_line + behind).removesuffix(b"\n").split(b"\n")
    is_end = offset + len(behind) >= size and len(later) <= _MAX_WINDOW_LINES
    later = later[:_MAX_WINDOW_LINES]
    raw = [*earlier, *later]
    last = start + sum(len(line) + 1 for line in raw[:-1])
    return LogWindow(
        tuple(_shown(raw)), len(earlier), start, last, start == 0, is_end, offset / max(1, size)
    )


def _shown(raw: list[bytes]) -> Iterator[tuple[Span, ...]]:
    look = PLAIN
    for line in raw:
        text = line[: 8 * MAX_LINE_CHARS].decode("utf-8", "backslashreplace")
        spans, look = coloured_line(text, look, max_chars=MAX_LINE_CHARS)
        yield tuple(spans)
