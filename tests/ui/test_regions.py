"""Regions that are marked in plots: by keys and by mouse, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ui.driving import drive
from tests.ui.studies_to_view import write_studies

from hptui.engine.studies.at_rest import steer
from hptui.ui.application.settings import Settings
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.app import HptuiApp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "views.db"
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


def test_a_region_by_keys_becomes_bounds_of_the_space(path: Path) -> None:
    view(
        """
        wait "All 42"
        press 4
        wait "lr, log"
        press B
        wait "enter fixes its corner, esc leaves"
        press tab
        wait-not "enter fixes its corner"
        expect "value by parameter"
        press B
        wait "enter fixes its corner, esc leaves"
        press shift+left shift+left shift+left
        wait "width 2..2"
        press B
        wait "enter takes it"
        press shift+right shift+right shift+right shift+up shift+up
        wait "width 2..5"
        expect "└──⣿─────┘"
        press escape
        wait-not "└──⣿─────┘"
        expect "lr, log"
        press B
        wait "enter fixes"
        press left enter right right right right right right right enter
        wait "width 5..7"
        wait "Region"
        press b
        wait "kept"
        expect "set aside once applied."
        expect "was 1..9"
        press F5
        wait "from the next run on"
        """,
        path,
        "mixed",
    )
    answer = steer(path, "mixed", {"op": "space"})
    assert answer["edits"] == {"width": {"low": 5, "high": 7}}


def test_a_region_by_mouse_in_a_log_history_means_its_trials(path: Path) -> None:
    view(
        """
        wait "All 42"
        press l
        wait "└┬0"
        drag 10 12 30 8
        wait "Region"
        wait "bounds of the space"
        press b
        wait "once applied."
        press escape
        wait "not applied yet"
        press l
        drag 10 12 30 8
        wait "Region"
        press escape
        wait-not "Region"
        press > tab
        click 20 10
        wait "#21 to #41   #"
        press B
        wait "number "
        press enter
        wait "enter takes it"
        press shift+left shift+left shift+left shift+left shift+left shift+left shift+left
        press shift+left shift+down shift+up
        wait "number 21..25"
        size 80x24
        wait "number 21.."
        press escape
        """,
        path,
        "mixed",
    )


def test_a_region_becomes_a_trial_and_a_filter_without_unicode_too(path: Path) -> None:
    view(
        """
        wait "All 20"
        press 9
        wait "on the front"
        press B enter shift+right shift+down
        wait "value 0 0.224..0.405, value 1 -0.4..-0.1 "
        expect "+---"
        press enter
        wait "Region"
        wait "filter"
        press escape
        wait-not "Region"
        press 5
        wait "by x and y"
        press B enter shift+right shift+up enter
        wait "the middle of x"
        press a
        wait "Enqueue a trial"
        press enter
        wait "Waiting 1"
        press B shift+left shift+left shift+left enter
        press shift+right shift+right shift+down shift+down shift+down shift+down enter
        wait "Region"
        press f
        wait-not "Region"
        wait "3 of 21"
        expect "/  x>="
        press 7
        wait "half at most"
        press B
        wait "No region can be marked here"
        """,
        path,
        "two",
        has_unicode=False,
    )
