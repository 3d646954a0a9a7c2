"""A plain Optuna program that fills a study: `python plain_script.py FILE TRIALS`."""

# pyright: basic

from __future__ import annotations

import sys

import optuna


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
    for step in range(3):
        trial.report(x + step, step)
    if trial.number % 5 == 4:
        raise optuna.TrialPruned
    return x if kernel == "rbf" else x + 1


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=f"sqlite:///{sys.argv[1]}", study_name="plain", load_if_exists=True
    )
    study.optimize(objective, n_trials=int(sys.argv[2]))
