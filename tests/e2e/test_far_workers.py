"""Workers on other machines, with agents and all, but behind a stand-in for ssh."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.e2e.far_runs import (
    SOURCE,
    Swallowing,
    let_go,
    stand_in,
    wait_for_ends,
    wait_for_trial,
)
from tests.e2e.programs import events, load, rest_of, run, start, trials_of
from tests.waiting import DEADLINE_S, wait_until

from hptui.domain.objective import ObjectiveRef
from hptui.engine.ipc.client import ask_engine
from hptui.engine.workers.remote.agent_start import agent_input, agent_words

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial


def begun(folder: Path, *arguments: str, **variables: str) -> Any:
    """Start a run of the study `s` on the hosts `one` and `two`."""
    temporary = folder / "t"
    temporary.mkdir()
    return start(
        "run",
        *arguments,
        *("--study", "s", "--sampler", "random", "--seed", "1", "--json"),
        cwd=folder,
        TMPDIR=str(temporary),
        **stand_in(folder),
        **variables,
    )


def error_of(trial: FrozenTrial) -> str:
    error = trial.system_attrs["hptui:error"]
    return f"{error['kind']}: {error['message']}"


def host_of(trial: FrozenTrial) -> str:
    return trial.system_attrs["hptui:place"]["host"]


def test_what_dies_far_away_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    process = begun(tmp_path, f"{SOURCE}:waits", "--hosts", "one,two", "--trials", "3")
    first, second = (wait_for_trial(tmp_path, number) for number in (0, 1))
    status = ask_engine(tmp_path / "s.db", "s", {"op": "status"})
    hosts = {slot["trial"]: slot["place"]["host"] for slot in status["slots"]}
    assert set(hosts.values()) == {"one", "two"}
    assert {slot["pid"] for slot in status["slots"]} == {
        each["worker"].pid for each in (first, second)
    }

    # Nobody can tell of a worker how it ended whose agent is gone: its connection was lost.
    first["agent"].kill()
    wait_for_ends(first.values())
    second["worker"].kill()
    wait_for_ends(second.values())
    others = [*wait_for_trial(tmp_path, 2).values(), *wait_for_trial(tmp_path, 3).values()]
    let_go(tmp_path)
    out, err = rest_of(process)
    assert process.returncode == 0, err
    assert len(trials_of(events(out))) == 4, "the lost trial was to be repeated"
    wait_for_ends(others)

    trials = load(tmp_path, "s").trials
    assert error_of(trials[0]) == f"lost: The connection to the worker on {hosts[0]} was lost."
    died = f"died: The worker process on {hosts[1]} ended (SIGKILL, likely out of memory)."
    assert error_of(trials[1]) == died
    again = next(each for each in trials if each.system_attrs.get("hptui:retry_of") == 0)
    assert again.params == trials[0].params
    assert [each.state.name for each in trials] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    log = tmp_path / "s.hptui/logs/trial-000000.log"
    assert log.read_text() == "trial 0 waits\n"

    code, out, err = run("trials", "s", "--filter", f"host={hosts[0]}", "--json", cwd=tmp_path)
    assert code == 0, err
    numbers = {each["number"] for each in map(json.loads, out.splitlines())}
    assert numbers == {each.number for each in trials if host_of(each) == hosts[0]}
    _, out, _ = run("failures", "s", "--json", cwd=tmp_path)
    assert {each["kind"]: each["hosts"] for each in json.loads(out)} == {
        "lost": {hosts[0]: 1},
        "died": {hosts[1]: 1},
    }
    wait_until(lambda: os.listdir(tmp_path / "t") == [], "temporary files were removed")


def test_code_that_is_sent_may_misbehave(tmp_path: Path) -> None:
    process = begun(
        tmp_path,
        f"{SOURCE}:zoo",
        *("--hosts", "one:2", "--code", "ship", "--trials", "7", "--trial-timeout", "3s"),
    )
    family = wait_for_trial(tmp_path, 3)
    out, err = rest_of(process)
    assert process.returncode == 0, err
    trials = load(tmp_path, "s").trials
    reasons = {each.number: error_of(each) for each in trials if each.state.name == "FAIL"}
    assert reasons == {
        1: "died: The worker process on one ended (exit code 7).",
        2: "timeout: The trial's time limit of 3 s had passed.",
        3: "died: The worker process on one ended (exit code 0).",
    }
    assert [each.value for each in trials if each.value] == [1.0, 2.0, 3.0, 4.0]
    wait_for_ends(family.values())

    logs = {number: (tmp_path / f"s.hptui/logs/trial-{number:06d}.log") for number in range(7)}
    assert logs[1].read_bytes() == b"about to vanish\n"
    assert logs[2].read_bytes() == b"deaf\n"
    assert logs[5].read_bytes() == b"\xff no text \xfe\n"
    flood = logs[4].read_bytes()
    assert flood.startswith(b"x" * 999)
    assert flood.endswith(b"END\n")
    assert trials[6].intermediate_values == {1: trials[6].params["x"]}
    kept = trials[5].system_attrs["hptui:place"]["folder"]
    assert os.listdir(kept) == ["model.bin"]
    assert os.listdir(os.path.dirname(kept)) == [os.path.basename(kept)]
    wait_until(lambda: os.listdir(tmp_path / "t") == [], "temporary files were removed")
    del out


def test_an_engine_that_is_killed_leaves_nothing_far_away(tmp_path: Path) -> None:
    process = begun(tmp_path, f"{SOURCE}:waits", "--hosts", "one", "--trials", "3")
    begun_ones = wait_for_trial(tmp_path, 0)
    status = ask_engine(tmp_path / "s.db", "s", {"op": "status"})
    psutil.Process(status["pid"]).kill()
    rest_of(process)
    wait_for_ends(begun_ones.values())


def test_a_machine_that_does_not_answer_loses_its_worker(tmp_path: Path) -> None:
    process = begun(tmp_path, f"{SOURCE}:waits", "--hosts", "one:2", "--trials", "1", "-j", "1")
    silent = wait_for_trial(tmp_path, 0)
    silent["agent"].send_signal(signal.SIGSTOP)
    try:
        assert ask_engine(tmp_path / "s.db", "s", {"op": "kill", "trial": 0})["ok"]
        out, err = rest_of(process)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            silent["agent"].send_signal(signal.SIGCONT)
    assert process.returncode == 3, err
    assert [each["state"] for each in trials_of(events(out))] == ["fail"]
    assert "one has not confirmed in 10 s that a worker was killed" in out + err
    assert error_of(load(tmp_path, "s").trials[0]).startswith("killed: Killed by you")
    wait_for_ends(silent.values())


def test_a_machine_that_closes_nothing_is_lost_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(Swallowing(tmp_path)) as between:
        process = begun(
            tmp_path,
            *(f"{SOURCE}:waits", "--hosts", "one", "--trials", "1"),
            *("--lost-after", "3s", "--retry-lost", "0"),
            **between.variables,
        )
        parts = wait_for_trial(tmp_path, 0)
        between.swallows = True
        _, err = rest_of(process)
    assert process.returncode == 3, err
    (trial,) = load(tmp_path, "s").trials
    assert error_of(trial) == "lost: Nothing was heard of the worker on one for 3 s."
    wait_for_ends(parts.values())


def test_an_agent_ends_whose_engine_is_silent(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "token": "0" * 32,
        "home": str(tmp_path),
        "engine": "/none",
        "objective": ObjectiveRef("file", str(SOURCE), "waits", "waits").to_json(),
        "label": "s",
        "lost_after": 1.0,
    }
    # A path that is short enough for a socket.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen()
        words = agent_words(sys.executable, path, is_packed=False)
        agent = subprocess.Popen(words, stdin=subprocess.PIPE, cwd=tmp_path)
        assert agent.stdin is not None
        with agent, agent.stdin:
            agent.stdin.write(agent_input(config, b""))
            agent.stdin.flush()
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as said:
                lines = [json.loads(line)["op"] for line in said]
            agent.wait(DEADLINE_S)
    assert lines[0] == "agent"
    assert len(lines) > 4
    assert set(lines[1:]) == {"ping"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--hosts", "nowhere"], "on nowhere: ssh: Could not resolve hostname nowhere"),
        (["--hosts", "one", "--host-python", "/no/python"], "/no/python"),
        (["--hosts", "one", "--pin"], "--pin does not go with --hosts"),
        (["--backend", "ssh"], "--backend ssh needs hosts"),
        (["--hosts", "one", "-j", "2"], "2 workers do not fit on 1 host with 1 place"),
        (["--hosts", "one", "--lost-after", "0.1s"], "is less than a second"),
        (["--code", "ship"], "--code has no effect without --hosts"),
        (["--hosts=-oProxyCommand=x"], "is not a list of hosts"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, options: list[str], sentence: str) -> None:
    variables = stand_in(tmp_path)
    code, out, err = run("run", f"{SOURCE}:waits", *options, cwd=tmp_path, **variables)
    assert sentence in err
    assert code in (1, 2), out
    assert not (tmp_path / "waits.db").exists()
