"""`make bench`: hptui and its peers side by side on this machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.ask_cost import ask_ms
from tests.benchmarks.trials_per_second import rows


def machine() -> str:
    """Return what the figures were measured on."""
    with tempfile.TemporaryDirectory() as folder:
        fd = os.open(Path(folder) / "sync", os.O_WRONLY | os.O_CREAT)
        began = time.perf_counter()
        for _ in range(100):
            os.write(fd, b"x" * 4096)
            os.fdatasync(fd)
        sync_ms = 10 * (time.perf_counter() - began)
        os.close(fd)
    versions = ", ".join(f"{name} {version(name)}" for name in ("optuna", "joblib"))
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"{versions}, SQLite {sqlite3.sqlite_version}, a synced write {sync_ms:.2f} ms"
    )


def main() -> None:
    """Measure and print a table."""
    print(machine(), end="\n\n")
    print(f"{'':44}{'Optuna':>10}{'hptui':>10}")
    for title, peer, own, remark in rows():
        print(f"{title:44}{peer:8.1f}/s{own:8.1f}/s   {remark}", flush=True)
    for n_trials in (1_000, 10_000):
        print(f"(e) TPE, ask after {n_trials:,} trials: {ask_ms(n_trials):.0f} ms", flush=True)


if __name__ == "__main__":
    main()
