"""Engines that are launched away from their parent, and steered while they run."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from hptui.cli.main import main
from hptui.engine.client import ask_engine, running_engine
from hptui.engine.launch import launch
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

OBJECTIVES = Path(__file__).with_name("steered_objectives.py")
DEADLINE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    lease = running_engine(tmp_path / "s.db", "s")
    if lease is not None:
        os.kill(lease.pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        os.sched_yield()


def trials(file: Path) -> list[FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        return optuna.load_study(study_name=file.stem, storage=storage).trials
    finally:
        storage.engine.dispose()


def start(file: Path, objective: str, *options: str) -> Callable[..., dict[str, Any]]:
    """Launch an engine and return a function that asks it."""
    ref = f"{OBJECTIVES}:{objective}"
    launch([ref, "--storage", str(file), "--jobs", "1", *options], file, file.stem)

    def ask(**message: object) -> dict[str, Any]:
        return ask_engine(file, file.stem, message)

    return ask


def ends(file: Path) -> None:
    wait_until(lambda: running_engine(file, file.stem) is None, "the end of the run")


def test_edits_of_the_space_count_from_the_next_trial_on(folder: Path):
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "5", "--sampler", "tpe", "--seed", "1")
    for number in range(3):
        (folder / f"go-{number}").touch()
    wait_until(lambda: ask(op="status")["counts"]["complete"] == 3, "three trials")
    found = ask(op="space")
    assert set(found["space"]) == {"x", "kind"}
    assert found["edits"] == {}
    inside = sum(-0.5 <= trial.params["x"] <= 0.5 for trial in trials(file)[:3])

    edits = {"x": {"low": -0.5, "high": 0.5}, "kind": {"fixed": {"value": "b"}}}
    dry = ask(op="space", edits=edits, dry=True)
    assert (dry["kept"], dry["set_aside"]) == (inside, 3 - inside)
    assert ask(op="space")["edits"] == {}, "a dry edit changed something"
    with pytest.raises(HptuiError, match=r"low .* above|low is"):
        ask(op="space", edits={"x": {"low": 3, "high": 1}})
    with pytest.raises(HptuiError, match="no parameter"):
        ask(op="space", edits={"y": {"low": 3}})
    assert ask(op="space", edits=edits)["set_aside"] == 3 - inside
    assert ask(op="space")["edits"] == edits

    (folder / "go-3").touch()  # was asked with the earlier bounds
    wait_until(lambda: ask(op="status")["counts"]["complete"] == 4, "the fourth trial")
    wait_until(lambda: "kind" in trials(file)[-1].params, "the fifth trial drew its parameters")
    back = ask(op="space", edits={"x": {}})
    assert back["set_aside"] == 0
    (folder / "go-4").touch()
    ends(file)
    last = trials(file)[4]
    assert last.distributions["x"] == optuna.distributions.FloatDistribution(-0.5, 0.5)
    assert -0.5 <= last.params["x"] <= 0.5
    assert last.params["kind"] == "b"

    (folder / "go-5").touch()
    again = start(file, "stepwise", "--trials", "1")
    assert callable(again)
    ends(file)
    final = trials(file)[5]
    assert final.distributions["x"] == optuna.distributions.FloatDistribution(-5, 5)
    assert final.params["kind"] == "b", "the fixed value was forgotten between runs"


def test_failed_trials_are_tried_again_once(folder: Path, capsys: pytest.CaptureFixture[str]):
    file = folder / "s.db"
    ask = start(file, "odd_ones_fail", "--trials", "5", "--sampler", "random")
    wait_until(lambda: ask(op="status")["running"] == 1 and len(trials(file)) == 5, "trial 4")
    (folder / "mended").touch()
    assert ask(op="retry", trials=[3])["trials"] == [3]
    capsys.readouterr()
    assert main(["retry", str(file), "--cause", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == [1]
    with pytest.raises(HptuiError, match="No failed trial is left"):
        ask(op="retry")
    ask(op="extend", trials=2)
    (folder / "go").touch()
    ends(file)
    done = trials(file)
    assert [trial.state for trial in done[5:]] == [TrialState.COMPLETE] * 2
    assert [trial.params for trial in done[5:]] == [done[3].params, done[1].params]


def test_a_launched_engine_has_a_session_of_its_own_and_leaves_its_words(folder: Path):
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "1")
    pid = ask(op="status")["pid"]
    assert os.getsid(pid) == pid
    (folder / "go-0").touch()
    ends(file)
    assert (folder / "s.hptui" / "run.log").read_text() == ""


def test_a_run_that_is_over_at_once_was_launched_all_the_same(folder: Path):
    file = folder / "s.db"
    (folder / "go-0").touch()
    start(file, "stepwise", "--trials", "1")
    ends(file)
    assert [trial.state for trial in trials(file)] == [TrialState.COMPLETE]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-of-this-name"], "nothing-of-this-name"),
        ([f"{OBJECTIVES}:stepwise", "--space", "y=0..1"], "no parameter"),
        ([f"{OBJECTIVES}:stepwise", "--trials", "0"], "above 0"),
    ],
)
def test_what_a_launched_engine_refuses_is_told_and_nothing_is_written(
    arguments: list[str], sentence: str, folder: Path
):
    file = folder / "s.db"
    with pytest.raises(HptuiError, match=sentence) as caught:
        launch([*arguments, "--storage", str(file)], file, "s")
    assert "hptui:" not in caught.value.message
    assert list(folder.iterdir()) == []


def test_a_worker_that_was_asked_to_end_gets_no_other_trial(folder: Path):
    file = folder / "s.db"
    ask = start(file, "survives_its_end", "--trials", "2", "--sampler", "random")
    wait_until((folder / "started").exists, "the first trial")
    ask(op="kill", trial=0)
    ends(file)
    done = trials(file)
    assert [trial.state for trial in done] == [TrialState.COMPLETE] * 2
    assert done[0].user_attrs["pid"] != done[1].user_attrs["pid"]


@pytest.mark.parametrize(
    "message",
    [
        {"op": "hello"},
        {"op": "hello", "token": "\N{SNOWMAN}"},
        {"op": "unready"},
        {"op": "jobs", "n": math.inf},
        {"op": "kill"},
        {"op": "nothing of this kind"},
        {},
    ],
)
def test_a_message_that_nobody_here_sends_does_no_harm(
    folder: Path, message: dict[str, object]
) -> None:
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "1")
    with pytest.raises(HptuiError):
        ask(**message)
    assert ask(op="status")["running"] == 1
    (folder / "go-0").touch()
    ends(file)
    assert [trial.state for trial in trials(file)] == [TrialState.COMPLETE]
