"""The catalogue of study files, and single studies and trials in full."""

from __future__ import annotations

import hashlib
import json
import math
import random
import sqlite3
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from tests.storage.comparison import plain_optuna
from tests.storage.study_file import CHOICE, FLOAT, INT, START_S, StudyFile

from hptui.domain.spaces.space import ChoiceParam
from hptui.errors import StudyBusyError, StudyFileError, UsageError
from hptui.storage.files import validation
from hptui.storage.read import trial_detail
from hptui.storage.read.studies import list_studies, read_summary, study_names
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import read_trial
from hptui.storage.sqlite import attributes as attributes_module
from hptui.storage.sqlite.timestamps import epoch_s, iso_utc

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        yield built


# The catalogue.


def test_a_folder_lists_the_studies_of_its_files_by_name(tmp_path: Path):
    for stem, names in (("b", ["two", "one"]), ("a", ["a"])):
        with StudyFile(tmp_path / f"{stem}.db") as built:
            for name in names:
                built.add_study(name)
    (tmp_path / "notes.txt").write_text("no study")
    (tmp_path / ".hidden.db").write_text("no study")
    found = [(study.path.name, study.name) for study in list_studies(tmp_path)]
    assert found == [("a.db", "a"), ("b.db", "two"), ("b.db", "one")]


def test_a_folder_that_does_not_exist_has_no_studies(tmp_path: Path):
    assert list_studies(tmp_path / "none") == []
    assert list_studies(tmp_path / "none.db") == []


def test_a_single_file_can_be_listed(file: StudyFile):
    file.add_study("s")
    assert [study.name for study in list_studies(file.path)] == ["s"]


def test_counts_are_told_by_state(file: StudyFile):
    file.add_study()
    for state in ("COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING"):
        file.add_trial(1.0, state=state)
    (study,) = list_studies(file.path)
    assert study.counts == {
        "RUNNING": 1,
        "COMPLETE": 2,
        "PRUNED": 1,
        "FAIL": 1,
        "WAITING": 1,
        "STALE": 0,
    }
    assert study.n_trials == 6


def test_trials_in_an_unknown_state_are_counted_as_damaged(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, state="BOGUS")
    file.add_trial(1.0, state="OTHER")
    (study,) = list_studies(file.path)
    assert study.counts["DAMAGED"] == 2


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(2))
def test_the_best_is_the_one_that_optuna_tells(tmp_path: Path, direction: Direction, seed: int):
    rng = random.Random(seed)
    path = tmp_path / "s.db"
    storage = plain_optuna(path)
    try:
        study = optuna.create_study(storage=storage, study_name="s", direction=direction)
        for _ in range(12):
            trial = study.ask()
            if rng.random() < 0.5:
                trial.set_constraint("c", rng.choice([-1.0, 0.0, 1.0]))
            if rng.random() < 0.3:
                storage.set_trial_system_attr(
                    trial._trial_id,  # pyright: ignore[reportPrivateUsage]
                    "constraints",
                    [rng.choice([-1.0, 1.0])],
                )
            study.tell(trial, rng.choice([0.0, 1.0, 2.0, math.inf, -math.inf]))
        expected = study.best_trial
        best = read_summary(path, "s").best
        assert best is not None
        assert (best.number, best.value) == (expected.number, expected.value)
    finally:
        storage.remove_session()
        storage.engine.dispose()


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [{"value": 1.0, "state": "PRUNED"}],
        [{"value": 1.0, "attributes": {"constraints:c": 1.0}}],
        [{"value": 1.0, "attributes": {"constraints": [math.nan]}}],
        [{"value": None}],
        [{"value": 1.0, "number": None}],
    ],
)
def test_there_may_be_no_best(file: StudyFile, trials: list[dict[str, Any]]):
    file.add_study()
    for trial in trials:
        file.add_trial(trial.pop("value"), **trial)
    assert read_summary(file.path, "study").best is None


def test_several_objectives_have_no_single_best(file: StudyFile):
    file.add_study(directions=("MINIMIZE", "MAXIMIZE"))
    file.add_trial((1.0, 2.0))
    summary = read_summary(file.path, "study")
    assert summary.directions == ("minimize", "maximize")
    assert summary.best is None


