"""An objective that writes to wherever a program can write."""

# pyright: basic

import contextlib
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

print("stray: import")


def printing(trial):
    x = trial.suggest_float("x", -5, 5)
    print("stray: print")
    print("stray: stderr", file=sys.stderr)
    print("stray: real stdout", file=sys.__stdout__, flush=True)
    os.write(1, b"stray: descriptor 1")
    os.write(2, b"stray: descriptor 2")
    subprocess.run(["echo", "stray: subprocess"], check=True)
    subprocess.run("echo stray: subprocess on stderr >&2", shell=True, check=True)
    warnings.warn("stray: warning", stacklevel=1)
    logging.getLogger("stray").warning("stray: log")
    with contextlib.suppress(OSError):
        Path("/dev/tty").write_text("stray: terminal\x1b[2J")
    while trial.number >= 4 and not Path("go").exists():
        time.sleep(0.005)
    return x * x
