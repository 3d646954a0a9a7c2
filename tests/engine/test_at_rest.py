"""What is done to a study that nobody runs: the same as for a run, and for its next one."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from tests.storage.study_file import CHOICE, FLOAT, INT, StudyFile
from tests.waiting import DEADLINE_S

from hptui.cli.main import main
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.objective import ObjectiveRef
from hptui.domain.spaces.edits import edits_from_json
from hptui.domain.spaces.edits_since import edits_since, edits_text, read_since
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.sampling.space_view import SpaceView
from hptui.engine.studies import at_rest
from hptui.engine.studies.at_rest import steer
from hptui.engine.studies.held_study import locked_study
from hptui.errors import HptuiError, StudyBusyError
from hptui.storage.read.study_detail import read_study
from hptui.storage.sqlite.distributions import to_optuna
from hptui.storage.sqlite.next_run import read_space
from hptui.storage.transfer.trial_origin import put_study_attribute

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study with trials of all kinds, of parameters of all kinds."""
    file = tmp_path / "s.db"
    with StudyFile(file) as built:
        built.add_study("s")
        for number in range(12):
            params = {
                "x": (number / 11, FLOAT),
                "n": (1 + number % 9, INT),
                "k": (number % 3, CHOICE),
            }
            if number % 4 == 3:
                del params["k"]
            states = ("COMPLETE", "PRUNED", "COMPLETE", "FAIL")
            built.add_trial(float(number), params=params, state=states[number % 4])
    return file


def ask(path: Path, op: str, **fields: Any) -> dict[str, Any]:
    return steer(path, "s", {"op": op, **fields})


