"""Runs whose workers have devices, cores and memory of their own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from tests.e2e.programs import load, rest_of, run, start, wait_until

from hptui.engine.ipc.client import ask_engine
from hptui.errors import HptuiError, UsageError

SOURCE = Path(__file__).with_name("objectives_on_devices.py")
FOUR = {"0", "1", "2", "3"}


def error_of(trial: FrozenTrial) -> dict[str, str]:
    return trial.system_attrs["hptui:error"]


def test_a_device_belongs_to_one_living_process(tmp_path: Path) -> None:
    process = start(
        *("run", f"{SOURCE}:on_a_device", "--study", "s", "--trials", "30", "--devices", "0,1,2,3"),
        *("--jobs", "2", "--env", f"FOLDER={tmp_path}", "--env", "TOKEN=hunter2"),
        cwd=tmp_path,
    )
    file = tmp_path / "s.db"

    def ask(**message: Any) -> dict[str, Any]:
        return ask_engine(file, "s", message)

    def slots() -> list[dict[str, Any]]:
        try:
            return ask(op="status")["slots"]
        except HptuiError:
            return []

    def wait(count: int) -> bool:
        """Say whether so many trials wait: trial 4, and those that may not go on yet."""
        found = [slot["trial"] for slot in slots()]
        return len(found) == count and all(each == 4 or (each or 0) > 6 for each in found)

    wait_until(lambda: wait(2), "trials", slots)
    with pytest.raises(UsageError) as caught:
        ask(op="jobs", n=5)
    assert caught.value.message.startswith(
        "You asked for 5 workers, but only 4 workers have devices"
    )
    ask(op="jobs", n=4)
    wait_until(lambda: wait(4), "four trials", slots)
    told = slots()
    assert {slot["place"]["devices"][0] for slot in told} == FOUR
    code, text, _ = run("status", "s", cwd=tmp_path)
    assert code == 0
    assert all(f"on GPU {device}" in text for device in FOUR)
    # Fewer, and at once as many again: nobody is given a place that is still held.
    ask(op="jobs", n=1)
    ask(op="jobs", n=4)
    ask(op="kill", trial=4)
    (tmp_path / "go").touch()
    _, err = rest_of(process)
    assert process.returncode == 0, err
    trials = load(tmp_path, "s").trials
    assert len(trials) == 30
    assert {trial.user_attrs["device"] for trial in trials} == FOUR
    for trial in trials:
        assert trial.system_attrs["hptui:place"] == {"devices": [trial.user_attrs["device"]]}
        if trial.number % 6 in (3, 5):
            assert error_of(trial)["kind"] == "died"
        else:
            is_killed = trial.number == 4
            assert trial.state is (TrialState.FAIL if is_killed else TrialState.COMPLETE)
    assert b"hunter2" not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    device = trials[0].user_attrs["device"]
    code, out, _ = run("trials", "s", "--json", "--filter", f"device={device}", cwd=tmp_path)
    assert [json.loads(line)["number"] for line in out.splitlines()] == [
        trial.number for trial in trials if trial.user_attrs["device"] == device
    ]
    code, out, _ = run("failures", "s", "--json", cwd=tmp_path)
    groups = json.loads(out)
    assert sum(sum(group["devices"].values()) for group in groups) == 11
    assert "on GPU " in run("failures", "s", cwd=tmp_path)[1]
    assert f"GPU {device}" in run("show", "s", "0", cwd=tmp_path)[1]
    code, out, _ = run("show", "s", "--json", cwd=tmp_path)
    assert json.loads(out)["runs"][0]["resources"] == {
        "devices": "0,1,2,3",
        "env": ["FOLDER", "TOKEN"],
    }


def test_a_trial_that_takes_too_much_memory_is_ended_with_all_its_processes(
    tmp_path: Path,
) -> None:
    code, _, err = run(
        *("run", f"{SOURCE}:takes_memory", "--study", "s", "--trials", "5", "--jobs", "1"),
        *("--memory", "250M", "--pin", "--threads", "1", "--env", f"FOLDER={tmp_path}"),
        cwd=tmp_path,
    )
    assert code == 0, err
    below, leaves, takes, child, last = load(tmp_path, "s").trials
    for trial in (takes, child):
        assert error_of(trial)["kind"] == "memory"
        assert error_of(trial)["message"].startswith("The trial used ")
        assert error_of(trial)["message"].endswith(" MB; its limit is 250 MB.")
    for trial in (below, leaves, last):
        assert trial.state is TrialState.COMPLETE, error_of(trial)
    # What a trial leaves behind is not the next one's fault.
    pids = [trial.user_attrs["pid"] for trial in (below, leaves, takes, child, last)]
    assert pids[0] == pids[1]
    assert len(set(pids)) == 4
    for pid in (*pids, child.user_attrs["child"]):
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "the end of a process")
    for trial in (below, takes, last):
        (core,) = trial.user_attrs["cores"]
        assert core in os.sched_getaffinity(0)
        assert trial.user_attrs["threads"] == "1"
        assert trial.system_attrs["hptui:place"] == {"cores": str(core)}
