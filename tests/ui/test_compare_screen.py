"""Studies marked in the list and put side by side; real files, the real application."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from tests.storage.study_file import CHOICE, FLOAT, StudyFile
from tests.ui.driving import drive
from tests.ui.showing import run as show
from tests.ui.showing import screen_text, until
from tests.ui.snapshots import snapshot_of

from hptui.cli.commands.application import open_place
from hptui.domain.texts.text_table import Column, TextTable
from hptui.ui.application.app import HptuiApp
from hptui.ui.compare.compared_studies import compare_snapshots, names_of
from hptui.ui.widgets.text_table_model import TextTableModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.pilot import Pilot


def study(
    folder: Path,
    name: str,
    *values: float,
    directions: Sequence[str] = ("MINIMIZE",),
    own: str = "",
) -> Path:
    """A study with a trial for each value, each with a parameter of its own or a shared one."""
    path = folder / f"{name}.db"
    with StudyFile(path) as file:
        file.add_study(name, directions, hptui_runs=[{"sampler": "tpe", "pruner": "median"}])
        for value in values:
            params = {own or "rate": (value / 100, FLOAT)}
            if not own:
                params["kind"] = (len(name) % 2, CHOICE)
            file.add_trial([value] * len(directions), params=params)
    return path


def test_studies_are_marked_and_compared(folder: Path):
    study(folder, "wine", 4.0, 2.0)
    study(folder, "[b]port[b]", 3.0, 1.5)
    study(folder, "up", 1.0, directions=("MAXIMIZE",))
    study(folder, "alone", 7.0, own="x")
    drive(
        """
        wait "4 studies"
        press slash
        type alone
        press enter
        press c
        wait "Compare alone with"
        expect "other objectives: maximize"
        type wine
        press enter
        wait "The studies share no parameter"
        expect "to reach 7, the worst of the best"
        expect "best value so far"
        expect "trials by value"
        press esc
        wait "4 studies"
        press space
        wait "1 marked"
        expect "◆alone"
        press space
        wait-not "marked"
        press space
        press esc
        press slash
        type up
        press enter
        press c
        wait "alone and up have different objectives: minimize and maximize"
        press esc
        press esc
        wait-not "marked"
        wait "4 studies"
        """
    )


def test_what_the_best_have_and_what_it_took(folder: Path):
    study(folder, "wine", 4.0, 2.0)
    study(folder, "[b]port[b]", 3.0, 1.5)
    drive(
        """
        wait "2 studies"
        press space j space
        wait "2 marked"
        press c
        wait "★ 1.5"
        expect "parameters of the best"
        expect "≠ rate"
        expect "A [b]port[b]"
        expect "to reach 2, the worst of the best"
        expect "tpe"
        press h
        wait "The studies have one objective."
        press t
        wait "All parts are visible."
        press b
        wait "Value to reach"
        type low
        wait "Enter a number."
        press ctrl+u
        type 1.75
        press enter
        wait "to reach 1.75"
        wait "never"
        press b
        type 1.5
        press enter
        wait "to reach 1.5"
        press b
        type 1.75
        press enter
        wait "to reach 1.75"
        press l
        wait "log axis"
        press j enter
        wait "not running"
        press esc
        wait "to reach 1.75"
        press q
        """
    )


def test_a_small_screen_shows_a_part_at_a_time(folder: Path):
    for name in ("left", "right"):
        study(folder, name, 4.0, 2.0, directions=("MINIMIZE", "MAXIMIZE"))
    drive(
        """
        wait "2 studies"
        press c
        wait "Compare"
        press enter
        wait "best value 0 so far"
        expect "bests"
        press t
        wait "trials by value 0"
        press t
        wait "parameters of the best"
        press t
        wait "to reach 2"
        press h
        wait "maximize value 1 (2 of 2 objectives)"
        wait "to reach 4"
        """,
        size="80x24",
    )


def test_no_more_than_six_are_marked(folder: Path):
    for at in range(7):
        study(folder, f"s{at}", float(at))
    drive(
        """
        wait "7 studies"
        press space j space j space j space j space j space j
        wait "6 marked"
        press space
        wait "as many as a comparison can show"
        expect "6 marked"
        press c
        wait "6 studies"
        expect "F s"
        """
    )


def test_it_follows_what_studies_do(folder: Path):
    path = study(folder, "wine", 4.0, 2.0)
    study(folder, "port", 3.0)
    app = HptuiApp(open_place(None))

    async def scenario(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "2 studies" in screen_text(app), "the list")
        await pilot.press("c")
        await until(pilot, lambda: "Compare" in screen_text(app), "the question")
        await pilot.press("enter")
        await until(pilot, lambda: "★ 2" in screen_text(app), "the comparison")
        with StudyFile(path) as file:
            file.add_trial(0.5, params={"rate": (0.75, FLOAT)})
        await until(pilot, lambda: "★ 0.5" in screen_text(app), "the new best")
        assert "0.75" in screen_text(app)
        path.unlink()
        # Which, depends on what the feed was about to do.
        said = ("cannot be read", "does not exist")
        await until(pilot, lambda: any(words in screen_text(app) for words in said), "the trouble")
        assert "★ 0.5" in screen_text(app)

    show(app, scenario, size=(120, 40))


def test_studies_with_fewer_objectives_may_take_their_places():
    snapshot = snapshot_of([2.0, 1.0])
    timed = replace(snapshot.trials, starts_s=np.zeros(2), completes_s=np.ones(2))
    two = [replace(snapshot, trials=timed)] * 2
    compared = compare_snapshots(two, objective=1)
    assert compared.comparison.objective == 0
    assert compared.value_name == "value"


def test_a_table_of_texts_joins_its_first_columns(folder: Path):
    table = TextTable(
        (Column(""), Column("study"), Column("n", "right")),
        (("A", "wi\x1bne", "12"), ("", "x" * 100, "3")),
    )
    model = TextTableModel(table, ("a", "b"), lambda row, column: "best" if row else "dim")
    assert [column.label for column in model.columns] == ["  study", "n"]
    assert model.cell(0, 0).text == r"A wi\x1bne"
    assert len(model.cell(1, 0).text) == 42
    assert model.cell(1, 1).role == "best"
    assert model.columns[0].width == 42
    assert (model.row_of_key("b"), model.row_of_key("c"), model.key_of(0)) == (1, None, "a")
    assert names_of([(folder / "a.db", "s"), (folder / "b.db", "s")]) == ["a.db:s", "b.db:s"]