def by_optuna(path: Path) -> list[FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        return optuna.load_study(study_name="s", storage=storage).trials
    finally:
        storage.engine.dispose()


EDITS: list[dict[str, Any]] = [
    {"x": {"low": 0.25, "high": 0.75}},
    {"x": {"high": 6 / 11}, "n": {"low": 3, "high": 7, "step": 2}},
    {"n": {"high": 5}, "k": {"fixed": {"value": "b"}}},
    {"x": {"step": 0.5}},
    {"x": {}},
]


@pytest.mark.parametrize("edits", EDITS, ids=str)
def test_as_many_trials_count_as_for_a_run(edits: dict[str, Any], path: Path) -> None:
    answer = ask(path, "space", edits=edits, dry=True)
    with StudyFile(path) as built:
        space = read_space(built.connection, 1).with_edits(edits_from_json(edits))
    current = {name: to_optuna(spec) for name, spec in space.effective().items()}
    view = SpaceView(edited=set(edits), current=current)
    view.scan(by_optuna(path))
    assert (answer["kept"], answer["set_aside"]) == view.counts()
    assert answer["next_run"] is True
    assert ask(path, "space")["edits"] == {}, "a dry edit changed something"


def test_an_edit_is_told_with_the_trial_since_which_it_holds(path: Path) -> None:
    ask(path, "space", edits={"x": {"low": 0.5}, "n": {"high": 4}})
    ask(path, "enqueue", params={"x": 0.75})
    assert ask(path, "space", edits={"n": {"high": 3}})["set_aside"] > 0
    told = ask(path, "space")
    assert told["edits"] == {"x": {"low": 0.5}, "n": {"high": 3}}
    assert told["since"] == {"x": 12, "n": 13}
    assert json.loads(told["space"]["x"])["attributes"]["low"] == 0.0, "not as it is asked for"
    with pytest.raises(HptuiError, match=r"'x' cannot be 0\.25"):
        ask(path, "enqueue", params={"x": 0.25})
    ask(path, "space", edits={"x": {}})
    detail = read_study(path, "s")
    assert (detail.edits, detail.since) == ({"n": {"high": 3}}, {"n": 13})
    changes = [(each.number, each.text) for each in detail.changes]
    assert changes == [(12, "x low 0.5; n high 4"), (13, "n high 3"), (13, "x unedited")]
    assert detail.system_attributes.found == ()


def test_an_edited_parameter_is_known_as_it_is_asked_for(path: Path) -> None:
    """A trial under an edit holds the edited range; what is edited next begins with the code's."""
    ask(path, "space", edits={"x": {"low": 0.5}})
    with StudyFile(path) as built:
        built.add_trial(1.0, params={"x": (0.75, FLOAT.replace('"low": 0.0', '"low": 0.5'))})
    ask(path, "space", edits={"x": {"low": 0.125}})
    assert json.loads(ask(path, "space")["space"]["x"])["attributes"]["low"] == 0.0


def test_a_trial_waits_as_one_that_optuna_enqueued(path: Path) -> None:
    params = {"x": 0.5, "n": 3, "k": None}
    assert ask(path, "enqueue", params=params) == {
        "ok": True,
        "text": "Trial 12 waits for the next run.",
        "trial": 12,
        "next_run": True,
    }
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    optuna.load_study(study_name="s", storage=storage).enqueue_trial(params)
    storage.engine.dispose()
    ours, theirs = by_optuna(path)[12:]
    assert theirs.number == ours.number + 1
    for each in ("state", "params", "system_attrs", "user_attrs", "datetime_start", "values"):
        assert getattr(ours, each) == getattr(theirs, each)


def test_trials_add_up_and_workers_are_replaced(path: Path) -> None:
    assert ask(path, "extend", trials=20)["trials"] == 20
    ask(path, "jobs", n=3)
    ask(path, "jobs", n=4)
    text = ask(path, "extend", trials=10)["text"]
    assert text == "The next run will have 30 trials, unless you give it a budget."
    assert read_study(path, "s").prepared == NextRun(30, 4)
    assert str(NextRun(30, 4)) == "30 trials, 4 workers"
    ask(path, "extend", trials=-5)
    assert read_study(path, "s").prepared == NextRun(25, 4)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"op": "extend", "trials": 0}, "1 trial or more"),
        ({"op": "extend", "trials": 10**10}, "at most"),
        ({"op": "extend", "trials": -1}, "0 trials are prepared for the next run, so 1 cannot"),
        ({"op": "jobs", "n": 0}, "1 to 4096"),
        ({"op": "jobs", "n": 4097}, "1 to 4096"),
        ({"op": "enqueue", "params": {"x": 2}}, "cannot be 2"),
        ({"op": "enqueue", "params": {"y": 2}}, "no parameter 'y'"),
        ({"op": "enqueue", "params": [1]}, "JSON object"),
        ({"op": "space", "edits": {"y": {"low": 2}}}, "no parameter 'y'"),
        ({"op": "space", "edits": {"x": {"low": 2}}}, "low"),
        ({"op": "space", "edits": {"k": {"choices": ["a", "b"]}}}, "cannot change within a study"),
        ({"op": "space", "edits": {"k": {"fixed": {"value": "c"}}}}, "fixed to 'c'"),
        ({"op": "pause"}, "No engine runs s now."),
        ({"op": "kill", "trial": 0}, "No engine runs s now."),
    ],
    ids=str,
)
def test_what_is_refused_changes_nothing(
    request_: dict[str, Any], sentence: str, path: Path
) -> None:
    before = path.read_bytes()
    with pytest.raises(HptuiError) as refused:
        steer(path, "s", request_)
    assert sentence in refused.value.message
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["s.db"]


def test_a_study_without_parameters_says_where_to_give_them(tmp_path: Path) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
    requests: list[dict[str, Any]] = [
        {"op": "space", "edits": {"x": {}}},
        {"op": "enqueue", "params": {"x": 1}},
    ]
    for fields in requests:
        with pytest.raises(HptuiError, match="are unknown before its first trial") as refused:
            steer(tmp_path / "s.db", "s", fields)
        assert "hptui run" in refused.value.hint
    assert ask(tmp_path / "s.db", "space")["space"] == {}
    assert ask(tmp_path / "s.db", "enqueue", params={})["trial"] == 0


def test_whoever_changes_the_study_is_waited_for(path: Path) -> None:
    answers: Queue[dict[str, Any]] = Queue()
    with locked_study(path, "s"):
        thread = threading.Thread(target=lambda: answers.put(ask(path, "extend", trials=1)))
        thread.start()
        assert read_study(path, "s").prepared == NOTHING_PREPARED
    assert answers.get(timeout=DEADLINE_S)["trials"] == 1
    thread.join(DEADLINE_S)


def test_a_study_that_stays_held_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hptui.engine.studies.at_rest._PATIENCE_S", 0.0)
    with locked_study(path, "s"), pytest.raises(StudyBusyError, match="is being changed"):
        ask(path, "jobs", n=2)
    assert read_study(path, "s").prepared == NOTHING_PREPARED


