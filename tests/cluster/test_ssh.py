"""Workers over real ssh, to a server on loopback; `make test-cluster`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import optuna
import psutil
import pytest
from tests.cluster.sshd import Server, server_in
from tests.e2e import objectives_far_away
from tests.e2e.far_runs import (
    SOURCE,
    let_go,
    python_of_another_protocol,
    wait_for_ends,
    wait_for_trial,
)
from tests.e2e.programs import events, load, rest_of, run, start, trials_of
from tests.waiting import wait_until

from hptui.engine.ipc.client import ask_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.cluster


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with server_in(folder) as running:
        yield running
        wait_until(lambda: running.sessions() == [], "all sessions ended")


def begun(server: Server, folder: Path, *arguments: str) -> Any:
    common = ("--study", "s", "--sampler", "random", "--seed", "1", "--json")
    return start("run", *arguments, *common, cwd=folder, **server.variables())


def error_of(trial: optuna.trial.FrozenTrial) -> str:
    error = trial.system_attrs["hptui:error"]
    return f"{error['kind']}: {error['message']}"


def client_of(folder: Path, number: int) -> psutil.Process:
    """Return the ssh client of a trial's worker."""
    status = ask_engine(folder / "s.db", "s", {"op": "status"})
    host = next(each["place"]["host"] for each in status["slots"] if each["trial"] == number)
    clients = psutil.Process(status["pid"]).children(recursive=True)
    return next(each for each in clients if each.name() == "ssh" and host in each.cmdline())


def test_zoo_and_what_is_left_of_it(server: Server, tmp_path: Path) -> None:
    process = begun(
        server,
        tmp_path,
        f"{SOURCE}:zoo",
        *("--hosts", "one,two", "--code", "ship", "--trials", "7", "--trial-timeout", "3s"),
    )
    family = wait_for_trial(server.folder, 3)
    _, err = rest_of(process)
    assert process.returncode == 0, err
    trials = load(tmp_path, "s").trials
    states = [each.state.name for each in trials]
    assert states == ["COMPLETE", "FAIL", "FAIL", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert "exit code 7" in error_of(trials[1])
    assert error_of(trials[2]).startswith("timeout: ")
    wait_for_ends(family.values())
    assert (tmp_path / "s.hptui/logs/trial-000004.log").read_bytes().endswith(b"END\n")
    assert os.listdir(trials[5].system_attrs["hptui:place"]["folder"]) == ["model.bin"]


def test_each_part_may_be_killed(server: Server, tmp_path: Path) -> None:
    process = begun(server, tmp_path, f"{SOURCE}:waits", "--hosts", "one,two", "--trials", "4")
    lost: dict[int, str] = {}
    for number, part in enumerate(("agent", "client", "session", "worker")):
        parts = wait_for_trial(server.folder, number)
        if part == "client":
            client_of(tmp_path, number).kill()
        elif part == "session":
            parts["agent"].parent().kill()  # pyright: ignore[reportOptionalMemberAccess]
        else:
            parts[part].kill()
        wait_for_ends(parts.values())
        lost[number] = "died" if part == "worker" else "lost"
    let_go(server.folder)
    out, err = rest_of(process)
    assert process.returncode == 0, err
    trials = load(tmp_path, "s").trials
    kinds = {each.number: error_of(each).partition(":")[0] for each in trials[:4]}
    assert kinds == lost
    assert len(trials_of(events(out))) > 4, "lost trials were to be repeated"


def test_an_engine_that_is_killed_leaves_nothing(server: Server, tmp_path: Path) -> None:
    process = begun(server, tmp_path, f"{SOURCE}:waits", "--hosts", "one", "--trials", "4")
    parts = wait_for_trial(server.folder, 0)
    status = ask_engine(tmp_path / "s.db", "s", {"op": "status"})
    psutil.Process(status["pid"]).kill()
    rest_of(process)
    wait_for_ends(parts.values())


def test_who_is_not_let_in_is_told(server: Server, tmp_path: Path) -> None:
    variables = server.variables(key="other")
    arguments = ("run", f"{SOURCE}:waits", "--study", "s", "--hosts", "one")
    code, _, err = run(*arguments, cwd=tmp_path, **variables)
    assert code == 1
    assert "No worker can be started on one" in err
    assert "Permission denied" in err
    assert not (tmp_path / "s.db").exists()


def test_a_machine_that_vanishes_is_lost_on_both_sides(server: Server, tmp_path: Path) -> None:
    process = begun(
        server,
        tmp_path,
        *(f"{SOURCE}:waits", "--hosts", "one", "--trials", "1"),
        *("--lost-after", "3s", "--retry-lost", "0"),
    )
    parts = wait_for_trial(server.folder, 0)
    session = parts["agent"].parent()
    assert session is not None
    # It takes what comes and passes nothing on, as a cable that is pulled.
    session.suspend()
    try:
        _, err = rest_of(process)
        assert process.returncode == 3, err
        (trial,) = load(tmp_path, "s").trials
        assert error_of(trial) == "lost: Nothing was heard of the worker on one for 3 s."
        wait_for_ends(parts.values())
    finally:
        session.resume()


def test_an_agent_of_another_version_is_refused(server: Server, tmp_path: Path) -> None:
    code, _, err = run(
        *("run", f"{SOURCE}:waits", "--hosts", "one", "--study", "s"),
        *("--host-python", python_of_another_protocol(tmp_path)),
        cwd=tmp_path,
        **server.variables(),
    )
    assert code == 1
    assert "one has a different version of hptui: its agents speak protocol 99, not 1." in err
    assert not (tmp_path / "s.db").exists()


def test_one_far_worker_and_a_seed_leave_what_optuna_does(server: Server, tmp_path: Path) -> None:
    code, _, err = run(
        *("run", f"{SOURCE}:reports", "--study", "far", "--trials", "15", "--seed", "3"),
        *("--sampler", "tpe", "--pruner", "median", "--hosts", "one"),
        cwd=tmp_path,
        **server.variables(),
    )
    assert code == 0, err
    plain = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=3), pruner=optuna.pruners.MedianPruner()
    )
    objective: Callable[[optuna.Trial], float] = cast("Any", objectives_far_away).reports
    plain.optimize(objective, n_trials=15)
    assert left_in(load(tmp_path, "far")) == left_in(plain)


def left_in(study: optuna.Study) -> list[Any]:
    return [
        (each.state, each.params, each.values, each.intermediate_values) for each in study.trials
    ]
