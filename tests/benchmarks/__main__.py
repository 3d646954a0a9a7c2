"""`make bench`: hptui and its peers side by side on this machine.

`make bench PART="a c"` measures these parts alone. Those that take long are measured only when they
are asked for.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import (
    analyses,
    ask_cost,
    commands,
    edited_space,
    long_run,
    methods,
    open_study,
    shared_file,
    trials_per_second,
    ui_speed,
    view_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

Row = tuple[str, str, str, str]


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


def _opening() -> Generator[Row]:
    peer, own = open_study.compare()
    ratio = peer.seconds / own.seconds
    yield (
        f"(d) open {own.n_trials:,} trials, 5 parameters",
        f"{peer.seconds:.1f} s, {peer.peak_mb:.0f} MB",
        f"{own.seconds:.2f} s, {own.peak_mb:.0f} MB",
        f"{ratio:.0f} times (goal 25, 350 MB)",
    )


def _editing() -> Generator[Row]:
    for row in edited_space.run():
        yield (
            f"(f) {row.sampler}, bounds edited, best after",
            f"{row.plain:.2f}",
            f"{row.view:.2f}",
            f"a fresh study: {row.fresh:.2f}",
        )


def _views() -> Generator[Row]:
    yield from analyses.rows()
    yield from view_blocks.rows()


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that are measured together."""

    letters: str
    """Each of them asks for all."""
    what: str
    rows: Callable[[], Generator[Row]]
    is_long: bool = False
    """Whether it is measured only when it is asked for."""


_PARTS: Final = (
    _Part("a", "trials a second: empty, 2 floats", trials_per_second.empty),
    _Part("b", "trials a second: 50 reports and should_prune", trials_per_second.reporting),
    _Part("c", "trials a second: 20 ms of Python", trials_per_second.working),
    _Part("d", "opening a study of 100,000 trials", _opening),
    _Part("e", "an ask of TPE with a history", ask_cost.rows),
    _Part("f", "a search whose bounds are edited", _editing),
    _Part("ghijk", "the application: first frame, keys, opening, memory", ui_speed.rows),
    _Part("l", "figures, and what the screen waits for", _views),
    _Part("m", "other programs on the same file", shared_file.rows),
    _Part("n", "trials that are commands", commands.rows),
    _Part(
        "o", "every sampler and pruner with a history (half an hour)", methods.rows, is_long=True
    ),
    _Part("p", "20,000 trials of TPE in one run (minutes)", long_run.rows, is_long=True),
)


def _asked_for(letters: Sequence[str]) -> list[_Part]:
    if not letters:
        return [part for part in _PARTS if not part.is_long]
    return [part for part in _PARTS if set(part.letters) & set(letters)]


def main() -> None:
    """Measure and print a Markdown table, each row as soon as it is known."""
    known = [letter for part in _PARTS for letter in part.letters]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        epilog="\n".join(f"  {part.letters}  {part.what}" for part in _PARTS)
        + "\n\n`make bench-long` does 50,000 trials of TPE in one run.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", metavar="PART", nargs="*", help="a letter of those below; all but o and p if none"
    )
    parts: list[str] = parser.parse_args().parts
    unknown = [each for each in parts if each not in known]
    if unknown:
        parser.error(f"{unknown[0]!r} is no part; these are: {' '.join(known)}")
    print(machine(), end="\n\n")
    print("| | Optuna | hptui | |\n|---|---|---|---|")
    for part in _asked_for(parts):
        for row in part.rows():
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
