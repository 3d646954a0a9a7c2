"""Whether more trials are worth it: what was gained of late, and what may be left.

Two methods that know different things, neither of which sees the future:

- **Records.** Trials that are better than all before, by more than a thousandth of what was gained
  and by more than values scatter. Were trials drawn alike, the n-th would be one with the chance
  1/n; a sampler that learns makes it c/n (Yang 1975; Nevzorov's scheme in Arnold, Balakrishnan and
  Nagaraja, "Records", 1998). c is estimated from the last three quarters of the trials.
- **A bound of the regret** (Makarova et al., "Automatic Termination for Hyperparameter
  Optimization", 2022): under a Gaussian process fitted to the trials, the least upper confidence
  bound of a trial minus the least lower one anywhere. It judges a value to be possible where no
  trial was near, but a narrow optimum that no trial has touched is not in it.

Where many trials show no sign that values follow the parameters (`dependence.py`), what may come is
luck, and the bound counts for nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from hptui.analysis.stopping.outlook import Outlook, outlook
from hptui.analysis.stopping.regret import Regret, bound_regret
from hptui.domain.trial_states import COMPLETE, PRUNED
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials

Verdict = Literal["too early", "go on", "slowing", "stuck", "unclear", "stop"]

FEWEST_TRIALS: Final = 20
_RECENT_PART: Final = 5
"""The last fifth of the trials is recent."""
_LEARNED_PART: Final = 4
"""Records of the first quarter are not counted: there every other trial is one."""
_TINY: Final = 1e-3
"""Of what was gained; less is no improvement."""
_LITTLE: Final = 0.05
"""Of what was gained; less is not worth more trials."""
_SCATTERS: Final = 3.0
"""Below so many deviations of the values' scatter, differences are luck."""
_ENOUGH_TO_GIVE_UP: Final = 100
"""With fewer trials, a long time without a better one says little."""
_HOPELESS: Final = 2.0
"""No better trial is to be expected before the study is three times as long."""
_MOST_AHEAD: Final = 100.0


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said of the trials of one objective that are still to come."""

    objective: int
    direction: Direction
    verdict: Verdict
    n_trials: int
    """Complete and pruned ones: those that were tried."""
    best: float
    """NaN where there is none."""
    best_number: int
    """The last trial that counts as better; -1 where there is none."""
    n_since: int
    """Trials after it."""
    n_recent: int
    """How many trials are looked at as the recent ones."""
    n_better: int
    """How many of them were better than all before."""
    gained: float
    """From the middle of the first trials to the best."""
    gained_recently: float
    """By the recent ones."""
    n_to_next: float
    """Within so many trials more a better one is as likely as not; infinite for never."""
    regret: Regret
    noise: float = 0.0
    """How far a value may be off, as repetitions tell; 0 where there are none."""
    n_unclear: int = 0
    """Trials after the last one that counts as better that are better by less than the noise."""
    later_bests: tuple[float, ...] = ()
    """The best value at the end of the first quarter, and each that counted as better since."""

    def outlook(self, n_more: int) -> Outlook | None:
        """Return what is to be expected of so many more trials, in the direction of the values."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        floor = self.may_reach
        if floor is None or not self.later_bests or self.regret.is_luck:
            return None
        gaps = [sign * (value - floor) for value in self.later_bests]
        steps = [math.log(before / after) for before, after in pairwise(gaps) if after > 0]
        since = self.n_trials // _LEARNED_PART
        found = outlook(sign * self.best, sign * floor, steps, since, self.n_trials, n_more)
        if found is None or sign > 0:
            return found
        return Outlook(found.n_more, -found.expected, -found.good, -found.bad)

    @property
    def may_reach(self) -> float | None:
        """The value that may be reached at best, where a model can say."""
        if self.regret.left is None:
            return None
        return self.best - self.regret.left * (1 if self.direction == "minimize" else -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """The trials that were tried, by number."""

    rows: IntArray
    losses: FloatArray
    """The less the better; infinite where a trial has no value, or not one that may be used."""

    @property
    def usable(self) -> BoolArray:
        """Which of them have a finite loss."""
        return np.isfinite(self.losses)


def build_advice(
    trials: Trials, objective: int, *, until: int | None = None, noise: float = 0.0
) -> Advice:
    """Return advice on one objective; infeasible trials were tried, and gained nothing.

    With `until` it is what could be said after the trial of this number. `noise` is how far a
    value may be off, where trials were repeated: what is better by less is not clearly better.
    """
    tried = _tried(trials, objective, until)
    losses, usable = tried.losses, tried.usable
    n_trials, n_usable = len(losses), int(usable.sum())
    sign = 1.0 if trials.directions[objective] == "minimize" else -1.0
    has_best = n_trials > 0 and float(losses.min()) < math.inf
    best = float(losses.min()) if has_best else math.nan
    gained = _gained(losses[usable]) if n_usable else 0.0
    regret = Regret(None, why="there are too few trials")
    if n_usable >= FEWEST_TRIALS and gained > 0 and math.isfinite(best):
        regret = bound_regret(trials, tried.rows[usable], losses[usable], gained)
    least = max(_TINY * gained, regret.scatter, noise)
    better = _records(losses, least) if has_best else np.zeros(0, int)
    n_recent = min(n_trials, max(FEWEST_TRIALS, round(n_trials / _RECENT_PART)))
    n_better = int((better >= max(1, n_trials - n_recent)).sum())
    before = losses[: max(1, n_trials - n_recent)]
    gained_recently = float(before.min()) - best if n_better and len(before) else 0.0
    n_to_next = _to_next(better, n_trials)
    return Advice(
        objective,
        trials.directions[objective],
        _verdict(n_trials, best, gained, n_better, n_to_next, regret, noise),
        n_trials,
        sign * best,
        int(trials.numbers[tried.rows[better[-1]]]) if len(better) else -1,
        n_trials - 1 - int(better[-1]) if len(better) else n_trials,
        n_recent,
        n_better,
        gained,
        gained_recently,
        n_to_next,
        regret,
        noise,
        int((losses[better[-1] + 1 :] < losses[better[-1]]).sum()) if len(better) else 0,
        _later_bests(losses, better, sign),
    )


def _tried(trials: Trials, objective: int, until: int | None) -> _Tried:
    was_tried = (trials.states == COMPLETE) | (trials.states == PRUNED)
    if until is not None:
        was_tried = was_tried & (trials.numbers <= until)
    rows = np.flatnonzero(was_tried & (trials.numbers >= 0))
    rows = rows[np.argsort(trials.numbers[rows], kind="stable")]
    sign = 1.0 if trials.directions[objective] == "minimize" else -1.0
    losses = sign * trials.values[rows, objective]
    counts = (trials.states[rows] == COMPLETE) & trials.is_feasible[rows] & ~np.isnan(losses)
    return _Tried(rows, np.where(counts, losses, math.inf))


def _gained(losses: FloatArray) -> float:
    """Return what was gained since the first trials; where that is nothing, how far values go."""
    first = losses[:FEWEST_TRIALS]
    # Halves, so that the difference of the greatest floats is still one.
    best = float(losses.min()) / 2
    gained = float(np.median(first)) / 2 - best
    return 2 * (gained or float(losses.max()) / 2 - best)


def _records(losses: FloatArray, least: float) -> IntArray:
    """Return which trials were better than all before, by at least so much; with the first one."""
    lowest = np.minimum.accumulate(losses)
    falls = np.flatnonzero(lowest[1:] < lowest[:-1]) + 1
    found: list[int] = []
    level = math.inf
    for at in [0, *falls.tolist()]:
        if losses[at] < level - (least if math.isfinite(level) else 0.0):
            found.append(at)
            level = float(losses[at])
    return np.array(found, np.int64)


def _later_bests(losses: FloatArray, better: IntArray, sign: float) -> tuple[float, ...]:
    start = max(1, len(losses) // _LEARNED_PART)
    at = [int(row) for row in better if row >= start]
    first = [float(losses[:start].min())] if len(losses) >= start else []
    return tuple(sign * loss for loss in (*first, *losses[at].tolist()) if math.isfinite(loss))


def _to_next(better: IntArray, n_trials: int) -> float:
    """Return within how many trials a better one is as likely as not.

    Records come with the intensity c/n. Before any was counted, c is held to be about 1, as it is
    without learning (a Gamma(1, 1) prior).
    """
    if not n_trials:
        return math.inf
    start = max(1, n_trials // _LEARNED_PART)
    shape = 1 + int((better >= start).sum())
    exposure = 1 + math.log(n_trials / start)
    ahead = exposure * (2 ** (1 / shape) - 1)
    return n_trials * math.expm1(ahead) if ahead < math.log(_MOST_AHEAD) else math.inf


def _verdict(
    n_trials: int,
    best: float,
    gained: float,
    n_better: int,
    n_to_next: float,
    regret: Regret,
    noise: float,
) -> Verdict:
    if best == -math.inf:
        return "stop"
    if n_trials < FEWEST_TRIALS:
        return "too early"
    if math.isnan(best) or not gained > 0:
        return "unclear"
    is_long = n_trials >= _ENOUGH_TO_GIVE_UP and n_to_next > _HOPELESS * n_trials
    if regret.left is None:
        if n_better:
            return "go on"
        return "stop" if is_long else "unclear"
    is_little = regret.left <= max(_LITTLE * gained, _SCATTERS * max(regret.scatter, noise))
    if n_better:
        return "slowing" if is_little else "go on"
    # A model of luck finds hope between the trials, wherever it looks.
    if is_little or (is_long and regret.is_luck):
        return "stop"
    return "stuck" if is_long else "go on"


_N_MOMENTS: Final = 12
"""Each takes up to half a second."""


def regret_history(trials: Trials, objective: int) -> dict[int, float]:
    """Return what might have been left after some complete trials, by their numbers.

    The moments lie closer together in the beginning, where more changes. Those at which it cannot
    be told are left out.
    """
    numbers = np.sort(trials.numbers[complete_rows(trials)])
    if len(numbers) < FEWEST_TRIALS:
        return {}
    places = np.geomspace(FEWEST_TRIALS, len(numbers), _N_MOMENTS).round().astype(int) - 1
    left: dict[int, float] = {}
    for number in np.unique(numbers[places]).tolist():
        found = build_advice(trials, objective, until=number).regret.left
        if found is not None:
            left[number] = found
    return left
