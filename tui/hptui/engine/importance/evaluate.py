"""Optuna's evaluators of importance, on trials that are columns."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
from optuna.trial import TrialState

from hptui.analysis.evaluators import EVALUATORS
from hptui.domain.texts.readable import plural
from hptui.engine.sampling.frozen_trials import frozen_trials
from hptui.engine.sampling.read_only_storage import study_holding
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optuna.importance import BaseImportanceEvaluator
    from optuna.trial import FrozenTrial

    from hptui.analysis.evaluators import Evaluator
    from hptui.analysis.importance import JudgedTrials
    from hptui.engine.sampling.frozen_trials import Head

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
            f"All {plural(len(trials.values), 'complete trial')} have the same value, so {title} "
            "cannot tell parameters apart."
        )
    if params and not _are_together(trials, params):
        return UsageError(
            f"{title[0].upper()}{title[1:]} needs complete trials that have all of these "
            "parameters, from the same space; there are none.",
            hint="--evaluator ped-anova judges each parameter by itself.",
        )
    return UsageError(
        f"{title[0].upper()}{title[1:]} cannot handle values or parameters that lie so far "
        "apart, or so close together.",
        hint="--evaluator ped-anova uses only the order of the values.",
    )


def _are_together(trials: JudgedTrials, params: Sequence[str]) -> bool:
    """Say whether some trials have all the parameters, and all of these from the same spaces."""
    indices = np.array([each.spec_indices for each in trials.params if each.name in params])
    return len(np.unique(indices[:, (indices >= 0).all(axis=0)], axis=1).T) == 1


def study_of(trials: JudgedTrials) -> optuna.Study:
    """Return the trials as a study of one objective in memory."""
    numbers: list[int] = trials.numbers.tolist()
    values: list[float] = trials.values.tolist()
    heads: Iterator[Head] = (
        (number, TrialState.COMPLETE, [value], None, None, {}, {})
        for number, value in zip(numbers, values, strict=True)
    )
    frozen = frozen_trials(heads, trials.params, np.arange(len(trials.values)))
    return study_holding(frozen, (trials.direction,))


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
