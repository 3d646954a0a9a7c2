"""Objectives that the tests of the set-up screen look at and run."""

# pyright: basic

import time
from pathlib import Path


def plain(trial):
    x = trial.suggest_float("x", -5, 5)
    n = trial.suggest_int("n", 1, 64)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    return x * x + n + (kind == "b")


def waiting(trial):
    """Runs until the file `go` appears."""
    x = trial.suggest_float("x", -5, 5)
    trial.suggest_categorical("kind", ["a", "b"])
    Path(f"started-{trial.number}").touch()
    while trial.number and not Path("go").exists():
        time.sleep(0.005)
    return x * x


def many(trial):
    return sum(trial.suggest_float(f"parameter_{index}", 0, 1) for index in range(200))


def conditional(trial):
    if trial.suggest_categorical("kernel", ["rbf", "linear"]) == "rbf":
        trial.suggest_float("gamma", 1e-4, 1.0, log=True)
    return 1.0


def nothing(trial):
    return 1.0


def fails_at_once(trial):
    raise ValueError("[red]no data[/red] \x1b]52;c;aGk=\x07")


def two_values(trial):
    x = trial.suggest_float("x", 0, 1)
    return x, 1 - x


def hostile(trial):
    trial.suggest_float("[bold]lr[/bold]\x1b[31m", 0, 1)
    trial.suggest_float("[/foo] ‮evil", 0, 1)
    trial.suggest_float("x" * 300, 0, 1)
    trial.suggest_categorical("choice", ["[b]a[/b]", "\x1b]0;title\x07", "", "😀" * 100])
    return 1.0
