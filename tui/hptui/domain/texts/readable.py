"""Numbers, durations and times as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

OUT_OF_RANGE: Final = "out of range"
"""What is shown for a time that no calendar has."""

_MINUTE_S: Final = 60
_TENTHS_BELOW_S: Final = 10
_UNITS: Final = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"))
_MANY_DAYS_S: Final = 30 * 86_400.0
_FIRST_S: Final = datetime(2, 1, 1, tzinfo=UTC).timestamp()
_BEYOND_S: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_WHOLE_FROM: Final = 9_999.5
_WHOLE_BELOW: Final = 999_999.5


def plural(count: int, one: str, more: str = "") -> str:
    """Return a count with its noun: `1 trial`, `1,200 trials`.

    Args:
        count: How many.
        one: What stands behind 1; a verb may follow the noun.
        more: What stands behind all other counts, where that is not `one` with an `s`.
    """
    return f"{count:,} {by_count(count, one, more)}"


def by_count(count: int, one: str, more: str = "") -> str:
    """Return the word that agrees with a count, without the count: `is` of 1, `are` of others."""
    return one if count == 1 else more or f"{one}s"


def is_showable(at_s: float) -> bool:
    """Say whether seconds since 1970 are a time that can be shown in every time zone.

    That is any from the year 2 to the year 9998; what a file holds may lie outside.
    """
    return _FIRST_S <= at_s < _BEYOND_S


def four_digits(number: float) -> str:
    """Return a number with four significant digits: `0.9822`, `1.2e-05`, `inf`.

    Of numbers with five or six digits before the point all of those: `34910`.
    """
    if _WHOLE_FROM <= abs(number) < _WHOLE_BELOW:
        return f"{number:.0f}"
    return f"{number:.4g}"


def show_duration(seconds: float) -> str:
    """Return `seconds` in at most two units: `0.4 s`, `12 s`, `3 m 20 s`, `2 h 5 m`."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < _TENTHS_BELOW_S:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    for size, unit, smaller, small_unit in _UNITS:
        if whole >= size:
            rest = whole % size // smaller
            return (
                f"{whole // size} {unit} {rest} {small_unit}" if rest else f"{whole // size} {unit}"
            )
    if whole >= _MINUTE_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return f"{minutes} m {rest} s" if rest else f"{minutes} m"
    return f"{whole} s"


def show_thinking(seconds: float | None) -> str:
    """Return what is said of a sampler that thinks for so long; nothing below a second."""
    if seconds is None or not seconds >= 1:
        return ""
    return f"sampler thinking, {show_duration(float(max(1, int(seconds)))).replace('.0 s', ' s')}"


def show_moment(at_s: float | None) -> str:
    """Return seconds since 1970 as local time, `2026-03-01 12:00:00`; nothing for None."""
    if at_s is None:
        return ""
    if not is_showable(at_s):
        return OUT_OF_RANGE
    return datetime.fromtimestamp(at_s).isoformat(sep=" ", timespec="seconds")


def show_age(at_s: float | None, now_s: float) -> str:
    """Return how long ago a time was, `3 m 20 s ago`, and the date where that is long ago."""
    if at_s is None:
        return ""
    if not is_showable(at_s):
        return OUT_OF_RANGE
    age_s = now_s - at_s
    if age_s < 0 or age_s > _MANY_DAYS_S:
        return datetime.fromtimestamp(at_s).date().isoformat()
    return f"{show_duration(age_s)} ago"


def show_size(n_bytes: int) -> str:
    """Return a size in bytes in the unit that fits: `412 kB`, `1.3 MB`."""
    size, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - SI units
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}"
