"""Two trials of a study side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ui.driving import drive
from tests.ui.studies_to_view import write_studies

from hptui.storage.read.trial_detail import read_trial
from hptui.ui.application.settings import Settings
from hptui.ui.study.study_screen import StudyScreen
from hptui.ui.trial.trial_pair import pair_table

if TYPE_CHECKING:
    from pathlib import Path


def test_what_differs_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    write_studies(path)
    one, other = read_trial(path, "mixed", 1), read_trial(path, "mixed", 2)
    table = pair_table(one, other)
    rows = {row[1]: row for row in table.rows}
    marks = [bool(row[0]) for row in table.rows]
    assert marks == sorted(marks, reverse=True)
    assert all((row[2] != row[3]) == bool(row[0]) for row in table.rows)
    lr = [next(param.value for param in each.params if param.name == "lr") for each in (one, other)]
    assert rows["lr"][2:4] == (repr(lr[0]), repr(lr[1]))
    assert rows["lr"][4] == f"x{lr[1] / lr[0]:.3g}"
    assert {"value", "state", "lr", "width", "kind", "time", "tags", "reports"} <= set(rows)
    assert pair_table(one, one).rows[0][0] == ""
    drive(
        """
        wait "All 42"
        press g j C
        wait "#1 is marked, C on another compares them"
        press C
        wait-not "C on another"
        press C j C
        wait "#1 and #2"
        wait "≠ lr"
        expect "difference"
        expect "A #1"
        expect "B #2"
        size 80x24
        wait "≠ lr"
        press escape
        wait "All 42"
        """,
        settings=Settings(),
        home=lambda: StudyScreen(path, "mixed"),
    )
