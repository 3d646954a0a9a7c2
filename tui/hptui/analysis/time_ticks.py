"""Ticks of an axis of time: round numbers of seconds, minutes, hours and days."""

from __future__ import annotations

import math
from typing import Final

from hptui.analysis.axis import Axis
from hptui.domain.readable import show_duration

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
    *(_DAY * count for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)),
)


def time_ticks(span_s: float, count: int) -> list[tuple[float, str]]:
    """Return about `count` places from 0 to 1 on an axis of `span_s` seconds, with durations."""
    raw = span_s / max(1, count)
    step = next((step for step in _STEPS if step >= raw), None)
    if raw < _STEPS[0] or step is None:
        ticks = Axis(0.0, span_s or 1.0).ticks(count)
        return [(place, f"{text} s") for place, text in ticks]
    stops = range(0, math.floor(span_s) + 1, step)
    return [
        (at_s / span_s, f"{at_s} s" if at_s < _MINUTE else show_duration(at_s)) for at_s in stops
    ]
