"""How the application feels, on a real pseudo terminal, beside its peers in the same run.

`python -m tests.benchmarks.ui_speed` prints the rows; it takes some minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import bare_table, objectives
from tests.benchmarks.open_study import N_TRIALS, STUDY, write_study_file
from tests.benchmarks.terminal import Terminal

from hptui.engine.ipc.client import ask_engine, running_engine

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

HPTUI = (sys.executable, "-m", "hptui")
BARE = (sys.executable, "-m", "tests.benchmarks.bare_table")
DOWN = "\x1b[B"
LOADED = f"{N_TRIALS} complete"
"""Below the history plot, once all is read and drawn."""
ROUNDS = 7
N_KEYS = 200
N_STUDIES = 7
WORK_S = 0.02
ROUNDS_OF_COST = 5
WINDOW_S = 4.0
SETTLES_S = 4.0
"""Until a screen that nobody touches takes its calm pace."""

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Latency:
    """From a key to the repaint of the row it moves to, in milliseconds."""

    median: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Sum up what was measured."""
        in_order = sorted(1000 * each for each in seconds)
        return cls(statistics.median(in_order), in_order[int(0.99 * len(in_order))], in_order[-1])

    def __str__(self) -> str:
        return f"{self.median:.0f} / {self.p99:.0f} / {self.worst:.0f} ms"


def first_frame(folder: Path) -> Generator[Row]:
    """Measure from the start of the process to a frame whose keys work, and to the full list."""
    studies = folder / "studies"
    studies.mkdir()
    for index in range(N_STUDIES):
        write_study_file(studies / f"study-{index}.db", 50, f"study-{index}")
    bare: list[float] = []
    frame: list[float] = []
    listed: list[float] = []
    for _ in range(ROUNDS):
        with Terminal([*BARE, "20"]) as terminal:
            last = str(bare_table.FIRST_NUMBER + 19)
            bare.append(terminal.wait_for(last) - terminal.began_s)
        with Terminal([*HPTUI, str(studies)]) as terminal:
            frame.append(terminal.wait_for("? help") - terminal.began_s)
            listed.append(terminal.wait_for(f"study-{N_STUDIES - 1}") - terminal.began_s)
    peer_s = statistics.median(bare)
    for what, times in (
        ("(g) first usable frame (a bare Textual table)", frame),
        (f"(g) the list of {N_STUDIES} studies in it", listed),
    ):
        own_s = statistics.median(times)
        goal = " (goal 1.3)" if times is frame else ""
        yield what, f"{peer_s:.2f} s", f"{own_s:.2f} s", f"{own_s / peer_s:.2f} times{goal}"


def _key_times(terminal: Terminal, shown: Sequence[str]) -> Latency:
    """Move the cursor down and time the repaint of each row that it comes to."""
    times: list[float] = []
    for text in shown:
        pressed_s = terminal.press(DOWN)
        times.append(terminal.wait_for(text) - pressed_s)
    return Latency.of(times)


@contextlib.contextmanager
def _engine(file: Path, objective: str = "five_params") -> Generator[None]:
    """Let two workers compute, and fill a study, for as long as the block lasts."""
    name = f"{file}:{STUDY}"
    ref = f"{objectives.__file__}:{objective}"
    options = ["--storage", str(file), "--study", STUDY, "--sampler", "random", "--jobs", "2"]
    _hptui("run", ref, *options, "--trials", "1000000", "--detach")
    try:
        yield
    finally:
        _hptui("stop", name, "--now")
        while running_engine(file, STUDY) is not None:
            time.sleep(0.05)


