"""Times as SQLite files hold them, in memory as Optuna has them, and as seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, cast

from hptui.domain.texts.readable import OUT_OF_RANGE, is_showable

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


def epoch_s(text: object) -> float | None:
    """Return seconds since 1970 for the text of a time, in UTC unless it says otherwise.

    Anything that is not such a text, or a time that cannot be shown, gives None.
    """
    try:
        moment = datetime.fromisoformat(cast("str", text))
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        at_s = aware.timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return at_s if is_showable(at_s) else None


def why_no_time(text: object) -> str:
    """Return what is wrong with what `epoch_s` gives no time for, to go after `Its start is …,`."""
    try:
        is_bare = datetime.fromisoformat(cast("str", text)).tzinfo is None
    except (ValueError, TypeError):
        is_bare = False
    return OUT_OF_RANGE if is_bare else "not a time"


def iso_utc(at_s: float | None) -> str | None:
    """Return seconds since 1970 as `2026-03-01T12:00:00.000000Z`, None for None or NaN.

    None, too, for what no calendar has.
    """
    if at_s is None or not is_showable(at_s):
        return None
    moment = datetime.fromtimestamp(at_s, UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
