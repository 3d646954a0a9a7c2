"""Mirrors of a large study beside Optuna's own reading: a journal, and PostgreSQL where it is.

`make bench-scale`, or `python -m tests.benchmarks.mirror TRIALS`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from tests.benchmarks.open_study import N_TRIALS, STUDY, write_study_file
from tests.servers import running

from hptui.storage.mirror.address import parse_address
from hptui.storage.mirror.following import MirrorWriter, writing
from hptui.storage.mirror.mirrors import mirror_path
from hptui.storage.mirror.source import COLUMN_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable

_GOAL: Final = "goal 5 s, 4 s of CPU, 1 ms"


def write_journal(file: Path, journal: Path) -> None:
    """Write the trials of a study file as the journal that they would have left."""
    with closing(sqlite3.connect(file)) as connection, journal.open("w") as stream:

        def write(**entry: Any) -> None:
            stream.write(json.dumps({"worker_id": "w", **entry}, separators=(",", ":")) + "\n")

        write(op_code=0, study_name=STUDY, directions=[1])
        params = connection.execute(
            "SELECT param_name, param_value, distribution_json FROM trial_params ORDER BY trial_id"
        )
        reports = connection.execute(
            "SELECT step, intermediate_value FROM trial_intermediate_values ORDER BY trial_id"
        )
        for number, start, complete, value in connection.execute(
            "SELECT number, datetime_start, datetime_complete, value FROM trials "
            "JOIN trial_values USING (trial_id) ORDER BY trial_id"
        ):
            started, ended = (f"{each.replace(' ', 'T')}+00:00" for each in (start, complete))
            write(op_code=4, study_id=0, datetime_start=started)
            for name, number_of, space in params.fetchmany(5):
                told = {"param_name": name, "param_value_internal": number_of}
                write(op_code=5, trial_id=number, distribution=space, **told)
            for step, reported in reports.fetchmany(10):
                write(op_code=7, trial_id=number, step=step, intermediate_value=reported)
            write(op_code=6, trial_id=number, state=1, values=[value], datetime_complete=ended)


def fill_server(file: Path, address: str) -> None:
    """Copy all rows of a study file into a PostgreSQL database."""
    psycopg: Any = import_module("psycopg")
    RDBStorage(address.replace("postgresql://", "postgresql+psycopg://"))
    with closing(sqlite3.connect(file)) as source, psycopg.connect(address) as target:
        for table, columns in COLUMN_ORDER.items():
            names = ", ".join(f'"{each}"' for each in columns)
            with target.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in source.execute(f"SELECT {names} FROM {table}"):
                    copy.write_row(row)
        target.commit()
        target.execute("ANALYZE")


def measured(act: Callable[[], object]) -> tuple[float, float]:
    """Return how long something takes, in seconds by the clock and of the processor."""
    began, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - began, time.process_time() - cpu


def _here(reader: str, text: str) -> None:
    """Read with one reader, and print what it took."""
    steps: list[tuple[float, float]] = []
    if reader == "hptui":
        address = parse_address(text)
        assert address is not None
        path = mirror_path(address)
        with writing(path):
            writer = MirrorWriter(address, path)
            steps += [measured(writer.step), measured(writer.step), measured(writer.step)]
            assert not writer.step(), "nothing is new"
            assert not writer.state.notes, writer.state.notes
            writer.close()
    else:

        def read() -> None:
            storage: Any = text.replace("postgresql://", "postgresql+psycopg://")
            if not text.startswith("postgresql"):
                storage = JournalStorage(JournalFileBackend(text))
            optuna.load_study(study_name=STUDY, storage=storage).get_trials(deepcopy=False)

        steps.append(measured(read))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps": steps, "peak_mb": peak_mb}))


def _report(what: str, text: str, folder: Path) -> None:
    for reader in ("hptui", "optuna"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.mirror", "--reader", reader, text],
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout)
        first_s, first_cpu_s = told["steps"][0]
        line = f"{what}, {reader}: {first_s:.1f} s, {first_cpu_s:.1f} s of CPU"
        line += f", {told['peak_mb']:.0f} MB"
        if reader == "hptui":
            line += f", nothing new {1000 * told['steps'][2][0]:.1f} ms ({_GOAL})"
        print(line, flush=True)


def main() -> None:
    """Measure, or read once for a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", choices=("hptui", "optuna"))
    parser.add_argument("what", nargs="?", default=str(N_TRIALS), help="how many trials")
    args = parser.parse_args()
    if args.reader is not None:
        _here(args.reader, args.what)
        return
    n_trials = int(args.what)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, journal = folder / "large.db", folder / "journal.log"
        write_study_file(file, n_trials)
        write_journal(file, journal)
        _report(f"journal of {n_trials:,} trials", str(journal), folder)
        try:
            with running.postgresql() as (server, _):
                fill_server(file, server.address)
                _report(f"PostgreSQL, {n_trials:,} trials", server.address, folder)
        except pytest.skip.Exception as skipped:
            print(f"PostgreSQL is skipped: {skipped}")


if __name__ == "__main__":
    main()
