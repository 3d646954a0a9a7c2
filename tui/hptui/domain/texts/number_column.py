"""Numbers that are read together: they share their digits, as many as tell them apart."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import four_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPREAD_DIGITS: Final = 3
"""Of the difference between most numbers."""
_SIZE_DIGITS: Final = 4
"""Of the numbers themselves."""
_MOST_DIGITS: Final = 15
"""What a float has for certain."""
_MOST_DECIMALS: Final = 9
_PLAIN_BELOW: Final = 1e7
_PLAIN_FROM: Final = 1e-4
_MOST_ORDERS: Final = 3
"""Over more powers of ten than these, all have an exponent."""
_FAR: Final = 1e3
"""A number so many times greater than most is written by itself."""
_EDGE: Final = 0.05
"""The share of the numbers at each end that does not say how many digits there are."""
_ENOUGH: Final = 5
"""Of fewer numbers all say it."""
_LOG_2: Final = math.log10(2)
_NUMBER: Final = re.compile(
    r"\s*(?P<whole>[+-]?(?:\d+|inf|nan))(?P<fraction>(?:\.\d+)?)"
    r"(?P<exponent>(?:[eE][+-]?\d+)?)(?P<mark>(?: .)?)"
)


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the numbers of a column are written."""

    decimals: int | None = None
    """Behind the point; None where each number has four digits of its own."""
    has_exponent: bool = False
    plain_below: float = _PLAIN_BELOW
    """From there on a number has an exponent by itself."""

    def show(self, number: float) -> str:
        """Return a number; one that would read as nothing, or be endless, has its own digits."""
        if self.decimals is None or not math.isfinite(number):
            return four_digits(number)
        if self.has_exponent:
            return f"{number:.{self.decimals}e}" if number else "0"
        text = f"{number:.{self.decimals}f}"
        is_lost = number != 0 and not text.strip("-0.")
        is_endless = abs(number) >= self.plain_below
        if is_lost or is_endless or (not self.decimals and number != round(number)):
            return four_digits(number)
        return text

    def alone(self, number: float) -> str:
        """Return a number that stands beside no other, without zeros at its end."""
        text = self.show(number)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


PLAIN: Final = NumberStyle()


def number_style(numbers: Sequence[float]) -> NumberStyle:
    """Return how numbers are written side by side.

    A few that lie far from most do not count. Of very many give a sample.
    """
    known = sorted(number for number in numbers if math.isfinite(number))
    sizes = sorted(abs(number) for number in known if number)
    if not sizes:
        return NumberStyle(0)
    small, large = _edges(sizes)
    low, high = _edges(known)
    # Halves, so that the difference of the greatest floats is still one.
    spread = high / 2 - low / 2
    order = _order(large)
    # The power of ten of the last digit.
    finest = order - _SIZE_DIGITS + 1
    if spread > 0:
        finest = min(finest, math.floor(math.log10(spread) + _LOG_2) - _SPREAD_DIGITS + 1)
    finest = max(finest, order - _MOST_DIGITS + 1)
    is_wide = _order(large) - _order(small) > _MOST_ORDERS
    if is_wide or not _PLAIN_FROM <= large < _PLAIN_BELOW:
        digits = _SIZE_DIGITS - 1 if is_wide else order - finest
        return NumberStyle(_needed(sizes, digits, "e"), has_exponent=True)
    # Small ones among them have digits too.
    finest = min(finest, _order(small) - _SPREAD_DIGITS + 1)
    decimals = _needed(known, min(_MOST_DECIMALS, max(0, -finest)), "f")
    return NumberStyle(decimals, plain_below=min(_PLAIN_BELOW, _FAR * large))


def shortened(text: str, width: int, ellipsis: str) -> str | None:
    """Return a number that is too long for `width` cells with digits behind the point left out.

    The ellipsis says so; exponent, and a mark behind the number, stay. Nothing where it does not
    fit even so: cut elsewhere, it would be another number. None where it is no number.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    tail = ellipsis + match["exponent"] + match["mark"]
    room = width - len(tail)
    if room < len(match["whole"]):
        return ""
    return (match["whole"] + match["fraction"])[:room].rstrip(".") + tail


def _edges(ordered: Sequence[float]) -> tuple[float, float]:
    """Return the numbers between which most of the others lie."""
    left_out = math.ceil(len(ordered) * _EDGE) if len(ordered) >= _ENOUGH else 0
    return ordered[left_out], ordered[len(ordered) - 1 - left_out]


def _order(size: float) -> int:
    """Return the power of ten of the first digit."""
    return math.floor(math.log10(size))


def _needed(numbers: Sequence[float], most: int, form: str) -> int:
    """Return the least decimals with which the numbers are the same as with `most`."""
    full = [float(f"{number:.{most}{form}}") for number in numbers]
    for decimals in range(most):
        if all(float(f"{number:.{decimals}{form}}") == number for number in full):
            return decimals
    return most
