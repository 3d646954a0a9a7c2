"""A line of little bars: the trend of some numbers, in one row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNICODE_BARS: Final = "▁▂▃▄▅▆▇"
"""None is as high as its line, so that those of two lines never become one shape."""
_ASCII_BARS: Final = "_.-=*#"


def bars_below(values: Sequence[float], top: float, width: int, *, unicode: bool = True) -> str:
    """Return a bar for each of the last `width` values, between 0 and `top`; blanks before them."""
    bars = _UNICODE_BARS if unicode else _ASCII_BARS
    shares = [min(1.0, max(0.0, value / top)) if top > 0 else 0.0 for value in values[-width:]]
    return "".join(bars[round(share * (len(bars) - 1))] for share in shares).rjust(width)


def sparkline(values: Sequence[float], width: int, *, unicode: bool = True) -> str:
    """Return a bar for each of at most `width` values, from the lowest to the highest of them.

    More values than that are thinned, the last one stays. A value that is not finite is a space;
    where all are equal, the bars are half as high as they can be.
    """
    if width < 1 or not len(values):
        return ""
    if len(values) > width:
        kept = np.linspace(0, len(values) - 1, width).round().astype(int) if width > 1 else [-1]
        values = [values[index] for index in kept]
    bars = _UNICODE_BARS if unicode else _ASCII_BARS
    finite = np.array([value for value in values if math.isfinite(value)], np.float64)
    if not len(finite):
        return " " * len(values)
    places = Axis.around(finite).place(np.array(values, np.float64)) * (len(bars) - 1)
    return "".join(
        bars[round(place)] if math.isfinite(value) else " "
        for place, value in zip(places.tolist(), values, strict=True)
    )
