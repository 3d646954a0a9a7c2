"""Objectives for runs that are steered from outside."""

# pyright: basic

import os
import signal
import time
from pathlib import Path

from hptui import Choice, Float, objective

POLL_S = 0.005


def stepwise(trial):
    """Each trial runs until a file with its number appears."""
    x = trial.suggest_float("x", -5, 5)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    while not Path(f"go-{trial.number}").exists():
        time.sleep(POLL_S)
    return x * x + (kind == "b")


def odd_ones_fail(trial):
    x = trial.suggest_float("x", -5, 5)
    if trial.number % 2 and not Path("mended").exists():
        raise RuntimeError("odd")
    if trial.number == 4:
        while not Path("go").exists():
            time.sleep(POLL_S)
    return x * x


def survives_its_end(trial):
    """Completes although it is asked to end."""
    trial.set_user_attr("pid", os.getpid())
    if trial.number == 0:
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        Path("started").touch()
        while not asked:
            time.sleep(POLL_S)
    return trial.suggest_float("x", -5, 5)


@objective(space={"kind": Choice(("a", "b", "c"))})
def asks_late(trial):
    """Each trial asks for its parameter once a file with its number is there."""
    Path(f"begun-{trial.number}").touch()
    while not Path(f"go-{trial.number}").exists():
        time.sleep(POLL_S)
    return "abc".index(trial.suggest_categorical("kind", ["a", "b", "c"]))


@objective(space={"x": Float(0, 1)})
def asks_deeply(trial):
    """Trials 0 and 3 ask for what the sampler thinks about; trial 1 reports until it may end."""
    if trial.number in (0, 3):
        # The sampler would not hear of the trial beside this one while it thinks.
        while not Path(f"begun-{1 if trial.number == 0 else 2}").exists():
            time.sleep(POLL_S)
        return trial.suggest_float("deep", 0, 1)
    if trial.number == 1:
        Path("begun-1").touch()
        step = 0
        while not Path("enough").exists():
            trial.report(1.0, step)
            trial.should_prune()
            step += 1
            time.sleep(POLL_S)
        return 1.0
    x = trial.suggest_float("x", 0, 1)
    Path("begun-2").touch()
    return x


def waits_for_the_next(trial):
    """Each trial runs until the sampler has been told of the next one."""
    x = trial.suggest_float("x", 0, 1)
    while not Path(f"met-{trial.number + 1}").exists():
        time.sleep(POLL_S)
    return float(trial.number == 0) + x / 10


def asks(trial):
    return trial.suggest_float("x", 0, 1)
