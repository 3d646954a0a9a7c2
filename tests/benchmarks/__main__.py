"""`make bench`: hptui and its peers side by side on this machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import (
    analyses,
    ask_cost,
    commands,
    edited_space,
    open_study,
    shared_file,
    ui_speed,
    view_blocks,
)
from tests.benchmarks.trials_per_second import rows

if TYPE_CHECKING:
    from collections.abc import Generator


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


def _opening() -> tuple[str, str, str, str]:
    peer, own = open_study.compare()
    ratio = peer.seconds / own.seconds
    return (
        f"(d) open {own.n_trials:,} trials, 5 parameters",
        f"{peer.seconds:.1f} s, {peer.peak_mb:.0f} MB",
        f"{own.seconds:.2f} s, {own.peak_mb:.0f} MB",
        f"{ratio:.0f} times (goal 25, 350 MB)",
    )


def _editing() -> Generator[tuple[str, str, str, str]]:
    for row in edited_space.run():
        yield (
            f"(f) {row.sampler}, bounds edited, best after",
            f"{row.plain:.2f}",
            f"{row.view:.2f}",
            f"a fresh study: {row.fresh:.2f}",
        )


def _rows() -> Generator[tuple[str, str, str, str]]:
    yield from rows()
    yield _opening()
    yield from ask_cost.rows()
    yield from _editing()
    yield from ui_speed.rows()
    yield from analyses.rows()
    yield from view_blocks.rows()
    yield from shared_file.rows()
    yield from commands.rows()


def main() -> None:
    """Measure and print a Markdown table, each row as soon as it is known."""
    print(machine(), end="\n\n")
    print("| | Optuna | hptui | |\n|---|---|---|---|")
    for row in _rows():
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
