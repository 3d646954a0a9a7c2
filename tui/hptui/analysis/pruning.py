"""Beyond which intermediate values a pruner ends a trial, step by step, where that can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from hptui.analysis.curves import Curve
from hptui.domain.sampling import MethodSpec, method_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.analysis.arrays import FloatArray, IntArray
    from hptui.domain.objective import Direction
    from hptui.domain.options import OptionValue

_MEDIAN: Final = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class CompleteReports:
    """What all complete trials of a study reported: a row a report, in any order."""

    steps: IntArray
    values: FloatArray
    """NaN for what is not a number."""
    n_trials: int
    """Complete trials, those without reports included."""


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """A trial whose best value so far is beyond it at a step is pruned there."""

    name: str
    curve: Curve
    """At the steps at which the pruner looks."""
    is_upper: bool
    """Whether beyond is above."""


def pruning_thresholds(
    reports: CompleteReports, pruner: MethodSpec, direction: Direction
) -> tuple[Threshold, ...]:
    """Return the thresholds of median, percentile and threshold pruners, alone or with patience.

    Which trials the others end depends on more than a step and a value. As the pruners do, it looks
    only at the first report of each interval, here among the steps that complete trials have.
    """
    options = _options(pruner)
    if pruner.name == "patient":
        wrapped = options["wrapped"]
        if not isinstance(wrapped, MethodSpec):
            return ()
        patience = f"after {options['patience']} steps without improvement"
        return tuple(
            Threshold(f"{each.name}, {patience}", each.curve, each.is_upper)
            for each in pruning_thresholds(reports, wrapped, direction)
        )
    if pruner.name == "threshold":
        return _levels(reports, options)
    if pruner.name in ("median", "percentile"):
        return _percentiles(reports, options, direction)
    return ()


def _options(pruner: MethodSpec) -> dict[str, OptionValue]:
    defaults = {option.name: option.default for option in method_of("pruner", pruner).options}
    return defaults | pruner.given()


def _looked_at(steps: IntArray, options: Mapping[str, OptionValue]) -> IntArray:
    """Return those of the steps, ascending, at which a pruner looks."""
    warmup = cast("int", options["n_warmup_steps"])
    later = steps[steps >= warmup]
    interval = (later - warmup) // cast("int", options["interval_steps"])
    return later[np.diff(interval, prepend=-1) > 0]


def _levels(reports: CompleteReports, options: Mapping[str, OptionValue]) -> tuple[Threshold, ...]:
    steps = _looked_at(np.unique(reports.steps), options)
    return tuple(
        Threshold(f"{name} threshold", Curve(steps, np.full(len(steps), level)), name == "upper")
        for name in ("lower", "upper")
        if isinstance(level := options[name], float | int) and len(steps)
    )


def _percentiles(
    reports: CompleteReports, options: Mapping[str, OptionValue], direction: Direction
) -> tuple[Threshold, ...]:
    if not reports.n_trials or reports.n_trials < cast("int", options["n_startup_trials"]):
        return ()
    percentile = float(cast("float", options.get("percentile", _MEDIAN)))
    is_upper = direction == "minimize"
    steps, counts = np.unique(reports.steps, return_counts=True)
    enough = steps[counts >= cast("int", options["n_min_trials"])]
    at = np.intersect1d(_looked_at(steps, options), enough)
    curve = _percentile_curve(reports, percentile if is_upper else 100 - percentile)
    is_kept = np.isin(curve.steps, at) & ~np.isnan(curve.values)
    if not is_kept.any():
        return ()
    name = "median" if percentile == _MEDIAN else f"{percentile:g}th percentile"
    return (Threshold(name, Curve(curve.steps[is_kept], curve.values[is_kept]), is_upper),)


def _percentile_curve(reports: CompleteReports, percentile: float) -> Curve:
    """Return `np.nanpercentile` at each step, for all steps at once."""
    is_number = ~np.isnan(reports.values)
    steps, values = reports.steps[is_number], reports.values[is_number]
    order = np.lexsort((values, steps))
    steps, values = steps[order], values[order]
    found, first, counts = np.unique(steps, return_index=True, return_counts=True)
    place = percentile / 100 * (counts - 1)
    below = np.floor(place).astype(np.int64)
    low, high = values[first + below], values[first + np.minimum(below + 1, counts - 1)]
    part = place - below
    # Beside an infinite value there is none, as in NumPy; the pruner does not prune then.
    with np.errstate(invalid="ignore", over="ignore"):
        gap = high - low
        between = np.where(part >= 0.5, high - gap * (1 - part), low + gap * part)  # noqa: PLR2004
    return Curve(found, between)
