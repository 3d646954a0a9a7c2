"""Shell commands that follow trials and runs: what they are told, and what they may not do."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
import psutil
import pytest
from tests.engine import identity_objectives
from tests.waiting import wait_until

from hptui.domain.following import Following, read_hook
from hptui.domain.objective import ObjectiveRef
from hptui.engine.following.hooks import Call, Hooks
from hptui.engine.following.new_best import NewBest
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.run.study_trials import TrialRecord
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def call(command: str, what: str = "trial 7", **data: object) -> Call:
    return Call("--on-best", command, what, data)


def run_all(hooks: Hooks) -> None:
    def all_ended() -> bool:
        hooks.tick()
        return hooks.is_idle

    wait_until(all_ended)
    hooks.sum_up()


WRONG = [
    ("exit 3", 60.0, "--on-best 'exit 3' for trial 7 failed (exit code 3)."),
    ("echo a; echo 'b\x1b[2J' >&2; exit 1", 60.0, r"failed (exit code 1): a\x0ab\x1b[2J."),
    ("kill -9 $$", 60.0, "failed (signal 9)."),
    ("no-such-program", 60.0, "failed (exit code 127): "),
    ("curl https://me:secret@host/ ; exit 1", 60.0, "'curl https://me:***@host/ ; exit 1'"),
    ("sleep 1000 & sleep 1000", 0.05, "was ended after 0.1 s."),
    ("yes", 0.05, "'yes' for trial 7 was ended after 0.1 s."),
    ("trap '' TERM; while :; do :; done", 0.05, "was ended after 0.1 s."),
]


@pytest.mark.parametrize(("command", "timeout_s", "expected"), WRONG)
def test_a_command_that_fails_hangs_or_floods_is_told(
    command: str, timeout_s: float, expected: str
) -> None:
    told: list[str] = []
    begun: list[int] = []
    ended: list[int] = []
    hooks = Hooks(timeout_s, told.append, watch=begun.append, unwatch=ended.append)
    hooks.call([call(command)])
    run_all(hooks)
    (sentence,) = told
    assert expected in sentence
    assert begun == ended
    assert not [each for each in psutil.Process().children(recursive=True) if each.pid in begun]


def test_commands_run_one_after_the_other_with_their_data(tmp_path: Path) -> None:
    told: list[str] = []
    hooks = Hooks(60, told.append)
    to = tmp_path / "seen"
    # Far more than a pipe holds, which the second of them never reads.
    hooks.call([call(f"cat >> {to}", n=each, text="ä" * 100_000) for each in range(3)])
    hooks.call([call("true", text="x" * 1_000_000)])
    run_all(hooks)
    assert [json.loads(line)["n"] for line in to.read_text().splitlines()] == [0, 1, 2]
    assert told == []


def test_of_too_many_commands_the_oldest_are_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    hooks = Hooks(60, told.append)
    to = tmp_path / "seen"
    hooks.call([call("false")] * 3 + [call(f"echo {each} >> {to}") for each in range(102)])
    run_all(hooks)
    assert to.read_text().split() == [str(each) for each in range(2, 102)]
    assert told == ["5 commands of --on-best were skipped: the ones before took too long."]


def test_failures_of_one_command_are_told_three_times_and_counted() -> None:
    told: list[str] = []
    hooks = Hooks(60, told.append)
    hooks.call([call("false")] * 5)
    run_all(hooks)
    assert told[3:] == ["'--on-best false' failed 5 times in all."]


def test_an_interrupt_gives_up_what_is_waited_for() -> None:
    told: list[str] = []
    hooks = Hooks(60, told.append)
    hooks.call([call("sleep 1000")] * 2)
    hooks.tick()
    # The run had been interrupted once when it came to its end.
    assert hooks.is_ending(1)
    assert not hooks.is_ending(2)
    assert told == ["2 commands were given up."]


@pytest.mark.parametrize("text", ["", " \t", "a\0b"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_hook(text)


def record(number: int, *values: float, state: str = "complete", ok: bool = True) -> TrialRecord:
    return TrialRecord(number, state, values, {}, 0.0, is_feasible=ok)


def test_with_several_objectives_a_new_best_trial_joins_the_front() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.add_trial(optuna.create_trial(values=[1.0, 1.0]))
    best = NewBest(study)
    said = [
        best.is_new(each)
        for each in (
            record(1, 1.0, 1.0),
            record(2, 2.0, 2.0),
            record(3, 0.5, 0.5, ok=False),
            record(4, 0.5, 0.5, state="pruned"),
            record(5, 0.0, 3.0),
            record(6, 1.0, 2.0),
            record(7, -1.0, 0.0),
        )
    ]
    assert said == [False, True, False, False, True, False, True]


@pytest.mark.usefixtures("clones_programs")
def test_a_run_tells_of_its_best_trials_and_of_its_end(tmp_path: Path) -> None:
    to = tmp_path / "seen"
    told = Told()
    plan = RunPlan(
        ref=ObjectiveRef("file", identity_objectives.__file__, "mixed", "mixed"),
        study_file=tmp_path / "s.db",
        study="s",
        budget=Budget(n_trials=7),
        n_workers=1,
        seed=1,
        following=Following(
            on_best=(f"cat >> {to}", "exit 5"),
            # The study is free by now.
            on_end=(f"cat >> {to}; ls {tmp_path}/s.hptui/engine.json && exit 1; exit 0",),
        ),
    )
    finished = Engine(plan, told).run()
    lines = [json.loads(line) for line in to.read_text().splitlines()]
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's.db'}")
    best: list[optuna.trial.FrozenTrial] = []
    for trial in study.trials:
        assert trial.value is not None
        if not best or trial.value < (best[-1].value or 0):
            best.append(trial)
    assert [(each["event"], each.get("number")) for each in lines] == [
        *(("best", each.number) for each in best),
        ("end", None),
    ]
    assert lines[0]["params"] == dict(best[0].params)
    assert lines[0]["values"] == best[0].values
    assert finished.best is not None
    assert lines[-1]["best"]["value"] == finished.best.value == best[-1].value
    assert (lines[-1]["reason"], lines[-1]["counts"]["complete"]) == ("trials", 7)
    failures = [text for text in told.notes if "exit 5" in text]
    assert len(failures) == min(3, len(best)) + (len(best) > 3)
    (run,) = study._storage.get_study_system_attrs(study._study_id)["hptui:runs"]
    assert run["notes"] == failures == told.notes
