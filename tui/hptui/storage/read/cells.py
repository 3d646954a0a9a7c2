"""Cells of SQLite's tables as arrays: what does not fit its column is told, never raised."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import numpy.typing as npt

from hptui.domain.texts.readable import is_showable
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import DAMAGED
from hptui.storage.sqlite.timestamps import epoch_s, why_no_time
from hptui.trials import NO_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.trials import FloatArray, IntArray

_TIME_LENGTHS: Final = frozenset({19, 26})
_PLAIN_TIMES: Final = re.compile(r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{6})?)*", re.ASCII)

Damage = list[tuple[int, str]]
"""Trial ids, and what is wrong with each in a sentence."""


def floats(cells: Sequence[object]) -> FloatArray:
    """Return numbers, NaN for anything else."""
    try:
        return np.array(cells, np.float64)
    except (TypeError, ValueError):
        return np.array([cell if isinstance(cell, float) else math.nan for cell in cells])


def integers(cells: Sequence[object]) -> IntArray:
    """Return integers, -1 for anything else."""
    try:
        return np.array(cells, np.int64)
    except (TypeError, ValueError, OverflowError):
        return np.array([cell if isinstance(cell, int) else -1 for cell in cells], np.int64)


def trial_numbers(cells: Sequence[object], ids: Sequence[int], damage: Damage) -> IntArray:
    """Return the numbers of trials, NO_NUMBER where there is none."""
    numbers = integers(cells)
    for row in np.flatnonzero(numbers < 0).tolist():
        damage.append((ids[row], "It has no number."))
        numbers[row] = NO_NUMBER
    return numbers


def trial_states(
    cells: Sequence[object], ids: Sequence[int], damage: Damage
) -> npt.NDArray[np.int8]:
    """Return states; a cell that is no integer is a word that Optuna does not know."""
    if set(map(type, cells)) <= {int}:
        return np.array(cells, np.int8)
    for row, cell in enumerate(cells):
        if not isinstance(cell, int):
            damage.append((ids[row], f"Its state is {safe_line(repr(cell))}."))
    known = [cell if isinstance(cell, int) else DAMAGED for cell in cells]
    return np.array(known, np.int8)


def times(cells: Sequence[object], ids: Sequence[int], damage: Damage, what: str) -> FloatArray:
    """Return UTC texts as seconds since 1970, NaN where there is none.

    `what` says of which time the cells speak, for the sentence about a damaged one.
    """
    if _are_plain_times([cell for cell in cells if cell is not None]):
        try:
            moments = np.array(cells, "datetime64[us]")
        except ValueError:
            pass
        else:
            seconds = moments.astype(np.int64) / 1e6
            seconds[np.isnat(moments)] = np.nan
            ends = np.nanmin(seconds, initial=0.0), np.nanmax(seconds, initial=0.0)
            if all(map(is_showable, ends)):
                return seconds
    return np.array([_time(cell, ids[row], damage, what) for row, cell in enumerate(cells)])


def _are_plain_times(cells: list[object]) -> bool:
    # NumPy would take in words such as `today`, and time zones with a warning.
    if not set(map(type, cells)) <= {str}:
        return False
    texts = cast("list[str]", cells)
    is_even = set(map(len, texts)) <= _TIME_LENGTHS
    return is_even and _PLAIN_TIMES.fullmatch("".join(texts)) is not None


def _time(cell: object, trial_id: int, damage: Damage, what: str) -> float:
    if cell is None:
        return math.nan
    at_s = epoch_s(cell)
    # Optuna stores none with a zone, and reads none.
    if at_s is not None and datetime.fromisoformat(cast("str", cell)).tzinfo is None:
        return at_s
    damage.append((trial_id, f"Its {what} is {safe_line(repr(cell))}, {why_no_time(cell)}."))
    return math.nan
