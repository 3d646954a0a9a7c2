"""An objective that a session runs."""

# pyright: basic

import time


def fast(trial):
    x = trial.suggest_float("x", -5, 5)
    n = trial.suggest_int("n", 1, 9)
    kind = trial.suggest_categorical("kind", ["a", "[b]b[/b]"])
    for step in range(3):
        time.sleep(0.05)
        trial.report(x * x + step, step)
    if trial.number % 7 == 3:
        raise ValueError("[bold]no[/bold] \x1b]52;c;aGk=\x07 good")
    return x * x + n + (kind == "a")
