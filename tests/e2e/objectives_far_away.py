"""Objectives for workers on other machines, which tests play on this one."""

# pyright: basic

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def told_pids(trial, **more):
    """Say which processes work on a trial: the worker, and the agent that has started it."""
    told = {"worker": os.getpid(), "agent": os.getppid(), **more}
    folder = Path(os.environ["TOLD"])
    draft = folder / f"draft-{trial.number}"
    draft.write_text(json.dumps(told))
    draft.rename(folder / f"began-{trial.number}")


def waits(trial):
    x = trial.suggest_float("x", -5, 5)
    print(f"trial {trial.number} waits", flush=True)
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    told_pids(trial, child=child.pid)
    while not (Path(os.environ["TOLD"]) / "go").exists():
        time.sleep(0.01)
    child.kill()
    child.wait()
    return x * x


def good(trial):
    return 1.0


def vanishes(trial):
    print("about to vanish")
    sys.stdout.flush()
    os._exit(7)


def is_deaf(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    while True:
        time.sleep(1)


def leaves_a_family(trial):
    code = "import subprocess, time; subprocess.Popen(['sleep', '600'], start_new_session=True); "
    child = subprocess.Popen(
        [sys.executable, "-c", f"{code}print('x', flush=True); time.sleep(600)"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    told_pids(trial, child=child.pid)
    os._exit(0)


def floods(trial):
    for _ in range(6_000):
        print("x" * 999)
    print("END", flush=True)
    return 2.0


def keeps(trial):
    (Path(os.environ["HPTUI_TRIAL_DIR"]) / "model.bin").write_bytes(b"m")
    sys.stdout.buffer.write(b"\xff no text \xfe\n")
    return 3.0


def closes_descriptors(trial):
    os.closerange(3, 4096)
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 1)
    return 4.0


ZOO = (
    good,
    vanishes,
    is_deaf,
    leaves_a_family,
    floods,
    keeps,
    closes_descriptors,
)


def zoo(trial):
    """Misbehave differently in each trial."""
    return ZOO[trial.number](trial)


def reports(trial):
    """Report and ask, as a training does."""
    x = trial.suggest_float("x", -5, 5)
    n = trial.suggest_int("n", 1, 4)
    for step in range(6):
        trial.report(x * x / (step + 1), step)
        if trial.should_prune():
            import optuna

            raise optuna.TrialPruned
    return x * x + n
