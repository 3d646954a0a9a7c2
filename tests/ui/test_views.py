"""The views of a study: each figure above the table, on studies with everything in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from tests.storage.study_file import StudyFile
from tests.ui.driving import drive
from tests.ui.studies_to_view import write_studies
from tests.waiting import wait_until

from hptui.ui.application.settings import Settings
from hptui.ui.application.ui_state import remembered
from hptui.ui.study.study_screen import StudyScreen
from hptui.ui.trials.trial_table import TrialTable

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.app import HptuiApp


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
        wait "worst "
        press 5
        wait "─ value by lr"
        press 6
        wait "─ trials across their parameters"
        wait "worst "
        press 7
        wait "─ trials by value"
        wait "half at most"
        press 8
        wait "─ trials by worker"
        wait "2 workers"
        expect "1 not started"
        expect "All 42"
        press 8
        wait "─ value over time"
        expect "in all"
        press o
        wait "Optuna has no page of the figure progress"
        press 9
        wait "─ advice on value"
        wait "Not clear yet: no better trial for"
        expect "9 advice"
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
        expect "─ value 1 (maximize) by value 0 (minimize) ─"
        press 1
        wait "value 0, 2 objectives"
        press 9
        wait "─ value 1 (maximize) by value 0 (minimize) ─"
        wait "on the front"
        expect "infeasible"
        press 9
        wait "─ hypervolume ─"
        wait ", the worst values"
        press h
        wait "Reference point"
        type 1
        wait "The study has 2 objectives, and this is 1 number."
        type ,x
        wait "'x' is not a number."
        press backspace
        type -0.5
        press enter
        wait "to 1, -0.5"
        expect-not "the worst values"
        press h
        expect "1, -0.5"
        press ctrl+u enter
        wait ", the worst values"
        press 9
        wait "─ advice on the front ─"
        wait "Still growing: "
        press h
        wait "What the view shows"
        press G
        wait "from the worst values"
        press space
        wait "Reference point"
        type 1,-0.5
        press enter
        wait "[x]  from 1, -0.5"
        press g space enter
        wait "─ advice on value 0 ─"
        press h g space enter
        wait "to 1, -0.5"
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
                "worst ",
                "#0, the best",
                "half at most 0.5",
                "1 worker",
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
        wait "history, 20 of 42 trials"
        wait "2 infinite, not drawn"
        expect "3 pruned"
        press 7
        wait "13 complete"
        expect ", 20 of 42 trials"
        press 4
        wait "13 complete"
        press t
        press escape
        wait "28 complete"
        expect-not "of 42 trials"
        size 39x11
        wait "this is 39x11"
        expect-not "─"
        """,
        path,
        "mixed",
    )


def test_a_cursor_goes_from_trial_to_trial_in_a_plot(path: Path) -> None:
    view(
        """
        wait "All 6"
        press g
        press 7 tab
        wait "trials by value   #0  0  x 0"
        press right
        wait "#1  1  x 0.1667"
        press up
        wait "#2  2  x 0.3333"
        press left down
        wait "#0  0  x 0"
        press left
        expect "#0  0  x 0"
        press right right right
        wait "#3  3  x 0.5"
        press enter
        wait "parameters"
        expect "0.5"
        press escape
        wait "trials by value   #3"
        press shift+tab
        press x
        wait "is not running"
        """,
        path,
        "plain",
    )


def test_a_trial_that_the_table_does_not_show_can_be_picked_in_a_plot(path: Path) -> None:
    view(
        """
        wait "All 42"
        press t t t
        wait "◐ pruned"
        expect-not "✓ complete"
        press 5 tab right
        wait "number_and_state"
        """.replace("number_and_state", "h chooses)   #"),
        path,
        "mixed",
    )


def test_a_click_picks_a_trial_in_every_figure(path: Path) -> None:
    figures = {
        "2": ("the best", "intermediate values"),
        "4": ("lr, log", "value by parameter"),
        "5": ("↑ ", "h chooses)"),
        "6": ("worst ", "trials across their parameters"),
        "7": ("half at most", "trials by value"),
        "8": ("busy", "trials by worker"),
    }
    steps = ['wait "All 42"', "press G"]
    for key, (drawn, title) in figures.items():
        steps += [f"press {key}", f'wait "{drawn}"', "click 40 10", f'wait "{title}   #"']
        steps += [f'expect-not "{title}   #41"', "press tab G", f'wait-not "{title}   #"']
    view("\n".join(steps), path, "mixed")
    more = """
        wait "All 20"
        press 9
        wait "on the front"
        click 60 12
        wait "(minimize)   #"
        press 9
        wait "─ hypervolume   #"
        press shift+tab G tab
        wait "hypervolume   #19"
        click 40 10
        wait-not "hypervolume   #19"
    """
    view(more, path, "two")


def test_importance_is_computed_away_from_the_screen_and_ended_when_another_is_chosen(
    path: Path,
) -> None:
    view(
        """
        wait "All 42"
        press 3
        wait "─ importance for value, PED-ANOVA" 60s
        wait "3 infinite, left out"
        press 3
        wait "fANOVA of " 60s
        press h
        wait "mean decrease impurity"
        expect "[x]  fANOVA"
        press g space enter
        wait "─ importance for value, PED-ANOVA"
        """,
        path,
        "mixed",
    )
    wait_until(
        lambda: not any(map(is_judging, psutil.Process().children())), "the computation's end"
    )


