"""An objective whose names, choices, output, attributes and errors are all hostile."""

# pyright: basic

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

MARK = "[b]m"
NAMES = (
    f"{MARK}\x1b]52;c;aGk=\x07",
    f"{MARK}[/b] [@click=app.exit]y[/] [red",
    f"{MARK}\u202eevil\u2066",
    f"{MARK}{'x' * 400}",
)
LINES = [*NAMES, f"{MARK}\x1b[2J\x1b[H stray", "\x1b]0;title\x07", "a" * 10_000]


def hostile(trial):
    """[b]m[/b] [@click=app.exit]y[/] \x1b]52;c;aGk=\x07 \u202eevil."""
    x = sum(trial.suggest_float(name, 0, 1) for name in NAMES)
    trial.suggest_categorical("choice", [*NAMES, "", "🎉" * 100])
    trial.set_user_attr(NAMES[0], NAMES[1])
    for line in LINES:
        print(line, flush=True)
        os.write(2, f"{line}\n".encode())
        warnings.warn(line, stacklevel=1)
    subprocess.run([sys.executable, "-c", f"print({LINES[-3]!r})"], check=True)
    trial.report(float("nan"), 0)
    trial.report(float("inf"), 1)
    Path(f"started-{trial.number}").touch()
    if trial.number == 1:
        raise ValueError("\n".join(NAMES))
    while not Path("go").exists():
        time.sleep(0.005)
    return x
