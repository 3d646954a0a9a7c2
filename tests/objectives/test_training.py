"""The bundled objectives under plain Optuna: values, reports, pruning, constraints, branches."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.objective import ATTRIBUTE, ObjectiveInfo
from hptui.domain.trial_folder import set_trial_dir
from hptui_objectives import cancer_boosting_small, digits_mlp

if TYPE_CHECKING:
    from pathlib import Path

Objective = Callable[[optuna.Trial], "float | tuple[float, ...]"]
Range = tuple[float, float]

# Chance, or a model that has learnt nothing, is at the bad end; more than the best is a leak of
# the held-out data into the training.
PLAUSIBLE: dict[str, list[Range]] = {
    "cancer-boosting": [(0.05, 0.7)],
    "cancer-boosting-small": [(0.05, 2.0)],
    "diabetes-elasticnet": [(52.0, 78.0)],
    "digits-forest": [(0.2, 0.99), (3, 50_000)],
    "digits-mlp": [(0.05, 0.995)],
    "digits-sgd": [(0.05, 0.985)],
    "digits-svc": [(0.05, 0.995)],
    "wine-pipeline": [(0.3, 0.995)],
}
GOOD: dict[str, tuple[dict[str, object], Range]] = {
    "cancer-boosting": (
        {
            "learning_rate": 0.29,
            "iterations": 46,
            "leaves": 3,
            "min_samples_leaf": 20,
            "l2": 1e-4,
            "max_features": 0.6,
        },
        (0.05, 0.11),
    ),
    "diabetes-elasticnet": ({"degree": 1, "alpha": 0.012, "l1_ratio": 0.5}, (53.0, 56.0)),
    "digits-mlp": (
        {
            "layers": 1,
            "width_1": 45,
            "activation": "tanh",
            "lr": 0.025,
            "alpha": 1.7e-5,
            "batch_size": 64,
        },
        (0.96, 0.995),
    ),
    "digits-sgd": (
        {
            "loss": "modified_huber",
            "alpha": 1.3e-4,
            "penalty": "l1",
            "learning_rate": "optimal",
        },
        (0.95, 0.985),
    ),
    "digits-svc": ({"kernel": "rbf", "C": 2.5, "gamma": 0.094}, (0.98, 0.995)),
    "wine-pipeline": (
        {
            "scaler": "min-max",
            "projection": "none",
            "classifier": "forest",
            "trees": 34,
            "max_depth": 7,
        },
        (0.97, 0.995),
    ),
}
REPORTS = {"cancer-boosting": 5, "digits-mlp": 15, "digits-sgd": 20}
BRANCHES: list[tuple[str, dict[str, object], set[str]]] = [
    ("digits-mlp", {"layers": 1}, {"width_1"}),
    ("digits-mlp", {"layers": 3}, {"width_1", "width_2", "width_3"}),
    ("digits-sgd", {"penalty": "l2", "learning_rate": "optimal"}, set()),
    ("digits-sgd", {"penalty": "elasticnet", "learning_rate": "optimal"}, {"l1_ratio"}),
    ("digits-sgd", {"penalty": "l1", "learning_rate": "constant"}, {"eta0"}),
    ("digits-sgd", {"penalty": "l1", "learning_rate": "invscaling"}, {"eta0", "power_t"}),
    ("digits-svc", {"kernel": "linear"}, set()),
    ("digits-svc", {"kernel": "rbf"}, {"gamma"}),
    ("digits-svc", {"kernel": "poly"}, {"gamma", "degree", "coef0"}),
    ("digits-svc", {"kernel": "sigmoid"}, {"gamma", "coef0"}),
    (
        "wine-pipeline",
        {"projection": "none", "classifier": "neighbors"},
        {"neighbors", "weights"},
    ),
    (
        "wine-pipeline",
        {"projection": "pca", "classifier": "svc"},
        {"components", "whiten", "C", "gamma"},
    ),
    (
        "wine-pipeline",
        {"projection": "none", "classifier": "forest"},
        {"trees", "max_depth"},
    ),
]
ALWAYS = {
    "digits-mlp": {"layers", "activation", "lr", "alpha", "batch_size"},
    "digits-sgd": {"loss", "alpha", "penalty", "learning_rate"},
    "digits-svc": {"kernel", "C"},
    "wine-pipeline": {"scaler", "projection", "classifier"},
}


class AlwaysPrune(optuna.pruners.BasePruner):
    """Prunes whatever asks."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        return True


