"""Asking a running engine from the application: which commands can be given, and what they do."""

from __future__ import annotations

import math
import re
import signal
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.programs import OBJECTIVES, finish, load, start, wait_until
from tests.made_trials import trials_of
from tests.waiting import DEADLINE_S

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.trial_states import COMPLETE, FAIL, RUNNING
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.errors import SpaceError
from hptui.registry.probing.probe_result import ProbedParam, ProbeResult
from hptui.trials import Trials
from hptui.ui.commands.command_table import commands_of
from hptui.ui.setup.probe_findings import findings
from hptui.ui.setup.setup_draft import SetupDraft, StudyPlace
from hptui.ui.setup.setup_rules import PointedField
from hptui.ui.setup.setup_rules import disabled_reason as why_not_set_up
from hptui.ui.study.enqueue_draft import draft_of, space_from_engine
from hptui.ui.study.run_summary import empty_face
from hptui.ui.study.snapshot import EngineState, StudySnapshot, WorkerStatus
from hptui.ui.study.steering import (
    Answer,
    Steering,
    change_workers,
    check_number_of_trials,
    plainly,
    toggle_pause,
)
from hptui.ui.study.steering_rules import disabled_reason
from hptui.ui.trials.trial_tabs import empty_sentence

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

NEEDS_ENGINE = ("pause", "stop", "kill-trial", "limit-time", "loads")
FOR_NEXT_RUN = ("edit-space", "add-trial", "copy-trial", "budget", "more-workers", "fewer-workers")


def an_engine(**changes: Any) -> EngineState:
    engine = EngineState(
        state="running",
        n_complete=1,
        n_pruned=0,
        n_failed=1,
        n_trials=10,
        rate=1.0,
        eta_s=8.0,
        elapsed_s=2.0,
        sampler="tpe",
        pruner="median",
        sampler_ms_a_trial=1.0,
        backend="loky",
        trouble="",
        workers=(
            WorkerStatus(0, 2, 1.0, 3, 0.5, False),
            WorkerStatus(1, None, None, None, None, False),
        ),
    )
    return replace(engine, **changes)


def a_snapshot(path: Path, **changes: Any) -> StudySnapshot:
    snapshot = StudySnapshot(
        path,
        "s",
        trials=trials_of(
            [0.5, math.nan, math.nan, math.nan], states=[COMPLETE, FAIL, RUNNING, RUNNING]
        ),
        counts={"COMPLETE": 1, "FAIL": 1, "RUNNING": 2, "WAITING": 1},
        engine=an_engine(),
    )
    return replace(snapshot, **changes)


@pytest.mark.parametrize("command", NEEDS_ENGINE)
def test_commands_of_a_run_need_an_engine_and_say_so(command: str, tmp_path: Path) -> None:
    nobody = a_snapshot(tmp_path, engine=None)
    assert "is not running" in str(disabled_reason(command, nobody, 2))
    elsewhere = replace(nobody, runner="Process 7 on other runs it.", is_filled=True)
    assert disabled_reason(command, elsewhere, 2) == "Process 7 on other runs it."
    assert disabled_reason(command, a_snapshot(tmp_path), 2) is None


@pytest.mark.parametrize("command", FOR_NEXT_RUN)
def test_what_the_next_run_has_can_be_changed_while_nobody_runs_the_study(
    command: str, tmp_path: Path
) -> None:
    nobody = a_snapshot(tmp_path, engine=None)
    assert disabled_reason(command, nobody, 2) is None
    elsewhere = replace(nobody, runner="Process 7 on other runs it.", is_filled=True)
    assert disabled_reason(command, elsewhere, 2) == "Process 7 on other runs it."
    assert "not been read" in str(disabled_reason(command, replace(nobody, trials=Trials()), 2))
    if command == "copy-trial":
        assert "not been read" in str(disabled_reason(command, nobody, 99))


@pytest.mark.parametrize(
    ("command", "engine", "selected", "sentence"),
    [
        ("kill-trial", {}, None, "No trial is selected."),
        ("kill-trial", {}, 0, "Trial 0 is not running."),
        ("kill-trial", {}, 3, "Trial 3 is not run by this engine."),
        ("open-trial", {}, None, "No trial is selected."),
        ("copy-trial", {}, None, "No trial is selected."),
        ("copy-trial", {}, 9, "has not been read"),
        ("pause", {"state": "stopping"}, 2, "stopping"),
        ("add-trial", {"state": "stopping"}, 2, "stopping"),
        ("more-workers", {"state": "stopping"}, 2, "stopping"),
        ("fewer-workers", {"workers": ()}, 2, "least"),
        ("budget", {"n_trials": None}, 2, "no trial limit"),
        ("budget", {"state": "stopping"}, 2, "again"),
        ("run-study", {}, 2, "The study is running"),
    ],
)
def test_a_command_that_makes_no_sense_now_says_why(
    command: str, engine: dict[str, Any], selected: int | None, sentence: str, tmp_path: Path
) -> None:
    snapshot = a_snapshot(tmp_path, engine=an_engine(**engine))
    assert sentence in str(disabled_reason(command, snapshot, selected))


