"""Beyond which intermediate values a pruner ends a trial, step by step, where that can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from hptui.analysis.pruning.curves import Curve
from hptui.analysis.pruning.rungs import (
    Brackets,
    Halving,
    RungValues,
    count_brackets,
    rung_curve,
    shortest_rung,
)
from hptui.domain.methods.asked_methods import MethodSpec, method_of
from hptui.domain.texts.readable import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.analysis.pruning.step_reports import CompleteReports
    from hptui.domain.methods.options import OptionValue
    from hptui.domain.objective import Direction
    from hptui.trials import FloatArray, IntArray

_MEDIAN: Final = 50.0
_NO_STEP: Final = 2**62
"""Farther than any trial goes, and an integer for NumPy."""


@dataclass(frozen=True, slots=True, eq=False)
class Threshold:
    """What is beyond it at a step is pruned there.

    What counts is the best value so far; for `threshold` and at rungs it is the value then.
    """

    name: str
    curve: Curve
    """At the steps at which the pruner looks."""
    is_upper: bool
    """Whether beyond is above."""
    is_rungs: bool = False
    """Whether the pruner looks at these steps alone, not in between."""
    bracket: int | None = None
    """Hyperband's, of the trials that it is for."""


@dataclass(frozen=True, slots=True, eq=False)
class Pruning:
    """Where a pruner ends trials."""

    thresholds: tuple[Threshold, ...] = ()
    why_none: str = ""
    """Why there are none, in a few words; empty where there are, or where nothing is pruned."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedTrial:
    """A trial of which is asked where it is pruned; it is not compared with itself."""

    number: int
    curve: Curve
    is_complete: bool


@dataclass(frozen=True, slots=True, eq=False)
class PrunerSight:
    """What a pruner sees of a study with one objective."""

    study_name: str
    direction: Direction
    reports: CompleteReports
    rungs: RungValues
    trial: JudgedTrial | None = None
    """Without, the question is where any trial is pruned."""

    @property
    def left_out(self) -> Curve | None:
        """The curve that is among the complete ones and does not count."""
        trial = self.trial
        return trial.curve if trial is not None and trial.is_complete else None

    @property
    def n_complete(self) -> int:
        """How many complete trials a trial is compared with."""
        return self.reports.n_trials - (self.left_out is not None)

    def steps(self) -> IntArray:
        """Return the steps with reports: the trial's own, and later ones of others."""
        of_all, counts = self.reports.counts_without(self.left_out)
        of_all = of_all[counts > 0]
        if self.trial is None or not len(self.trial.curve.steps):
            return of_all
        own = self.trial.curve.steps
        return np.concatenate([own, of_all[of_all > own[-1]]])


def pruning_of(sight: PrunerSight, pruner: MethodSpec) -> Pruning:
    """Return the thresholds of a pruner, or why there are none.

    As the pruners do, it looks only at the first report of each interval, here among the steps that
    the trial, or complete ones, have.
    """
    options = _options(pruner)
    match pruner.name:
        case "median" | "percentile":
            return _percentiles(sight, options)
        case "threshold":
            return Pruning(_levels(sight, options))
        case "sha":
            return _halving(sight, options)
        case "hyperband":
            return _hyperband(sight, options)
        case "patient":
            return _patient(sight, options)
        case "wilcoxon":
            return Pruning(why_none="wilcoxon compares whole curves")
        case _:
            return Pruning()


def needs_reports(pruner: MethodSpec) -> bool:
    """Say whether a pruner's thresholds depend on what complete trials reported."""
    options = _options(pruner)
    wrapped = options.get("wrapped")
    if isinstance(wrapped, MethodSpec):
        return needs_reports(wrapped)
    if pruner.name in ("sha", "hyperband"):
        return "auto" in (options["min_resource"], options.get("max_resource"))
    return pruner.name in ("median", "percentile", "threshold")


def needs_rungs(pruner: MethodSpec) -> bool:
    """Say whether a pruner's thresholds depend on the rungs that trials reached."""
    wrapped = _options(pruner).get("wrapped")
    if isinstance(wrapped, MethodSpec):
        return needs_rungs(wrapped)
    return pruner.name in ("sha", "hyperband")


def _options(pruner: MethodSpec) -> dict[str, OptionValue]:
    defaults = {option.name: option.default for option in method_of("pruner", pruner).options}
    return defaults | pruner.given()


def _looked_at(steps: IntArray, options: Mapping[str, OptionValue]) -> IntArray:
    """Return those of the steps, ascending, at which a pruner looks."""
    warmup = min(cast("int", options["n_warmup_steps"]), _NO_STEP)
    later = steps[steps >= warmup]
    interval = (later - warmup) // min(cast("int", options["interval_steps"]), _NO_STEP)
    return later[np.diff(interval, prepend=-1) > 0]


def _levels(sight: PrunerSight, options: Mapping[str, OptionValue]) -> tuple[Threshold, ...]:
    steps = _looked_at(sight.steps(), options)
    return tuple(
        Threshold(f"{name} threshold", Curve(steps, np.full(len(steps), level)), name == "upper")
        for name in ("lower", "upper")
        if isinstance(level := options[name], float | int) and len(steps)
    )


