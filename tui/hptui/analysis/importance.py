"""How much each parameter matters: what is asked, of which trials, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.param_axis import params_in
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from hptui.analysis.evaluators import Evaluator
    from hptui.domain.objective import Direction
    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import FloatArray, IntArray, ParamColumn, Trials

_SEED: Final = 0
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class JudgedParam:
    """A parameter of the trials that are judged, in their order."""

    name: str
    specs: tuple[ParamSpec, ...]
    values: FloatArray
    """As stored: for a choice its index."""
    spec_indices: npt.NDArray[np.int32]
    """An index into `specs`; below 0 where a trial does not have the parameter."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedTrials:
    """The trials from which importance is computed, by number."""

    values: FloatArray
    """Of the objective in question; finite."""
    numbers: IntArray
    params: tuple[JudgedParam, ...]
    direction: Direction
    is_single: bool
    """Whether the study has one objective."""
    n_finite: int
    """Complete trials with a finite value, of which these may be a part."""
    n_infinite: int
    """Complete trials that are left out."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much each parameter matters for one objective."""

    evaluator: Evaluator
    objective: int
    shares: tuple[tuple[str, float], ...]
    """The greatest first; their sum is 1."""
    left_out: tuple[str, ...]
    """Parameters that the evaluator cannot judge, because not all trials have them alike."""
    uncertain: tuple[str, ...]
    """Parameters that a single trial drew from another space than all others, or alone has."""
    n_used: int
    """Complete trials with all that the evaluator needs."""
    n_finite: int
    n_infinite: int
    is_sample: bool
    """Whether they are a part that was drawn at random, because there are very many."""

    @property
    def says_nothing(self) -> bool:
        """Whether all parameters look alike: there is nothing to tell them apart by."""
        values = [share for _, share in self.shares]
        return len(values) > 1 and max(values) == min(values)


def judged_trials(trials: Trials, objective: int, evaluator: Evaluator) -> JudgedTrials:
    """Return the trials that an evaluator judges one objective by.

    As in Optuna, infeasible trials count. Of very many trials a part is drawn, always the same.
    """
    rows = finite_rows(trials, (objective,))
    n_finite, most = len(rows), EVALUATORS[evaluator].most_trials
    if n_finite > most:
        chosen = np.random.default_rng(_SEED).choice(n_finite, most, replace=False)
        rows = rows[np.sort(chosen)]
    return JudgedTrials(
        trials.values[rows, objective],
        trials.numbers[rows],
        tuple(_judged(trials.params[name], rows) for name in params_in(trials, rows)),
        trials.directions[objective],
        is_single=len(trials.directions) == 1,
        n_finite=n_finite,
        n_infinite=len(complete_rows(trials)) - n_finite,
    )


def _judged(param: ParamColumn, rows: IntArray) -> JudgedParam:
    return JudgedParam(param.name, tuple(param.specs), param.values[rows], param.spec_indices[rows])


def build_importance(
    trials: JudgedTrials,
    evaluator: Evaluator,
    objective: int,
    shares: Mapping[str, float],
    asked: Sequence[str],
) -> Importance:
    """Return the answer to what was asked: `shares` are what an evaluator gave."""
    params = {param.name: param for param in trials.params}
    wanted = asked or list(params)
    return Importance(
        evaluator,
        objective,
        tuple(sorted(shares.items(), key=lambda item: (-item[1], item[0]))),
        left_out=tuple(name for name in wanted if name not in shares),
        uncertain=tuple(name for name in shares if name in params and _is_rare(params[name])),
        n_used=_count_used(trials, evaluator, shares),
        n_finite=trials.n_finite,
        n_infinite=trials.n_infinite,
        is_sample=len(trials.values) < trials.n_finite,
    )


def _count_used(trials: JudgedTrials, evaluator: Evaluator, shares: Mapping[str, float]) -> int:
    is_used = np.ones(len(trials.values), np.bool_)
    if not EVALUATORS[evaluator].takes_conditional:
        for param in trials.params:
            if param.name in shares:
                is_used &= param.spec_indices >= 0
    return int(is_used.sum())


def _is_rare(param: JudgedParam) -> bool:
    _, counts = np.unique(np.maximum(param.spec_indices, -1), return_counts=True)
    return bool((counts < _FEWEST).any())