def run(
    objective: Objective,
    *enqueued: Mapping[str, object],
    n_trials: int = 1,
    pruner: optuna.pruners.BasePruner | None = None,
) -> optuna.Study:
    info = getattr(objective, ATTRIBUTE)
    assert isinstance(info, ObjectiveInfo)
    study = optuna.create_study(
        directions=list(info.directions),
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=pruner or optuna.pruners.NopPruner(),
    )
    for params in enqueued:
        study.enqueue_trial(dict(params))
    study.optimize(objective, n_trials=n_trials)
    return study


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_random_trials_train_to_plausible_values_and_the_same_ones_again(
    name: str, load: Callable[[str], Objective]
) -> None:
    objective = load(name)
    first = run(objective, n_trials=2)
    for trial in first.trials:
        assert trial.state is TrialState.COMPLETE
        assert len(trial.values) == len(PLAUSIBLE[name])
        for value, (low, high) in zip(trial.values, PLAUSIBLE[name], strict=True):
            assert math.isfinite(value)
            assert low <= value <= high
        steps = trial.intermediate_values
        assert list(steps) == list(range(REPORTS.get(name, 0)))
        if steps and name != "digits-mlp":
            assert trial.value == steps[REPORTS[name] - 1]
    assert len({tuple(trial.values) for trial in first.trials}) > 1
    assert len(set(first.trials[0].intermediate_values.values())) > 1 or name not in REPORTS

    # hptui seeds both generators for each trial; the value must not hang on them.
    random.seed(99)
    np.random.seed(99)
    # What reports nothing is ended by no pruner.
    pruner = None if name in REPORTS else AlwaysPrune()
    given = [trial.params for trial in first.trials]
    again = run(objective, *given, n_trials=2, pruner=pruner)
    assert {trial.state for trial in again.trials} == {TrialState.COMPLETE}
    assert [trial.values for trial in again.trials] == [trial.values for trial in first.trials]


@pytest.mark.parametrize("name", GOOD)
def test_good_parameters_give_a_good_value(name: str, load: Callable[[str], Objective]) -> None:
    params, (low, high) = GOOD[name]
    trial = run(load(name), params).trials[0]
    assert trial.params == params
    assert trial.value is not None
    assert low <= trial.value <= high


@pytest.mark.parametrize("name", REPORTS)
def test_a_pruner_ends_a_trial_at_its_first_report(
    name: str, load: Callable[[str], Objective]
) -> None:
    trial = run(load(name), pruner=AlwaysPrune()).trials[0]
    assert trial.state is TrialState.PRUNED
    assert list(trial.intermediate_values) == [0]


@pytest.mark.parametrize(("name", "choice", "then"), BRANCHES)
def test_a_parameter_appears_only_where_it_has_a_meaning(
    name: str, choice: dict[str, object], then: set[str], load: Callable[[str], Objective]
) -> None:
    # The parameters are all asked for before the first epoch, so pruning there only saves time.
    trial = run(load(name), choice, pruner=AlwaysPrune()).trials[0]
    assert set(trial.params) == ALWAYS[name] | then


def test_a_forest_of_one_stump_counts_its_nodes(load: Callable[[str], Objective]) -> None:
    one = {"trees": 1, "max_depth": 2, "min_samples_leaf": 1, "max_features": 0.5}
    study = run(load("digits-forest"), one, {**one, "trees": 3}, n_trials=2)
    # A binary tree of depth two that could split everywhere has seven nodes.
    assert [trial.values[1] for trial in study.trials] == [7, 21]


def test_the_constraint_is_the_number_of_nodes_over_the_limit() -> None:
    stumps = {
        "learning_rate": 0.5,
        "trees": 20,
        "max_depth": 1,
        "min_samples_leaf": 1,
        "subsample": 1.0,
        "max_features": 1.0,
    }
    deep = {**stumps, "max_depth": 5, "trees": 100, "learning_rate": 0.1}
    study = run(cancer_boosting_small.objective, stumps, deep, n_trials=2)
    small, large = study.trials
    # A stump is one split and two leaves.
    assert small.constraints == {"size": 20 * 3 - cancer_boosting_small.NODE_LIMIT}
    assert large.constraints["size"] > 0
    assert study.best_trial.number == small.number


# At this learning rate the accuracy goes up and down, so the last epoch is not the best.
NETWORK = {
    "layers": 2,
    "width_1": 24,
    "width_2": 16,
    "activation": "relu",
    "lr": 0.1,
    "alpha": 1e-4,
    "batch_size": 64,
}


def test_the_value_is_the_best_epoch_and_without_hptui_no_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trial = run(digits_mlp.objective, NETWORK).trials[0]
    steps = trial.intermediate_values
    assert trial.value == max(steps.values()) > max(0.9, steps[digits_mlp.EPOCHS - 1])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def trial_folder(tmp_path: Path) -> Path:
    return tmp_path / "000000"


def test_the_checkpoint_holds_the_weights_that_gave_the_value(trial_folder: Path) -> None:
    set_trial_dir(str(trial_folder))
    try:
        value = run(digits_mlp.objective, NETWORK).best_value
    finally:
        set_trial_dir(None)
    assert [path.name for path in trial_folder.iterdir()] == ["best.npz"]
    with np.load(trial_folder / "best.npz") as saved:
        arrays = [saved[f"arr_{index}"] for index in range(len(saved.files))]
    weights, biases = arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]
    _, signal, _, labels = digits_mlp.load_data()
    for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        signal = signal @ weight + bias
        if depth < len(weights):
            signal = np.maximum(signal, 0)
    hits = [
        int(guess) == int(label) for guess, label in zip(signal.argmax(axis=1), labels, strict=True)
    ]
    assert sum(hits) / len(hits) == pytest.approx(value)