def _percentiles(sight: PrunerSight, options: Mapping[str, OptionValue]) -> Pruning:
    n_startup = max(1, cast("int", options["n_startup_trials"]))
    if sight.n_complete < n_startup:
        return Pruning(why_none=f"{sight.n_complete} of {n_startup} complete")
    percentile = float(cast("float", options.get("percentile", _MEDIAN)))
    is_upper = sight.direction == "minimize"
    steps, counts = sight.reports.counts_without(sight.left_out)
    enough = steps[counts >= cast("int", options["n_min_trials"])]
    at = np.intersect1d(_looked_at(sight.steps(), options), enough)
    curve = sight.reports.percentile(percentile if is_upper else 100 - percentile, sight.left_out)
    is_kept = np.isin(curve.steps, at) & ~np.isnan(curve.values)
    if not is_kept.any():
        return Pruning(why_none="too few reports to compare with")
    name = "median" if percentile == _MEDIAN else f"{percentile:g}th percentile"
    return Pruning((Threshold(name, _part(curve, is_kept), is_upper),))


def _halving(sight: PrunerSight, options: Mapping[str, OptionValue]) -> Pruning:
    least = options["min_resource"]
    first_rung = least if isinstance(least, int) else shortest_rung(sight.reports.last_steps)
    if first_rung is None:
        return Pruning(why_none="the first rung is unknown")
    halving = Halving(
        first_rung,
        cast("int", options["reduction_factor"]),
        cast("int", options["min_early_stopping_rate"]),
        cast("int", options["bootstrap_count"]),
    )
    return _at_rungs([_rungs(sight, sight.rungs, halving, "rung of successive halving")])


def _hyperband(sight: PrunerSight, options: Mapping[str, OptionValue]) -> Pruning:
    least, most = cast("int", options["min_resource"]), options["max_resource"]
    factor = cast("int", options["reduction_factor"])
    max_resource = most if isinstance(most, int) else None
    n_brackets = count_brackets(least, max_resource, sight.reports.last_steps, factor)
    if n_brackets is None:
        return Pruning(why_none="the number of hyperband's brackets is unknown")
    if not n_brackets:
        return Pruning(why_none="hyperband has no bracket for such short trials")
    brackets = Brackets.of(sight.study_name, n_brackets, factor)
    numbers, row_of = np.unique(sight.rungs.numbers, return_inverse=True)
    of_numbers = np.array([brackets.bracket_of(each) for each in numbers.tolist()], np.int64)
    of_rows = of_numbers[row_of]
    trial = sight.trial
    chosen = range(n_brackets) if trial is None else [brackets.bracket_of(trial.number)]
    bootstrap = cast("int", options["bootstrap_count"])
    found = [
        replace(
            _rungs(
                sight,
                sight.rungs.where(of_rows == bracket),
                Halving(least, factor, bracket, bootstrap),
                "rung of hyperband's bracket",
            ),
            bracket=bracket,
        )
        for bracket in chosen
    ]
    return _at_rungs(found)


def _rungs(sight: PrunerSight, rungs: RungValues, halving: Halving, name: str) -> Threshold:
    if sight.trial is not None:
        rungs = rungs.where(rungs.numbers != sight.trial.number)
    curve = rung_curve(rungs, halving, sight.direction)
    return Threshold(name, curve, sight.direction == "minimize", is_rungs=True)


def _at_rungs(found: list[Threshold]) -> Pruning:
    reached = tuple(each for each in found if len(each.curve.steps))
    return Pruning(reached, "" if reached else "no trial has reached a rung")


def _patient(sight: PrunerSight, options: Mapping[str, OptionValue]) -> Pruning:
    wrapped, patience = options["wrapped"], cast("int", options["patience"])
    if isinstance(wrapped, MethodSpec):
        inner = pruning_of(sight, wrapped)
        suffix = f"after {plural(patience, 'step')} without improvement"
        named = [replace(each, name=f"{each.name}, {suffix}") for each in inner.thresholds]
        return replace(inner, thresholds=tuple(named))
    if sight.trial is None:
        return Pruning(why_none="patient judges each trial by itself")
    sign = 1.0 if sight.direction == "minimize" else -1.0
    own = sight.trial.curve
    losses = _patience_losses(sign * own.values, patience, cast("float", options["min_delta"]))
    is_kept = ~np.isnan(losses)
    if not is_kept.any():
        return Pruning(why_none=f"it never went {plural(patience, 'step')} without improvement")
    curve = _part(Curve(own.steps, sign * losses), is_kept)
    return Pruning((Threshold(f"no improvement for {plural(patience, 'step')}", curve, sign > 0),))


def _patience_losses(losses: FloatArray, patience: int, min_delta: float) -> FloatArray:
    """Return the loss at each report from which patience ends; NaN where it does not end there.

    It ends where this report and the `patience` ones before are all worse than the best before
    those, by more than `min_delta`.
    """
    levels = np.full(len(losses), math.nan)
    n_judged = len(losses) - patience - 1
    if n_judged <= 0:
        return levels
    before = np.fmin.accumulate(losses)[:n_judged] + min_delta
    if patience:
        windows = np.lib.stride_tricks.sliding_window_view(losses, patience)[1 : n_judged + 1]
        least = np.fmin.reduce(windows, axis=1)
        before = np.where(np.isnan(least) | (least > before), before, math.nan)
    levels[patience + 1 :] = before
    return levels


def _part(curve: Curve, is_kept: np.ndarray) -> Curve:
    return Curve(curve.steps[is_kept], curve.values[is_kept])
