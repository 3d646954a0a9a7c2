"""Times as Optuna's SQLite files hold them: UTC text in the file, naive local time in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from hptui.domain.readable import OUT_OF_RANGE

_FIRST_CACHED_YEAR: Final = 1980
_MAX_CACHED_MINUTES: Final = 200_000
# Offsets from UTC change on whole minutes since 1972, so one conversion serves a minute. Parsing a
# large study converts hundreds of thousands of times, and `astimezone` is ten times slower.
_offsets: dict[str, tuple[timedelta, int]] = {}


def to_text(local: datetime) -> str:
    """Return a local (or aware) time as UTC text, with microseconds."""
    return _utc_text(local.astimezone(UTC).replace(tzinfo=None))


def from_text(text: str) -> datetime:
    """Return UTC text as naive local time.

    Raises:
        ValueError: `text` is not a date and time, or has no local time in this calendar.
        TypeError: `text` is not text.
    """
    utc = datetime.fromisoformat(text)
    if utc.tzinfo is not None:
        raise ValueError(f"{text!r} carries a time zone")
    cached = _offsets.get(text[:16])
    if cached is not None:
        offset, fold = cached
        local = utc + offset
        return local.replace(fold=1) if fold else local
    try:
        local = utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError(f"{text!r} is {OUT_OF_RANGE}") from error
    if utc.year >= _FIRST_CACHED_YEAR:
        if len(_offsets) >= _MAX_CACHED_MINUTES:
            _offsets.clear()
        _offsets[text[:16]] = (local - utc, local.fold)
    return local


def now() -> tuple[datetime, str]:
    """Return the present time as naive local time and as the text for the file."""
    text = _utc_text(datetime.now(UTC).replace(tzinfo=None))
    return from_text(text), text


def _utc_text(utc: datetime) -> str:
    return utc.isoformat(sep=" ", timespec="microseconds")
