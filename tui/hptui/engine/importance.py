"""Optuna's evaluators of importance, on trials that are columns."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from hptui.analysis.evaluators import EVALUATORS
from hptui.domain.space import ChoiceParam, IntParam
from hptui.engine.given_trials import study_holding
from hptui.errors import UsageError
from hptui.storage.distributions import to_optuna

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from optuna.distributions import BaseDistribution
    from optuna.importance import BaseImportanceEvaluator

    from hptui.analysis.evaluators import Evaluator
    from hptui.analysis.importance import JudgedParam, JudgedTrials
    from hptui.domain.choices import ChoiceValue

_SEED = 0
"""Of the random forests, so that the same trials always give the same numbers."""


def evaluate(
    trials: JudgedTrials,
    evaluator: Evaluator,
    params: Sequence[str] = (),
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, float]:
    """Return the share of each parameter, as `optuna.importance.get_param_importances` does.

    Args:
        trials: The complete trials.
        evaluator: Which of Optuna's.
        params: Which parameters; without, all that the evaluator can judge.
        on_progress: Called with how many steps are done, of how many, where that is known.

    Raises:
        UsageError: The evaluator cannot judge these trials, or not by the parameters that were
            asked for.
    """
    study = study_of(trials)
    judge = judge_of(evaluator, on_progress)
    sign = 1.0
    if evaluator == "ped-anova" and trials.direction == "maximize":
        # It takes the lower targets for the better ones.
        sign = -1.0

    def target(trial: FrozenTrial) -> float:
        return sign * cast("float", trial.value)

    with warnings.catch_warnings():
        # What they warn of, `Importance` says.
        warnings.simplefilter("ignore")
        try:
            shares = optuna.importance.get_param_importances(
                study,
                evaluator=judge,
                params=list(params) or None,
                target=None if trials.is_single else target,
            )
        except (ArithmeticError, AssertionError, RuntimeError, ValueError) as error:
            raise _refusal(trials, evaluator, params) from error
    if not all(map(math.isfinite, shares.values())):
        raise _refusal(trials, evaluator, params)
    return shares


def _refusal(trials: JudgedTrials, evaluator: Evaluator, params: Sequence[str]) -> UsageError:
    """Return why an evaluator gives no shares; what Optuna says of it names no cause."""
    title = EVALUATORS[evaluator].title
    if len(np.unique(trials.values)) == 1:
        return UsageError(
            f"All {len(trials.values):,} complete trials have the same value, so {title} has "
            "nothing to tell parameters apart by."
        )
    if params and not _are_together(trials, params):
        return UsageError(
            f"{title} judges parameters together that some complete trials have all from the same "
            "spaces, and those that were asked for are not such.",
            hint="--evaluator ped-anova judges each parameter by itself.",
        )
    return UsageError(
        f"{title} cannot compute with values or parameters so far from each other, or so near.",
        hint="--evaluator ped-anova goes by the order of the values.",
    )


def _are_together(trials: JudgedTrials, params: Sequence[str]) -> bool:
    """Say whether some trials have all the parameters, and all of these from the same spaces."""
    indices = np.array([each.spec_indices for each in trials.params if each.name in params])
    return len(np.unique(indices[:, (indices >= 0).all(axis=0)], axis=1).T) == 1


def study_of(trials: JudgedTrials) -> optuna.Study:
    """Return the trials as a study of one objective in memory."""
    return study_holding(_frozen_trials(trials), (trials.direction,))


def judge_of(
    evaluator: Evaluator, on_progress: Callable[[int, int], None] = lambda _done, _total: None
) -> BaseImportanceEvaluator:
    """Return Optuna's evaluator; `on_progress` is called as by `evaluate`."""
    if evaluator == "ped-anova":
        return optuna.importance.PedAnovaImportanceEvaluator()
    if evaluator == "mdi":
        return optuna.importance.MeanDecreaseImpurityImportanceEvaluator(seed=_SEED)
    judge = optuna.importance.FanovaImportanceEvaluator(seed=_SEED)
    # Its part that takes long: one call for each parameter.
    inner: Any = judge._evaluator  # pyright: ignore[reportPrivateUsage]
    given, fit = inner.get_importance, inner.fit

    def fit_and_count(*args: object, **kwargs: Any) -> None:  # noqa: ANN401
        fit(*args, **kwargs)
        inner.n_columns = len(kwargs["column_to_encoded_columns"])
        on_progress(0, inner.n_columns)

    def get_and_count(index: int) -> object:
        found = given(index)
        on_progress(index + 1, inner.n_columns)
        return found

    inner.fit, inner.get_importance = fit_and_count, get_and_count
    return judge


def _frozen_trials(trials: JudgedTrials) -> list[FrozenTrial]:
    n_trials = len(trials.values)
    found: list[FrozenTrial | None] = [None] * n_trials
    columns = [_column(param) for param in trials.params]
    spaces = [[to_optuna(spec) for spec in param.specs] for param in trials.params]
    values, numbers = trials.values.tolist(), trials.numbers.tolist()
    # Trials with the same parameters from the same spaces share their dict of distributions.
    indices = np.array([param.spec_indices for param in trials.params], np.int32)
    kinds, kind_of = np.unique(
        np.maximum(indices, -1).reshape(len(columns), n_trials), axis=1, return_inverse=True
    )
    for kind, spec_indices in enumerate(kinds.T.tolist()):
        rows = np.flatnonzero(kind_of.reshape(-1) == kind)
        has = [at for at, spec in enumerate(spec_indices) if spec >= 0]
        names = [trials.params[at].name for at in has]
        distributions: dict[str, BaseDistribution] = {
            trials.params[at].name: spaces[at][spec_indices[at]] for at in has
        }
        cells = zip(*(columns[at][rows].tolist() for at in has), strict=True)
        for row, cell in zip(rows.tolist(), cells if has else [()] * len(rows), strict=True):
            found[row] = FrozenTrial(
                number=numbers[row],
                trial_id=row,
                state=TrialState.COMPLETE,
                value=values[row],
                params=dict(zip(names, cell, strict=True)),
                distributions=distributions,
                datetime_start=None,
                datetime_complete=None,
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
    return cast("list[FrozenTrial]", found)


def _column(param: JudgedParam) -> npt.NDArray[Any]:
    """Return the parameter's values as the objective received them."""
    if not any(isinstance(spec, ChoiceParam | IntParam) for spec in param.specs):
        return param.values
    cells = np.empty(len(param.values), object)
    for index, spec in enumerate(param.specs):
        rows = np.flatnonzero(param.spec_indices == index)
        numbers: list[float] = param.values[rows].tolist()
        values: list[ChoiceValue] = list(numbers)
        if isinstance(spec, ChoiceParam):
            values = [spec.choices[int(number)] for number in numbers]
        elif isinstance(spec, IntParam):
            values = [int(number) for number in numbers]
        for row, value in zip(rows.tolist(), values, strict=True):
            cells[row] = value
    return cells
