"""How much better than the best trial a value can be, as a model of the trials sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.analysis.stopping.dependence import follows
from hptui.analysis.stopping.gaussian_process import GaussianProcess
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.readable import plural

if TYPE_CHECKING:
    from hptui.trials import BoolArray, FloatArray, IntArray, ParamColumn, Trials

_SEED: Final = 0
_MOST_POINTS: Final = 200
_BEST_PART: Final = 4
"""One in so many of them are the best trials; the others are as far apart as can be."""
_MOST_LOOKED_AT: Final = 2_000
_TRIALS_A_PARAM: Final = 10
_MOST_PARAMS: Final = 30
_DOUBT: Final = 0.1
"""The chance that the bound is wrong, if the model is right."""
_BETA_SCALE: Final = 5.0
"""By which Srinivas et al. (2010) and Makarova et al. (2022) divide the bound's constant."""
_FARTHEST: Final = 100.0
"""Times what was gained: a loss beyond, like one that stands for a failure, counts as this."""
_MOST_STEPS: Final = 100
_N_ANYWHERE: Final = 2_048
_N_NEAR: Final = 10
_REACHES: Final = (0.1, 0.03, 0.01)
_REPEATS: Final = 20
_MANY_TRIALS: Final = 200
"""With fewer, a weak effect of one parameter among many may not show yet."""


