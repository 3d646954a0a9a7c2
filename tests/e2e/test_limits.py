"""What the machine limits or takes away: open files, processes, the engine's own folder."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import (
    OBJECTIVES,
    load,
    places_in,
    rest_of,
    run,
    start,
    start_anew,
    wait_until,
)
from tests.waiting import DEADLINE_S

from hptui.engine.recovery.lease import read_lease

if TYPE_CHECKING:
    from collections.abc import Generator

QUICK = f"{OBJECTIVES}:quick"
WAITING = f"{OBJECTIVES}:waiting"


def run_with(limits: str, *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run `hptui` with options of `ulimit` to its end: exit code and standard error."""
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'ulimit {limits}; exec "$@"',
            "sh",
            sys.executable,
            "-m",
            "hptui",
            *arguments,
        ],
        cwd=cwd,
        env={**os.environ, **places_in(cwd)},
        capture_output=True,
        timeout=DEADLINE_S,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_more_workers_than_files_may_be_open_are_refused_with_the_number_that_fits(
    tmp_path: Path,
) -> None:
    code, err = run_with("-n 75", "run", QUICK, "--study", "q", "-j", "16", cwd=tmp_path)
    assert code == 2
    assert "16 workers need" in err
    n_fit = err.partition("but the limit here is ")[2].split()[1]
    assert not (tmp_path / "q.db").exists()
    code, err = run_with(
        "-n 75", "run", QUICK, "--study", "q", "-j", n_fit, "--trials", "9", cwd=tmp_path
    )
    assert code == 0, err


def test_workers_have_the_limit_that_the_user_has_set(tmp_path: Path) -> None:
    objective = f"{OBJECTIVES}:open_files"
    limit = ("-Sn 80", "run", objective, "--study", "o", "-j", "4")
    code, err = run_with(*limit, cwd=tmp_path)
    assert code == 0, err
    assert load(tmp_path, "o").best_value == 80


@pytest.fixture
def running(tmp_path: Path) -> Generator[subprocess.Popen[str]]:
    """A run with one worker whose trial waits for the file `go`."""
    process = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "4", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    yield process
    process.kill()
    process.communicate()


def limit_files(process: subprocess.Popen[str], most: int) -> None:
    psutil.Process(process.pid).rlimit(resource.RLIMIT_NOFILE, (most, most))


def kill_worker_of(study_file: Path) -> None:
    """Kill the worker of the one running trial."""
    lease = read_lease(study_file, study_file.stem)
    assert lease is not None
    (worker,) = {
        process.pid
        for process in psutil.Process(lease.pid).children()
        if any(str(file.path).endswith("/logs/trial-000000.log") for file in process.open_files())
    }
    psutil.Process(worker).kill()


def test_workers_that_do_not_fit_are_not_added_to_a_run(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    limit_files(running, 128)
    code, _, err = run("jobs", "w", "32", cwd=tmp_path)
    assert (code, "32 workers need" in err) == (2, True), err
    n_fit = err.partition("but the limit here is ")[2].split()[1]
    code, _, err = run("jobs", "w", n_fit, cwd=tmp_path)
    assert code == 0, err
    (tmp_path / "go").touch()
    _, err = rest_of(running)
    assert running.returncode == 0, err
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.COMPLETE] * 4


def test_a_run_whose_files_are_used_up_by_connections_goes_on(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    lease = read_lease(tmp_path / "w.db", "w")
    assert lease is not None
    limit_files(running, 80)
    with ExitStack() as connected:
        clients = [connected.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(60)]
        for client in clients:
            client.settimeout(DEADLINE_S)
            client.connect(str(lease.socket))
        assert clients[0].recv(1) == b""
        kill_worker_of(tmp_path / "w.db")
        (tmp_path / "go").touch()
        _, err = rest_of(running)
    assert running.returncode == 0, err
    states = [t.state for t in load(tmp_path, "w").trials]
    assert states == [TrialState.FAIL, *[TrialState.COMPLETE] * 3]


def test_a_run_that_can_start_no_worker_any_more_ends_in_order(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    limit_files(running, 12)
    kill_worker_of(tmp_path / "w.db")
    _, err = rest_of(running)
    assert running.returncode == 1
    assert "No new worker can be started: Too many open files." in err
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.FAIL]


def test_an_engine_makes_its_folder_again_when_somebody_clears_it_away(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    lease = read_lease(tmp_path / "w.db", "w")
    assert lease is not None
    place = Path(str(lease.socket))
    shutil.rmtree(place.parent)
    wait_until(place.exists, "the socket is there again")
    code, out, err = run("status", "w", cwd=tmp_path)
    assert code == 0, err
    assert "running" in out
    kill_worker_of(tmp_path / "w.db")
    (tmp_path / "go").touch()
    _, err = rest_of(running)
    assert running.returncode == 0, err
    assert not place.parent.exists()


def test_a_number_of_cores_that_is_none_is_refused(tmp_path: Path) -> None:
    process = start_anew("run", QUICK, "--study", "q", cwd=tmp_path, LOKY_MAX_CPU_COUNT="abc")
    _, err = rest_of(process)
    assert process.returncode == 2
    assert "LOKY_MAX_CPU_COUNT is 'abc'" in err
