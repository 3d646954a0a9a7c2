"""Opening a large study: time and peak memory, columns against Optuna's trials."""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hptui.storage.sqlite.schema import create_schema

N_TRIALS = 100_000
N_PARAMS = 5
N_REPORTS = 10
STUDY = "large"


@dataclass(frozen=True, slots=True)
class Opening:
    """What it took to open a study, in a process of its own."""

    n_trials: int
    seconds: float
    """From the first touch of the file to the last trial, without imports."""
    peak_mb: float
    """Of the whole process, imports included, in megabytes."""


def write_study_file(path: Path, n_trials: int = N_TRIALS, study: str = STUDY) -> None:
    """Write a study of complete trials with 5 floats and 10 reports each, as Optuna would."""
    rng = random.Random(0)
    start = datetime(2026, 1, 1)
    spaces = [
        json.dumps(
            {
                "name": "FloatDistribution",
                "attributes": {"step": None, "low": -5.0, "high": 10.0 + index, "log": False},
            }
        )
        for index in range(N_PARAMS)
    ]

    def moment(at_s: float) -> str:
        return (start + timedelta(seconds=at_s)).isoformat(sep=" ", timespec="microseconds")

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        create_schema(connection, "5.0.0")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO studies VALUES (1, ?)", (study,))
        connection.execute("INSERT INTO study_directions VALUES (1, 'MINIMIZE', 1, 0)")
        ids = range(1, n_trials + 1)
        connection.executemany(
            "INSERT INTO trials VALUES (?, ?, 1, 'COMPLETE', ?, ?)",
            ((each, each - 1, moment(each + 0.123), moment(each + 0.987)) for each in ids),
        )
        connection.executemany(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "VALUES (?, ?, ?, ?)",
            (
                (each, f"x{index}", rng.uniform(-5, 10), space)
                for each in ids
                for index, space in enumerate(spaces)
            ),
        )
        connection.executemany(
            "INSERT INTO trial_values (trial_id, objective, value, value_type) "
            "VALUES (?, 0, ?, 'FINITE')",
            ((each, rng.random()) for each in ids),
        )
        connection.executemany(
            "INSERT INTO trial_intermediate_values "
            "(trial_id, step, intermediate_value, intermediate_value_type) "
            "VALUES (?, ?, ?, 'FINITE')",
            ((each, step, rng.random()) for each in ids for step in range(N_REPORTS)),
        )
        connection.execute("COMMIT")


def open_in_process(path: Path, reader: str) -> Opening:
    """Open the study in a new process with `reader`, which is `hptui` or `optuna`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.open_study", "--reader", reader, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Opening(**json.loads(done.stdout))


def compare(n_trials: int = N_TRIALS) -> tuple[Opening, Opening]:
    """Return what Optuna and what hptui take to open the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.db"
        write_study_file(path, n_trials)
        return open_in_process(path, "optuna"), open_in_process(path, "hptui")


def _open_here(path: Path, reader: str) -> Opening:
    n_trials, seconds = (_open_with_hptui if reader == "hptui" else _open_with_optuna)(path)
    return Opening(n_trials, seconds, _peak_mb())


def _open_with_hptui(path: Path) -> tuple[int, float]:
    from hptui.storage.read.study_reader import StudyReader

    began = time.perf_counter()
    with StudyReader(path, STUDY) as reader:
        reader.refresh()
    return len(reader.trials), time.perf_counter() - began


def _open_with_optuna(path: Path) -> tuple[int, float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = time.perf_counter()
    study = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{path}")
    trials = study.get_trials(deepcopy=False)
    return len(trials), time.perf_counter() - began


def _peak_mb() -> float:
    # `getrusage` counts what the parent had before this program began; the kernel's own mark does
    # not, where there is one.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Compare on this machine, or be the process that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path, nargs="?", help="a file that was written before")
    parser.add_argument("--reader", choices=("hptui", "optuna"))
    parser.add_argument("--trials", type=int, default=N_TRIALS)
    args = parser.parse_args()
    if args.reader and args.path:
        print(json.dumps(asdict(_open_here(args.path, args.reader))))
        return
    optuna, own = compare(args.trials)
    print(f"open a study of {own.n_trials:,} trials, {N_PARAMS} parameters, {N_REPORTS} reports")
    for name, opening in (("Optuna", optuna), ("hptui", own)):
        print(f"{name:8}{opening.seconds:8.2f} s{opening.peak_mb:9.0f} MB")
    print(f"{optuna.seconds / own.seconds:.0f} times faster")


if __name__ == "__main__":
    main()
