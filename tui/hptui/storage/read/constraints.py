"""Constraints of trials, in both forms in which Optuna stores them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

OLD_KEY: Final = "constraints"
"""Trial system attribute of older Optuna: all constraints as a list."""
PREFIX: Final = "constraints:"
"""Prefix of the trial system attributes that hold one constraint each."""
KEY_RANGE: Final = (OLD_KEY, "constraints;")
"""From the first to before the second: OLD_KEY and all keys with PREFIX."""


def read_constraint(constraints: dict[str, float], key: str, text: object) -> None:
    """Add what one system attribute says to `constraints`; NaN for what cannot be read.

    `key` lies in KEY_RANGE, `text` is the stored JSON. Where both forms are there, the attribute
    that is read last counts: read in the order of the keys, as Optuna does.
    """
    try:
        stored: Any = json.loads(cast("str", text))
    except (ValueError, TypeError, RecursionError):
        stored = math.nan
    add_constraint(constraints, key, stored)


def add_constraint(constraints: dict[str, float], key: str, stored: Any) -> None:  # noqa: ANN401
    """Do what `read_constraint` does with the value of an attribute that is no text any more."""
    try:
        if key.startswith(PREFIX):
            constraints[key.removeprefix(PREFIX)] = float(stored)
        elif key == OLD_KEY and stored is not None:
            constraints.update({str(index): float(value) for index, value in enumerate(stored)})
    except (ValueError, TypeError, OverflowError, RecursionError):
        constraints[key.removeprefix(PREFIX)] = math.nan


def is_feasible(system_attrs: Mapping[str, Any]) -> bool:
    """Say whether a trial with these system attributes breaks none of its constraints."""
    first, end = KEY_RANGE
    keys = [key for key in system_attrs if first <= key < end]
    if not keys:
        return True
    constraints: dict[str, float] = {}
    for key in sorted(keys):
        add_constraint(constraints, key, system_attrs[key])
    return not violation_of(constraints) > 0


def violation_of(constraints: Mapping[str, float]) -> float:
    """Return by how much a trial breaks its constraints: 0 where it is feasible.

    A constraint that is NaN is broken, as in Optuna, and by an infinite amount.
    """
    return sum(
        0.0 if value <= 0 else math.inf if math.isnan(value) else value
        for value in constraints.values()
    )
