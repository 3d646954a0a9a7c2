"""Objectives that the end-to-end tests run."""

# pyright: basic

import os
import time
from pathlib import Path

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