def test_a_fork_has_the_edits_and_not_what_was_prepared(path: Path) -> None:
    ask(path, "space", edits={"x": {"low": 0.5}})
    ask(path, "extend", trials=3)
    assert main(["fork", str(path), "t", "--space", "n=2.."]) == 0
    fork = read_study(path.with_name("t.db"), "t")
    assert set(fork.edits) == {"x", "n"}
    assert (fork.since, fork.prepared) == ({}, NOTHING_PREPARED)


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (None, NOTHING_PREPARED),
        ([], NOTHING_PREPARED),
        ({"trials": 3, "workers": 2}, NextRun(3, 2)),
        ({"trials": 0, "workers": 9999}, NOTHING_PREPARED),
        ({"trials": True, "workers": "2"}, NOTHING_PREPARED),
        ({"trials": 10**30, "more": 1}, NOTHING_PREPARED),
    ],
    ids=str,
)
def test_what_is_stored_is_read_as_foreign_text(stored: object, read: NextRun) -> None:
    assert NextRun.read(stored) == read
    assert NextRun.read(read.to_json()) == read


A_PLAN = RunPlan(
    ref=ObjectiveRef("file", "a.py", "f", "a.py"),
    study_file=Path("a.db"),
    study="a",
    budget=Budget(n_trials=7),
    n_workers=5,
    typed=frozenset(),
)


@pytest.mark.parametrize(
    ("typed", "seen", "stored", "has", "is_noted"),
    [
        ((), NextRun(), NextRun(3, 2), (3, 2), True),
        ((), NextRun(3, 2), NextRun(3, 2), (7, 5), False),
        ((), NextRun(3, 2), NextRun(4, 2), (4, 2), True),
        (("trials",), NextRun(), NextRun(3, 2), (7, 2), True),
        (("trials", "workers"), NextRun(), NextRun(3, 2), (7, 5), False),
        ((), NextRun(3, 2), NextRun(), (7, 5), False),
    ],
)
def test_a_run_has_what_is_prepared_as_it_takes_the_study(
    typed: tuple[str, ...], seen: NextRun, stored: NextRun, has: tuple[int, int], is_noted: bool
) -> None:
    plan = replace(A_PLAN, typed=frozenset(typed), prepared=seen).with_prepared(stored)
    assert (plan.budget.n_trials, plan.n_workers) == has
    assert bool(plan.notes) is is_noted


@pytest.mark.parametrize(
    ("stored", "counts", "typed", "notes"),
    [
        (NextRun(), NextRun(), NextRun(9, 9), []),
        (NextRun(3), NextRun(3), NextRun(), ["As prepared, this run has 3 trials."]),
        (NextRun(3, 1), NextRun(None, 1), NextRun(3), ["As prepared, this run has 1 worker."]),
        (NextRun(1), NextRun(), NextRun(9), ["Prepared, but this command overrides it: 1 trial."]),
    ],
)
def test_a_run_says_what_counts_of_it(
    stored: NextRun, counts: NextRun, typed: NextRun, notes: list[str]
) -> None:
    assert stored.notes(counts, typed) == notes


def test_since_is_kept_for_an_edit_that_stays() -> None:
    before = edits_from_json({"x": {"low": 1}, "k": {"fixed": {"value": 1}}, "y": {"high": 2}})
    after = edits_from_json({"x": {"low": 1}, "k": {"fixed": {"value": True}}, "z": {"low": 0}})
    assert edits_since(before, {"x": 4, "k": 4}, after, 9) == {"x": 4, "k": 9, "z": 9}
    assert edits_since(before, {}, before, 9) == {}, "files of before do not tell"
    text = "x (low 1, since trial 4); k (fixed True)"
    assert edits_text({name: after[name] for name in ("x", "k")}, {"x": 4}) == text
    assert read_since({"x": 3, "y": "3", "z": -1, "w": True}) == {"x": 3}
    assert read_since([1]) == {}


