"""Objectives that the end-to-end tests run."""

# pyright: basic

import os
import resource
import time
from pathlib import Path

import numpy as np

POLL_S = 0.005


def quick(trial):
    x = trial.suggest_float("x", -5, 5)
    return x * x


def stopping(trial):
    """Stops the study in its third trial."""
    trial.suggest_float("x", -5, 5)
    if trial.number == 2:
        trial.study.stop()
    return 1.0


def inconsistent(trial):
    """Asks for one name with two ranges, by mistake."""
    trial.suggest_float("lr", 1e-5, 1e-3)
    return trial.suggest_float("lr", 1e-2, 1e-1)


def reporting(trial):
    """Leaves something in each table of the study file."""
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_int("y", 0, 9)
    for step in range(3):
        trial.report(x + step, step)
    trial.set_user_attr("sum", x + y)
    return x * x + y


def flooding(trial):
    """Prints 30 MB at once."""
    print("the first line")
    for _ in range(30):
        print("x" * 999_999)
    print("the last line")
    return trial.suggest_float("x", -5, 5)


def open_files(trial):
    """Returns how many files it may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def waiting(trial):
    """Runs until the file `go` appears in the working directory."""
    trial.suggest_float("x", -5, 5)
    (Path(os.environ["HPTUI_TRIAL_DIR"]) / "checkpoint").write_text("half")
    Path(f"started-{trial.number}").touch()
    while not Path("go").exists():
        time.sleep(POLL_S)
    return 1.0


def asking(trial):
    """Speaks with the engine until the file `go` appears in the working directory."""
    trial.suggest_float("x", -5, 5)
    Path(f"started-{trial.number}").touch()
    step = 0
    while not Path("go").exists():
        time.sleep(POLL_S)
        trial.report(1.0, step)
        trial.should_prune()
        step += 1
    return 1.0


def layers(trial):
    """Chooses among tuples, and gets the one that it passed."""
    shape = trial.suggest_categorical("shape", [(64,), (64, 32), (128, 64, 32)])
    assert isinstance(shape, tuple), shape
    options = trial.suggest_categorical("options", [{"a": (1, 2)}, {"a": None}])
    assert options["a"] in ((1, 2), None), options
    return sum(shape) + len(options)


class Small:
    size = 1


class Large:
    size = 2


def objects(trial):
    """Chooses among what JSON cannot hold."""
    kind = trial.suggest_categorical("kind", [Small, Large, "Small"])
    made = trial.suggest_categorical("made", [Small(), Large(), Large()])
    act = trial.suggest_categorical("act", [abs, lambda x: x + 1, np.sin])
    number = trial.suggest_categorical("number", np.arange(3, 5))
    flag = trial.suggest_categorical("flag", [np.bool_(True), np.bool_(False)])
    assert type(number).__name__ == "int64", type(number)
    assert isinstance(flag, np.bool_), type(flag)
    size = 0 if kind == "Small" else kind.size
    return size + made.size + act(0) + float(number)


def equal(trial):
    """Fails unless the value is the very one that was asked for."""
    drawn = trial.suggest_categorical("k", [True, 1, 1.0, [1], [1.0]])
    return {"True": 0, "1": 1, "1.0": 2, "[1]": 3, "[1.0]": 4}[repr(drawn)]


def quick_then_slow(trial):
    """Trial 0 gets its parameter at once; others ask for one that a sampler thinks about."""
    return trial.suggest_float("quick" if trial.number == 0 else "slow", 0, 1)
