"""A parameter along one side of a figure: numbers, or choices side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.axis import Axis
from hptui.domain.spaces.choices import choice_key
from hptui.domain.spaces.space import ChoiceParam, IntParam

if TYPE_CHECKING:
    import numpy.typing as npt

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.trials import BoolArray, FloatArray, IntArray, ParamColumn, Trials

_ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class ParamAxis:
    """One parameter of some trials, and the axis that shows it."""

    name: str
    values: FloatArray
    """A value a trial; NaN where it does not have the parameter, indices where it is a choice."""
    choices: tuple[ChoiceValue, ...] | None
    """Those of all trials of the study; None for a number."""
    is_log: bool
    is_whole: bool
    axis: Axis

    @property
    def has(self) -> BoolArray:
        """Which trials have the parameter."""
        return ~np.isnan(self.values)

    def place(self, values: FloatArray) -> FloatArray:
        """Return where values stand on the axis, from 0 to 1; choices are spread evenly."""
        return self.axis.place(values)

    def where(self, chosen: BoolArray | IntArray) -> ParamAxis:
        """Return the parameter of some of the trials, on the same axis."""
        return ParamAxis(
            self.name, self.values[chosen], self.choices, self.is_log, self.is_whole, self.axis
        )


def build_param(param: ParamColumn, rows: IntArray) -> ParamAxis:
    """Return a parameter of the trials in `rows`.

    It is a number or a choice, and logarithmic or not, as in the first of the trials that has it;
    trials in which it is of the other kind count as if they did not have it.
    """
    numbers, indices = param.values[rows], param.spec_indices[rows]
    found = np.flatnonzero(indices != _ABSENT)
    first = int(indices[found[0]]) if len(found) else _ABSENT
    spec = param.specs[first] if first >= 0 else None
    if isinstance(spec, ChoiceParam):
        values, choices = _merge_choices(param, numbers, indices)
        axis = Axis(0.0, max(1.0, len(choices) - 1.0)) if len(choices) > 1 else Axis(-1.0, 1.0)
        return ParamAxis(param.name, values, choices, is_log=False, is_whole=True, axis=axis)
    values = np.where(indices == _ABSENT, np.nan, numbers)
    for index, other in enumerate(param.specs):
        if isinstance(other, ChoiceParam):
            values[indices == index] = np.nan
    values[~np.isfinite(values)] = np.nan
    shown = values[~np.isnan(values)]
    is_log = spec is not None and spec.log and bool((shown > 0).all())
    axis = Axis.around(shown, is_log=is_log)
    is_whole = isinstance(spec, IntParam)
    return ParamAxis(param.name, values, None, is_log=is_log, is_whole=is_whole, axis=axis)


def params_in(trials: Trials, rows: IntArray) -> list[str]:
    """Return the names of the parameters that any trial in `rows` has, in the study's order."""
    return [
        name
        for name, param in trials.params.items()
        if bool((param.spec_indices[rows] != _ABSENT).any())
    ]


def _merge_choices(
    param: ParamColumn, numbers: FloatArray, indices: npt.NDArray[np.int32]
) -> tuple[FloatArray, tuple[ChoiceValue, ...]]:
    # A list of choices may have grown from one space to the next.
    values = np.full(len(numbers), np.nan)
    places: dict[str, int] = {}
    choices: list[ChoiceValue] = []
    for index, spec in enumerate(param.specs):
        chosen = indices == index
        if not isinstance(spec, ChoiceParam) or not chosen.any():
            continue
        merged: list[int] = []
        for choice in spec.choices:
            # The spelling tells 1, 1.0 and True apart, which are equal.
            key = choice_key(choice)
            if key not in places:
                places[key] = len(choices)
                choices.append(choice)
            merged.append(places[key])
        values[chosen] = np.array(merged)[numbers[chosen].astype(np.int64)]
    return values, tuple(choices)
