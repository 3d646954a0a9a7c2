"""Times as files hold them, for showing: seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from hptui.domain.readable import OUT_OF_RANGE, is_showable


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