@dataclass(frozen=True, slots=True)
class Regret:
    """What may be left, and what the model knows."""

    left: float | None
    """None where it cannot be told."""
    scatter: float = 0.0
    """The deviation of values at the same parameters."""
    n_points: int = 0
    """Trials that the model was fitted to."""
    params: tuple[str, ...] = ()
    """The parameters it knows: those that all these trials have."""
    why: str = ""
    """Why it cannot be told, as the end of a sentence."""
    is_luck: bool = False
    """Whether many trials show no sign that values follow the parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """Trials as points: a column a parameter, from 0 to 1, or the index of a choice."""

    names: tuple[str, ...]
    points: FloatArray
    n_choices: IntArray
    """0 for a number."""
    n_steps: IntArray
    """For a number on an even grid of few values, how many steps it has; else 0."""

    @property
    def is_choice(self) -> BoolArray:
        return self.n_choices > 0


def bound_regret(trials: Trials, rows: IntArray, losses: FloatArray, gained: float) -> Regret:
    """Return how much less than the least of `losses` there may be.

    Args:
        trials: All trials.
        rows: Those with losses, by number.
        losses: Finite; the less the better.
        gained: What was gained since the first trials. The model sees losses that are greater than
            the best by more than that on a logarithmic scale: it is to know where it is bad, not
            how bad.
    """
    rng = np.random.default_rng(_SEED)
    space = _space(trials, rows)
    needed = _TRIALS_A_PARAM * len(space.names)
    if not space.names:
        return Regret(None, why="the trials have no parameters in common")
    if len(space.names) > _MOST_PARAMS:
        return Regret(None, why=f"{plural(len(space.names), 'parameter')} are too many for a model")
    if len(rows) < needed:
        takes = (
            f"it takes {plural(needed, 'complete trial')} to model "
            f"{plural(len(space.names), 'parameter')}"
        )
        return Regret(None, why=f"{takes}, and there are {len(rows)}")
    # The cores belong to the trials that may be running.
    with threadpool_limits(1, "blas"):
        return _bound(space, losses, gained, rng)


def _bound(space: _Space, losses: FloatArray, gained: float, rng: np.random.Generator) -> Regret:
    chosen = _choose(space, losses, rng)
    points, order = space.points[chosen], np.argsort(losses, kind="stable")
    least = float(losses.min())
    # Quotients first, so that the difference of the greatest floats is still one.
    above = np.log1p(
        np.minimum(losses[chosen], least + _FARTHEST * gained) / gained - least / gained
    )
    middle, scale = float(above.mean()), float(above.std()) or 1.0
    model = GaussianProcess.fitted(points, (above - middle) / scale, space.is_choice)
    beta = 2 * math.log(len(space.names) * len(losses) ** 2 * math.pi**2 / (6 * _DOUBT))
    width = math.sqrt(beta / _BETA_SCALE)
    mean, deviation = model.at(points)
    surely = float((mean + width * deviation).min()) * scale + middle
    others = _candidates(space, space.points[order[:_N_NEAR]], rng)
    mean, deviation = model.at(np.concatenate([points, others]))
    possibly = float((mean - width * deviation).min()) * scale + middle
    return Regret(
        gained * max(0.0, math.exp(surely) - math.exp(possibly)),
        # Near the best the scale is as good as linear.
        gained * scale * math.sqrt(model.noise),
        len(chosen),
        space.names,
        is_luck=len(losses) >= _MANY_TRIALS
        and not follows(space.points, space.is_choice, losses, rng),
    )


def _space(trials: Trials, rows: IntArray) -> _Space:
    names: list[str] = []
    columns: list[FloatArray] = []
    n_choices: list[int] = []
    n_steps: list[int] = []
    for name, param in trials.params.items():
        axis = build_param(param, rows)
        if not axis.has.all():
            continue
        column = axis.values if axis.choices is not None else _from_0_to_1(param, axis)
        if column is None or (axis.choices is not None and len(axis.choices) < 2):  # noqa: PLR2004
            continue
        names.append(name)
        columns.append(column)
        n_choices.append(0 if axis.choices is None else len(axis.choices))
        n_steps.append(0 if axis.choices is not None or axis.is_log else _steps_of(param))
    points = np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))
    return _Space(tuple(names), points, np.array(n_choices, int), np.array(n_steps, int))


def _steps_of(param: ParamColumn) -> int:
    """Return how many steps there are between the bounds; 0 where spaces differ, or for many."""
    if len(param.specs) != 1:
        return 0
    (spec,) = param.specs
    if isinstance(spec, ChoiceParam) or spec.step is None:
        return 0
    count = round((spec.high - spec.low) / spec.step)
    return count if count <= _MOST_STEPS else 0


def _from_0_to_1(param: ParamColumn, axis: ParamAxis) -> FloatArray | None:
    """Return where values stand between the bounds of all spaces; None where there is no room."""
    numbers = [spec for spec in param.specs if not isinstance(spec, ChoiceParam)]
    ends = [end for spec in numbers for end in (spec.low, spec.high)]
    both = np.array([min(ends), max(ends)], np.float64)
    values = axis.values
    if axis.is_log and both[0] > 0:
        both, values = np.log(both), np.log(values)
    low, high = both.tolist()
    if not low < high or not math.isfinite(high - low):
        return None
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _choose(space: _Space, losses: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return the trials to fit the model to: the best, and some that are far apart."""
    if len(losses) <= _MOST_POINTS:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    best, rest = order[: _MOST_POINTS // _BEST_PART], order[_MOST_POINTS // _BEST_PART :]
    if len(rest) > _MOST_LOOKED_AT:
        rest = np.sort(rng.choice(rest, _MOST_LOOKED_AT, replace=False))
    chosen = best.tolist()
    nearest = np.min([_squares(space, rest, at) for at in chosen], axis=0)
    while len(chosen) < _MOST_POINTS:
        farthest = int(rest[int(np.argmax(nearest))])
        chosen.append(farthest)
        nearest = np.minimum(nearest, _squares(space, rest, farthest))
    return np.array(chosen)


def _squares(space: _Space, rows: IntArray, row: int) -> FloatArray:
    difference = space.points[rows] - space.points[row]
    squares: FloatArray = difference**2
    squares[:, space.is_choice] = difference[:, space.is_choice] != 0
    return squares.sum(axis=1)


def _candidates(space: _Space, best: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return points anywhere, and near the best trials."""
    anywhere = _anywhere(space, _N_ANYWHERE, rng)
    found = [anywhere]
    for reach in _REACHES:
        near = np.repeat(best, _REPEATS, axis=0)
        moved = np.clip(near + rng.normal(0, reach, near.shape), 0, 1)
        other = _anywhere(space, len(near), rng)
        is_changed = rng.random(near.shape) < reach
        found.append(np.where(space.is_choice, np.where(is_changed, other, near), moved))
    # Between the values that an integer can have there is nothing to be found.
    points = np.concatenate(found)
    steps = np.maximum(1, space.n_steps)
    return np.where(space.n_steps > 0, np.rint(points * steps) / steps, points)


def _anywhere(space: _Space, count: int, rng: np.random.Generator) -> FloatArray:
    points = rng.random((count, len(space.names)))
    return np.where(space.is_choice, np.floor(points * space.n_choices), points)
