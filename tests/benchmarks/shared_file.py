"""Three programs of plain Optuna on one study file, by themselves and beside a run of hptui."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from tests.benchmarks import objectives

if TYPE_CHECKING:
    from collections.abc import Generator

N_PROGRAMS = 3
SECONDS = 15.0
ROUNDS = 3

_PROGRAM = """
import sys, time, optuna
from tests.benchmarks.objectives import empty
optuna.logging.set_verbosity(optuna.logging.ERROR)
sampler = optuna.samplers.RandomSampler()
study = optuna.load_study(study_name=sys.argv[2], storage=sys.argv[1], sampler=sampler)
print("ready", flush=True)
sys.stdin.readline()
ended = []
study.optimize(empty, timeout=float(sys.argv[3]), callbacks=[lambda _, trial: ended.append(trial)])
print(len(ended))
"""


def rates(study: str) -> tuple[float, float]:
    """Return trials a second of the programs by themselves, and beside a run of study `own`."""
    found = [_rate(study, beside=beside) for _ in range(ROUNDS) for beside in (False, True)]
    return statistics.median(found[::2]), statistics.median(found[1::2])


def _rate(study: str, *, beside: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "own.db"
        run = [sys.executable, "-m", "hptui", "run", f"{objectives.__file__}:empty", "-q"]
        run += ["--storage", os.fspath(file), "--jobs", "2", "--sampler", "random"]
        subprocess.run([*run, "--trials", "1"], check=True)
        storage = f"sqlite:///{file}"
        if study != "own":
            optuna.create_study(study_name=study, storage=storage)
        engine = subprocess.Popen([*run, "--timeout", "1h"]) if beside else None
        try:
            return _count(storage, study) / SECONDS
        finally:
            if engine is not None:
                engine.terminate()
                engine.wait()


def _count(storage: str, study: str) -> int:
    """Return how many trials all programs complete; one that dies is an error."""
    words = [sys.executable, "-c", _PROGRAM, storage, study, str(SECONDS)]
    programs = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(N_PROGRAMS)
    ]
    for each in programs:
        assert each.stdout is not None
        each.stdout.readline()
    for each in programs:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return sum(int(each.communicate()[0]) for each in programs)


def rows() -> Generator[tuple[str, str, str, str]]:
    """Yield the rates of the programs alone and beside hptui, and how they compare."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for title, study in (("the same study", "own"), ("another study of the file", "other")):
        alone, beside = rates(study)
        share = f"{beside / alone:.2f} of it (goal 0.5)"
        yield (
            f"(m) three plain programs, {title}",
            f"{alone:.1f}/s",
            f"{beside:.1f}/s beside hptui",
            share,
        )
