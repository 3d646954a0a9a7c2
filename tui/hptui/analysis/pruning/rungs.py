"""Successive halving, alone or as hyperband's brackets: what a trial must reach at each rung.

Optuna stores what a trial had at a rung as `completed_rung_N`, so that the next one can be told
what it will be compared with.
"""

from __future__ import annotations

import binascii
import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.pruning.curves import Curve

if TYPE_CHECKING:
    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray

_STEP_DIGITS: Final = 62
"""Binary ones; no trial has more steps."""
_PERCENT_OF_LONGEST: Final = 100
"""Without a number, the first rung is at so small a part of the longest trial."""


@dataclass(frozen=True, slots=True, eq=False)
class RungValues:
    """What trials had when they reached a rung: a row for each trial and rung."""

    numbers: IntArray
    """Of the trials."""
    rungs: IntArray
    """From 0."""
    values: FloatArray

    def where(self, chosen: BoolArray) -> RungValues:
        """Return some of the rows."""
        return RungValues(self.numbers[chosen], self.rungs[chosen], self.values[chosen])


@dataclass(frozen=True, slots=True)
class Halving:
    """How one successive halving is set up."""

    min_resource: int
    reduction_factor: int
    first: int
    """How many rungs are skipped at the start."""
    bootstrap_count: int
    """A rung that so many trials have not reached yet ends every one."""

    def step_of(self, rung: int) -> int | None:
        """Return at which step a rung is, or the next one reported; None beyond all steps."""
        exponent = self.first + rung
        digits = math.log2(self.min_resource) + exponent * math.log2(self.reduction_factor)
        if digits >= _STEP_DIGITS:
            return None
        return self.min_resource * self.reduction_factor**exponent


def rung_curve(found: RungValues, halving: Halving, direction: Direction) -> Curve:
    """Return what the next trial must not be worse than, at the step of each rung.

    Where it is infinitely good, every trial ends there.
    """
    sign = 1.0 if direction == "minimize" else -1.0
    steps: list[int] = []
    levels: list[float] = []
    n_rungs = int(found.rungs.max()) + 1 if len(found.rungs) else 0
    for rung in range(n_rungs + 1):
        step = halving.step_of(rung)
        if step is None:
            break
        losses = np.sort(sign * found.values[found.rungs == rung])
        n_competing = len(losses) + 1
        if n_competing <= halving.bootstrap_count:
            level = -math.inf
        elif len(losses):
            level = float(losses[max(0, n_competing // halving.reduction_factor - 1)])
        else:
            continue
        steps.append(step)
        levels.append(sign * level)
    return Curve(np.array(steps, np.int64), np.array(levels))


def shortest_rung(last_steps: tuple[int, int] | None) -> int | None:
    """Return where the pruner puts the first rung by itself; None where that cannot be told.

    It does so once, by the longest of the trials that are complete then, and stores it nowhere.

    Args:
        last_steps: The last steps of the shortest and of the longest complete trial.
    """
    if last_steps is None:
        return None
    least, most = (max(last // _PERCENT_OF_LONGEST, 1) for last in last_steps)
    return least if least == most else None


@dataclass(frozen=True, slots=True)
class Brackets:
    """Hyperband's successive halvings, and which trial belongs to which."""

    study_name: str
    ends: tuple[int, ...]
    """Of the share that each bracket has of so many trials, one after the other."""

    @classmethod
    def of(cls, study_name: str, n_brackets: int, reduction_factor: int) -> Brackets:
        """Return the brackets of a study, as Optuna shares trials out among them."""
        left = [n_brackets - 1 - bracket for bracket in range(n_brackets)]
        budgets = [math.ceil(n_brackets * reduction_factor**each / (each + 1)) for each in left]
        return cls(study_name, tuple(accumulate(budgets)))

    def bracket_of(self, number: int) -> int:
        """Return the bracket of a trial."""
        name = f"{self.study_name}_{number}".encode("utf-8", "surrogatepass")
        return bisect_right(self.ends, binascii.crc32(name) % self.ends[-1])


def count_brackets(
    min_resource: int, max_resource: int | None, last_steps: tuple[int, int] | None, factor: int
) -> int | None:
    """Return how many brackets there are; None where that cannot be told.

    Args:
        min_resource: As the pruner was given it.
        max_resource: None where the pruner took it from the longest trial that was complete when it
            began, which is stored nowhere.
        last_steps: The last steps of the shortest and of the longest complete trial.
        factor: The reduction factor.
    """
    if max_resource is not None:
        lengths = (max_resource, max_resource)
    elif last_steps is not None:
        lengths = (last_steps[0] + 1, last_steps[1] + 1)
    else:
        return None
    if lengths[1] >= 2**_STEP_DIGITS:
        return None
    least, most = (_count_brackets(min_resource, each, factor) for each in lengths)
    return least if least == most else None


def _count_brackets(min_resource: int, max_resource: int, factor: int) -> int:
    if max_resource < min_resource:
        return 0
    return math.floor(math.log(max_resource / min_resource, factor)) + 1
