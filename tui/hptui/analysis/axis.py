"""Axes of charts: which numbers are shown, where, and with which labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_MAX_TICKS = 1_000
_SMALLEST_PLAIN, _GREATEST_PLAIN = 1e-4, 1e7


@dataclass(frozen=True, slots=True)
class Axis:
    """The range of numbers along one side of a chart, never empty."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def around(cls, numbers: FloatArray, *, is_log: bool = False) -> Axis:
        """Return an axis that shows all `numbers`, which are finite, and positive if `is_log`."""
        if not len(numbers):
            return cls(1.0, 10.0, is_log=True) if is_log else cls(0.0, 1.0)
        low, high = float(numbers.min()), float(numbers.max())
        if low < high:
            return cls(low, high, is_log)
        if is_log:
            return cls(max(low / 10, 5e-324), min(high * 10, 1.7e308), is_log)
        # Around a single number: half of it to each side, and something where that is nothing.
        margin = abs(low) / 2 or 0.5
        return cls(max(low - margin, -1.7e308), min(high + margin, 1.7e308))

    def place(self, numbers: FloatArray) -> FloatArray:
        """Return where numbers stand on the axis: 0 at its low end, 1 at its high end."""
        if self.is_log:
            low, high, at = math.log(self.low), math.log(self.high), np.log(numbers)
        else:
            # A quarter of each, so that the difference of the greatest floats is still one.
            low, high, at = self.low / 4, self.high / 4, numbers / 4
        # A number may be further away than a float tells; it stands at the end all the same.
        with np.errstate(over="ignore"):
            return np.clip((at - low) / (high - low or 1.0), 0.0, 1.0)

    def number(self, place: float) -> float:
        """Return what stands at a place, see `place`; before 0 and beyond 1 the scale goes on."""
        if self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            return math.exp(min(max(low + (high - low) * place, -745.0), 709.0))
        return max(
            -1.7e308, min(4 * (self.low / 4 + (self.high / 4 - self.low / 4) * place), 1.7e308)
        )

    def ticks(
        self, count: int, *, whole: bool = False, max_chars: int = 24
    ) -> list[tuple[float, str]]:
        """Return about `count` places from 0 to 1 with their labels.

        `whole` is for integers alone. Where labels that tell the numbers apart are longer than
        `max_chars`, only the ends are labelled, in as many digits as there is room for.
        """
        numbers = self._log_ticks(count) if self.is_log else []
        labels = [f"{number:g}" for number in numbers]
        if len(numbers) < 2:  # noqa: PLR2004 - one tick shows no scale
            numbers = self._even_ticks(max(1, count), whole=whole)
            if len(numbers) < 2:  # noqa: PLR2004
                numbers = self._even_ticks(2 * max(1, count), whole=whole)
            if self.is_log:
                # Rounding may have taken the first one to 0, which has no place here.
                numbers = [number for number in numbers if number >= self.low] or [self.low]
            labels = _labels(numbers)
        if any(len(label) > max_chars for label in labels):
            numbers = [self.low, self.high]
            labels = [_short_label(number, max_chars) for number in numbers]
        places = self.place(np.array(numbers, np.float64)).tolist()
        return list(zip(places, labels, strict=True))

    def _even_ticks(self, count: int, *, whole: bool) -> list[float]:
        step = _nice_step(self.low, self.high, count, whole=whole)
        if not (math.isfinite(step) and step > 0):
            return [self.low, self.high]
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        if not 0 <= last - first < _MAX_TICKS:
            return [self.low, self.high]
        return [index * step for index in range(first, last + 1)]

    def _log_ticks(self, count: int) -> list[float]:
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        by = max(1, math.ceil((last - first + 1) / max(1, count)))
        powers = [float(f"1e{power}") for power in range(first, last + 1, by)]
        return [power for power in powers if self.low <= power <= self.high]


def _nice_step(low: float, high: float, count: int, *, whole: bool) -> float:
    raw = (high / count) - (low / count)
    if not raw > 0:
        return math.nan
    try:
        size = 10.0 ** math.floor(math.log10(raw))
    except OverflowError:
        return raw
    steps = [size * nice for nice in _NICE if not whole or (size * nice).is_integer()]
    return next((step for step in steps if step >= raw * (1 - 1e-9)), 1.0 if whole else raw)


def _labels(numbers: list[float]) -> list[str]:
    """Return the shortest spellings that tell the numbers apart, with equally many decimals."""
    largest = max(map(abs, numbers), default=0.0)
    if largest == 0 or _SMALLEST_PLAIN <= largest < _GREATEST_PLAIN:
        spellings = [f".{decimals}f" for decimals in range(10)]
    else:
        spellings = [f".{digits}g" for digits in range(1, 18)]
    for spelling in spellings:
        labels = [format(number, spelling) for number in numbers]
        if len(set(labels)) == len(numbers) and all(map(_is_spelled, labels, numbers)):
            return labels
    return [f"{number:.6g}" for number in numbers]


def _short_label(number: float, max_chars: int) -> str:
    labels = (f"{number:.{digits}g}" for digits in (6, 5, 4, 3, 2, 1))
    return next((label for label in labels if len(label) <= max_chars), "")


def _is_spelled(label: str, number: float) -> bool:
    return math.isclose(float(label), number, rel_tol=1e-9, abs_tol=1e-300)
