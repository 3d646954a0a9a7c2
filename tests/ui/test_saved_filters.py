"""Filters saved from the application: in the settings file, whose other lines stay as they are."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.errors import HptuiError
from hptui.ui.application.settings import load_settings, settings_path
from hptui.ui.trials.saved_filters import name_problem, save_filter, with_filter

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
# mine
theme = "hptui-light"   # bright

[filters]  # for @name
good = "state:complete"  # of those
"odd ü" = 'x<1'

# workers
[defaults]
workers = 2
"""


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("", "good", '[filters]\ngood = "lr<1"\n'),
        ("a = 1", "good", 'a = 1\n\n[filters]\ngood = "lr<1"\n'),
        (SETTINGS, "new", SETTINGS.replace("'x<1'\n", "'x<1'\nnew = \"lr<1\"\n")),
        (SETTINGS, "good", SETTINGS.replace('"state:complete"  # of those', '"lr<1"')),
        (SETTINGS, "odd ü", SETTINGS.replace("'x<1'", '"lr<1"')),
        (
            SETTINGS.replace("\n", "\r\n"),
            "new",
            SETTINGS.replace("'x<1'\n", "'x<1'\nnew = \"lr<1\"\n").replace("\n", "\r\n"),
        ),
        ("[filters]\n[keys]\n", "ä", '[filters]\n"ä" = "lr<1"\n[keys]\n'),
        # Nothing is written over what cannot be understood line by line.
        ("filters = {}\n", "good", None),
        ('filters.good = "x"\n', "good", None),
        ('[filters]\ngood = """\nx"""\n', "good", None),
        ('[filters]\nother = """\n[good]\n"""\n', "new", None),
        ("[filters\n", "good", None),
        ("filters = 3\n", "good", None),
    ],
)
def test_one_line_is_written_and_nothing_else(before: str, name: str, after: str | None):
    assert with_filter(before, name, "lr<1") == after


plain = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)


@given(st.lists(st.tuples(plain, plain), max_size=4), plain, plain)
def test_whatever_is_saved_is_read_back(before: list[tuple[str, str]], name: str, text: str):
    written: str | None = 'theme = "x"\n[filters]\n[keys]\n'
    expected: dict[str, str] = {}
    for each, its_text in [*before, (name, text)]:
        assert written is not None
        written = with_filter(written, each, its_text)
        expected[each] = its_text
    assert written is not None
    assert tomllib.loads(written) == {"theme": "x", "filters": expected, "keys": {}}


@pytest.mark.parametrize("name", ["", "a b", "-a", "@a", "a|b", 'a"', "a=b", "x" * 61, "\x1b"])
def test_a_name_must_be_one_that_can_be_typed(name: str):
    assert name_problem(name, "lr<1", {})
    assert name_problem("good-1", "lr<1", {}) is None


def test_a_filter_that_cannot_be_understood_or_holds_itself_is_not_saved():
    assert "needs a value" in str(name_problem("good", "lr<", {}))
    assert "contains itself" in str(name_problem("good", "@bad", {"bad": "@good"}))
    assert "There is no saved filter @none" in str(name_problem("good", "@none", {}))


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path):
    real, link = tmp_path / "real.toml", tmp_path / "settings.toml"
    real.write_text("a = 1\n", "utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    save_filter("good", "lr<1", link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert tomllib.loads(real.read_text("utf-8"))["filters"] == {"good": "lr<1"}
    assert {each.name for each in tmp_path.iterdir()} == {"real.toml", "settings.toml"}


@pytest.mark.parametrize("content", [b"\xff", b"[filters", b"filters = {}"])
def test_a_file_that_cannot_be_added_to_is_left_alone(tmp_path: Path, content: bytes):
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(HptuiError, match="The settings file"):
        save_filter("good", "lr<1", path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["settings.toml"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(HptuiError, match="The settings file"):
        save_filter("good", "lr<1", tmp_path / "folder")


def test_a_filter_is_saved_and_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HPTUI_SETTINGS", str(tmp_path / "settings.toml"))
    settings_path().write_text("# mine\n[filters]\nall = 'number>=0'\n", "utf-8")
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study()
        for number in range(9):
            file.add_trial(float(number), params={"lr": (number / 9, FLOAT)})
    drive(
        """
        wait "9 trials"
        press /
        press escape
        press ctrl+s
        wait "There is no filter to save"
        press /
        type lr<0.3
        wait "3 of 9"
        press ctrl+s
        wait "Which name?"
        type a b
        wait "A short name"
        press ctrl+u
        type low
        press enter
        wait "Saved as @low."
        press ctrl+u
        type -@low
        wait "6 of 9"
        press ctrl+s
        wait "Which name?"
        type low
        wait "contains itself"
        press ctrl+u
        type all
        press enter
        wait "Replace @all?"
        expect "It is number>=0 now."
        press r
        wait "Saved as @all."
        press ctrl+u
        type @a
        wait "@all"
        """,
        tmp_path / "study.db",
    )
    assert settings_path().read_text("utf-8") == (
        '# mine\n[filters]\nall = "-@low"\nlow = "lr<0.3"\n'
    )
    assert dict(load_settings().filters) == {"all": "-@low", "low": "lr<0.3"}
