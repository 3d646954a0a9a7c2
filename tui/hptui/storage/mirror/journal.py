"""Studies in a journal file of Optuna's, which is read from where the last reading ended."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.journal_replay import JournalReplay
from hptui.storage.mirror.source import Checkpoint, SourceError, SourceInfo, StartOver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hptui.storage.mirror.source import Change, Mirrored

_CHUNK_BYTES: Final = 16 << 20
_MAX_LINE_BYTES: Final = 256 << 20
_MARK_BYTES: Final = 512
_ROWS_A_CHECKPOINT: Final = 250_000


class JournalFile:
    """A journal file. Only whole lines count; the last may still be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._replay: JournalReplay | None = None
        self._cursor: str | None = None
        """The cursor at which `_replay` stands."""

    def open(self) -> SourceInfo:
        """Look whether the file can be read.

        Raises:
            SourceError: It cannot.
        """
        with self._opened():
            return SourceInfo("journal", "journal")

    def changes(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:
        """Yield what the lines after the cursor bring; see `Source.changes`.

        Raises:
            SourceError: The file cannot be read.
        """
        facts = _facts(cursor)
        with self._opened() as stream:
            if facts is not None and not _is_of(stream, facts):
                yield StartOver()
                facts = None
            offset = 0 if facts is None else int(facts["offset"])
            if facts is not None and _size(stream) == offset:
                return
            if facts is None or self._replay is None or self._cursor != cursor:
                self._replay = (
                    JournalReplay()
                    if facts is None
                    else JournalReplay.of_mirror(mirrored, facts["replay"])
                )
            replay, self._cursor = self._replay, None
            for end, entries in _read(stream, offset, replay):
                replay.play(entries)
                offset = end
                if replay.n_buffered >= _ROWS_A_CHECKPOINT:
                    yield from self._checkpoint(stream, offset)
            yield from self._checkpoint(stream, offset)

    def close(self) -> None:
        """Forget what was read."""
        self._replay = None

    def _checkpoint(self, stream: BinaryIO, offset: int) -> Iterator[Change]:
        assert self._replay is not None, "only called while entries are played"
        yield from self._replay.flush()
        facts = {"offset": offset, "replay": self._replay.facts(), **_marks(stream, offset)}
        cursor = json.dumps(facts)
        yield Checkpoint(cursor, self._replay.notes())
        self._cursor = cursor

    def _opened(self) -> BinaryIO:
        try:
            if not self._path.is_file():
                raise FileNotFoundError(2, "there is no such file")
            return self._path.open("rb")
        except OSError as error:
            raise SourceError(
                f"The journal {safe_line(self._path)} cannot be read: {error.strerror}."
            ) from error


def _facts(cursor: str | None) -> dict[str, Any] | None:
    facts: object = None if cursor is None else read_json(cursor)
    return facts if isinstance(facts, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _marks(stream: BinaryIO, offset: int) -> dict[str, str]:
    """Return what tells a file that was read to an offset from another in its place."""
    marks: dict[str, str] = {}
    for name, start in (("head", 0), ("tail", max(0, offset - _MARK_BYTES))):
        # Whoever reads the lines goes on from where they ended.
        read = os.pread(stream.fileno(), min(_MARK_BYTES, offset - start), start)
        marks[name] = hashlib.sha256(read).hexdigest()
    return marks


def _is_of(stream: BinaryIO, facts: dict[str, Any]) -> bool:
    """Say whether a cursor was made of this file, which has only grown since."""
    offset = int(facts["offset"])
    marks = _marks(stream, offset)
    return _size(stream) >= offset and all(facts.get(each) == marks[each] for each in marks)


def _read(
    stream: BinaryIO, offset: int, replay: JournalReplay
) -> Iterator[tuple[int, list[object]]]:
    """Yield the entries of whole lines from an offset on, and where they end."""
    stream.seek(offset)
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        whole, newline, last = chunk.rpartition(b"\n")
        if not newline:
            rest += chunk
            if len(rest) > _MAX_LINE_BYTES:
                raise SourceError(f"The journal has a line of more than {_MAX_LINE_BYTES:,} bytes.")
            continue
        lines, rest = rest + whole, last
        offset += len(lines) + 1
        yield offset, _parsed(lines, replay)


def _parsed(lines: bytes, replay: JournalReplay) -> list[object]:
    """Return the entries of some lines; all at once, and line by line where one is damaged."""
    n_lines = lines.count(b"\n") + 1
    try:
        entries: list[object] = json.loads(b"[%b]" % lines.replace(b"\n", b","))
        if len(entries) == n_lines:
            return entries
    except (ValueError, RecursionError):
        pass
    entries = []
    for line in lines.split(b"\n"):
        try:
            entries.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            replay.note_damage(f"{type(error).__name__}: {error}")
    return entries
