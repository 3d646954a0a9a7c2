"""The engine killed outright, again and again, while it writes.

`make test-kill` kills it fifty times, or as often as HPTUI_KILLS says; other runs of the tests do
so a few times, each at other moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
from tests.e2e.programs import OBJECTIVES, events, places_in, starter, trials_of, wait_until
from tests.waiting import DEADLINE_S

REPORTING = f"{OBJECTIVES}:reporting"
KILLS = int(os.environ.get("HPTUI_KILLS") or 12)
LANES = 2
"""Studies that are run, and killed, side by side."""
LONGEST_S = 0.3
"""A kill comes so long after what it waits for at the latest."""
EVERY = 5
"""Of so many kills one waits for the run's start only, before there are workers."""
TRIALS = 2
"""The others wait until so many trials are announced."""
HALF_WRITTEN = """
SELECT count(*) FROM trials AS t WHERE state = 'COMPLETE' AND NOT (
  (SELECT count(*) FROM trial_values WHERE trial_id = t.trial_id) = 1
  AND (SELECT count(*) FROM trial_params WHERE trial_id = t.trial_id) = 2
  AND (SELECT count(*) FROM trial_intermediate_values WHERE trial_id = t.trial_id) = 3
  AND (SELECT count(*) FROM trial_user_attributes WHERE trial_id = t.trial_id) = 1
  AND datetime_complete IS NOT NULL
)
"""
VALUES = """
SELECT number, value FROM trials JOIN trial_values USING (trial_id)
WHERE state = 'COMPLETE' AND number >= ?
"""
PARAMS = """
SELECT number, param_name, param_value FROM trials JOIN trial_params USING (trial_id)
WHERE state = 'COMPLETE' AND number >= ?
"""


def test_sudden_deaths_lose_nothing_that_was_announced(tmp_path: Path) -> None:
    seed = int(os.environ.get("HPTUI_TEST_SEED") or random.randrange(2**32))
    print(f"HPTUI_TEST_SEED={seed}")
    starter()
    lanes = [tmp_path / str(index) for index in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        killed = [pool.submit(_kill_again_and_again, lane, f"{seed} {lane.name}") for lane in lanes]
        n_announced = sum(each.result() for each in killed)
    assert n_announced > KILLS, "the kills came before there was a load"


def _kill_again_and_again(folder: Path, seed: str) -> int:
    rng = random.Random(seed)
    temporary = folder / "t"
    temporary.mkdir(parents=True)
    n_announced = 0
    for index in range(KILLS // LANES):
        leftovers = ("fail", "requeue")[index % 2]
        n_trials = TRIALS if index % EVERY else 0
        delay_s = rng.uniform(0, LONGEST_S)
        announced = _run_until_killed(folder, temporary, leftovers, n_trials, delay_s)
        assert len(announced) >= n_trials
        _check(folder / "r.db", announced)
        n_announced += len(announced)
    arguments = ["run", REPORTING, "--study", "r", "--sampler", "random", "--leftovers", "fail"]
    last = [*arguments, "--json", "--trials", "4"]
    code, out, err = starter().run(last, folder, places_in(folder))
    assert code == 0, err
    _check(folder / "r.db", trials_of(events(out)))
    with closing(sqlite3.connect(folder / "r.db")) as connection:
        left = connection.execute("SELECT count(*) FROM trials WHERE state = 'RUNNING'").fetchone()
    assert left == (0,)
    wait_until(lambda: list(temporary.iterdir()) == [], "temporary files were removed")
    return n_announced


def _run_until_killed(
    folder: Path, temporary: Path, leftovers: str, n_trials: int, delay_s: float
) -> list[dict[str, Any]]:
    """Kill a run so long after it has announced trials; returns all that it had announced."""
    n_jobs = "1" if leftovers == "fail" else "2"
    arguments = ["run", REPORTING, "--study", "r", "--sampler", "random", "-j", n_jobs, "--json"]
    arguments += ["--trials", "1000000", "--leftovers", leftovers]
    said = folder / "said"
    variables = {**places_in(folder), "TMPDIR": str(temporary)}
    with said.open("w") as out:
        program = starter().start(arguments, folder, variables, out=out.fileno())
    process = psutil.Process(program.pid)
    wait_until(
        lambda: len(_whole_lines(said)) > 0 and len(_told_by(said)) >= n_trials,
        f"the run announced {n_trials} trials",
    )
    threading.Event().wait(delay_s)
    workers = process.children(recursive=True)
    process.kill()
    assert program.wait() == -signal.SIGKILL
    assert psutil.wait_procs(workers, timeout=DEADLINE_S)[1] == []
    wait_until(
        lambda: not list(Path("/dev/shm").glob(f"*-{process.pid}-*")), "semaphores were removed"
    )
    return _told_by(said)


def _told_by(said: Path) -> list[dict[str, Any]]:
    return trials_of(events("".join(_whole_lines(said))))


def _whole_lines(said: Path) -> list[str]:
    # The last line may be cut; what it would have announced is not announced.
    return [line for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _check(study_file: Path, announced: list[dict[str, Any]]) -> None:
    with closing(sqlite3.connect(study_file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute(HALF_WRITTEN).fetchone() == (0,)
        lowest = min((trial["number"] for trial in announced), default=0)
        values: dict[int, float] = dict(connection.execute(VALUES, (lowest,)))
        params: dict[int, dict[str, float]] = {}
        for number, name, value in connection.execute(PARAMS, (lowest,)):
            params.setdefault(number, {})[name] = value
    for trial in announced:
        number = trial["number"]
        assert trial["state"] == "complete", json.dumps(trial)
        assert trial["values"] == [values[number]]
        assert trial["params"] == params[number]
        x, y = trial["params"]["x"], trial["params"]["y"]
        assert trial["values"] == [x * x + y]
