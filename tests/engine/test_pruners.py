"""Pruners as built: the same decisions as Optuna's own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from hptui.domain.methods.asked_methods import PRUNERS, parse_pruner
from hptui.engine.sampling.pruners import PRUNER_CLASSES, build_pruner
from hptui.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.pruners import BasePruner

p = optuna.pruners


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -3, 3)
    value = 0.0
    for step in range(1, 17):
        # Two trials differ by another amount at each step: for ties, SciPy's test of Wilcoxon tries
        # thousands of permutations.
        value = x**2 * (1 + step / 16) + 4 / step + (0.3 if step % 3 else 0)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


def trace(pruner: BasePruner) -> list[tuple[Any, ...]]:
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=3), pruner=pruner, study_name="same"
    )
    study.optimize(objective, n_trials=24)
    return [
        (t.number, t.state, t.value, t.params, t.intermediate_values)
        for t in study.get_trials(deepcopy=False)
    ]


SAME: list[tuple[str, Callable[[], BasePruner]]] = [
    ("median", p.MedianPruner),
    (
        "median:n_startup_trials=2,n_warmup_steps=3,interval_steps=2,n_min_trials=2",
        lambda: p.MedianPruner(2, 3, 2, n_min_trials=2),
    ),
    ("percentile:percentile=25", lambda: p.PercentilePruner(25.0)),
    ("sha", p.SuccessiveHalvingPruner),
    (
        "sha:min_resource=2,reduction_factor=2,min_early_stopping_rate=1,bootstrap_count=3",
        lambda: p.SuccessiveHalvingPruner(2, 2, 1, 3),
    ),
    ("hyperband", p.HyperbandPruner),
    (
        "hyperband:min_resource=2,max_resource=16,reduction_factor=2,bootstrap_count=1",
        lambda: p.HyperbandPruner(2, 16, 2, 1),
    ),
    (
        "threshold:lower=0.5,upper=9,n_warmup_steps=2,interval_steps=3",
        lambda: p.ThresholdPruner(lower=0.5, upper=9, n_warmup_steps=2, interval_steps=3),
    ),
    ("patient:patience=1", lambda: p.PatientPruner(None, 1)),
    (
        "patient:patience=1,min_delta=0.01,wrapped=median(n_startup_trials=2)",
        lambda: p.PatientPruner(p.MedianPruner(2), 1, 0.01),
    ),
    (
        "wilcoxon:p_threshold=0.2,n_startup_steps=4",
        lambda: p.WilcoxonPruner(p_threshold=0.2, n_startup_steps=4),
    ),
    ("none", p.NopPruner),
]


@pytest.mark.parametrize(("text", "plain"), SAME)
def test_a_built_pruner_decides_as_optunas_own(text: str, plain: Callable[[], BasePruner]) -> None:
    ours = trace(build_pruner(parse_pruner(text)))
    assert ours == trace(plain())
    states = {state for _number, state, *_rest in ours}
    assert (optuna.trial.TrialState.PRUNED in states) is (text != "none")


@pytest.mark.parametrize("method", [each.name for each in PRUNERS])
def test_every_pruner_has_a_class(method: str) -> None:
    assert method in PRUNER_CLASSES


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match="scipy"):
        build_pruner(parse_pruner("patient:patience=1,wrapped=wilcoxon"))
