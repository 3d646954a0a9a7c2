"""How much each parameter matters: what is asked, of which trials, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.evaluators import EVALUATORS
from hptui.analysis.param_axis import params_in
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
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
_FEWEST_SHARED: Final = 10
_LEAST_SHARED: Final = 0.1
"""The part of the trials that a shared range has to hold."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedParam:
    """A parameter of the trials that are judged, in their order."""

    name: str
    specs: tuple[ParamSpec, ...]
    values: FloatArray
    """As stored: for a choice its index."""
    spec_indices: npt.NDArray[np.int32]
    """An index into `specs`; below 0 where a trial does not have the parameter."""


@dataclass(frozen=True, slots=True)
class SharedRange:
    """Where all spaces of a parameter overlap."""

    name: str
    low: float
    high: float


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
    narrowed: tuple[SharedRange, ...] = ()
    """Of parameters whose bounds differ between trials."""
    n_outside: int = 0
    """Trials with a finite value that are left out for being outside of these."""


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
    narrowed: tuple[SharedRange, ...] = ()
    """Where parameters were judged whose bounds had been edited."""

    @property
    def says_nothing(self) -> bool:
        """Whether all parameters look alike: there is nothing to tell them apart by."""
        values = [share for _, share in self.shares]
        return len(values) > 1 and max(values) == min(values)


def judged_trials(
    trials: Trials, objective: int, evaluator: Evaluator, asked: Sequence[str] = ()
) -> JudgedTrials:
    """Return the trials that an evaluator judges one objective by.

    As in Optuna, infeasible trials count. Of very many trials a part is drawn, always the same.
    Optuna's evaluators that need the same space in all trials leave out a parameter whose bounds
    were edited; here it is judged by the trials in the range that all its spaces share.

    Args:
        trials: All of them.
        objective: Its place among the study's.
        evaluator: Which of Optuna's.
        asked: The parameters that are to be judged; without, all.
    """
    rows = finite_rows(trials, (objective,))
    n_finite, most = len(rows), EVALUATORS[evaluator].most_trials
    shared: dict[str, ParamSpec] = {}
    if not EVALUATORS[evaluator].takes_conditional:
        rows, shared = _in_shared_ranges(trials, rows, asked)
    n_outside = n_finite - len(rows)
    if len(rows) > most:
        chosen = np.random.default_rng(_SEED).choice(len(rows), most, replace=False)
        rows = rows[np.sort(chosen)]
    return JudgedTrials(
        trials.values[rows, objective],
        trials.numbers[rows],
        tuple(
            _judged(trials.params[name], rows, shared.get(name)) for name in params_in(trials, rows)
        ),
        trials.directions[objective],
        is_single=len(trials.directions) == 1,
        n_finite=n_finite,
        n_infinite=len(complete_rows(trials)) - n_finite,
        narrowed=tuple(
            SharedRange(name, spec.low, spec.high)
            for name, spec in shared.items()
            if not isinstance(spec, ChoiceParam)
        ),
        n_outside=n_outside,
    )


def _in_shared_ranges(
    trials: Trials, rows: IntArray, asked: Sequence[str]
) -> tuple[IntArray, dict[str, ParamSpec]]:
    """Return the trials that are in the shared range of each parameter that has one, and these.

    A range that would leave too few trials is none.
    """
    shared: dict[str, ParamSpec] = {}
    for name in asked or params_in(trials, rows):
        param = trials.params.get(name)
        indices = np.zeros(0, np.int32) if param is None else param.spec_indices[rows]
        used = np.unique(indices[indices >= 0])
        if param is None or len(used) < _FEWEST:
            continue
        spec = _intersection([param.specs[int(index)] for index in used])
        if spec is None:
            continue
        values = param.values[rows]
        is_inside = (indices < 0) | ((values >= spec.low) & (values <= spec.high))
        if is_inside.sum() >= max(_FEWEST_SHARED, len(rows) * _LEAST_SHARED):
            shared[name], rows = spec, rows[is_inside]
    return rows, shared


def _intersection(specs: Sequence[ParamSpec]) -> FloatParam | IntParam | None:
    """Return the range that spaces share, on the scale of the last; None where there is none."""
    last = specs[-1]
    if isinstance(last, ChoiceParam):
        return None
    alike = [spec for spec in specs if type(spec) is type(last)]
    numbers = [spec for spec in alike if not isinstance(spec, ChoiceParam)]
    low, high = max(spec.low for spec in numbers), min(spec.high for spec in numbers)
    if len(alike) < len(specs) or not low < high:
        return None
    is_log = last.log and low > 0
    # The steps of spaces that begin elsewhere do not meet.
    if isinstance(last, IntParam):
        return IntParam(int(low), int(high), log=is_log)
    return FloatParam(low, high, log=is_log)


def _judged(param: ParamColumn, rows: IntArray, shared: ParamSpec | None) -> JudgedParam:
    if shared is not None:
        indices = np.minimum(param.spec_indices[rows], 0)
        return JudgedParam(param.name, (shared,), param.values[rows], indices)
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
        is_sample=len(trials.values) < trials.n_finite - trials.n_outside,
        narrowed=tuple(each for each in trials.narrowed if each.name in shares),
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
