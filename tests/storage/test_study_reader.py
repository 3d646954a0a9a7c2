"""Columns: the same as Optuna reads, bit by bit, whatever is damaged."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import hashlib
import math
import random
import re
import sqlite3
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.storage.comparison import plain_optuna
from tests.storage.random_studies import run_trial, write_study
from tests.storage.study_file import CHOICE, FLOAT, INT, START_S, StudyFile

from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.domain.trial_states import COMPLETE, DAMAGED, FAIL, RUNNING, WAITING
from hptui.errors import HptuiError, StudyBusyError, StudyFileError
from hptui.storage.files import validation
from hptui.storage.read import param_columns
from hptui.storage.read import session as session_module
from hptui.storage.read import study_reader as study_reader_module
from hptui.storage.read.param_columns import GrowingParam
from hptui.storage.read.study_reader import StudyReader
from hptui.trials import ABSENT, UNKEPT

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        yield built


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_reader_module, "_FIRST_CHUNK", 2)
    monkeypatch.setattr(study_reader_module, "_CHUNK", 3)
    monkeypatch.setattr(study_reader_module, "_OPEN_TRIALS_A_CHUNK", 2)


def read(path: Path, name: str = "study") -> StudyReader:
    with StudyReader(path, name) as reader:
        reader.refresh()
        return reader


def reasons(reader: StudyReader) -> dict[int, str]:
    return {entry.trial_id: entry.reason for entry in reader.damaged}


def row_of_trial(reader: StudyReader, row: int) -> dict[str, Any]:
    """A row of the columns, in the words of a FrozenTrial; NaN as text, since it equals nothing."""
    return {
        "id": int(reader.trials.trial_ids[row]),
        "number": int(reader.trials.numbers[row]),
        "state": int(reader.trials.states[row]),
        "start": repr(float(reader.trials.starts_s[row])),
        "complete": repr(float(reader.trials.completes_s[row])),
        "values": [repr(value) for value in reader.trials.values[row].tolist()],
        "params": {
            name: repr(param.value_at(row))
            for name, param in reader.trials.params.items()
            if param.has(row)
        },
        "last": (int(reader.trials.last_steps[row]), repr(float(reader.trials.last_values[row]))),
        "feasible": bool(reader.trials.is_feasible[row]),
    }


def row_of_optuna(trial: FrozenTrial, n_objectives: int) -> dict[str, Any]:
    def seconds(moment: Any) -> str:
        return repr(math.nan if moment is None else moment.astimezone(UTC).timestamp())

    last = max(trial.intermediate_values, default=-1)
    return {
        "id": trial._trial_id,
        "number": trial.number,
        "state": trial.state.value,
        "start": seconds(trial.datetime_start),
        "complete": seconds(trial.datetime_complete),
        "values": [repr(value) for value in trial.values or [math.nan] * n_objectives],
        "params": {name: repr(value) for name, value in trial.params.items()},
        "last": (last, repr(float(trial.intermediate_values.get(last, math.nan)))),
        "feasible": all(value <= 0 for value in trial.constraints.values()),
    }


@pytest.mark.parametrize("seed", range(3))
def test_columns_hold_what_optuna_reads(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    storage = plain_optuna(tmp_path / "random.db")
    ids = [write_study(storage, rng, f"study {index}") for index in range(3)]
    followed = [StudyReader(tmp_path / "random.db", f"study {index}") for index in range(3)]
    try:
        for _ in range(3):
            # Trials of all studies take turns, and some end only in a later round.
            for study_id, columns in zip(ids, followed, strict=True):
                columns.refresh()
                trials = storage.get_all_trials(study_id)
                n_objectives = len(columns.trials.directions)
                assert [row_of_trial(columns, row) for row in range(len(columns.trials))] == [
                    row_of_optuna(trial, n_objectives) for trial in trials
                ]
                assert columns.damaged == []
                for trial in trials:
                    if trial.state.value == RUNNING and rng.random() < 0.5:
                        storage.set_trial_system_attr(trial._trial_id, "constraints:c", 1.5)
                        run_trial(storage, trial._trial_id, rng, n_objectives)
                run_trial(storage, storage.create_new_trial(study_id), rng, n_objectives)
    finally:
        for columns in followed:
            columns.close()
        storage.remove_session()
        storage.engine.dispose()


def test_directions_are_read_in_their_order(file: StudyFile):
    file.add_study(directions=("MAXIMIZE", "MINIMIZE"))
    assert read(file.path).trials.directions == ("maximize", "minimize")


def test_a_study_without_trials_has_empty_columns(file: StudyFile):
    file.add_study()
    columns = read(file.path)
    assert len(columns.trials) == 0
    assert columns.trials.values.shape == (0, 1)
    assert columns.trials.params == {}


def test_times_are_seconds_since_1970_with_microseconds(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, start="2026-03-01 12:00:00.000001", complete="2026-03-01 12:00:01")
    file.add_trial(state="WAITING", start=None)
    columns = read(file.path)
    assert columns.trials.starts_s[0] == pytest.approx(START_S + 1e-6, abs=1e-7)
    assert columns.trials.completes_s[0] == START_S + 1
    assert np.isnan(columns.trials.starts_s[1])


def test_a_refresh_without_news_reads_nothing(file: StudyFile):
    file.add_study()
    file.add_trial(1.0)
    with StudyReader(file.path, "study") as reader:
        assert reader.refresh() is True
        assert reader.refresh() is False


def test_new_trials_are_appended(file: StudyFile):
    file.add_study()
    with StudyReader(file.path, "study") as reader:
        for count in range(1, 9):
            file.add_trial(float(count), params={"x": (count / 10, FLOAT)})
            assert reader.refresh() is True
            assert reader.trials.values[:, 0].tolist() == [float(n) for n in range(1, count + 1)]
            assert reader.trials.params["x"].values.tolist() == [
                n / 10 for n in range(1, count + 1)
            ]


def test_running_and_waiting_trials_are_read_again(file: StudyFile):
    file.add_study()
    open_ids = [file.add_trial(state=state) for state in ("RUNNING", "WAITING") * 3]
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        assert reader.trials.states.tolist() == [RUNNING, WAITING] * 3
        for trial_id in open_ids:
            file.set_param(trial_id, "x", 0.5, FLOAT)
            file.end_trial(trial_id, trial_id * 1.0)
        file.add_trial(99.0)
        reader.refresh()
        assert reader.trials.states.tolist() == [COMPLETE] * 7
        assert reader.trials.values[:, 0].tolist() == [*map(float, open_ids), 99.0]
        assert reader.trials.params["x"].values[:6].tolist() == [0.5] * 6
        assert not reader.trials.params["x"].has(6)


def test_a_refresh_costs_by_what_is_new_and_not_by_what_is_there(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study_reader_module, "_CHUNK", 1_000)
    file.add_study()
    file.run("BEGIN")
    for number in range(2_000):
        file.add_trial(1.0, number=number, params={"x": (0.5, FLOAT)}, reports={0: 1.0, 1: 2.0})
    file.run("COMMIT")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    opened = session_module.open_read_only

    def open_counting(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.set_progress_handler(count, 100)
        return connection

    monkeypatch.setattr(session_module, "open_read_only", open_counting)
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        for_all, steps = steps, 0
        file.add_trial(1.0, params={"x": (0.5, FLOAT)}, reports={0: 1.0})
        reader.refresh()
    assert len(reader.trials) == 2_001
    assert for_all > 500
    assert steps < 20


def test_trials_of_other_studies_in_between_are_not_taken_in(file: StudyFile):
    file.add_study("study")
    file.add_study("other", ("MAXIMIZE", "MAXIMIZE"))
    for index in range(6):
        study_id = 1 + index % 2
        file.add_trial(
            float(index) if study_id == 1 else (7.0, 8.0),
            study_id=study_id,
            params={f"p{study_id}": (0.1, FLOAT)},
            reports={index: 1.0},
            attributes={"constraints:c": float(study_id - 1)},
        )
    columns = read(file.path)
    assert columns.trials.trial_ids.tolist() == [1, 3, 5]
    assert columns.trials.values[:, 0].tolist() == [0.0, 2.0, 4.0]
    assert columns.trials.last_steps.tolist() == [0, 2, 4]
    assert list(columns.trials.params) == ["p1"]
    assert columns.trials.violations.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("token", ["", "with a token"])
def test_a_study_that_took_the_place_of_another_is_read_from_its_start(file: StudyFile, token: str):
    def add_study(index: int) -> int:
        if not token:
            return file.add_study()
        return file.add_study(hptui_study={"token": f"{token}{index}"})

    first = add_study(1)
    for _ in range(4):
        file.add_trial(1.0, params={"old": (0.5, FLOAT)})
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        file.delete_study(first)
        # SQLite gives the same ids again.
        assert add_study(2) == first
        for number in range(4):
            start = f"2026-04-01 00:00:0{number}.000000"
            file.add_trial(2.0, start=start, params={"new": (0.5, FLOAT)})
        reader.refresh()
        assert reader.trials.values[:, 0].tolist() == [2.0] * 4
        assert list(reader.trials.params) == ["new"]


def test_a_foreign_study_stays_the_same_while_its_first_trial_starts(file: StudyFile):
    file.add_study()
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        first = file.add_trial(state="WAITING", start=None)
        reader.refresh()
        file.run(
            "UPDATE trials SET state = 'RUNNING', datetime_start = '2026-01-01 00:00:00.000000'"
        )
        file.add_trial(3.0)
        reader.refresh()
        assert reader.trials.trial_ids.tolist() == [first, first + 1]
        assert reader.trials.states.tolist() == [RUNNING, COMPLETE]


def test_a_deleted_study_is_told_and_can_come_back(file: StudyFile):
    study_id = file.add_study()
    file.add_study("other")
    file.add_trial(1.0)
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        file.delete_study(study_id)
        with pytest.raises(StudyFileError, match="There is no study 'study'") as caught:
            reader.refresh()
        assert caught.value.hint == "The file holds: other."
        back = file.add_study()
        file.add_trial(5.0, study_id=back)
        reader.refresh()
        assert reader.trials.values[:, 0].tolist() == [5.0]


def test_a_file_that_took_the_place_of_another_is_opened_anew(tmp_path: Path):
    with StudyFile(tmp_path / "a.db") as one, StudyFile(tmp_path / "b.db") as two:
        one.add_study()
        one.add_trial(1.0)
        two.add_study()
        two.add_trial(2.0, start="2026-05-01 00:00:00.000000")
    with StudyReader(tmp_path / "a.db", "study") as reader:
        reader.refresh()
        (tmp_path / "b.db").replace(tmp_path / "a.db")
        reader.refresh()
        assert reader.trials.values[:, 0].tolist() == [2.0]


def test_a_file_that_is_gone_is_told(file: StudyFile):
    file.add_study()
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        file.path.unlink()
        with pytest.raises(StudyFileError, match="cannot be read"):
            reader.refresh()


def test_a_locked_file_is_told_as_such(file: StudyFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(validation, "_BUSY_TIMEOUT_S", 0.01)
    file.add_study()
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        file.add_trial(1.0)
        file.run("BEGIN EXCLUSIVE")
        with pytest.raises(StudyBusyError, match="locked"):
            reader.refresh()
        # The file is opened anew by the next one.
        with pytest.raises(HptuiError, match="locked"):
            reader.refresh()
        file.run("COMMIT")
        reader.refresh()
        assert len(reader.trials) == 1


def test_reading_leaves_the_file_byte_for_byte(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, params={"x": (0.5, FLOAT)})
    file.connection.close()
    before = hashlib.sha256(file.path.read_bytes()).hexdigest()
    read(file.path)
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() == before


def test_progress_is_told_up_to_the_whole(file: StudyFile):
    file.add_study()
    for _ in range(8):
        file.add_trial(1.0)
    told: list[tuple[int, int]] = []
    with StudyReader(
        file.path, "study", on_progress=lambda done, total: told.append((done, total))
    ) as reader:
        reader.refresh()
    assert told == [(2, 8), (5, 8), (8, 8)]


def test_an_interrupted_refresh_keeps_what_was_read_and_goes_on(file: StudyFile):
    file.add_study()
    for number in range(8):
        file.add_trial(float(number))

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with StudyReader(file.path, "study", on_progress=interrupt) as reader:
        with pytest.raises(KeyboardInterrupt):
            reader.refresh()
        assert len(reader.trials) == 5
        reader.refresh()
        assert reader.trials.values[:, 0].tolist() == [float(n) for n in range(8)]


def test_infinite_values_are_infinite(file: StudyFile):
    file.add_study()
    for value in (math.inf, -math.inf, 1e308):
        file.add_trial(value)
    columns = read(file.path)
    assert columns.trials.values[:, 0].tolist() == [math.inf, -math.inf, 1e308]
    assert columns.trials.is_complete.all()


@pytest.mark.parametrize(
    ("attributes", "violation"),
    [
        ({}, math.nan),
        ({"other": 5.0}, math.nan),
        ({"constraints": None}, math.nan),
        ({"constraints": []}, math.nan),
        ({"constraints": [-1.0, 0.0]}, 0.0),
        ({"constraints": [-1.0, 2.0, 0.5]}, 2.5),
        ({"constraints:a": -1.0}, 0.0),
        ({"constraints:a": 0.25, "constraints:b": -3}, 0.25),
        ({"constraints:a": math.inf}, math.inf),
        ({"constraints": [math.nan]}, math.inf),
        # The new form wins where both have the same key, as in Optuna.
        ({"constraints": [5.0], "constraints:0": -1.0}, 0.0),
        ({"constraintsx": 5.0, "constraint": 5.0}, math.nan),
    ],
)
def test_constraints_of_both_forms_give_the_violation(
    file: StudyFile, attributes: dict[str, Any], violation: float
):
    file.add_study()
    file.add_trial(1.0, attributes=attributes)
    columns = read(file.path)
    assert repr(float(columns.trials.violations[0])) == repr(violation)
    assert bool(columns.trials.is_feasible[0]) == (not violation > 0)


def test_parameters_keep_the_spaces_that_they_were_drawn_from(file: StudyFile):
    file.add_study()
    narrow = FLOAT.replace('"high": 1.0', '"high": 0.5')
    file.add_trial(1.0, params={"x": (0.75, FLOAT), "k": (2.0, CHOICE), "n": (3.0, INT)})
    file.add_trial(1.0, params={"x": (0.25, narrow)})
    file.add_trial(1.0, params={"x": (0.5, FLOAT), "k": (0.0, CHOICE)})
    columns = read(file.path)
    x, k, n = (columns.trials.params[name] for name in "xkn")
    assert x.specs == (FloatParam(0.0, 1.0), FloatParam(0.0, 0.5))
    assert x.spec_indices.tolist() == [0, 1, 0]
    assert k.spec_indices.tolist() == [0, ABSENT, 0]
    assert [k.value_at(0), k.value_at(2)] == [None, "a"]
    assert n.value_at(0) == 3
    assert type(n.value_at(0)) is int
    with pytest.raises(KeyError):
        k.value_at(1)


def test_choices_that_are_lists_are_lists(file: StudyFile):
    # Optuna warns of them and stores them.
    file.add_study()
    nested = CHOICE.replace('["a", "b", null]', "[[64, 64], [128]]")
    file.add_trial(1.0, params={"layers": (1.0, nested)})
    columns = read(file.path)
    assert columns.trials.params["layers"].value_at(0) == [128]
    assert columns.trials.params["layers"].specs == (ChoiceParam(([64, 64], [128])),)
    assert columns.damaged == []


def test_looking_at_one_parameter_after_the_other_does_not_go_through_all_each_time(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    grown: list[int] = []
    grow_to = GrowingParam.grow_to

    def count(column: GrowingParam, rows: int) -> None:
        grown.append(rows)
        grow_to(column, rows)

    monkeypatch.setattr(GrowingParam, "grow_to", count)
    file.add_study("s")
    with StudyReader(file.path, "s") as reader:
        for _ in range(2):
            file.add_trial(1.0, params={f"p{at}": (0.5, FLOAT) for at in range(20)})
            reader.refresh()
            assert len(reader.trials.params) == 20
            grown.clear()
            for name in reader.trials.params:
                assert len(reader.trials.params[name].values) == len(reader.trials)
            assert not grown
    assert len(reader.trials) == 2


def test_trials_that_were_read_never_change(file: StudyFile):
    file.add_study("s")
    file.add_trial(1.0, params={"x": (0.5, FLOAT)})
    file.add_trial(None, state="RUNNING")
    with StudyReader(file.path, "s") as reader:
        reader.refresh()
        before = reader.trials
        file.run("UPDATE trials SET state = 'COMPLETE' WHERE number = 1")
        file.run("INSERT INTO trial_values VALUES (9, 2, 0, 3.0, 'FINITE')")
        file.add_trial(2.0, params={"x": (0.25, FLOAT), "y": (0.75, FLOAT)})
        reader.refresh()
        after = reader.trials
        assert after is reader.trials
    assert (len(before), list(before.params)) == (2, ["x"])
    assert before.states.tolist() == [COMPLETE, RUNNING]
    assert before.params["x"].has(0)
    assert len(before.params["x"].values) == 2
    assert (len(after), list(after.params)) == (3, ["x", "y"])
    assert after.values[:, 0].tolist() == [1.0, 3.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        before.values[0] = 7.0


def test_a_selection_has_its_trials_in_their_order_and_the_parameters_of_any(file: StudyFile):
    file.add_study("s")
    for value, params in ((1.0, {"x": (0.5, FLOAT)}), (2.0, {"y": (0.25, FLOAT)}), (3.0, {})):
        file.add_trial(value, params=params)
    trials = read(file.path, "s").trials
    chosen = trials.select(trials.values[:, 0] > 1.5)
    assert (chosen.numbers.tolist(), list(chosen.params)) == ([1, 2], ["y"])
    assert chosen.params["y"].values_at(np.arange(2), None) == [0.25, None]
    assert trials.select(np.array([2, 0])).values[:, 0].tolist() == [3.0, 1.0]
    assert chosen.row_of(2) == 1
    assert chosen.row_of(0) is None


def test_a_name_may_hold_a_nul(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, params={"a\0b": (0.5, FLOAT)})
    assert read(file.path).trials.params["a\0b"].value_at(0) == 0.5


def test_too_many_different_spaces_are_not_kept_but_their_numbers_are(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(param_columns, "_MAX_KEPT_CHARS", 250)
    file.add_study()
    for number in range(6):
        spelling = FLOAT.replace('"high": 1.0', f'"high": 1.{number}')
        file.add_trial(1.0, params={"x": (number / 10, spelling)})
    x = read(file.path).trials.params["x"]
    assert x.values.tolist() == [number / 10 for number in range(6)]
    assert x.spec_indices.tolist() == [0, 1, UNKEPT, UNKEPT, UNKEPT, UNKEPT]
    assert x.value_at(5) == 0.5


def test_too_many_parameters_are_left_out_and_told(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(param_columns, "MAX_PARAMS", 2)
    file.add_study()
    file.add_trial(1.0, params=dict.fromkeys("abc", (0.5, FLOAT)))
    columns = read(file.path)
    assert len(columns.trials.params) == 2
    assert columns.has_omitted_params
    assert columns.damaged == []


DEEP = "[" * 100_000 + "]" * 100_000
DAMAGES: dict[str, tuple[str, str]] = {
    "a bogus state": ("UPDATE trials SET state = 'BOGUS' WHERE trial_id = 3", "state is 'BOGUS'"),
    "a state that is bytes": ("UPDATE trials SET state = x'ff' WHERE trial_id = 3", "state is"),
    "no number": ("UPDATE trials SET number = NULL WHERE trial_id = 3", "no number"),
    "a number that is text": ("UPDATE trials SET number = 'x' WHERE trial_id = 3", "no number"),
    "a number used twice": ("UPDATE trials SET number = 1 WHERE trial_id = 3", "1 is used twice"),
    "a bad start": ("UPDATE trials SET datetime_start = 'noon' WHERE trial_id = 3", "start is"),
    "a start with a zone": (
        "UPDATE trials SET datetime_start = '2026-01-01 00:00:00+01:00' WHERE trial_id = 3",
        "start is",
    ),
    "a word that NumPy would read": (
        "UPDATE trials SET datetime_start = 'today' WHERE trial_id = 3",
        "start is",
    ),
    "a bad end": ("UPDATE trials SET datetime_complete = 5 WHERE trial_id = 3", "end is"),
    "an objective too many": (
        "UPDATE trial_values SET objective = 7 WHERE trial_id = 3",
        "no objective|without a value",
    ),
    "a value that is text": ("UPDATE trial_values SET value = 'x' WHERE trial_id = 3", "value"),
    "a value of no kind": ("UPDATE trial_values SET value_type = 'X' WHERE trial_id = 3", "value"),
    "no value": ("DELETE FROM trial_values WHERE trial_id = 3", "without a value"),
    "an unknown distribution": (
        'UPDATE trial_params SET distribution_json = \'{"name": "X", "attributes": {}}\' '
        "WHERE trial_id = 3",
        "Parameter 'k'",
    ),
    "invalid JSON": (
        "UPDATE trial_params SET distribution_json = '{' WHERE trial_id = 3",
        "Parameter 'k'",
    ),
    "deep JSON": (
        f"UPDATE trial_params SET distribution_json = '{DEEP}' WHERE trial_id = 3",
        "Parameter 'k'",
    ),
    "a distribution too long": (
        "UPDATE trial_params SET distribution_json = hex(zeroblob(600000)) WHERE trial_id = 3",
        "longer than",
    ),
    "no distribution": (
        "UPDATE trial_params SET distribution_json = NULL WHERE trial_id = 3",
        "is missing",
    ),
    "a name too long": (
        "UPDATE trial_params SET param_name = hex(zeroblob(6000)) WHERE trial_id = 3",
        "too long",
    ),
    "a choice that is not there": (
        "UPDATE trial_params SET param_value = 3 WHERE trial_id = 3",
        "no choice with index 3",
    ),
    "half a choice": ("UPDATE trial_params SET param_value = 0.5 WHERE trial_id = 3", "index 0.5"),
    "no choice": ("UPDATE trial_params SET param_value = NULL WHERE trial_id = 3", "no number"),
    "a constraint that is no JSON": (
        "UPDATE trial_system_attributes SET value_json = '{' WHERE trial_id = 3",
        "constraint",
    ),
    "text that is not UTF-8": (
        "UPDATE trials SET datetime_start = CAST(x'32ff' AS TEXT) WHERE trial_id = 3",
        "decode",
    ),
    "a name that is not UTF-8": (
        "UPDATE trial_params SET param_name = CAST(x'ff' AS TEXT) WHERE trial_id = 3",
        "decode",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_row_is_told_and_the_others_are_whole(file: StudyFile, kind: str):
    statement, expected = DAMAGES[kind]
    file.add_study()
    for number in range(5):
        file.add_trial(
            float(number), params={"k": (1.0, CHOICE)}, attributes={"constraints:c": -1.0}
        )
    file.run(statement)
    columns = read(file.path)
    assert len(columns.trials) == 5
    assert 3 in reasons(columns)
    assert any(
        entry.trial_id == 3 and re.search(expected, entry.reason) for entry in columns.damaged
    ), columns.damaged
    rows = [row for row in range(5) if int(columns.trials.trial_ids[row]) not in reasons(columns)]
    assert len(rows) >= 3
    for row in rows:
        assert columns.trials.values[row, 0] == float(row)
        assert columns.trials.params["k"].value_at(row) == "b"
        assert columns.trials.states[row] == COMPLETE
        assert columns.trials.violations[row] == 0.0


def test_a_text_beyond_the_limit_damages_its_trial_alone(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    opened = session_module.open_read_only

    def open_limited(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50_000)
        return connection

    monkeypatch.setattr(session_module, "open_read_only", open_limited)
    file.add_study()
    for number in range(5):
        file.add_trial(float(number), params={"x": (0.5, FLOAT)})
    file.run("UPDATE trial_params SET distribution_json = hex(zeroblob(30000)) WHERE trial_id = 2")
    columns = read(file.path)
    assert list(reasons(columns)) == [2]
    assert columns.trials.values[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [columns.trials.params["x"].has(row) for row in range(5)] == [
        True,
        False,
        True,
        True,
        True,
    ]


def test_a_trial_of_a_bogus_state_counts_as_damaged_and_not_as_complete(file: StudyFile):
    file.add_study()
    file.add_trial(1.0, state="BOGUS")
    file.add_trial(2.0, state="FAIL")
    columns = read(file.path)
    assert columns.trials.states.tolist() == [DAMAGED, FAIL]
    assert not columns.trials.is_complete.any()
    assert columns.trials.is_damaged.sum() == 1


def test_a_damaged_trial_that_still_runs_is_listed_once(file: StudyFile):
    file.add_study()
    trial_id = file.add_trial(state="RUNNING", params={"x": (0.5, "{")})
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        file.add_trial(1.0)
        reader.refresh()
        assert [entry.trial_id for entry in reader.damaged] == [trial_id]
        file.run("UPDATE trial_params SET distribution_json = ?", FLOAT)
        reader.refresh()
        assert reader.damaged == []
        assert reader.trials.is_damaged.sum() == 0


def test_the_list_of_damaged_trials_is_bounded_and_the_count_is_not(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hptui.storage.read.growing_trials.MAX_DAMAGED_LISTED", 3)
    file.add_study()
    for _ in range(6):
        file.add_trial(1.0, state="BOGUS")
    columns = read(file.path)
    assert len(columns.damaged) == 3
    assert columns.trials.is_damaged.sum() == 6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE study_directions SET direction = 'NOT_SET'",
        "UPDATE study_directions SET objective = 1",
        "DELETE FROM study_directions",
    ],
)
def test_damaged_directions_are_refused_with_a_sentence(file: StudyFile, statement: str):
    file.add_study()
    file.run(statement)
    with pytest.raises(HptuiError, match="directions of the study are damaged"):
        read(file.path)


def test_a_trial_is_found_by_its_number(file: StudyFile):
    file.add_study()
    for number in (0, 1, 5, None):
        file.add_trial(1.0, number=number)
    columns = read(file.path)
    assert [columns.trials.row_of(number) for number in (0, 1, 5)] == [0, 1, 2]
    assert [columns.trials.row_of(number) for number in (2, -1, 99)] == [None, None, None]
