"""An objective that misbehaves differently in each trial; what is not listed behaves well."""

# pyright: basic

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna


class Unpicklable(Exception):  # noqa: N818 - a misnomer is part of it
    def __init__(self, one, two):
        super().__init__("needs two")
        self.lock = __import__("threading").Lock()


class Wordless(Exception):  # noqa: N818 - a misnomer is part of it
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


def raises(trial):
    raise ValueError("a plain error")


def raises_unpicklable(trial):
    raise Unpicklable(1, 2)


def raises_wordless(trial):
    raise Wordless


def leaves(trial):
    sys.exit(3)


def interrupts_itself(trial):
    raise KeyboardInterrupt


def returns_none(trial):
    return None


def returns_text(trial):
    return "1.5"


def returns_bytes(trial):
    return b"5"


def returns_nan(trial):
    return float("nan")


def returns_huge(trial):
    return 10**400


def returns_two(trial):
    return [1.0, 2.0]


def reports_nan_then_completes(trial):
    trial.report(float("nan"), 1)
    trial.report(1.0, 0)
    trial.report(2.0, 0)
    return 1.0


def reports_before_zero(trial):
    trial.report(1.0, -1)


def reads_input(trial):
    return input()


def prints_binary(trial):
    os.write(1, b"\x1b]52;c;ZXZpbA==\x07" + bytes(range(256)) * 4000)
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return 1.0


def closes_descriptors(trial):
    os.closerange(3, 256)
    return 2.0


def changes_surroundings(trial):
    os.chdir("/")
    os.umask(0o777)
    os.environ["NASTY"] = "1"
    sys.stdout = None
    return 3.0


def sees_what_was_left(trial):
    assert "NASTY" not in os.environ
    assert Path.cwd() != Path("/")
    print("the stream is back")
    return 4.0


def prunes_with_files(trial):
    (Path(os.environ["HPTUI_TRIAL_DIR"]) / "deep" / "er").mkdir(parents=True)
    (Path(os.environ["HPTUI_TRIAL_DIR"]) / "model").write_text("x")
    trial.report(1.0, 3)
    raise optuna.TrialPruned


def completes_with_files(trial):
    (Path(os.environ["HPTUI_TRIAL_DIR"]) / "model").write_text("x")
    return 5.0


def forks_and_comes_back(trial):
    if os.fork() == 0:
        return 99.0
    return 6.0


def leaves_a_process(trial):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return 7.0


def vanishes(trial):
    os._exit(0)


def kills_itself(trial):
    os.kill(os.getpid(), signal.SIGKILL)


def segfaults(trial):
    ctypes.string_at(0)


def hangs(trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1000)


HARMLESS: list[Callable[[Any], object]] = [
    raises,
    raises_unpicklable,
    raises_wordless,
    leaves,
    interrupts_itself,
    returns_none,
    returns_text,
    returns_bytes,
    returns_nan,
    returns_huge,
    returns_two,
    reports_nan_then_completes,
    reports_before_zero,
    reads_input,
    prints_binary,
    closes_descriptors,
    changes_surroundings,
    sees_what_was_left,
    prunes_with_files,
    completes_with_files,
    forks_and_comes_back,
    leaves_a_process,
]
DEADLY: list[Callable[[Any], object]] = [vanishes, kills_itself, segfaults, hangs]


def harmless(trial):
    return HARMLESS[trial.number](trial)


def deadly(trial):
    return DEADLY[trial.number // 2](trial) if trial.number % 2 else 1.0
