"""Times as people read them."""

from __future__ import annotations

from datetime import datetime

from hptui.cli.duration import show_duration

_DAY_S = 86_400.0
_MANY_DAYS_S = 30 * _DAY_S


def show_moment(at_s: float | None) -> str:
    """Return seconds since 1970 as local time, `2026-03-01 12:00:00`; nothing for None."""
    if at_s is None:
        return ""
    return datetime.fromtimestamp(at_s).isoformat(sep=" ", timespec="seconds")


def show_age(at_s: float | None, now_s: float) -> str:
    """Return how long ago a time was, `3 m 20 s ago`, and the date where that is long ago."""
    if at_s is None:
        return ""
    age_s = now_s - at_s
    if age_s < 0 or age_s > _MANY_DAYS_S:
        return datetime.fromtimestamp(at_s).date().isoformat()
    return f"{show_duration(age_s)} ago"
