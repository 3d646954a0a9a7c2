"""Several studies side by side, in one objective: bests, their parameters, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.history import history_of
from hptui.analysis.objectives.front import build_front
from hptui.analysis.objectives.hypervolume import build_hypervolume, worst_values
from hptui.analysis.param_axis import params_in
from hptui.analysis.spent import Spent, time_spent
from hptui.analysis.stopping.budget import Improvements, Reached, improvements_of, reached
from hptui.domain.spaces.choices import same_choice
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_NAMES
from hptui.errors import UsageError
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.analysis.history import History
    from hptui.domain.objective import Direction
    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.trials import FloatArray, IntArray, Trials

LETTERS: Final = "ABCDEF"
"""One for each study: in figures, in tables, and on the screen."""
MAX_COMPARED: Final = len(LETTERS)
_MAX_NAME_CHARS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class ComparedStudy:
    """A study to compare."""

    name: str
    """What it is called among the others."""
    trials: Trials
    sampler: str = ""
    """Of its latest run; empty where that is not known."""
    pruner: str = ""


@dataclass(frozen=True, slots=True)
class ComparedBest:
    """The best feasible trial of a study."""

    number: int
    value: float
    params: Mapping[str, ChoiceValue]


@dataclass(frozen=True, slots=True, eq=False)
class StudyResult:
    """What one of several studies has come to."""

    name: str
    sampler: str
    pruner: str
    counts: Mapping[str, int]
    """Trials by the words of `trial_states.STATE_NAMES`."""
    spent: Spent
    history: History
    edf: Edf
    best: ComparedBest | None
    reached: Reached | None
    """None where it never reached the value."""
    budget: Improvements
    """What each of its best values took."""
    n_front: int
    """Trials on its own Pareto front; 0 with one objective."""
    hypervolume: float
    """From a reference that all studies share; NaN with one objective, or where none is known."""


@dataclass(frozen=True, slots=True)
class ComparedParam:
    """A parameter of the bests."""

    name: str
    differs: bool
    """Whether not all bests have it with the same value."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Several studies in one objective."""

    objective: int
    n_objectives: int
    direction: Direction
    results: tuple[StudyResult, ...]
    target: float | None
    """The value to reach; None where no study has a best and none was given."""
    is_target_given: bool
    params: tuple[ComparedParam, ...]
    """Those of the bests, in the order in which the studies have them."""
    shares_params: bool
    """Whether two of the studies have a parameter in common, or none has any."""

    @property
    def leader(self) -> int | None:
        """The place of the study with the best value, the first of equals; None without bests."""
        known = [(each.best.value, at) for at, each in enumerate(self.results) if each.best]
        if not known:
            return None
        sign = 1.0 if self.direction == "minimize" else -1.0
        return min(known, key=lambda pair: (sign * pair[0], pair[1]))[1]


def check_comparable(studies: Sequence[tuple[str, Sequence[Direction]]]) -> None:
    """Refuse studies with different objectives: names, each with its directions.

    Raises:
        UsageError: Two of them have different directions, or different numbers of them.
    """
    for (name, directions), (other, others) in pairwise(studies):
        if tuple(directions) != tuple(others):
            raise UsageError(
                f"{_short(name)} and {_short(other)} have different objectives: "
                f"{', '.join(directions)} and {', '.join(others)}.",
                hint="Compare studies that have the same directions.",
            )


def compare(
    studies: Sequence[ComparedStudy], objective: int = 0, to: float | None = None
) -> Comparison:
    """Return the studies side by side in one objective, which all of them have.

    Args:
        studies: At least one, with the same directions.
        objective: Counted from 0.
        to: The value to reach; without, the worst of the bests, which all of them reached.
    """
    direction = studies[0].trials.directions[objective]
    histories = [history_of(each.trials, objective) for each in studies]
    bests = [_best(each.trials, history) for each, history in zip(studies, histories, strict=True)]
    target = _worst([best.value for best in bests if best], direction) if to is None else to
    reference = _reference(studies)
    results = tuple(
        StudyResult(
            each.name,
            each.sampler,
            each.pruner,
            _counts(each.trials),
            time_spent(each.trials),
            history,
            build_edf(each.trials, objective),
            best,
            None if target is None else reached(each.trials, history, objective, target),
            improvements_of(each.trials, history, objective),
            *_together(each.trials, reference),
        )
        for each, history, best in zip(studies, histories, bests, strict=True)
    )
    return Comparison(
        objective,
        len(studies[0].trials.directions),
        direction,
        results,
        target,
        is_target_given=to is not None,
        params=_params([best for best in bests if best]),
        shares_params=_shares_params([each.trials for each in studies]),
    )