def test_sentences_name_the_keys_of_the_settings(tmp_path: Path) -> None:
    """Each of them is asked for by its command."""
    snapshot = a_snapshot(tmp_path)
    few = a_snapshot(tmp_path, engine=an_engine(workers=()))
    nobody = a_snapshot(tmp_path, engine=None)
    draft = SetupDraft(StudyPlace(tmp_path))
    told = [
        disabled_reason("run-study", snapshot, 2, str),
        disabled_reason("pause", nobody, 2, str),
        disabled_reason("fewer-workers", few, 2, str),
        why_not_set_up("fix-param", draft, PointedField("run", "seed"), is_read=True, key_of=str),
        empty_face(StudySnapshot(tmp_path, "s", trials=trials_of([])), str),
        empty_sentence(snapshot, "all", "lr>1", str),
        *findings(ProbeResult({"x": ProbedParam(FloatParam(0, 1))}), str),
    ]
    keys = ("budget", "run-study", "stop", "next-pane", "run-study", "back", "probe")
    for sentence, key in zip(told, keys, strict=True):
        assert re.search(rf"[;.] {key} ", str(sentence))


def test_failures_need_a_failed_trial(tmp_path: Path) -> None:
    snapshot = a_snapshot(tmp_path, counts={"COMPLETE": 1})
    assert disabled_reason("failures", snapshot, None) == "No trial has failed."


def test_a_line_needs_trials_and_somebody_who_may_change_it(tmp_path: Path) -> None:
    snapshot = a_snapshot(tmp_path)
    assert disabled_reason("queue", snapshot, None) is None
    nothing = replace(snapshot, counts={"COMPLETE": 1})
    assert disabled_reason("queue", nothing, None) == "No trial is waiting."
    elsewhere = replace(snapshot, engine=None, runner="Process 7 runs it.", is_filled=True)
    assert disabled_reason("queue", elsewhere, None) == "Process 7 runs it."


def test_a_study_that_nobody_runs_can_be_run_and_looked_at(tmp_path: Path) -> None:
    nobody = a_snapshot(tmp_path, engine=None)
    free = {each.id for each in commands_of("study")} - set(NEEDS_ENGINE)
    assert {each for each in free if disabled_reason(each, nobody, 2)} == set()


@pytest.mark.parametrize("text", ["", "  ", "0", "-0", "--1", "-", "1.5", "x", "9" * 400, "\uff11"])
def test_a_budget_must_be_a_whole_number(text: str) -> None:
    assert check_number_of_trials(text)


@pytest.mark.parametrize("text", ["1", " 50 ", "1,000", "1_000", "-1", "-20"])
def test_a_budget_may_be_written_as_people_do(text: str) -> None:
    assert check_number_of_trials(text) is None


def test_a_draft_takes_over_what_may_be_suggested_now() -> None:
    space = {"x": FloatParam(0, 1), "n": IntParam(1, 9), "k": ChoiceParam(("a", "1", 1))}
    draft = draft_of(space, {"x": 5.0, "n": 3, "k": 1, "gone": 2}, copy_of=7)
    assert [field.text for field in draft.fields] == ["", "3", "1"]
    assert draft.params() == {"n": 3, "k": 1}
    assert draft.n_open == 1


def test_a_draft_says_what_is_wrong_and_gives_typed_values() -> None:
    draft = draft_of({"x": FloatParam(0, 1), "k": ChoiceParam(("a", "b"))}, {})
    assert (draft.problem, draft.params()) == ("", {})
    wrong = draft.with_text(0, "7")
    assert "0.0..1.0" in wrong.problem
    with pytest.raises(SpaceError):
        wrong.params()
    assert draft.with_text(0, " 1e-1 ").params() == {"x": 0.1}
    assert [draft.cycled(1, by).fields[1].text for by in (1, 2, -1, 3)] == ["a", "b", "b", ""]


def test_a_fixed_parameter_is_shown_and_not_sent() -> None:
    space, fixed = space_from_engine(
        {
            "space": {
                "x": '{"name": "FloatDistribution", "attributes": '
                '{"step": null, "low": 0.0, "high": 1.0, "log": false}}'
            },
            "edits": {"x": {"low": 0.25, "fixed": {"value": 0.5}}},
        }
    )
    draft = draft_of(space, {"x": 0.75}, fixed=fixed)
    assert draft.fields[0].range_text == "fixed to 0.5"
    assert draft.params() == {}