def is_judging(process: psutil.Process) -> bool:
    try:
        return "hptui.engine.importance.child" in process.cmdline()
    except psutil.Error:
        return False


def test_parameters_objectives_and_axes_are_chosen_for_a_view(path: Path) -> None:
    view(
        """
        wait "All 42"
        press h
        wait "This view has no options."
        press 5
        wait "by lr and width"
        press h
        wait "What the view shows"
        press g j space
        wait "[x]  width"
        wait "Choose two parameters"
        press enter
        expect "What the view shows"
        press space
        wait "[y]  kind"
        press enter
        wait "─ value by width and kind ─"
        press 5
        wait "─ rank of value by width and kind ─"
        press 4
        wait "momentum, in"
        press h
        wait "What the view shows"
        press g space enter
        wait-not "momentum, in"
        expect "lr, log"
        press h escape
        press 8
        wait "busy"
        press h
        wait "This view has no options."
        """,
        path,
        "mixed",
    )
    view(
        """
        wait "All 20"
        press 4
        wait "─ value 0 by parameter"
        press h
        wait "What the view shows"
        press g j space
        press enter
        wait "─ value 1 by parameter"
        press 9
        wait "value 1 (maximize) by value 0"
        press h g j space k
        press k space enter
        wait "─ value 0 (minimize) by value 1 (maximize) ─"
        press 1
        wait "─ value 1 (maximize) by value 0"
        press >
        wait "This is for the history"
        press 1
        wait "─ history"
        press h j space enter
        wait "value 1, 2 objectives"
        press 1
        wait "on the front"
        """,
        path,
        "two",
    )


def test_a_view_is_written_as_a_picture_or_as_text(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    view(
        """
        wait "All 6"
        press 7
        wait "half at most"
        press w
        wait "Write the view"
        expect "plain-edf.svg"
        press backspace
        wait "Use a name that ends in .svg"
        type g
        press enter
        wait "Wrote plain-edf.svg"
        press w
        wait "Write the view"
        press enter
        wait "Replace plain-edf.svg?"
        press n
        wait "Write the view"
        press ctrl+u
        type a.txt
        press enter
        wait "Wrote a.txt"
        """,
        path,
        "plain",
    )
    assert (tmp_path / "plain-edf.svg").read_text("utf-8").startswith("<svg")
    assert "half at most 2" in (tmp_path / "a.txt").read_text("utf-8")


def test_the_table_keeps_some_lines_however_low_the_terminal_becomes(path: Path) -> None:
    heights: list[tuple[int, int]] = []

    def observe(app: HptuiApp) -> None:
        if isinstance(app.screen, StudyScreen):
            heights.append(
                (app.screen.plots.size.height, app.screen.query_one(TrialTable).size.height)
            )

    taller = "press " + ") " * 10
    script = f"""
        wait "All 42"
        {taller}
        press 5
        wait "↑ "
        {taller}
        expect "─ trials"
        size 80x24
        wait "✓ Completed 31"
        expect "○ waiting"
        press 1
        wait "#8"
        expect "○ waiting"
        size 60x16
        wait "study here."
        expect "○ waiting"
        size 160x48
        wait "1 overview"
    """
    drive(
        script,
        size="160x48",
        settings=Settings(),
        home=lambda: StudyScreen(path, "mixed"),
        observe=observe,
    )
    # At the end there is room again for what was asked for.
    assert max(heights)[0] > 30
    assert heights[-1][0] > 30
    assert min(table for _, table in heights[5:]) >= 3
    # What was remembered of a high terminal is no harm in a low one.
    assert remembered("study")["lines"]["views"] > 30
    low = """
        wait "✓ Completed 31"
        wait "○ waiting"
        press 5
        wait "↑ "
        wait "○ waiting"
    """
    view(low, path, "mixed", size="80x24")


def test_sizes_and_the_full_screen_are_remembered(path: Path) -> None:
    view(
        """
        wait "All 42"
        press 5
        wait "↑ "
        press ) ) ) tab
        press z
        wait-not "─ trials"
        press 4
        wait "lr, log"
        press z
        wait "─ trials"
        press z
        wait-not "─ trials"
        """,
        path,
        "mixed",
    )
    view(
        """
        wait "lr, log"
        expect-not "─ trials"
        press escape
        wait "─ trials"
        press (
        """,
        path,
        "mixed",
    )
    assert remembered("study")["full_screen"] is None
    assert remembered("study")["lines"]["views"] > 20


def test_what_came_since_the_last_look_is_marked_on_the_history(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    with StudyFile(path) as file:
        file.add_study("seen")
        for number in range(10):
            file.add_trial(float(number))
        first = 'wait "10 complete"\nexpect-not "since you last"'
        view(first, path, "seen")
        for number in range(3):
            file.add_trial(10.0 + number)
        view('wait "3 new since you last looked"', path, "seen")
        view('wait "13 complete"\nexpect-not "since you last"', path, "seen")
