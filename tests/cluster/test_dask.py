"""Workers on a real dask cluster of this machine; `make test-cluster`."""

from __future__ import annotations

import json
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.cluster.dask_cluster import MISSING, certificates, cluster_in
from tests.e2e.far_runs import (
    SOURCE,
    let_go,
    python_of_another_protocol,
    told_in,
    wait_for_ends,
    wait_for_trial,
)
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
    pytest.importorskip("distributed", reason=MISSING)
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
    with cluster_in(folder, n_workers=0) as cluster:
        process = begun(
            tmp_path,
            f"{SOURCE}:waits",
            *("--scheduler", str(cluster.file), "--workers", "2", "--trials", "4"),
        )
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "The dask cluster has no workers; the run waits for some to come." in told
        cluster.add_workers(2)
        kinds: dict[int, str] = {}
        for number, part in enumerate(("agent", "dask", "worker", "nanny")):
            parts = wait_for_trial(folder, number)
            if part == "dask":
                # Its nanny starts another one.
                _parent_of(parts["agent"]).kill()
            elif part == "nanny":
                _parent_of(_parent_of(parts["agent"])).kill()
            else:
                parts[part].kill()
            wait_for_ends(parts.values())
            kinds[number] = "died" if part == "worker" else "lost"
        let_go(folder)
        out, err = rest_of(process)
        assert process.returncode == 0, err
        trials = load(tmp_path, "s").trials
        assert {each.number: error_of(each).partition(":")[0] for each in trials[:4]} == kinds
        assert len(trials_of(events(out))) > 4, "lost trials were to be repeated"


def _parent_of(process: psutil.Process) -> psutil.Process:
    parent = process.parent()
    assert parent is not None
    return parent


def test_what_holds_a_run_together_may_be_killed(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster_in(folder, n_workers=1) as cluster:
        for part in ("engine", "gateway", "scheduler"):
            for each in (folder / "told").glob("began-*"):
                each.unlink()
            there = tmp_path / part
            there.mkdir()
            process = begun(
                there,
                *(f"{SOURCE}:waits", "--scheduler", cluster.address),
                *("--trials", "2", "--lost-after", "3s"),
            )
            parts = wait_for_trial(folder, 0)
            if part == "engine":
                status = ask_engine(there / "s.db", "s", {"op": "status"})
                psutil.Process(status["pid"]).kill()
            elif part == "gateway":
                gateway_of(there).kill()
            else:
                cluster.started[0].kill()
            out, err = rest_of(process)
            wait_for_ends(parts.values())
            if part == "gateway":
                assert process.returncode == 1, err
                assert "The gateway to the dask cluster has ended." in err
                assert load(there, "s").trials[0].state.name == "FAIL"
            elif part == "scheduler":
                assert process.returncode == 1, err
                assert "The dask scheduler is gone" in out + err
                assert "The dask scheduler has been gone for 6 s." in err


def test_tls_lets_in_who_has_a_certificate_of_the_authority(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    own, other = (certificates(tmp_path / name) for name in ("own", "other"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with cluster_in(folder, n_workers=1, tls=own) as cluster:
        assert cluster.address.startswith("tls://")
        arguments = ("run", f"{SOURCE}:waits", "--scheduler", cluster.address, "--trials", "1")
        for variables in (other, {}):
            code, _, err = run(*arguments, "--study", "refused", cwd=tmp_path, **variables)
            assert code == 1
            assert "The dask cluster cannot be used" in err
        python = python_of_another_protocol(tmp_path)
        code, _, err = run(
            *(*arguments, "--study", "refused", "--host-python", python), cwd=tmp_path, **own
        )
        assert code == 1
        assert "its agents speak protocol 99, not 1." in err
        assert not (tmp_path / "refused.db").exists()

        process = begun(
            tmp_path,
            *(f"{SOURCE}:waits", "--scheduler", cluster.address, "--trials", "1"),
            *("--engine-address", f"127.0.0.1:{port}"),
            **own,
        )
        wait_for_trial(folder, 0)
        # The gateway joins nobody without a certificate of the authority, or without a token.
        hello = json.dumps({"relay": "0" * 32}).encode() + b"\n"
        assert said_to(port, None, hello) == b""
        assert said_to(port, _context(None), hello) == b""
        assert said_to(port, _context(tmp_path / "other"), hello) == b""
        hostile: list[Any] = [{"relay": "0" * 32}, {"op": "status"}, [], {"relay": ""}]
        for said in hostile:
            line = json.dumps(said).encode() + b"\n"
            assert said_to(port, _context(tmp_path / "own"), line) == b""
        let_go(folder)
        _, err = rest_of(process)
        assert process.returncode == 0, err


def _context(folder: Path | None) -> ssl.SSLContext:
    """Return what a stranger connects with, who does not mind whom it talks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if folder is not None:
        context.load_cert_chain(folder / "own.pem", folder / "own.key")
    return context


def said_to(port: int, context: ssl.SSLContext | None, line: bytes) -> bytes:
    """Say a line to the gateway, and return what it answers; nothing when it hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            stranger = plain if context is None else context.wrap_socket(plain)
            with stranger:
                stranger.sendall(line)
                return stranger.recv(1)
        except (ssl.SSLError, ConnectionError):
            return b""
