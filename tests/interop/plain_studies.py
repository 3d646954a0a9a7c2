"""Studies that plain Optuna programs make, with trials in every state."""

# pyright: basic

from __future__ import annotations

import math
import warnings

import optuna


def make_plain_studies(url: str) -> None:
    """Make four studies: constraints in both forms, and two fronts."""
    # Optuna writes a trial that is copied at once, and each step of one that goes on.
    memory = optuna.storages.InMemoryStorage()
    _make(memory)
    for name in optuna.get_all_study_names(memory):
        optuna.copy_study(from_study_name=name, from_storage=memory, to_storage=url)


def _make(storage: optuna.storages.BaseStorage) -> None:
    _with_set_constraint(storage)
    with warnings.catch_warnings():
        # The older form of constraints, which files go on to have.
        warnings.simplefilter("ignore")
        older = optuna.samplers.TPESampler(seed=1, constraints_func=_broken_by)
        several = optuna.samplers.NSGAIISampler(seed=1, constraints_func=_broken_by)
    study = optuna.create_study(storage=storage, study_name="plain-func", sampler=older)

    def objective(trial):
        value = _one_value(trial)
        # What breaks the constraint has the better value.
        return value - 100 if trial.number % 3 == 0 else value

    study.optimize(objective, n_trials=8, catch=ValueError)
    study = optuna.create_study(
        storage=storage,
        study_name="plain-front",
        sampler=several,
        directions=["minimize", "maximize"],
    )
    study.set_metric_names(["loss", "accuracy"])
    study.optimize(_two_values, n_trials=8)
    study = optuna.create_study(
        storage=storage,
        study_name="plain-three",
        sampler=optuna.samplers.RandomSampler(seed=1),
        directions=["minimize", "minimize", "maximize"],
    )
    study.optimize(lambda trial: (*_two_values(trial), trial.number % 2), n_trials=6)


def _with_set_constraint(storage: optuna.storages.BaseStorage) -> None:
    study = optuna.create_study(
        storage=storage, study_name="plain-constraint", direction="maximize"
    )
    study.set_user_attr("data", {"rows": 10})
    study.sampler = optuna.samplers.RandomSampler(seed=1)

    def objective(trial):
        value = _one_value(trial)
        trial.set_constraint("memory", 3.0 if trial.number % 3 == 0 else 0.0)
        trial.set_constraint("time", -1.0)
        return value + (100 if trial.number % 3 == 0 else 0)

    study.optimize(objective, n_trials=8, catch=ValueError)
    # One that is running, with half of its reports, and two that wait.
    study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).report(0.5, 0)
    study.enqueue_trial({"x": 0.25, "kind": "rbf"})
    study.enqueue_trial({"x": 0.75})


def _one_value(trial):
    kind = trial.suggest_categorical("kind", ["rbf", 0.5, None, False])
    x = trial.suggest_float("x", 0, 1)
    if kind is None:
        trial.suggest_int("degree", 0, 10, step=5)
    trial.set_user_attr("number", trial.number)
    if trial.number == 3:
        raise ValueError("no such split")
    trial.report(x, 0)
    trial.report(-math.inf, 10)
    trial.report(x / 2, 5)
    if trial.number == 5:
        raise optuna.TrialPruned
    return math.inf if trial.number == 6 else x


def _two_values(trial):
    x = trial.suggest_float("x", -1, 1)
    y = trial.suggest_int("y", 1, 64, log=True)
    # What breaks the constraint is better in both.
    return (x - 5, y + 100) if trial.number % 3 == 0 else (x, y)


def _broken_by(trial):
    return [1.0 if trial.number % 3 == 0 else -1.0, 0.0]
