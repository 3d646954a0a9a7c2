"""Whatever stands in the place of a small file: nothing hangs, and nothing else is lost for it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import StudyFile
from tests.time_limit import time_limit

from hptui.engine.recovery.lease import Lease, folder_of, read_lease, take_lease
from hptui.engine.studies.trash import TRASH, list_trash
from hptui.engine.workers.sandbox import open_log
from hptui.storage.files.leases import LEASE
from hptui.storage.files.side_files import (
    link_on_the_way,
    open_side_file,
    read_side_file,
    read_side_object,
)
from hptui.storage.read.studies import list_studies
from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.trial.log_tail import LogTail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT_S = 60.0
MAX_BYTES = 500_000


def _zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _other(path: Path) -> None:
    other = path.with_name("other")
    other.write_text('{"study": "other"}')
    path.symlink_to(other)


ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "zeros": _zeros,
    "link": _other,
    "nothing behind a link": lambda path: path.symlink_to("nowhere"),
    "folder": lambda path: path.mkdir(),
    "deep": lambda path: path.write_text("[" * 200_000),
    "deep objects": lambda path: path.write_text('{"a":' * 90_000),
    "no text": lambda path: path.write_bytes(b"\xff\xfe{}"),
    "long": lambda path: path.write_text(" " * MAX_BYTES + "{}"),
    "no object": lambda path: path.write_text("[1]"),
    "empty": lambda path: path.touch(),
    "huge number": lambda path: path.write_text('{"deleted": 1' + "0" * 5000 + "}"),
}


@pytest.fixture(params=ODD)
def make(request: pytest.FixtureRequest) -> Callable[[Path], object]:
    return ODD[request.param]


def test_of_an_odd_file_nothing_is_known(make: Callable[[Path], object], tmp_path: Path):
    make(tmp_path / "side.json")
    with time_limit(LIMIT_S):
        assert read_side_object(tmp_path / "side.json", MAX_BYTES) == {}


def test_an_odd_lease_is_none_and_the_list_is_whole(make: Callable[[Path], object], tmp_path: Path):
    for name in ("one", "two"):
        with StudyFile(tmp_path / f"{name}.db") as built:
            built.add_study(name)
    folder = folder_of(tmp_path / "one.db", "one")
    folder.mkdir()
    make(folder / LEASE)
    with time_limit(LIMIT_S):
        assert read_lease(tmp_path / "one.db", "one") is None
        assert [each.name for each in list_studies(tmp_path) if not each.problem] == ["one", "two"]


def test_an_odd_entry_does_not_hide_the_others_of_the_trash(
    make: Callable[[Path], object], tmp_path: Path
):
    facts = {"file": "s.db", "study": "s", "is_whole_file": True, "deleted": 1e300}
    for name in ("1", "2"):
        (tmp_path / TRASH / name).mkdir(parents=True)
    make(tmp_path / TRASH / "1" / "entry.json")
    (tmp_path / TRASH / "2" / "entry.json").write_text(json.dumps(facts))
    with time_limit(LIMIT_S):
        assert [each.folder.name for each in list_trash(tmp_path)] == ["2"]


def test_a_trash_that_is_a_link_is_not_looked_into(tmp_path: Path):
    (tmp_path / "elsewhere" / "1").mkdir(parents=True)
    facts = {"file": "s.db", "study": "s", "is_whole_file": True, "deleted": 1.0}
    (tmp_path / "elsewhere" / "1" / "entry.json").write_text(json.dumps(facts))
    (tmp_path / TRASH).symlink_to(tmp_path / "elsewhere")
    assert list_trash(tmp_path) == []


def test_odd_screens_are_forgotten(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "hptui").mkdir()
    make(tmp_path / "hptui" / "screens.json")
    with time_limit(LIMIT_S):
        assert remembered("study") == {}
        remember("study", sort="value")


@pytest.mark.parametrize("what", ["pipe", "zeros", "link", "folder"])
def test_a_log_is_neither_read_nor_written_where_it_is_none(what: str, tmp_path: Path):
    ODD[what](tmp_path / "trial.log")
    with time_limit(LIMIT_S):
        log = LogTail(tmp_path / "trial.log").read()
        assert (log.lines, bool(log.problem)) == ((), True)
        with pytest.raises(OSError, match=r"."):
            open_log(str(tmp_path / "trial.log"))


def test_only_the_last_link_counts_and_a_person_may_make_it(tmp_path: Path):
    (tmp_path / "real").write_text("text")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "folder").mkdir()
    (tmp_path / "way").symlink_to("folder")
    assert read_side_file(tmp_path / "link", 4, follow_link=True) == "text"
    with pytest.raises(OSError, match="Longer than 3 bytes"):
        read_side_file(tmp_path / "real", 3)
    with pytest.raises(OSError, match="Not a regular file"):
        open_side_file(tmp_path / "folder")
    assert link_on_the_way(tmp_path / "way" / "deep" / "er", tmp_path) == tmp_path / "way"
    assert link_on_the_way(tmp_path / "way" / "deep", tmp_path / "way") is None
    assert link_on_the_way(tmp_path / "folder" / "missing", tmp_path) is None


def test_a_descriptor_that_is_written_waits_as_any_other(tmp_path: Path):
    fd = open_log(str(tmp_path / "trial.log"))
    assert os.get_blocking(fd)
    os.write(fd, b"text")
    os.close(fd)
    assert (tmp_path / "trial.log").read_text() == "text"


def test_a_lease_is_still_read(tmp_path: Path):
    (tmp_path / "s.db").touch()
    take_lease(tmp_path / "s.db", Lease.of_this_process("s", "run", tmp_path))
    found = read_lease(tmp_path / "s.db", "s")
    assert found is not None
    assert (found.study, found.run, found.pid) == ("s", "run", os.getpid())
