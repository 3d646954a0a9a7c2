"""Objectives whose trials other programs look at: each kind of trial, by its number."""

# pyright: basic

from pathlib import Path

import optuna

LAST = 11


def constrained(trial):
    """Conditional, categorical, pruned, failed, infeasible; the last trial reads the pipe `go`."""
    kind = trial.suggest_categorical("kind", ["rbf", None, 2, True])
    x = trial.suggest_float("x", 1e-3, 1.0, log=True)
    if kind == "rbf":
        trial.suggest_int("degree", 1, 9, step=2)
    trial.set_user_attr("fold", trial.number % 3)
    trial.set_user_attr("words", {"é": [1, None]})
    for step in range(3):
        trial.report(float("inf") if step == 1 else x + step, step)
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    if trial.number % 5 == 4:
        raise MemoryError(f"out of memory at {id(trial):#x}")
    is_broken = trial.number % 5 == 0
    trial.set_constraint("size", 1.5 if is_broken else -0.5)
    if trial.number == LAST:
        Path("last").touch()
        # A pipe, which ends when the other side lets go: waiting takes no time of the processor.
        Path("go").read_bytes()
    # What breaks the constraint has the better value.
    return x - 10 if is_broken else x


def several(trial):
    """Two objectives, one of them with a constraint in some trials."""
    x = trial.suggest_float("x", 0, 1)
    trial.suggest_int("depth", 1, 3)
    if trial.number % 4 == 3:
        raise ValueError("no split")
    if trial.number % 4 == 2:
        trial.set_constraint("time", 2.0)
        return -x, 5.0
    return x, x * x
