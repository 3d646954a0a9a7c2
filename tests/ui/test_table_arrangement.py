"""Columns of the trial table are remembered: the table's own for all, a study's own for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from hptui.ui.application import ui_state
from hptui.ui.application.ui_state import remember
from hptui.ui.trials.table_arrangement import ShownColumns, columns_as_before, remember_columns
from hptui.ui.trials.trial_model import FIRST_HIDDEN

ONE, OTHER = Path("/studies/one.db"), Path("/studies/other.db")


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui_state, "_in_memory", {})


def test_what_is_chosen_is_remembered_where_it_has_a_meaning() -> None:
    assert columns_as_before(ONE, "a") == ShownColumns(FIRST_HIDDEN, ())
    chosen = ShownColumns(frozenset({"time", "params_lr"}), ("user_attrs_fold",))
    remember_columns(ONE, "a", chosen)
    assert columns_as_before(ONE, "a") == chosen
    for path, name in ((ONE, "b"), (OTHER, "a")):
        assert columns_as_before(path, name) == ShownColumns(frozenset({"time"}), ())
    remember_columns(ONE, "a", ShownColumns())
    assert columns_as_before(ONE, "a") == ShownColumns()


def test_of_very_many_the_latest_stay() -> None:
    for number in range(60):
        many = frozenset(f"params_{'x' * 50}{at}" for at in range(20))
        remember_columns(ONE, str(number), ShownColumns(many))
    assert len(columns_as_before(ONE, "59").hidden) == 20
    assert columns_as_before(ONE, "0") == ShownColumns(frozenset())
    too_many = ShownColumns(frozenset(f"params_{'y' * 500}{at}" for at in range(100)))
    remember_columns(ONE, "huge", too_many)
    assert columns_as_before(ONE, "huge") == ShownColumns(frozenset())


@pytest.mark.parametrize("found", [None, 1, "time", [1, None], {"a": 1}])
def test_what_makes_no_sense_is_left_out(found: object) -> None:
    remember("columns", hidden=found, studies=found)
    assert columns_as_before(ONE, "a").attributes == ()
    remember("columns", studies={"/studies/one.db:a": found})
    assert columns_as_before(ONE, "a").attributes == ()