def _hptui(*arguments: str) -> str:
    done = subprocess.run([*HPTUI, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def key_latency(large: Path, folder: Path) -> Row:
    """Measure keys in the trial table of a study that two workers fill."""
    file = _copy(large, folder)
    with _engine(file):
        with Terminal([*BARE, "1000"]) as terminal:
            first = bare_table.FIRST_NUMBER
            terminal.wait_for(str(first + 19))
            peer = _key_times(terminal, [str(first + row) for row in range(1, N_KEYS)])
        with Terminal([*HPTUI, str(file)]) as terminal:
            terminal.wait_for(f"All {str(N_TRIALS)[:4]}")
            terminal.press("g")
            terminal.wait_for("0  ✓")
            own = _key_times(terminal, [f"{number}  ✓" for number in range(1, N_KEYS)])
    return (
        "(h) key to repaint while 2 workers compute, p50 / p99 / worst (1,000 bare rows)",
        str(peer),
        str(own),
        f"p99 {own.p99 / peer.p99:.2f} times the bare table's (goal 1)",
    )


def _copy(large: Path, folder: Path) -> Path:
    file = folder / "copy.db"
    shutil.rmtree(file.with_suffix(".hptui"), ignore_errors=True)
    shutil.copyfile(large, file)
    return file


def opening(large: Path) -> Generator[Row]:
    """Measure from the start of the process to a full table and plot, and the memory."""
    own: list[float] = []
    peaks_mb: list[float] = []
    for _ in range(3):
        with Terminal([*HPTUI, str(large)]) as terminal:
            own.append(terminal.wait_for(LOADED) - terminal.began_s)
            peaks_mb.append(terminal.peak_mb())
    peer_s, own_s = _dashboard_s(large), statistics.median(own)
    yield (
        f"(i) {N_TRIALS:,} trials on the screen (optuna-dashboard: its answer alone)",
        f"{peer_s:.1f} s",
        f"{own_s:.1f} s",
        f"{peer_s / own_s:.0f} times (goal 30)",
    )
    yield ("(j) memory of the screen's process then", "", f"{max(peaks_mb):.0f} MB", "(goal 400)")


_DASHBOARD = """
import sys, threading, time, urllib.request
from wsgiref.simple_server import make_server
import optuna, optuna_dashboard
application = optuna_dashboard.wsgi(optuna.storages.RDBStorage("sqlite:///" + sys.argv[1]))
server = make_server("127.0.0.1", 0, application)
threading.Thread(target=server.serve_forever, daemon=True).start()
began = time.perf_counter()
urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/api/studies/1").read()
print(time.perf_counter() - began)
"""


def _dashboard_s(file: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _DASHBOARD, str(file)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(done.stdout)


def cost_on_a_run(folder: Path) -> Generator[Row]:
    """Measure what an open study screen takes from the run that it shows, in turns."""
    for objective, what in (("five_params", "20 ms of Python"), ("empty", "nothing")):
        file = folder / f"{objective}.db"
        without: list[float] = []
        watched: list[float] = []
        with _engine(file, objective):
            for _ in range(ROUNDS_OF_COST):
                without.append(_rate(file))
                with Terminal([*HPTUI, str(file)]) as terminal:
                    terminal.wait_for("running")
                    threading.Thread(target=terminal.read_on, daemon=True).start()
                    time.sleep(SETTLES_S)
                    watched.append(_rate(file))
        alone, seen = statistics.median(without), statistics.median(watched)
        yield (
            f"(k) trials/s of {what} with the screen open (without it)",
            f"{alone:.0f}/s",
            f"{seen:.0f}/s",
            f"{100 * (1 - seen / alone):.1f} % less (goal 5 %)",
        )


def _rate(file: Path) -> float:
    """Return the trials a second that the engine of a study ends just now."""
    began_s, before = time.perf_counter(), _n_ended(file)
    time.sleep(WINDOW_S)
    ended = _n_ended(file) - before
    return ended / (time.perf_counter() - began_s)


def _n_ended(file: Path) -> int:
    return sum(ask_engine(file, STUDY, {"op": "status"})["counts"].values())


def rows() -> Generator[Row]:
    """Yield what was measured, the peer's figure, hptui's, and how they compare."""
    os.environ["HPTUI_BENCH_LOOPS"] = str(objectives.loops_for(WORK_S))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from first_frame(folder)
        large = folder / f"{STUDY}.db"
        write_study_file(large)
        yield key_latency(large, folder)
        yield from opening(large)
        yield from cost_on_a_run(folder)


if __name__ == "__main__":
    for row in rows():
        print("| " + " | ".join(row) + " |", flush=True)