def test_what_is_prepared_can_be_withdrawn(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    ask(path, "extend", trials=20)
    ask(path, "jobs", n=3)
    assert ask(path, "jobs", by=-2)["workers"] == 1
    with pytest.raises(HptuiError, match="at least one worker"):
        ask(path, "jobs", by=-1)
    ask(path, "enqueue", params={"x": 0.5})
    for words, said, left in (
        (["workers", "--withdraw"], "as many workers as you give it", NextRun(20)),
        (["workers", "--withdraw"], "No workers are prepared", NextRun(20)),
        (["extend", "--withdraw"], "as many trials as you give it", NOTHING_PREPARED),
        (["enqueue", "--withdraw"], "Withdrew 1 waiting trial; stored as failed.", None),
        (["enqueue", "--withdraw"], "No trial is waiting.", None),
    ):
        assert main([words[0], str(path), *words[1:]]) == 0
        assert said in capsys.readouterr().out
        assert left is None or read_study(path, "s").prepared == left
    last = by_optuna(path)[-1]
    assert (last.number, last.state.name) == (12, "FAIL")
    assert last.system_attrs["hptui:error"]["message"] == "Withdrawn before it began."
    assert last.datetime_complete is not None
    for words in (["enqueue"], ["extend", "--trials", "1", "--withdraw"], ["workers"]):
        assert main([words[0], str(path), *words[1:]]) == 2
        assert "--withdraw." in capsys.readouterr().err
    with StudyFile(path) as built:
        put_study_attribute(built.connection, 1, "hptui:runs", [{"slots": 5}])
    assert ask(path, "jobs", by=1)["workers"] == 6


def test_the_line_is_ordered_and_a_trial_cancelled(path: Path) -> None:
    for x in (0.125, 0.25, 0.5):
        ask(path, "enqueue", params={"x": x})
    assert [each["trial"] for each in ask(path, "queue")["waiting"]] == [12, 13, 14]
    assert ask(path, "queue", trial=14, to=0)["text"] == "Moved trial 14."
    moved = ask(path, "queue", trial=12, to=1)["waiting"]
    assert [each["trial"] for each in moved] == [14, 12, 13]
    assert moved[0]["params"] == {"x": 0.5}
    answer = ask(path, "cancel", trial=12)
    assert [each["trial"] for each in answer["waiting"]] == [14, 13]
    for op in ("queue", "cancel"):
        with pytest.raises(HptuiError, match="Trial 12 is not waiting"):
            ask(path, op, trial=12)
    cancelled = by_optuna(path)[12]
    assert cancelled.state.name == "FAIL"
    assert cancelled.system_attrs["hptui:error"]["message"] == "Withdrawn before it began."


def test_the_space_has_what_no_trial_had_yet(path: Path) -> None:
    with StudyFile(path) as built:
        asked = {"new": INT, "x": FLOAT.replace("1.0", "9.0")}
        put_study_attribute(built.connection, 1, "hptui:asked", asked)
    space = ask(path, "space")["space"]
    assert set(space) == {"x", "n", "k", "new"}
    assert json.loads(space["x"])["attributes"]["high"] == 1.0, "not as the trials hold it"
    ask(path, "space", edits={"new": {"low": 2}})
    ask(path, "space", edits={"n": {"high": 4}})
    told = ask(path, "space")
    assert json.loads(told["space"]["new"])["attributes"]["low"] == 1, "not as it is asked for"
    assert told["edits"] == {"new": {"low": 2}, "n": {"high": 4}}


@pytest.mark.usefixtures("clones_programs")
def test_a_run_tells_what_its_objective_declares(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(DECLARES)
    plan = RunPlan(
        ref=ObjectiveRef("file", str(tmp_path / "train.py"), "objective", "train.py"),
        study_file=tmp_path / "s.db",
        study="s",
        budget=Budget(n_trials=1),
        n_workers=1,
    )
    Engine(plan, Silent()).run()
    assert set(ask(tmp_path / "s.db", "space")["space"]) == {"x", "depth"}


DECLARES = """
import hptui

@hptui.objective(space={"x": hptui.Float(0, 1), "depth": hptui.Int(1, 4)})
def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    return x if x >= 0 else trial.suggest_int("depth", 1, 4)
"""


def test_a_run_is_asked_for_more_workers_than_it_has_and_withdraws_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(_: Path, __: str, message: dict[str, Any], **___: object) -> dict[str, Any]:
        asked.append(message)
        return {"slots": [{}, {}], "text": "Done."}

    monkeypatch.setattr(at_rest, "ask_engine", answer)
    monkeypatch.setattr(at_rest, "running_engine", lambda *_: object())  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert ask(path, "jobs", by=1)["next_run"] is False
    assert asked == [{"op": "status"}, {"op": "jobs", "n": 3}]
    with pytest.raises(HptuiError, match="at least one worker"):
        ask(path, "jobs", by=-2)
    for what in ("trials", "workers", "waiting"):
        with pytest.raises(
            HptuiError, match="is running, and its waiting trials belong to the run"
        ):
            ask(path, "withdraw", what=what)
