"""Which value is best: the rule for trials as they come, one after the other.

Only complete and feasible trials count, and of equal values the first is the best, as in Optuna.
"""

from __future__ import annotations


def is_better(value: float, best: float, *, maximize: bool) -> bool:
    """Say whether a value is better than the best one before it."""
    return value > best if maximize else value < best


def is_as_good(value: float, target: float, *, maximize: bool) -> bool:
    """Say whether a value reaches a target."""
    return value >= target if maximize else value <= target
