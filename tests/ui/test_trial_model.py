"""Trials as a table: what each cell says, orders, filters and tabs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.style import Style
from tests.storage.study_file import (
    CHOICE,
    FLOAT,
    INT,
    START_S,
    StudyFile,
    leave_stale_trial,
)
from tests.ui.feeding import following, snapshot_of
from tests.ui.test_run_header import ENGINE

from hptui.domain.attribute_keys import ERROR_KEY, MEMORY_KEY
from hptui.domain.texts.readable import show_moment
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.study.snapshot import WorkerStatus
from hptui.ui.trials.read_columns import attribute_keys
from hptui.ui.trials.trial_model import TAB_STATES, Tab, TrialModel, drawn_beside_trials
from hptui.ui.trials.trial_tabs import empty_sentence, tab_labels
from hptui.ui.widgets.grid_columns import GridColumns
from hptui.ui.widgets.grid_lines import GridPainter
from hptui.ui.widgets.table_model import Sort

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.study.snapshot import StudySnapshot

MIXED = json.dumps(
    {"name": "CategoricalDistribution", "attributes": {"choices": [1, "1", 0.5, True, None, "a b"]}}
)


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        built.add_study()
        yield built


@pytest.fixture
def study(file: StudyFile) -> StudySnapshot:
    """Eight trials: 0 to 3 complete (3 infeasible), 4 pruned, 5 failed, 6 running, 7 waiting."""
    lr = [0.5, 0.0031415, 1e-9, 0.25]
    for number, value in enumerate([0.5, 0.25, math.inf, 0.125]):
        file.add_trial(
            value,
            params={
                "lr": (lr[number], FLOAT),
                "n": (number + 1, INT),
                "kernel": (number % 3, CHOICE),
            },
            attributes={"constraints:c": 2.0} if number == 3 else None,
        )
    file.add_trial(0.01, state="PRUNED", params={"lr": (0.75, FLOAT), "m": (0, MIXED)})
    file.add_trial(state="FAIL")
    file.add_trial(state="RUNNING", reports={0: 9.0, 3: 0.0625}, params={"m": (5, MIXED)})
    file.add_trial(state="WAITING", start=None)
    return snapshot_of(file.path)


def column_of(model: TrialModel, key: str) -> list[str]:
    at = [column.key for column in model.columns].index(key)
    return [model.cell(row, at).text.strip() for row in range(len(model))]


def numbers_of(model: TrialModel) -> list[int]:
    return [model.key_of(row) for row in range(len(model))]


def found(study: StudySnapshot, text: str) -> list[int]:
    return numbers_of(TrialModel(study, filter_text=text))


def test_columns_are_number_state_value_times_and_parameters(study: StudySnapshot):
    model = TrialModel(study)
    keys = [column.key for column in model.columns]
    assert keys == ["number", "state", "value", "time", "start", "memory", "tags"] + [
        f"params_{name}" for name in ("lr", "n", "kernel", "m")
    ]
    assert column_of(model, "number") == ["0", "★ 1", "2", "3", "4", "5", "6", "7"]
    assert column_of(model, "state") == [
        "✓ complete",
        "✓ complete",
        "✓ complete",
        "⊘ infeasible",
        "◐ pruned",
        "✗ failed",
        "● running",
        "○ waiting",
    ]
    assert column_of(model, "value") == [
        "0.500",
        "0.250",
        "inf",
        "0.125",
        "0.010 ·",
        "",
        "0.062 ~",
        "",
    ]
    rates = ["0.50000", "0.00314", "1e-09", "0.25000", "0.75000"]
    assert column_of(model, "params_lr") == [*rates, "", "", ""]
    assert column_of(model, "params_n") == ["1", "2", "3", "4", "", "", "", ""]
    assert column_of(model, "params_kernel")[:4] == ["a", "b", "None", "a"]
    assert column_of(model, "params_m")[4:7] == ["1", "", "a b"]
    assert column_of(model, "time")[:6] == ["2.5 s"] * 6
    assert column_of(model, "time")[6].endswith(("s", "m", "h", "d"))


def test_a_start_is_a_local_time_and_a_worker_that_of_a_running_trial(study: StudySnapshot):
    assert column_of(TrialModel(study), "start") == [
        *(show_moment(START_S + 10 * number) for number in range(7)),
        "",
    ]
    workers = (
        WorkerStatus(0, None, None, None, None, False),
        WorkerStatus(1, 6, 1.0, 3, 0.5, False),
    )
    engine = replace(ENGINE, workers=workers)
    running = replace(study, engine=engine)
    assert drawn_beside_trials(running) != drawn_beside_trials(study)
    model = TrialModel(running, sort=Sort("worker"))
    assert column_of(model, "worker") == ["2", *[""] * 7]
    assert numbers_of(model)[0] == 6


def test_the_cause_of_a_failure_is_a_column_where_a_trial_has_one(file: StudyFile):
    for what in ("no\x1b[31m disk", None, "bad input"):
        told = {"kind": "exception", "type": "OSError", "message": what, "traceback": "x"}
        file.add_trial(state="FAIL", attributes={ERROR_KEY: told} if what else None)
    file.add_trial(1.0)
    study = snapshot_of(file.path)
    model = TrialModel(study)
    assert model.columns[-1].key == "cause"
    first, *others = column_of(model, "cause")
    assert "\x1b" not in first
    assert first.startswith("OSError: no")
    assert others == ["", "OSError: bad input", ""]
    assert numbers_of(TrialModel(study, sort=Sort("cause"))) == [2, 0, 1, 3]
    assert found(study, f'cause:"{others[1]}"') == [2]


def test_a_failed_trial_tells_its_cause_where_no_column_does(file: StudyFile):
    told = {"kind": "exception", "type": "OSError", "message": "no rom", "traceback": "x"}
    file.add_trial(state="FAIL", attributes={ERROR_KEY: told})
    model = TrialModel(snapshot_of(file.path))
    columns = GridColumns()
    columns.show(model.columns, model.sort)
    widths = {
        each.key: columns.start_of(at) + width
        for at, (each, width) in enumerate(zip(columns.columns, columns.widths, strict=True))
    }

    def line(width: int) -> str:
        painter = GridPainter(columns, lambda _: Style(), width, 0, is_unicode=True)
        return painter.row(model, 0).text

    # The cause runs over the value, which it has not; the time behind it stays.
    narrow = line(widths["time"])
    assert narrow.startswith("      0  ✗ failed  OSError: no rom")
    assert narrow.endswith("2.5 s")
    assert len(narrow) == widths["time"]
    # Where the column of causes is in sight, it tells, and takes all that is left.
    wide = line(widths["cause"] + 40)
    assert wide.count("no rom") == 1
    assert "✗ failed    " in wide
    assert len(wide) == widths["cause"] + 40


def test_what_is_chosen_is_read_from_the_file_and_orders_rows(file: StudyFile):
    for number, (fold, size) in enumerate([("2", 3 << 30), ('"ten"', 5 << 20), (None, None)]):
        file.add_trial(1.0, attributes=None if size is None else {MEMORY_KEY: size})
        if fold is not None:
            file.set_attribute(number + 1, "fold", fold, "user")
    file.set_attribute(3, "hptui:tags", '["good\\u001b", "slow"]', "user")
    keys = attribute_keys(file.path, "study")
    assert keys == ["user_attrs_fold"]
    with following(file.path) as followed:
        followed.want({"memory", "tags", *keys})
        study = followed.wait_for(lambda snapshot: "tags" in snapshot.read_cells)
        model = TrialModel(study, attributes=keys)
        assert column_of(model, "memory") == ["3 GB", "5 MB", ""]
        assert column_of(model, "user_attrs_fold") == ["2", "ten", ""]
        assert column_of(model, "tags") == ["", "", r"good\x1b, slow"]
        assert numbers_of(TrialModel(study, sort=Sort("memory"))) == [1, 0, 2]
        fold = Sort("user_attrs_fold", is_reversed=True)
        assert numbers_of(TrialModel(study, sort=fold, attributes=keys)) == [1, 0, 2]
        file.set_attribute(3, "fold", "1", "user")
        followed.nudge()
        followed.wait_for(lambda snapshot: snapshot.read_cells["user_attrs_fold"].get(2) == 1.0)
    assert found(study, "memory>1G") == [0]
    assert found(study, "memory:none|5M") == [1, 2]
    with pytest.raises(UsageError, match="like 500M or 2G"):
        found(study, "memory>much")


def test_marks_have_an_ascii_form(study: StudySnapshot):
    model = TrialModel(study, has_unicode=False)
    texts = [
        model.cell(row, column).text
        for row in range(len(model))
        for column in range(len(model.columns))
    ]
    assert all(text.isascii() for text in texts)
    assert column_of(model, "number")[1] == "* 1"
    assert column_of(model, "value")[4] == "0.010 ."


def test_values_line_up_whatever_mark_is_behind_them(study: StudySnapshot):
    model = TrialModel(study)
    cells = [model.cell(row, 2).text for row in range(8)]
    assert {len(text) - len(text.rstrip(" ~·")) for text in cells if text} == {2}


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        (Sort("number"), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Sort("number", True), [7, 6, 5, 4, 3, 2, 1, 0]),
        # Complete, then infeasible, pruned, running ones; then those without a value.
        (Sort("value"), [1, 0, 2, 3, 4, 6, 5, 7]),
        (Sort("value", True), [2, 0, 1, 3, 4, 6, 5, 7]),
        (Sort("params_lr"), [2, 1, 3, 0, 4, 5, 6, 7]),
        (Sort("params_lr", True), [4, 0, 3, 1, 2, 5, 6, 7]),
        (Sort("state"), [6, 0, 1, 2, 3, 4, 5, 7]),
        (Sort("time", True), [6, 0, 1, 2, 3, 4, 5, 7]),
        (Sort("start", True), [6, 5, 4, 3, 2, 1, 0, 7]),
        (Sort("params_gone"), [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_what_is_missing_comes_last_in_every_order(
    study: StudySnapshot, sort: Sort, numbers: list[int]
):
    model = TrialModel(study, sort=sort)
    assert numbers_of(model) == numbers
    assert [model.row_of_key(number) for number in numbers] == list(range(8))


def test_rows_grow_where_numbers_grow(study: StudySnapshot):
    assert TrialModel(study).grows_at == "end"
    assert TrialModel(study, sort=Sort("number", True)).grows_at == "start"
    assert TrialModel(study, sort=Sort("value")).grows_at is None


@pytest.mark.parametrize(
    ("tab", "numbers"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("running", [6]),
        ("complete", [0, 1, 2, 3]),
        ("pruned", [4]),
        ("failed", [5]),
        ("waiting", [7]),
    ],
)
def test_tabs_hold_the_trials_of_a_state(study: StudySnapshot, tab: Tab, numbers: list[int]):
    model = TrialModel(study, tab=tab)
    assert numbers_of(model) == numbers
    assert model.row_of_key(99) is None
    assert model.row_of_key("6") is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("   ", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("state:failed", [5]),
        ("state=fail", [5]),
        ("state:comp", [0, 1, 2, 3]),
        ("state:infeasible", [3]),
        ("state!=complete", [4, 5, 6, 7]),
        ("number>5", [6, 7]),
        ("number<=0", [0]),
        ("value>=0.25", [0, 1, 2]),
        ("value=inf", [2]),
        ("lr<1e-3", [2]),
        ("lr>0.2 lr<0.6", [0, 3]),
        ("lr=0.00314", [1]),
        ("lr=0.003", [1]),
        ("lr=0.004", []),
        ("lr!=0.5", [1, 2, 3, 4]),
        ("params_lr=0.5", [0]),
        ("n=2", [1]),
        ("n>=3", [2, 3]),
        ("kernel=a", [0, 3]),
        ("kernel!=a", [1, 2]),
        ("kernel=None", [2]),
        ("m=1", [4]),
        ('m="a b"', [6]),
        ("time>2", [0, 1, 2, 3, 4, 5]),
        ("time>1m", []),
        ("A b", [6]),
        ('"a b"', [6]),
        ("pruned", [4]),
        ("7", [7]),
        ("0.25", [3]),
        ("state:complete kernel=a n>1", [3]),
        ("nothing-like-this", []),
    ],
)
def test_a_filter_finds(study: StudySnapshot, text: str, numbers: list[int]):
    assert found(study, text) == numbers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("l", "Compare lr with a value, like lr=1"),
        ("lr<", "needs a value"),
        ("lr<abc", "needs a number, not 'abc'"),
        ("lr=abc", "is a number"),
        ("kernel=rbf", "has no choice 'rbf'; it has a, b, None"),
        ("kernel<a", "needs a number"),
        ("kernl=a", "Known: kernel"),
        ("state:sleeping", "is not a state"),
        ("state<running", "state takes : = !="),
        ("number>nan", "needs a number"),
        ("time>soon", "not a duration"),
        ("\x1b[2J=1", "\\x1b[2J"),
    ],
)
def test_a_filter_that_makes_no_sense_gets_a_sentence(
    study: StudySnapshot, text: str, sentence: str
):
    with pytest.raises(UsageError) as raised:
        TrialModel(study, filter_text=text)
    message = raised.value.message
    assert sentence in message
    assert safe_line(message, max_chars=10_000) == message


@pytest.mark.parametrize(
    "text", ["<", "=", ":", '"', '"<', "<=5", "==", "a:b", "%s", "\0", "x" * 9_000]
)
def test_no_filter_breaks_the_table(study: StudySnapshot, text: str):
    message = ""
    try:
        TrialModel(study, filter_text=text)
    except UsageError as error:
        message = error.message
    assert len(message) < 500


def test_names_with_operators_and_names_of_columns_can_be_filtered_by(file: StudyFile):
    names = ["a=b", "model:lr", "number", "with space", "x<y"]
    file.add_trial(1.0, params=dict.fromkeys(names, (0.5, FLOAT)))
    file.add_trial(2.0, params=dict.fromkeys(names, (0.25, FLOAT)))
    study = snapshot_of(file.path)
    assert found(study, '"a=b"<0.3') == [1]
    assert found(study, '"model:lr"=0.5') == [0]
    assert found(study, "number=1") == [1]
    assert found(study, "params_number=0.25") == [1]
    assert found(study, '"with space">0.3') == [0]
    assert found(study, '"x<y"<0.3') == [1]
    with pytest.raises(UsageError, match='names that contain operators: "model:lr"'):
        found(study, "model:lr=0.5")


def test_hidden_columns_are_left_out_but_the_number_stays(study: StudySnapshot):
    model = TrialModel(study, hidden=frozenset({"number", "state", "params_lr", "params_gone"}))
    keys = [column.key for column in model.columns]
    assert keys == ["number", "value", "time", "start", "memory", "tags"] + [
        f"params_{name}" for name in ("n", "kernel", "m")
    ]


def test_columns_are_used_again_as_long_as_they_are_the_same(file: StudyFile):
    file.add_trial(1.0, params={"x": (0.5, FLOAT)})
    study = snapshot_of(file.path)
    before = TrialModel(study)
    again = TrialModel(study, sort=Sort("value"), before=before)
    assert again.columns is before.columns
    other = TrialModel(study, hidden=frozenset({"time"}), before=before)
    assert len(other.columns) == len(before.columns) - 1


@pytest.mark.parametrize(
    "text",
    ["\x1b]52;c;aGk=\x07", "[bold]x[/]", "nul\0", "\u202ert", "🎉👩‍👧", "x" * 10_000, "a\nb"],
)
def test_hostile_names_and_choices_are_safe_cells(file: StudyFile, text: str):
    choices = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": [text]}})
    file.run(
        "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
        "study:metric_names",
        json.dumps([text]),
    )
    file.add_trial(1.0, params={text: (0, choices)})
    model = TrialModel(snapshot_of(file.path))
    shown = [column.label for column in model.columns]
    shown += [model.cell(0, column).text for column in range(len(model.columns))]
    for each in shown:
        assert safe_line(each, max_chars=100_000) == each
        assert len(each) < 1_000


def test_several_objectives_have_a_column_each_and_marks_on_the_front(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study(directions=("MINIMIZE", "MAXIMIZE"))
        file.add_trial([1.0, 1.0])
        file.add_trial([2.0, 0.5])
        file.add_trial([0.5, math.inf])
        study = snapshot_of(file.path)
    model = TrialModel(study)
    assert [column.label for column in model.columns][2:4] == ["value 0", "value 1"]
    assert column_of(model, "number") == ["0", "1", "★ 2"]
    assert numbers_of(TrialModel(study, sort=Sort("value_1", True))) == [2, 0, 1]
    assert found(study, "value_0<1") == [2]


def test_damaged_trials_are_rows_like_others(file: StudyFile):
    file.add_trial(1.0, number=None)
    file.add_trial(state="SLEEPING", start="never")
    model = TrialModel(snapshot_of(file.path))
    assert sorted(column_of(model, "number")) == ["1", "?"]
    assert "! damaged" in column_of(model, "state")
    assert found(model.snapshot, "state:damaged") == [1]


def test_a_thousand_parameters_are_columns_like_any(file: StudyFile):
    names = [f"p{index}" for index in range(1_000)]
    file.run("BEGIN")
    file.add_trial(1.0, params=dict.fromkeys(names, (0.5, FLOAT)))
    file.run("COMMIT")
    study = snapshot_of(file.path)
    model = TrialModel(study)
    assert len(model.columns) == 1_007
    assert model.cell(0, 1_006).text == "0.5"
    assert found(study, "p999=0.5") == [0]
    assert len(TrialModel(study, hidden=frozenset(f"params_{name}" for name in names)).columns) == 7


def test_tabs_have_counts_and_marks(study: StudySnapshot):
    labels, full = tab_labels(study.counts, width=100, has_unicode=True)
    without_stale = [tab for tab in TAB_STATES if tab != "stale"]
    assert [key for key, _ in labels] == without_stale
    assert [label.split()[-1] for _, label in labels] == ["8", "1", "4", "1", "1", "1"]
    assert full == set(without_stale)
    narrow, _ = tab_labels(study.counts, width=50, has_unicode=False)
    assert [label.strip() for _, label in narrow] == ["all 8", "R 1", "C 4", "P 1", "F 1", "W 1"]


def test_stale_trials_have_a_tab_and_their_reports_a_place(file: StudyFile):
    file.add_trial(1.0)
    stale = leave_stale_trial(file)
    file.run(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, "
        "intermediate_value_type) VALUES (?, 1, 0.5, 'FINITE')",
        stale,
    )
    study = snapshot_of(file.path)
    labels, full = tab_labels(study.counts, width=102, has_unicode=True)
    assert labels[-1] == ("stale", "◌ Stale 1  ")
    assert full == {"all", "complete", "stale"}
    narrow, _ = tab_labels(study.counts, width=50, has_unicode=False)
    assert narrow[-1] == ("stale", "S 1  ")
    for shown, width in ((labels, 102), (narrow, 50)):
        assert sum(len(label) for _, label in shown) + 2 * (len(shown) - 1) <= width
    model = TrialModel(study, tab="stale")
    assert column_of(model, "number") == ["1"]
    assert column_of(model, "value") == ["0.5 ~"]
    by_value = TrialModel(study, sort=Sort("value"))
    assert numbers_of(by_value) == [0, 1]

    file.run("UPDATE trials SET state = 'FAIL' WHERE trial_id = ?", stale)
    study = snapshot_of(file.path)
    assert "stale" not in dict(tab_labels(study.counts, width=102, has_unicode=True)[0])
    # A tab that is shown stays.
    assert "stale" in dict(tab_labels(study.counts, "stale", width=102, has_unicode=True)[0])
    assert empty_sentence(study, "stale", "") == "No trial is stale."


def test_an_empty_table_says_why(file: StudyFile):
    study = snapshot_of(file.path)
    assert empty_sentence(study, "all", "") == "There is no trial yet."
    file.add_trial(state="RUNNING")
    study = snapshot_of(file.path)
    sentence = "No trial has completed yet; 1 is running."
    assert empty_sentence(study, "complete", "") == sentence
    assert empty_sentence(study, "failed", "lr<1") == "No trial has failed."
    assert "No trial matches \\x1b; esc clears" in empty_sentence(study, "all", "\x1b")


def test_the_start_of_a_trial_in_the_future_is_no_negative_time(file: StudyFile):
    file.add_trial(state="RUNNING", start="2999-01-01 00:00:00")
    assert column_of(TrialModel(snapshot_of(file.path)), "time") == ["0.0 s"]
