"""Objectives that the tests of the study and trial screens run."""

# pyright: basic

import time
from pathlib import Path

import optuna


def wait_for_go():
    while not Path("go").exists():
        time.sleep(0.005)


def watched(trial):
    """Reports and prints, then waits for `go`; the second trial fails, the third is pruned."""
    x = trial.suggest_float("x", -5, 5)
    kind = trial.suggest_categorical("kind", ["a", "[b]b[/b]"])
    for step in range(3):
        trial.report(x * x + step, step)
        print(f"trial {trial.number} prints at step {step}", flush=True)
    Path(f"started-{trial.number}").touch()
    if trial.number == 1:
        raise ValueError("[bold]no[/bold] \x1b]52;c;aGk=\x07 good")
    if trial.number == 2:
        raise optuna.TrialPruned()
    wait_for_go()
    (Path(__import__("os").environ["HPTUI_TRIAL_DIR"]) / "model.bin").write_bytes(bytes(1500))
    print("the last line", flush=True)
    return x * x + (kind == "a")


def gated(trial):
    """The first four trials wait for the file `go`, the others for `go-on`."""
    x = trial.suggest_float("x", -5, 5)
    gate = Path("go" if trial.number < 4 else "go-on")
    while not gate.exists():
        time.sleep(0.005)
    return x * x
