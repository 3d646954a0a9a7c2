"""Studies in a journal in Redis: the entries have numbers, and are read from the last one on.

What Optuna stores there besides, a snapshot of its memory, is a pickle and is never read.
"""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.errors import MissingExtraError
from hptui.storage.mirror.journal_replay import JournalReplay
from hptui.storage.mirror.source import Checkpoint, SourceError, SourceInfo, StartOver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.source import Change, Mirrored

_TIMEOUT_S: Final = 10.0
_ENTRIES_AT_ONCE: Final = 2_000
_ROWS_A_CHECKPOINT: Final = 250_000
_PREFIX: Final = "prefix"


def url_and_prefix(address: SourceAddress) -> tuple[str, str]:
    """Return what an address says to Redis, and the prefix of the journal's keys in it."""
    parts = urlsplit(address.url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    prefix = next((value for name, value in options if name == _PREFIX), "")
    kept = urlencode([pair for pair in options if pair[0] != _PREFIX])
    return urlunsplit(parts._replace(query=kept)), prefix


def require_redis() -> None:
    """Refuse to go on where the package `redis` is not installed.

    Raises:
        MissingExtraError: It is not.
    """
    if find_spec("redis") is None:
        raise MissingExtraError(
            "Journals in Redis need the package redis.", hint="pip install 'hptui[redis]'"
        )


class RedisJournal:
    """A journal in Redis. `?prefix=TEXT` in the address is the prefix of its keys."""

    def __init__(self, address: SourceAddress) -> None:
        self._address = address
        self._client: Any = None
        self._replay: JournalReplay | None = None
        self._cursor: str | None = None
        self._url, self._prefix = url_and_prefix(address)

    def open(self) -> SourceInfo:
        """Connect.

        Raises:
            SourceError: The server cannot be reached.
            MissingExtraError: The package `redis` is not installed.
        """
        require_redis()
        redis: Any = import_module("redis")
        try:
            self._client = redis.Redis.from_url(
                self._url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
            )
            self._client.ping()
        except (redis.RedisError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        return SourceInfo("redis", "journal")

    def changes(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:
        """Yield what the entries after the cursor bring; see `Source.changes`.

        Raises:
            SourceError: The server cannot be read now.
        """
        redis: Any = import_module("redis")
        try:
            yield from self._new(cursor, mirrored)
        except (redis.RedisError, OSError) as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        self._replay = None
        if client is not None:
            client.close()

    def _new(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:
        known: Any = None if cursor is None else read_json(cursor)
        facts: dict[str, Any] | None = known or None
        last = self._client.get(f"{self._prefix}:log_number")
        n_there = 0 if last is None else int(last) + 1
        if facts is not None and (n_there < facts["next"] or self._first() != facts["first"]):
            yield StartOver()
            facts = None
        at = 0 if facts is None else int(facts["next"])
        if facts is not None and at == n_there:
            return
        if facts is None or self._replay is None or self._cursor != cursor:
            self._replay = (
                JournalReplay()
                if facts is None
                else JournalReplay.of_mirror(mirrored, facts["replay"])
            )
        replay, self._cursor = self._replay, None
        while at < n_there:
            numbers = range(at, min(n_there, at + _ENTRIES_AT_ONCE))
            entries = self._client.mget([f"{self._prefix}:log:{each}" for each in numbers])
            n_written = entries.index(None) if None in entries else len(entries)
            replay.play(_parsed(entries[:n_written], replay))
            at += n_written
            if n_written < len(entries):
                # A number is given before its entry is written.
                break
            if replay.n_buffered >= _ROWS_A_CHECKPOINT:
                yield from self._checkpoint(replay, at)
        yield from self._checkpoint(replay, at)

    def _checkpoint(self, replay: JournalReplay, at: int) -> Iterator[Change]:
        yield from replay.flush()
        cursor = json.dumps({"next": at, "first": self._first(), "replay": replay.facts()})
        yield Checkpoint(cursor, replay.notes())
        self._cursor = cursor

    def _first(self) -> str:
        """Return what tells this journal from another that took its place."""
        return hashlib.sha256(self._client.get(f"{self._prefix}:log:0") or b"").hexdigest()

    def _unreachable(self, error: Exception) -> SourceError:
        return SourceError(
            f"{safe_line(self._address.shown)} cannot be read: {safe_line(error, max_chars=300)}"
        )


def _parsed(entries: list[bytes], replay: JournalReplay) -> list[object]:
    parsed: list[object] = []
    for entry in entries:
        try:
            parsed.append(json.loads(entry))
        except (ValueError, RecursionError) as error:
            replay.note_damage(f"{type(error).__name__}: {error}")
    return parsed