def test_the_last_activity_is_the_last_start_or_end(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, start="2026-03-01 12:00:00", complete="2026-03-01 13:00:00.5")
    file.add_trial(state="RUNNING", start="2026-03-01 12:30:00.000000")
    assert read_summary(file.path, "study").last_activity_s == START_S + 3600.5


def test_a_study_without_trials_was_last_active_when_it_was_made(file: StudyFile):
    file.add_study("new", hptui_study={"token": "t", "created": "2026-03-01T12:00:00+00:00"})
    file.add_study("foreign")
    assert [study.last_activity_s for study in list_studies(file.path)] == [START_S, None]


def test_the_objective_is_told_where_hptui_stored_it(file: StudyFile):
    ref = {"kind": "module", "target": "m", "attribute": "f", "name": "mine"}
    file.add_study("known", hptui_study={"token": "t", "objective": ref})
    file.add_study("bad", hptui_study={"token": "t", "objective": {"kind": "evil"}})
    file.add_study("null", hptui_study=None)
    objectives = [study.objective for study in list_studies(file.path)]
    assert objectives[0] is not None
    assert objectives[0].to_json() == ref
    assert objectives[1:] == [None, None]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"hello", "is not an SQLite file"),
        (b"SQLite format 3\0" + b"\xff" * 5000, "s.db"),
    ],
)
def test_a_file_that_cannot_be_read_is_listed_with_its_problem(
    tmp_path: Path, content: bytes, expected: str
):
    (tmp_path / "s.db").write_bytes(content)
    (study,) = list_studies(tmp_path)
    assert study.name == "s"
    assert expected in study.problem
    assert study.size_bytes == len(content)
    assert (tmp_path / "s.db").read_bytes() == content


def test_a_foreign_database_is_listed_with_its_problem_and_stays_as_it_was(tmp_path: Path):
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("CREATE TABLE people (name)")
    connection.close()
    before = hashlib.sha256((tmp_path / "s.db").read_bytes()).hexdigest()
    (study,) = list_studies(tmp_path)
    assert "not a study file" in study.problem
    assert hashlib.sha256((tmp_path / "s.db").read_bytes()).hexdigest() == before


def test_one_damaged_study_does_not_hide_the_others_of_its_file(file: StudyFile):
    file.add_study("whole")
    file.add_study("damaged", directions=("SIDEWAYS",))
    whole, damaged = list_studies(file.path)
    assert (whole.name, whole.problem) == ("whole", "")
    assert damaged.name == "damaged"
    assert "directions" in damaged.problem


def test_a_locked_file_is_listed_with_its_problem(file: StudyFile, monkeypatch: pytest.MonkeyPatch):
    file.add_study()
    monkeypatch.setattr(validation, "_BUSY_TIMEOUT_S", 0.01)
    file.run("BEGIN EXCLUSIVE")
    (study,) = list_studies(file.path)
    assert "locked" in study.problem
    with pytest.raises((StudyBusyError, StudyFileError), match="locked"):
        study_names(file.path)


def test_names_are_told_in_the_order_of_creation(file: StudyFile):
    for name in ("b", "a"):
        file.add_study(name)
    assert study_names(file.path) == ["b", "a"]


def test_an_unknown_study_is_refused_with_those_that_there_are(file: StudyFile):
    file.add_study("a")
    with pytest.raises(StudyFileError, match="no study 'x'") as caught:
        read_summary(file.path, "x")
    assert caught.value.hint == "The file holds: a."


# A study in full.


def test_a_study_in_full_holds_its_runs_edits_metrics_and_attributes(file: StudyFile):
    runs = [
        {
            "id": "r1",
            "started": "2026-03-01T12:00:00+00:00",
            "ended": None,
            "sampler": "tpe",
            "pruner": "median",
            "n_trials": 10,
            "slots": 2,
            "backend": "loky",
            "seed": None,
            "reason": None,
        }
    ]
    edits = {"lr": {"low": 0.1}}
    study_id = file.add_study(hptui_runs=runs, hptui_edits=edits, hptui_edited=["lr"])
    for table, key, value in (
        ("system", "study:metric_names", ["loss"]),
        ("system", "other", 1),
        ("user", "note", "mine"),
    ):
        file.run(
            f"INSERT INTO study_{table}_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
            study_id,
            key,
            json.dumps(value),
        )
    study = read_study(file.path, "study")
    assert study.metric_names == ("loss",)
    (run,) = study.runs
    assert (run.started_s, run.ended_s, run.sampler, run.workers) == (START_S, None, "tpe", 2)
    assert (run.seed, run.reason) == (None, "")
    assert study.edits == edits
    assert study.user_attributes.readable() == {"note": "mine"}
    assert study.system_attributes.readable() == {"other": 1}


