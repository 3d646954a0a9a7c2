"""Workers on a real dask cluster of this machine; `make test-cluster`."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.cluster.dask_cluster import certificates, cluster_in
from tests.e2e.far_runs import SOURCE, let_go, told_in, wait_for_ends, wait_for_trial
from tests.e2e.programs import events, load, rest_of, run, start, trials_of

from hptui.engine.ipc.client import ask_engine

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

pytestmark = pytest.mark.cluster


def begun(folder: Path, *arguments: str, **variables: str) -> Any:
    common = ("--study", "s", "--sampler", "random", "--seed", "1", "--json")
    return start("run", *arguments, *common, cwd=folder, **variables)


def error_of(trial: FrozenTrial) -> str:
    error = trial.system_attrs["hptui:error"]
    return f"{error['kind']}: {error['message']}"


def gateway_of(folder: Path) -> psutil.Process:
    status = ask_engine(folder / "s.db", "s", {"op": "status"})
    children = psutil.Process(status["pid"]).children(recursive=True)
    return next(each for each in children if any("dask_gateway" in word for word in each.cmdline()))


def test_zoo_on_a_cluster_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    process = begun(
        tmp_path,
        f"{SOURCE}:zoo",
        *("--backend", "dask", "--workers", "2", "--code", "ship"),
        *("--trials", "7", "--trial-timeout", "3s"),
        **told_in(tmp_path),
    )
    family = wait_for_trial(tmp_path, 3)
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


def test_each_part_may_be_killed(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster_in(folder, n_workers=2) as cluster:
        process = begun(
            tmp_path,
            f"{SOURCE}:waits",
            *("--scheduler", str(cluster.file), "--workers", "2", "--trials", "3"),
        )
        kinds: dict[int, str] = {}
        for number, part in enumerate(("agent", "dask", "worker")):
            parts = wait_for_trial(folder, number)
            if part == "dask":
                # Its nanny starts another one.
                parts["agent"].parent().kill()  # pyright: ignore[reportOptionalMemberAccess]
            else:
                parts[part].kill()
            wait_for_ends(parts.values())
            kinds[number] = "died" if part == "worker" else "lost"
        let_go(folder)
        out, err = rest_of(process)
        assert process.returncode == 0, err
        trials = load(tmp_path, "s").trials
        assert {each.number: error_of(each).partition(":")[0] for each in trials[:3]} == kinds
        assert len(trials_of(events(out))) > 3, "lost trials were to be repeated"


@pytest.mark.parametrize("part", ["engine", "gateway"])
def test_what_is_here_may_be_killed(tmp_path: Path, part: str) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster_in(folder, n_workers=1) as cluster:
        process = begun(
            tmp_path, f"{SOURCE}:waits", "--scheduler", str(cluster.file), "--trials", "2"
        )
        parts = wait_for_trial(folder, 0)
        if part == "gateway":
            gateway_of(tmp_path).kill()
        else:
            status = ask_engine(tmp_path / "s.db", "s", {"op": "status"})
            psutil.Process(status["pid"]).kill()
        _, err = rest_of(process)
        wait_for_ends(parts.values())
    if part == "gateway":
        assert process.returncode == 1, err
        assert "The gateway to the dask cluster has ended." in err
        assert load(tmp_path, "s").trials[0].state.name == "FAIL"


def test_a_scheduler_that_goes_ends_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster_in(folder, n_workers=1) as cluster:
        process = begun(
            tmp_path, f"{SOURCE}:waits", "--scheduler", cluster.address, "--trials", "2"
        )
        parts = wait_for_trial(folder, 0)
        cluster.started[0].kill()
        out, err = rest_of(process)
    assert process.returncode == 1, err
    assert "The dask scheduler is gone" in out + err
    assert "The dask scheduler has been gone for 60 s." in err
    wait_for_ends(parts.values())


def test_tls_lets_in_who_has_a_certificate_of_the_authority(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    own, other = (certificates(tmp_path / name) for name in ("own", "other"))
    with cluster_in(folder, n_workers=1, tls=own) as cluster:
        assert cluster.address.startswith("tls://")
        arguments = ("run", f"{SOURCE}:reports", "--scheduler", cluster.address, "--trials", "3")
        code, _, err = run(*arguments, "--study", "refused", cwd=tmp_path, **other)
        assert code == 1
        assert "The dask cluster cannot be used" in err
        assert not (tmp_path / "refused.db").exists()
        code, out, err = run(*arguments, "--study", "s", "--json", cwd=tmp_path, **own)
        assert code == 0, err
        assert len(trials_of(events(out))) == 3


def test_who_does_not_know_a_token_is_not_joined(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with cluster_in(folder, n_workers=1) as cluster:
        process = begun(
            tmp_path,
            f"{SOURCE}:waits",
            *("--scheduler", cluster.address, "--trials", "1"),
            *("--engine-address", f"127.0.0.1:{port}"),
        )
        wait_for_trial(folder, 0)
        hostile: list[Any] = [{"relay": "0" * 32}, {"op": "status"}, [], {"relay": ""}]
        for said in hostile:
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(json.dumps(said).encode() + b"\n")
                assert stranger.recv(1) == b""
        let_go(folder)
        _, err = rest_of(process)
        assert process.returncode == 0, err