class Engine:
    """Asks as `ask_engine` does, and remembers what it was asked."""

    def __init__(self, **status: Any) -> None:
        self.status = status
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(message)
        return self.status if message["op"] == "status" else {"text": "Done."}


def test_what_a_key_means_is_decided_by_what_the_engine_says_then() -> None:
    running, paused = Engine(state="running"), Engine(state="paused")
    for engine in (running, paused):
        toggle_pause(engine)
    assert [running.asked[-1]["op"], paused.asked[-1]["op"]] == ["pause", "resume"]


@contextmanager
def a_waiting_run(folder: Path, *more: str) -> Generator[Path]:
    """Run trials that wait for a file `go`, two at once."""
    process = start(
        *("run", f"{OBJECTIVES}:waiting", "--study", "w", "--jobs", "2", "--trials", "4", *more),
        cwd=folder,
    )
    path = folder / "w.db"
    try:
        wait_until(lambda: len(list(folder.glob("started-*"))) == 2, "two trials")
        yield path
    finally:
        (folder / "go").touch()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        finish(process)


def n_workers(path: Path) -> int:
    return len(ask_engine(path, "w", {"op": "status"})["slots"])


def test_requests_are_carried_out_in_order_by_a_real_engine(tmp_path: Path) -> None:
    answers: Queue[Answer] = Queue()
    with a_waiting_run(tmp_path) as path:
        steering = Steering(path, "w", answers.put)
        # While it is paused, the new workers begin no trials that would have to end first.
        changes = (change_workers(1), change_workers(1), change_workers(-2))
        for request in (toggle_pause, *changes, toggle_pause):
            steering.send(request)
        assert [answers.get(timeout=DEADLINE_S).text for _ in range(5)] == [
            "Paused; 2 trials still running.",
            "Now using 3 workers.",
            "Now using 4 workers.",
            "Now using 2 workers.",
            "Running.",
        ]
        wait_until(lambda: n_workers(path) == 2, "two workers")
        steering.send(plainly("extend", trials=3))
        assert answers.get(timeout=DEADLINE_S).text == "This run now has 7 trials."
        steering.send(plainly("space"), about="space")
        about = answers.get(timeout=DEADLINE_S)
        space, fixed = space_from_engine(about.data)
        assert (about.about, space, fixed) == ("space", {"x": FloatParam(-5, 5)}, {})
        steering.send(plainly("enqueue", params={"x": 0.25}))
        assert answers.get(timeout=DEADLINE_S).text == "Trial 2 waits for a worker."
        steering.send(plainly("kill", trial=0))
        assert answers.get(timeout=DEADLINE_S).text == "Ending trial 0."
        wait_until(lambda: (tmp_path / "started-2").exists(), "the enqueued trial")
        steering.send(plainly("retry"))
        assert answers.get(timeout=DEADLINE_S).text == "1 failed trial will be retried."
        steering.send(plainly("kill", trial=99))
        refused = answers.get(timeout=DEADLINE_S)
        assert (refused.is_done, refused.text) == (False, "Trial 99 is not running.")
        steering.stop()
    assert load(tmp_path, "w").trials[2].params == {"x": 0.25}


def test_a_study_that_nobody_runs_answers_with_a_sentence(tmp_path: Path) -> None:
    answers: Queue[Answer] = Queue()
    steering = Steering(tmp_path / "none.db", "none", answers.put)
    steering.send(toggle_pause)
    answer = answers.get(timeout=DEADLINE_S)
    assert (answer.is_done, answer.text) == (False, "No engine runs none now.")
    steering.stop()


def test_a_request_that_goes_wrong_is_told_and_the_next_one_is_carried_out(tmp_path: Path) -> None:
    answers: Queue[Answer] = Queue()
    steering = Steering(tmp_path / "none.db", "none", answers.put)
    nothing: dict[str, dict[str, str]] = {}
    steering.send(lambda ask: nothing["slots"])
    steering.send(lambda ask: {"text": "Fine."})
    assert "KeyError" in answers.get(timeout=DEADLINE_S).text
    assert answers.get(timeout=DEADLINE_S).text == "Fine."
    steering.stop()


def test_an_engine_that_is_killed_is_told_of_and_not_waited_for(tmp_path: Path) -> None:
    answers: Queue[Answer] = Queue()
    with a_waiting_run(tmp_path) as path:
        lease = running_engine(path, "w")
        assert lease is not None
        steering = Steering(path, "w", answers.put)

        def ask_after_its_death(ask: Any) -> Mapping[str, Any]:
            import os

            os.kill(lease.pid, signal.SIGKILL)
            wait_until(lambda: running_engine(path, "w") is None, "the engine's end")
            return ask({"op": "pause"})

        steering.send(ask_after_its_death)
        answer = answers.get(timeout=DEADLINE_S)
        assert not answer.is_done
        assert "runs w now" in answer.text
        steering.stop()
