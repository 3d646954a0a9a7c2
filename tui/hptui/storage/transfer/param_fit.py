"""Stored values of a parameter under another space: which fit, and what they are there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.spaces.choices import place_of, spell_choice
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, describe, kind_of
from hptui.domain.texts.text import safe_line
from hptui.trials import ABSENT

if TYPE_CHECKING:
    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import FloatArray, ParamColumn

    BoolArray = npt.NDArray[np.bool_]

_RELATIVE_ULPS: Final = 1e-12
_STEP_TOLERANCE: Final = 1e-8
_MAX_NAME_CHARS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class ParamFit:
    """One parameter's column under a space."""

    column: ParamColumn
    spec: ParamSpec
    has: BoolArray
    """Whether the trial has the parameter."""
    fits: BoolArray
    """Whether it does not have it, or has a value that may be suggested."""
    values: FloatArray
    """As they are stored under the space; meaningless where the value does not fit."""

    def only(self, rows: BoolArray) -> ParamFit:
        """Return the same for some rows only; in others the parameter stays as it is."""
        return replace(self, has=self.has & rows, fits=self.fits | ~rows)

    def reasons(self, rows: BoolArray, gone: str = "is gone") -> Counter[str]:
        """Return why the values in some rows do not fit, with how many each.

        `gone` is what is said of a choice that is not in the space.
        """
        name = safe_line(self.column.name, max_chars=_MAX_NAME_CHARS)
        counts: Counter[str] = Counter()
        specs = self.column.specs
        indices = self.column.spec_indices[: len(self.has)]
        present: list[int] = np.unique(indices[rows]).tolist()
        for index in present:
            chosen = rows & (indices == index)
            old = specs[index] if index >= 0 else None
            if isinstance(old, ChoiceParam) and isinstance(self.spec, ChoiceParam):
                at, n_each = np.unique(self.column.values[: len(rows)][chosen], return_counts=True)
                for choice, count in zip(at.tolist(), n_each.tolist(), strict=True):
                    spelled = safe_line(spell_choice(old.choices[int(choice)]), max_chars=60)
                    counts[f"{name}: choice {spelled} {gone}"] += count
            elif old is None or isinstance(old, ChoiceParam) is isinstance(self.spec, ChoiceParam):
                where = safe_line(describe(self.spec), max_chars=80)
                counts[f"{name} is not in {where}"] += int(chosen.sum())
            else:
                was = kind_of(old)
                counts[f"{name} is {_a(was)} there, not {_a(kind_of(self.spec))}"] += int(
                    chosen.sum()
                )
        return counts


def fit_param(column: ParamColumn, spec: ParamSpec, n_trials: int) -> ParamFit:
    """Look at a parameter of `n_trials` trials under the space `spec`."""
    stored = column.values[:n_trials]
    indices = column.spec_indices[:n_trials]
    has = indices != ABSENT
    fits, values = ~has, stored.copy()
    is_list = np.array([isinstance(each, ChoiceParam) for each in column.specs], np.bool_)
    if isinstance(spec, ChoiceParam):
        for index, old in enumerate(column.specs):
            if isinstance(old, ChoiceParam):
                rows = np.flatnonzero(indices == index)
                found_at = (place_of(each, spec.choices) for each in old.choices)
                places = np.array([-1 if at is None else at for at in found_at], np.int64)
                found = places[stored[rows].astype(np.int64)]
                fits[rows] = found >= 0
                values[rows] = found
        return ParamFit(column, spec, has, fits, values)
    numeric = has.copy()
    if len(is_list):
        numeric[indices >= 0] &= ~is_list[indices[indices >= 0]]
    rows = np.flatnonzero(numeric)
    fits[rows], values[rows] = _numbers_under(spec, stored[rows])
    return ParamFit(column, spec, has, fits, values)


def _numbers_under(spec: FloatParam | IntParam, values: FloatArray) -> tuple[BoolArray, FloatArray]:
    if isinstance(spec, IntParam):
        inside = (values >= spec.low) & (values <= spec.high) & (values == np.floor(values))
        return inside & ((values - spec.low) % spec.step == 0), values
    snapped = values.copy()
    for bound in (spec.low, spec.high):
        snapped[np.isclose(values, bound, rtol=_RELATIVE_ULPS, atol=0.0)] = bound
    inside = (snapped >= spec.low) & (snapped <= spec.high)
    if spec.step is None:
        return inside, snapped
    steps = (snapped - spec.low) / spec.step
    counts = np.round(steps)
    inside &= np.abs(steps - counts) < _STEP_TOLERANCE
    start, by = Decimal(repr(spec.low)), Decimal(repr(spec.step))
    unique, places = np.unique(np.where(inside, counts, 0), return_inverse=True)
    on_grid = np.array([float(start + int(count) * by) for count in unique.tolist()])
    return inside, on_grid[places]


def _a(kind: str) -> str:
    return {"int": "an int", "float": "a float", "choice": "a list of choices"}[kind]
