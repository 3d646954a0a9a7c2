"""The values of one configuration that was run several times, as a trial keeps them."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any, Final, cast

from hptui.domain.texts.readable import four_digits, plural
from hptui.errors import UsageError

MAX_REPEATS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Repeats:
    """What the repetitions of a trial gave."""

    values: tuple[tuple[float, ...], ...]
    """For each repetition the value of each objective."""

    def means(self) -> list[float]:
        """Return the mean of each objective; NaN where infinities of both signs meet."""
        return [_mean(each) for each in zip(*self.values, strict=True)]

    def spread(self, index: int) -> float | None:
        """Return an objective's sample standard deviation; None where there is none."""
        column = [row[index] for row in self.values]
        if len(column) < 2 or not all(map(math.isfinite, column)):  # noqa: PLR2004 - of one no spread
            return None
        return statistics.stdev(column)

    def about(self, index: int) -> str:
        """Return what follows an objective's value in a sentence: `± 0.021 in 5 repetitions`."""
        spread, count = self.spread(index), len(self.values)
        times = plural(count, "repetition")
        return f"in {times}" if spread is None else f"± {four_digits(spread)} in {times}"

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        n_objectives = len(self.values[0])
        return {
            "values": [list(row) for row in self.values],
            "std": [self.spread(index) for index in range(n_objectives)],
        }

    @classmethod
    def read(cls, stored: object) -> Repeats | None:
        """Return what was stored; None where it is nothing of the kind."""
        if not isinstance(stored, dict):
            return None
        rows = cast("dict[str, object]", stored).get("values")
        try:
            values = tuple(tuple(map(float, row)) for row in cast("list[Any]", rows))
        except (TypeError, ValueError, OverflowError):
            return None
        is_table = bool(values) and bool(values[0]) and len({len(row) for row in values}) == 1
        return cls(values) if is_table else None


def _mean(column: tuple[float, ...]) -> float:
    try:
        return math.fsum(column) / len(column)
    except (ValueError, OverflowError):
        # Infinities of both signs, or a sum that no float holds.
        return math.nan if math.inf in column and -math.inf in column else sum(column) / len(column)


def read_repeats(text: str) -> int:
    """Return how often each configuration is to be run.

    Raises:
        UsageError: It is no whole number from 1 to `MAX_REPEATS`.
    """
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_REPEATS:
        raise UsageError(f"{text[:40]!r} is not a whole number from 1 to {MAX_REPEATS:,}")
    return int(text)
