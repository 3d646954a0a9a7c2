"""`hptui plot`: what it prints, for people, for pipes and for terminals without UTF-8."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from tests.storage.study_file import StudyFile

from hptui.cli.main import main
from hptui.cli.output.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.db"
    with StudyFile(path) as file:
        file.add_study("a\x1b[2Jb", ("MINIMIZE", "MAXIMIZE"))
        for value in (4.0, 3.0, 2.5):
            file.add_trial((value, -value))
        file.add_trial(None, state="PRUNED", reports={0: 3.5})
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["plot", *arguments]) == 0
    return capsys.readouterr().out.split("\n")


def test_each_objective_has_its_chart(path: Path, capsys: pytest.CaptureFixture[str]):
    lines = printed(capsys, str(path), "--width", "60", "--height", "12")
    assert lines[0] == r"a\x1b[2Jb: value 0"
    assert lines[12] == r"a\x1b[2Jb: value 1"
    assert lines[11].strip() == "★ 2.5 #2   ⠛ 3 complete   · 1 pruned"
    assert max(map(len, lines)) <= 60
    assert "\x1b" not in "".join(lines)


def test_one_objective_and_a_log_axis_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "two.db"
    with StudyFile(path) as file:
        file.add_study("two", ("MINIMIZE", "MAXIMIZE"))
        file.add_trial((4.0, -4.0))
    lines = printed(capsys, str(path), "--objective", "1", "--log", "--width", "60")
    assert lines[:2] == ["two: value 1", "No value is above 0, so a log axis shows none."]


@pytest.mark.parametrize("has_unicode", [True, False])
def test_a_terminal_gets_colours_that_change_nothing_else(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    has_unicode: bool,
):
    def lines(has_colour: bool) -> list[str]:
        terminal = Terminal(
            True, 70, 30, n_colours=256 if has_colour else 0, has_unicode=has_unicode
        )
        monkeypatch.setattr(Terminal, "of_stdout", lambda: terminal)
        return printed(capsys, str(path), "--objective", "0")

    plain, coloured = "\n".join(lines(False)), "\n".join(lines(True))
    assert "\x1b[33m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert plain.isascii() != has_unicode


def test_any_size_is_kept(path: Path, capsys: pytest.CaptureFixture[str]):
    for width, height in ((1, 1), (5, 2), (16, 5), (20, 6), (300, 100)):
        size = ("--width", str(width), "--height", str(height))
        lines = printed(capsys, str(path), "--objective", "0", *size)
        assert len(lines) - 1 <= max(2, height)
        assert max(map(len, lines)) <= width


def test_options_may_stand_between_the_study_and_the_kind(
    path: Path, capsys: pytest.CaptureFixture[str]
):
    plain = printed(capsys, str(path), "edf", "--log", "--width", "60")
    assert printed(capsys, str(path), "--log", "edf", "--width", "60") == plain
    assert printed(capsys, "--width", "60", str(path), "--log", "edf") == plain


def test_figures_are_written_as_text_or_as_a_picture(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text, picture = tmp_path / "figure.txt", tmp_path / "figure.SVG"
    shown = "\n".join(printed(capsys, str(path), "--width", "60", "--height", "12"))
    assert printed(capsys, str(path), "--width", "60", "--height", "12", "--output", str(text)) == [
        ""
    ]
    lines = text.read_text("utf-8").splitlines()
    assert [line for line in lines if line] == [line for line in shown.splitlines() if line]
    printed(capsys, str(path), "pareto", "--output", str(picture))
    root = ElementTree.parse(picture).getroot()
    assert root.tag.endswith("svg")
    assert r"a\x1b[2Jb: value 1 (maximize) by value 0" in picture.read_text("utf-8")


def test_what_cannot_be_written_is_refused_and_nothing_lost(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    there = tmp_path / "there.svg"
    there.write_text("mine")
    refusals = {
        str(there): "there.svg already exists.",
        str(tmp_path / "figure.png"): "The name figure.png does not tell the format.",
        str(tmp_path / "none" / "figure.svg"): "the folder does not exist.",
        str(path): "does not tell the format",
    }
    for target, sentence in refusals.items():
        assert main(["plot", str(path), "--output", target]) == 2
        assert sentence in capsys.readouterr().err
    assert there.read_text() == "mine"
    assert main(["plot", str(path), "--overwrite"]) == 2
    assert main(["plot", str(path), "--output", str(there), "--overwrite"]) == 0
    assert there.read_text("utf-8").startswith("<svg")
    assert {each.name for each in tmp_path.iterdir()} == {"there.svg", "tuned.db"}
