"""How Optuna's schema holds a float: two columns, the number and what kind of number it is."""

from __future__ import annotations

import math
from typing import Final

_FINITE: Final = "FINITE"
_OTHERS: Final = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}


def as_stored(value: float) -> float:
    """Return a number as a float that SQLite gives back unchanged: it has no negative zero."""
    return float(value) + 0.0


def stored_number(value: float) -> tuple[float | None, str]:
    """Return the two columns that hold a float."""
    if value - value == 0:  # finite
        return value, _FINITE
    if value > 0:
        return None, "INF_POS"
    return None, "INF_NEG" if value < 0 else "NAN"


def number_from(value: object, kind: object) -> float:
    """Return the float that two columns hold.

    Raises:
        ValueError: They hold none.
    """
    if kind == _FINITE:
        if type(value) is float:
            return value
    elif isinstance(kind, str) and kind in _OTHERS:
        return _OTHERS[kind]
    raise ValueError(f"{value!r} of type {kind!r} is not a number")


def number_sql(column: str, *, nan: str = "NULL") -> str:
    """Return SQL for the number that two columns hold; NULL where they hold none.

    Args:
        column: `value` or `intermediate_value`, with its table where that is needed.
        nan: SQL for what stands for NaN, which SQLite does not have.
    """
    # 9e999 is how SQL spells infinity.
    return (
        f"CASE {column}_type WHEN '{_FINITE}' THEN {column} WHEN 'INF_POS' THEN 9e999 "
        f"WHEN 'INF_NEG' THEN -9e999 WHEN 'NAN' THEN {nan} END"
    )
