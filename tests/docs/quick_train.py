"""The parameters of the README's function, in no time, unless a file `hold` says to wait."""

# pyright: basic

import os
import time

POLL_S = 0.01


def objective(trial):
    trees = trial.suggest_int("trees", 5, 100, log=True)
    depth = trial.suggest_int("depth", 1, 12)
    bonus = trial.suggest_categorical("criterion", ["gini", "entropy"]) == "gini"
    while os.path.exists("hold"):
        time.sleep(POLL_S)
    return depth / trees + bonus
