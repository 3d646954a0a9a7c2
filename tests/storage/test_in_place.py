"""Finished files get their names, and nothing is replaced, also where that takes two steps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hptui.storage.files import in_place
from hptui.storage.files.in_place import drop_second_name, put_in_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["at once", "in steps", "without links"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ways of moving; file systems know more or less."""
    if request.param != "at once":
        monkeypatch.setattr(in_place, "_move_at_once", not_here)
    if request.param == "without links":
        monkeypatch.setattr(os, "link", refuse)
    return request.param


def not_here(*_: Any) -> bool:
    return False


def refuse(*_: Any, **__: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.usefixtures("way")
def test_a_file_and_a_folder_get_their_names(tmp_path: Path):
    (tmp_path / "made").write_text("mine")
    assert put_in_place(tmp_path / "made", tmp_path / "named")
    assert (tmp_path / "named").read_text() == "mine"
    (tmp_path / "folder").mkdir()
    assert put_in_place(tmp_path / "folder", tmp_path / "other")
    assert {each.name for each in tmp_path.iterdir()} == {"named", "other"}
    assert (tmp_path / "named").stat().st_nlink == 1


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("taken_by", ["file", "folder", "link"])
def test_nothing_is_replaced(tmp_path: Path, taken_by: str):
    taken = tmp_path / "taken"
    {
        "file": lambda: taken.write_text("theirs"),
        "folder": taken.mkdir,
        "link": lambda: taken.symlink_to(tmp_path / "nowhere"),
    }[taken_by]()
    (tmp_path / "made").write_text("mine")
    (tmp_path / "folder").mkdir()
    before = taken.lstat()
    for name in ("made", "folder"):
        assert not put_in_place(tmp_path / name, taken)
        assert (tmp_path / name).exists()
    assert os.path.samestat(taken.lstat(), before)


def test_only_a_second_name_of_the_same_file_is_dropped(tmp_path: Path):
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    first.write_text("mine")
    other.write_text("mine")
    os.link(first, second)
    drop_second_name(first, other)
    assert first.exists()
    drop_second_name(first, second)
    assert not first.exists()
    drop_second_name(first, second)
    assert second.read_text() == "mine"