@pytest.mark.parametrize("odd", [None, 5, "text", [5, None], {"a": 5}])
def test_odd_attributes_of_a_study_are_as_none(file: StudyFile, odd: object):
    file.add_study(hptui_runs=odd, hptui_edits=odd, hptui_study=odd)
    study = read_study(file.path, "study")
    assert study.runs == ()
    assert study.edits == {}


# A trial in full.


def test_a_trial_in_full_agrees_with_optuna(tmp_path: Path):
    path = tmp_path / "s.db"
    storage = plain_optuna(path)
    try:
        study = optuna.create_study(storage=storage, study_name="s")

        def objective(trial: optuna.Trial) -> float:
            trial.suggest_float("lr", 1e-4, 1.0, log=True)
            trial.suggest_int("depth", 1, 9)
            trial.suggest_categorical("kernel", ["rbf", None, True, 2])
            for step, value in enumerate((1.0, math.nan, math.inf)):
                trial.report(value, step)
            trial.set_user_attr("note", {"a": [1, 2]})
            trial.set_constraint("c", 0.5)
            return 2.5

        study.optimize(objective, n_trials=2)
        expected = study.trials[1]
        trial = read_trial(path, "s", 1)
        assert (trial.number, trial.state, trial.values) == (1, "COMPLETE", (2.5,))
        assert {param.name: param.value for param in trial.params} == expected.params
        assert [param.name for param in trial.params] == ["lr", "depth", "kernel"]
        assert repr(trial.reports) == "((0, 1.0), (1, nan), (2, inf))"
        assert trial.n_reports == 3
        assert trial.user_attributes.readable() == expected.user_attrs
        assert trial.constraints == expected.constraints == {"c": 0.5}
        assert not trial.is_feasible
        assert expected.duration is not None
        assert trial.duration_s == pytest.approx(expected.duration.total_seconds())
        assert trial.damage == ()
        assert (trial.error, trial.pruned) == (None, None)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def test_the_reasons_of_bad_endings_are_told(file: StudyFile):
    file.add_study()
    error = {"kind": "exception", "type": "ValueError", "message": "m", "traceback": "t"}
    pruned = {"step": 3, "value": 0.5, "by": "median", "threshold": 0.4, "text": "Pruned."}
    file.add_trial(state="FAIL", attributes={"hptui:error": error})
    file.add_trial(0.5, state="PRUNED", attributes={"hptui:pruned": pruned})
    failed, given_up = read_trial(file.path, "study", 0), read_trial(file.path, "study", 1)
    assert failed.error is not None
    assert (failed.error.kind, failed.error.type, failed.error.message, failed.error.traceback) == (
        "exception",
        "ValueError",
        "m",
        "t",
    )
    assert given_up.pruned is not None
    assert (given_up.pruned.step, given_up.pruned.value, given_up.pruned.by) == (3, 0.5, "median")
    assert failed.system_attributes.found == ()


@pytest.mark.parametrize("odd", [None, 5, "text", [1], {"kind": 5, "step": "x", "value": []}])
def test_odd_reasons_are_borne(file: StudyFile, odd: object):
    file.add_study()
    file.add_trial(state="FAIL", attributes={"hptui:error": odd, "hptui:pruned": odd})
    trial = read_trial(file.path, "study", 0)
    assert (trial.error is None) == (not isinstance(odd, dict))
    assert trial.damage == ()


