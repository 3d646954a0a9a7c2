"""Reports and pages from the application: written by a program of their own, and told where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.figures.kinds import PAGE_KINDS
from hptui.ui.plots.view_options import ViewOptions
from hptui.ui.study.study_exports import free_place, page_arguments

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a studies folder of one study."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    with StudyFile(tmp_path / "studies" / "wine.db") as file:
        file.add_study("wine")
        for value in (3.0, 2.0, 1.0):
            file.add_trial(value, params={"rate": (value / 10, FLOAT)})
    return tmp_path


def test_a_report_is_written_from_the_list_and_replaced_only_when_that_is_said(folder: Path):
    (folder / "wine-report.html").write_text("mine")
    drive(
        """
        wait "1 study"
        press P
        wait "Report on wine"
        wait "enter asks whether to replace it"
        press enter
        wait "Replace wine-report.html?"
        press n
        wait "Report on wine"
        press ctrl+u
        type none/x.html
        wait "the folder does not exist"
        press ctrl+u
        type other.html
        press enter
        wait "Wrote the report" 60s
        """
    )
    assert (folder / "wine-report.html").read_text() == "mine"
    assert "3 complete" in (folder / "other.html").read_text("utf-8")


def test_the_view_becomes_a_page_and_the_study_a_report(folder: Path):
    drive(
        """
        wait "wine"
        press enter
        wait "not running"
        press slash
        type value<2.5
        press enter
        press 7
        wait "trials by value"
        press o
        wait "Wrote the page" 60s
        press P
        wait "Report on wine"
        press enter
        wait "Wrote the report" 60s
        press E
        wait "Export wine"
        press enter enter
        wait "2 trials written to" 60s
        """
    )
    page = (folder / "wine-edf.html").read_text("utf-8")
    assert "<code>" in page
    assert "value&lt;2.5" in page
    assert "2 trials" in page
    assert "value&lt;2.5" in (folder / "wine-report.html").read_text("utf-8")


def test_what_a_view_shows_is_asked_for():
    options = ViewOptions(1, ("-x", "y"), (1, 0), (-0.1, 30.0), "mdi", is_log=True)
    assert page_arguments(PAGE_KINDS["slice"], options, " ") == [
        "slice",
        "--objective=1",
        "--param=-x",
        "--param=y",
        "--log",
    ]
    assert page_arguments(PAGE_KINDS["pareto"], options, "-tag:bad") == [
        "pareto",
        "--axes=1,0",
        "--log",
        "--filter=-tag:bad",
    ]
    assert page_arguments(PAGE_KINDS["timeline"], options, "") == ["timeline"]
    assert page_arguments(PAGE_KINDS["hypervolume"], options, "") == [
        "hypervolume",
        "--reference=-0.1,30.0",
    ]


def test_places(tmp_path: Path):
    taken = tmp_path / "a.html"
    assert free_place(taken) == taken
    taken.write_text("")
    (tmp_path / "a-2.html").write_text("")
    assert free_place(taken) == tmp_path / "a-3.html"
