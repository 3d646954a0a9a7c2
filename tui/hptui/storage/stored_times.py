"""Times as files hold them, for showing: seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast


def epoch_s(text: object) -> float | None:
    """Return seconds since 1970 for the text of a time, in UTC unless it says otherwise.

    Anything that is not such a text gives None.
    """
    try:
        moment = datetime.fromisoformat(cast("str", text))
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def iso_utc(at_s: float | None) -> str | None:
    """Return seconds since 1970 as `2026-03-01T12:00:00.000000Z`, None for None or NaN."""
    if at_s is None or at_s != at_s:
        return None
    moment = datetime.fromtimestamp(at_s, UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