def test_choices_that_are_lists_come_as_lists(file: StudyFile):
    file.add_study()
    nested = CHOICE.replace('["a", "b", null]', "[[64, 64], [128]]")
    file.add_trial(1.0, params={"layers": (1.0, nested)})
    (param,) = read_trial(file.path, "study", 0).params
    assert param.value == [128]
    assert param.spec == ChoiceParam(([64, 64], [128]))


def test_a_trial_that_is_not_there_is_refused_with_those_that_are(file: StudyFile):
    file.add_study()
    with pytest.raises(UsageError, match="no trial 7") as caught:
        read_trial(file.path, "study", 7)
    assert caught.value.hint == "It has no trials yet."
    file.add_trial(1.0)
    with pytest.raises(UsageError) as caught:
        read_trial(file.path, "study", 7)
    assert caught.value.hint == "It has 1 trial, numbered up to 0."


DEEP = "[" * 40_000 + "]" * 40_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        (DEEP, "not JSON"),
        (None, "no JSON"),
        (json.dumps("x" * 200_000), "too long to be shown (200,002 bytes)"),
    ],
)
def test_attributes_that_cannot_be_read_are_told_and_the_others_shown(
    file: StudyFile, text: object, problem: str
):
    file.add_study()
    trial_id = file.add_trial(1.0, user_attributes={"good": 1})
    file.set_attribute(trial_id, "odd", text, "user")
    trial = read_trial(file.path, "study", 0)
    assert trial.user_attributes.readable() == {"good": 1}
    (damage,) = trial.damage
    assert "'odd'" in damage
    assert problem in damage


def test_a_flood_of_attributes_and_reports_is_bounded_and_counted(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attributes_module, "MAX_ATTRIBUTES", 3)
    monkeypatch.setattr(trial_detail, "MAX_REPORTS", 4)
    file.add_study()
    file.add_trial(
        1.0,
        user_attributes={f"k{index}": index for index in range(5)},
        reports={step: float(step) for step in range(10)},
    )
    trial = read_trial(file.path, "study", 0)
    assert list(trial.user_attributes.readable()) == ["k0", "k1", "k2"]
    assert trial.user_attributes.n_omitted == 2
    assert trial.reports == ((6, 6.0), (7, 7.0), (8, 8.0), (9, 9.0))
    assert trial.n_reports == 10


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE trials SET state = 'BOGUS'", "state is 'BOGUS'"),
        ("UPDATE trials SET datetime_start = 'noon'", "start is 'noon'"),
        ("UPDATE trial_values SET value = 'x'", "value is not a number"),
        ("UPDATE trial_values SET objective = 5", "no objective"),
        ("UPDATE trial_params SET param_value = 9 WHERE param_name = 'k'", "index 9"),
        ("UPDATE trial_params SET param_value = NULL WHERE param_name = 'k'", "no number"),
        ("UPDATE trial_params SET distribution_json = '{'", "Parameter 'k'"),
        ("UPDATE trial_params SET distribution_json = NULL", "Parameter 'k'"),
        ("UPDATE trial_intermediate_values SET intermediate_value = 'x'", "report at step 0"),
        ("UPDATE trial_params SET param_name = CAST(x'ff' AS TEXT) WHERE param_name = 'k'", "UTF"),
    ],
)
def test_damage_in_a_trial_is_told_and_the_rest_shown(
    file: StudyFile, statement: str, expected: str
):
    file.add_study()
    file.add_trial(
        1.0,
        params={"k": (1.0, CHOICE), "n": (2.0, INT), "x": (0.5, FLOAT)},
        reports={0: 1.0},
        user_attributes={"note": 1},
    )
    file.run(statement)
    trial = read_trial(file.path, "study", 0)
    assert any(expected in damage for damage in trial.damage), trial.damage
    assert trial.number == 0
    assert trial.user_attributes.readable() == {"note": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01 12:00:00.250000", START_S + 0.25),
        ("2026-03-01T12:00:00Z", START_S),
        ("2026-03-01T13:00:00+01:00", START_S),
        ("noon", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_read_as_utc_unless_they_say_otherwise(text: object, expected: float | None):
    assert epoch_s(text) == expected


def test_times_are_written_as_utc():
    assert iso_utc(START_S + 0.25) == "2026-03-01T12:00:00.250000Z"
    assert iso_utc(None) is None
    assert iso_utc(math.nan) is None
