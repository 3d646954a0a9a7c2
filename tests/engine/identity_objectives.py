"""Objectives for the identity tests: cheap, conditional, reporting."""

# pyright: basic

import math

import optuna


def mixed(trial):
    x = trial.suggest_float("x", -5, 5)
    k = trial.suggest_int("k", 1, 64, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", None, True])
    if kind == "a":
        trial.suggest_float("only_a", 1e-4, 1, log=True)
    if trial.number == 7:
        raise ValueError("a failure in between")
    return x * x + math.log(k) + (kind == "b")


def numeric(trial):
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", -5, 5, step=0.5)
    k = trial.suggest_int("k", 0, 10)
    return x * x + (y - 1) ** 2 + (k - 3) ** 2


def reporting(trial):
    x = trial.suggest_float("x", -5, 5)
    k = trial.suggest_int("k", 0, 10)
    for step in range(12):
        trial.report(x * x + k / (step + 1) + math.sin(trial.number * (step + 1)), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return x * x + k


def two(trial):
    x = trial.suggest_float("x", -2, 2)
    y = trial.suggest_float("y", -2, 2)
    trial.set_constraint("sum", x + y - 1)
    return x * x, (y - 1) ** 2


def small(trial):
    return trial.suggest_int("a", 0, 2) + trial.suggest_categorical("b", [0.5, 1.5])


def alike(trial):
    drawn = trial.suggest_categorical("k", [1, 1.0, "sqrt", True, [1], [True]])
    trial.suggest_categorical("k", [1, 1.0, "sqrt", True, [1], [True]])
    x = trial.suggest_float("x", 0, 1)
    return x + {"1": 1, "1.0": 0, "'sqrt'": 2, "True": 3, "[1]": 4, "[True]": 5}[repr(drawn)]
