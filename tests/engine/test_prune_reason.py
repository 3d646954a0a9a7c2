"""What is stored about a pruned trial is what its pruner compared."""

from __future__ import annotations

import math
import warnings

import optuna
import pytest

from hptui.domain.methods.asked_methods import parse_pruner
from hptui.engine.pruning.prune_reason import PruneReason, why_pruned
from hptui.engine.sampling.pruners import build_pruner


def first_reason(pruner: str, direction: str, curves: list[list[float]]) -> PruneReason | None:
    """Run trials that report these curves; return the reason of the first that is pruned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(direction=direction, pruner=build_pruner(parse_pruner(pruner)))  # pyright: ignore[reportArgumentType]
        for curve in curves:
            trial = study.ask()
            for step, value in enumerate(curve):
                trial.report(value, step)
                if trial.should_prune():
                    frozen = study.get_trials(deepcopy=False)[trial.number]
                    return why_pruned(study, frozen)
            study.tell(trial, curve[-1])
    return None


GOOD = [[3.0, 2.0, 1.0], [3.2, 2.2, 1.2], [3.4, 2.4, 1.4]]


def test_the_median_is_of_the_completed_trials_at_that_step() -> None:
    reason = first_reason("median:n_startup_trials=3", "minimize", [*GOOD, [9.0, 8.0, 7.0]])
    assert reason is not None
    assert (reason.step, reason.value, reason.by, reason.threshold) == (0, 9.0, "median", 3.2)
    assert reason.text == "Pruned at step 0: 9, median of 3 trials 3.2."


def test_the_best_value_so_far_is_what_a_percentile_pruner_compares() -> None:
    curves = [*GOOD, [3.0, 2.9, 2.8]]
    reason = first_reason("median:n_startup_trials=3", "minimize", curves)
    assert reason is not None
    assert (reason.step, reason.threshold) == (1, 2.2)
    assert "smallest so far 2.9" in reason.text


def test_a_percentile_is_of_the_good_end_when_maximising() -> None:
    up = [[1.0], [2.0], [3.0], [4.0], [5.0]]
    reason = first_reason("percentile:percentile=25,n_startup_trials=5", "maximize", [*up, [3.5]])
    assert reason is not None
    assert reason.threshold == 4.0


@pytest.mark.parametrize(("value", "bound"), [(20.0, 10.0), (-20.0, -5.0)])
def test_a_threshold_names_the_bound_that_was_passed(value: float, bound: float) -> None:
    reason = first_reason("threshold:lower=-5,upper=10", "minimize", [[value]])
    assert reason is not None
    assert reason.threshold == bound


def test_a_report_that_is_no_number_is_said_to_be_none() -> None:
    reason = first_reason("threshold:upper=10", "minimize", [[math.nan]])
    assert reason is not None
    assert reason.threshold is None
    assert "not a number" in reason.text


def test_successive_halving_names_rung_and_rivals() -> None:
    curves = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    reason = first_reason("sha:min_resource=1,reduction_factor=2", "minimize", curves)
    assert reason is not None
    assert "not promoted from rung 0" in reason.text
    assert reason.threshold == 1.0


def test_patience_is_named_with_what_it_waits_for() -> None:
    reason = first_reason("patient:patience=1", "minimize", [[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert reason is not None
    assert "no improvement" in reason.text