def _counts(trials: Trials) -> dict[str, int]:
    return {name: int((trials.states == state).sum()) for state, name in enumerate(STATE_NAMES)}


def _best(trials: Trials, history: History) -> ComparedBest | None:
    row = history.best_row
    if row is None:
        return None
    number = int(history.numbers[row])
    at = int(np.flatnonzero(trials.numbers == number)[0])
    params = {name: each.value_at(at) for name, each in trials.params.items() if each.has(at)}
    return ComparedBest(number, float(history.values[row]), params)


def _worst(values: Sequence[float], direction: Direction) -> float | None:
    if not values:
        return None
    return max(values) if direction == "minimize" else min(values)


def _reference(studies: Sequence[ComparedStudy]) -> tuple[float, ...] | None:
    """Return the worst value in each objective over all studies; None with one objective."""
    directions = studies[0].trials.directions
    if len(directions) == 1:
        return None
    worst = np.array([worst_values(each.trials) for each in studies])
    worst = worst[~np.isnan(worst).any(axis=1)]
    if not len(worst):
        return None
    return tuple(
        float(column.max() if direction == "minimize" else column.min())
        for column, direction in zip(worst.T, directions, strict=True)
    )


def _together(trials: Trials, reference: tuple[float, ...] | None) -> tuple[int, float]:
    """Return what a study reached in all objectives: the size of its front, and its hypervolume."""
    n_front = int(build_front(trials, (0,)).on_front.sum()) if len(trials.directions) > 1 else 0
    if reference is None:
        return n_front, float("nan")
    volumes = build_hypervolume(trials, reference).volumes
    return n_front, float(volumes[-1]) if len(volumes) else 0.0


def _params(bests: Sequence[ComparedBest]) -> tuple[ComparedParam, ...]:
    names = dict.fromkeys(name for best in bests for name in best.params)
    return tuple(ComparedParam(name, _differs(name, bests)) for name in names)


def _differs(name: str, bests: Sequence[ComparedBest]) -> bool:
    if any(name not in best.params for best in bests):
        return True
    values = [best.params[name] for best in bests]
    # 1, 1.0 and True are equal, and yet a choice may tell them apart.
    return any(
        isinstance(one, bool) != isinstance(other, bool) or not same_choice(one, other)
        for one, other in pairwise(values)
    )


def _shares_params(studies: Sequence[Trials]) -> bool:
    names = [params_in(each, np.arange(len(each.numbers))) for each in studies]
    found = [name for each in names for name in each]
    return not found or len(set(found)) < len(found)


def _short(name: str) -> str:
    return safe_line(name, max_chars=_MAX_NAME_CHARS)


@dataclass(frozen=True, slots=True, eq=False)
class Edf:
    """The values of one objective of the complete trials, infeasible ones too."""

    values: FloatArray
    """Finite and ascending."""
    numbers: IntArray
    """Of the trials, in the order of the values."""
    n_infinite: int = 0
    """Left out."""

    @property
    def shares(self) -> FloatArray:
        """At each value, the share of the trials that is at most so great."""
        return self.share_at(self.values)

    def share_at(self, values: FloatArray) -> FloatArray:
        """Return which share of the trials is at most each of `values`, from 0 to 1.

        There must be a trial.
        """
        return np.searchsorted(self.values, values, side="right") / len(self.values)

    def value_at(self, share: float) -> float:
        """Return the least value that this share of the trials, above 0, is at most."""
        return float(self.values[int(np.ceil(share * len(self.values))) - 1])

    def above_zero(self) -> Edf:
        """Return the trials that a log axis can show; the shares are those among them."""
        is_above = self.values > 0
        return Edf(self.values[is_above], self.numbers[is_above], self.n_infinite)


def build_edf(trials: Trials, objective: int) -> Edf:
    """Return the distribution of one objective."""
    rows = finite_rows(trials, (objective,))
    rows = rows[np.argsort(trials.values[rows, objective], kind="stable")]
    values, numbers = trials.values[rows, objective], trials.numbers[rows]
    return Edf(values, numbers, len(complete_rows(trials)) - len(rows))
