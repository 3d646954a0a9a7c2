"""Numbers and durations in filters: what they are, and how exactly they were written."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d+(?:\.(?P<places>\d*))?|\.(?P<bare>\d+))(?:e(?P<power>[+-]?\d{1,4}))?",
    re.IGNORECASE | re.ASCII,
)
_OTHERS: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.ASCII)
_PART: Final = re.compile(r"\d+(?:\.(?P<places>\d+))?(?P<unit>ms|s|m|h|d)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)([kmgt])(?:i?b)?", re.IGNORECASE | re.ASCII)
_BYTES: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_MAX_POWER: Final = 300
"""Of the tens that a float holds."""

ORDERS: Final[dict[str, Callable[[FloatArray, float], BoolArray]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number, and what its last written place is worth: 0.01 in `1.25`; 0 in `inf`."""

    number: float
    unit: float = 0.0


def read_number(text: str) -> WrittenNumber | None:
    """Return the number that a text is, `inf`, `-inf` and `nan` included, or None."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return WrittenNumber(float(text)) if _OTHERS.fullmatch(text) else None
    places = match["places"] if match["bare"] is None else match["bare"]
    power = int(match["power"] or 0) - len(places or "")
    return WrittenNumber(float(text), 10.0**power if abs(power) <= _MAX_POWER else 0.0)


def read_filter_duration(text: str) -> WrittenNumber | None:
    """Return the seconds that `90`, `1.5m` or `1h30m` is, or None."""
    lowered = text.lower()
    if _DURATION.fullmatch(lowered) is None:
        return read_number(text)
    seconds, unit = 0.0, math.inf
    for part in _PART.finditer(lowered):
        of_unit = _SECONDS[part["unit"]]
        seconds += float(part.group().removesuffix(part["unit"])) * of_unit
        places = len(part["places"] or "")
        unit = min(unit, of_unit * 10.0**-places if places <= _MAX_POWER else 0.0)
    return WrittenNumber(seconds, unit)


def read_filter_memory(text: str) -> float | None:
    """Return the bytes that `512`, `500M` or `1.5GB` is, or None; a G is 1024 M."""
    match = _MEMORY.fullmatch(text)
    if match is not None:
        return float(match[1]) * _BYTES[match[2].lower()]
    written = read_number(text)
    return None if written is None or math.isnan(written.number) else written.number


def are_equal(numbers: FloatArray, written: WrittenNumber) -> BoolArray:
    """Say which numbers are equal to a written one, as far as it is written.

    A whole number is equal when it is the same; any other when it is at most half of the last
    written place away.
    """
    is_whole = numbers == np.floor(numbers)
    with np.errstate(invalid="ignore", over="ignore"):
        is_near = np.abs(numbers - written.number) <= written.unit / 2
    return np.where(is_whole, numbers == written.number, is_near)
