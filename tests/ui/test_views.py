"""The views of a study: each figure above the table, on studies with everything in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ui.driving import drive
from tests.ui.studies_to_view import write_studies

from hptui.ui.screens.study import StudyScreen
from hptui.ui.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.app import HptuiApp


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("views") / "views.db"
    write_studies(path)
    return path


def view(
    script: str, path: Path, study: str, *, size: str = "120x40", has_unicode: bool = True
) -> HptuiApp:
    return drive(
        script,
        size=size,
        settings=Settings(),
        has_unicode=has_unicode,
        home=lambda: StudyScreen(path, study),
    )


def test_each_key_shows_its_figure_above_the_table(path: Path) -> None:
    view(
        """
        wait "All 42"
        expect "history"
        press 2
        wait "─ intermediate values ─"
        wait "26 complete   · 6 pruned   ⠒ 1 running   ⊘ 5 infeasible"
        expect-not "history"
        press 4
        wait "─ value by parameter"
        wait "lr, log"
        wait "momentum, in "
        wait "3 infinite, not drawn"
        press 5
        wait "─ value by lr and width (of 4 parameters, h chooses)"
        wait "infeasible"
        press 5
        wait "─ rank of value by lr and width"
        wait "best 20%"
        press 5
        wait "─ value by lr"
        press 6
        wait "─ trials across their parameters"
        wait "the best tenth"
        press 7
        wait "─ trials by value"
        wait "half at most"
        press 8
        wait "─ trials by slot"
        wait "2 slots"
        expect "1 not started"
        expect "All 42"
        press 9
        wait "This needs several objectives, and the study has one."
        expect "trials by slot"
        press 1
        wait "history"
        expect "All 42"
        """,
        path,
        "mixed",
    )


def test_several_objectives_have_a_front_and_a_hypervolume(path: Path) -> None:
    view(
        """
        wait "All 20"
        expect "value 0, 2 objectives"
        press 9
        wait "─ value 1 (maximize) by value 0 (minimize) ─"
        wait "on the front"
        expect "infeasible"
        press 9
        wait "─ hypervolume ─"
        press 6
        wait "the front"
        expect "value 0"
        expect "value 1"
        press 4
        wait "─ value 0 by parameter ─"
        """,
        path,
        "two",
    )


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (
            "one",
            [
                "#0, the best",
                "1 complete",
                "★ #0",
                "best 20%",
                "#0, the best",
                "half at most 0.5",
                "1 slot",
            ],
        ),
        (
            "failed",
            [
                "No trial has reported an intermediate value.",
                "No trial has completed yet.",
                "The complete trials have fewer than two parameters.",
                "The complete trials have fewer than two parameters.",
                "No trial has completed yet.",
                "No trial has completed yet.",
                "3 failed",
            ],
        ),
    ],
)
def test_a_single_trial_and_only_failed_ones_have_their_faces(
    path: Path, study: str, expected: list[str]
) -> None:
    steps = ['wait "─ trials ─"', 'wait "─ history ─"']
    for key, text in zip("2455678", expected, strict=True):
        steps += [f"press {key}", f'wait "{text}"', 'expect "─ trials ─"']
    view("\n".join(steps), path, study, size="80x24")


def test_the_filter_of_the_table_is_that_of_the_plots(path: Path) -> None:
    view(
        """
        wait "All 42"
        expect "6 pruned"
        press /
        type number<20
        press enter
        wait "20 of 42"
        wait "2 infinite, not drawn"
        expect "3 pruned"
        press 7
        wait "13 complete"
        press 4
        wait "13 complete"
        press t
        press escape
        wait "28 complete"
        """,
        path,
        "mixed",
    )
