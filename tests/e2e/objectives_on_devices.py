"""Objectives that hold their device while their process lives, and that take much memory."""

# pyright: basic

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

DEVICE = os.environ.get("CUDA_VISIBLE_DEVICES")
FOLDER = Path(os.environ["FOLDER"])
"""Told by `--env`, before this file is imported."""
GROWS = "import time; kept = b'x' * (300 << 20); time.sleep(600)"
kept = []

if DEVICE is not None:
    held = (FOLDER / f"device-{DEVICE}").open("w")
    # Fails where a living process has this device.
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)


def on_a_device(trial):
    """Die in many ways; trial 4 until it is killed, those from 7 on not before they may."""
    trial.set_user_attr("device", DEVICE)
    number = trial.number
    while number == 4 or (number > 6 and not (FOLDER / "go").exists()):
        time.sleep(0.01)
    if number % 6 == 3:
        # It has a session of its own, and the device with the descriptor.
        subprocess.Popen(["sleep", "600"], start_new_session=True, pass_fds=[held.fileno()])
        os._exit(7)
    if number % 6 == 5:
        os.kill(os.getpid(), 9)
    return trial.suggest_float("x", 0, 1)


def takes_memory(trial):
    """Stay below, leave much behind, take too much, have a child take too much, take nothing."""
    trial.set_user_attr("pid", os.getpid())
    trial.set_user_attr("cores", sorted(os.sched_getaffinity(0)))
    trial.set_user_attr("threads", os.environ["OMP_NUM_THREADS"])
    if trial.number == 0:
        below = b"x" * (20 << 20)
        time.sleep(1.2)
        del below
    elif trial.number == 1:
        kept.append(b"x" * (110 << 20))
    elif trial.number == 2:
        kept.append(b"x" * (300 << 20))
        time.sleep(600)
    elif trial.number == 3:
        child = subprocess.Popen([sys.executable, "-S", "-c", GROWS], start_new_session=True)
        trial.set_user_attr("child", child.pid)
        child.wait()
    return trial.suggest_float("x", 0, 1)
