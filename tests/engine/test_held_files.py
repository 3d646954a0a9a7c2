"""Whatever changes a study file holds what it changes, and takes no file that has several names."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.test_renaming import make
from tests.storage.older_files import make_older_file

from hptui.domain.study_ref import StudyRef
from hptui.engine.recovery.checks import Examination, Finding
from hptui.engine.recovery.fixes import mend
from hptui.engine.recovery.lease import Lease, take_lease
from hptui.engine.recovery.stale_trials import settle_stale_trials
from hptui.engine.studies.annotations import save_edit
from hptui.engine.studies.forking import fork_study
from hptui.engine.studies.importing import import_into, import_into_new
from hptui.engine.studies.merging import merge_studies
from hptui.engine.studies.renaming import rename_study
from hptui.engine.studies.retrying import retry_at_rest
from hptui.engine.studies.trash import delete_study, list_trash, undo_delete
from hptui.errors import StudyBusyError, StudyFileError
from hptui.storage.annotations.changes import TagEdit
from hptui.storage.files import study_lock
from hptui.storage.files.study_lock import acquire
from hptui.storage.files.upgrade import upgrade_file
from hptui.storage.transfer.fork_plan import ForkRequest
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG: Final = TagEdit(None, add=("seen",))


def _mend(kind: str) -> Callable[[Path], object]:
    return lambda path: mend(Examination(path, "one"), Finding(kind, "", "mend it"))


def _import_new(path: Path) -> object:
    rows = path.with_name("rows.csv")
    return import_into_new(rows, ImportRequest(), "new", folder=path.parent, target=path)


CHANGES: Final[dict[str, tuple[str, Callable[[Path], object]]]] = {
    "upgrade": ("any name", lambda path: upgrade_file(path.with_name("old.db"))),
    "undo": ("gone", lambda path: undo_delete(list_trash(path.parent)[0])),
    "rename": ("one", lambda path: rename_study(path, "one", "new")),
    "rename to": ("new", lambda path: rename_study(path, "one", "new")),
    "delete": ("one", lambda path: delete_study(path, "one")),
    "fork": (
        "new",
        lambda path: fork_study(path, "one", "new", ForkRequest(), target=path),
    ),
    "merge": (
        "new",
        lambda path: merge_studies(
            [StudyRef(path, "one"), StudyRef(path, "two")], "new", target=path, any_objective=True
        ),
    ),
    "import as new": ("new", _import_new),
    "import": (
        "one",
        lambda path: import_into(path.with_name("rows.csv"), ImportRequest(), path, "one"),
    ),
    "annotate": ("one", lambda path: save_edit(path, "one", _TAG)),
    "retry": ("one", lambda path: retry_at_rest(path, "one", None)),
    "settle": ("one", lambda path: settle_stale_trials(path, "one", "fail")),
    "check in": ("one", _mend("wal")),
    "give back": ("two", _mend("free")),
}


def folder_for(place: Path, name: str) -> tuple[Path, Path]:
    """Make a folder; return the file with its studies, and the one that a change is about."""
    path = make(place / "some.db", "one", "two", "gone")
    delete_study(path, "gone")
    if name == "upgrade":
        make_older_file(place / "old.db", "v3.0.0.d")
    place.joinpath("rows.csv").write_text("x,value\n0.25,7\n", "utf-8")
    return path, place / "old.db" if name == "upgrade" else path


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("name", CHANGES)
def test_it_waits_for_nobody_who_holds_the_study_and_takes_no_file_with_two_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for module in (
        "hptui.engine.studies.held_study",
        "hptui.engine.studies.retrying",
        "hptui.engine.recovery.stale_trials",
    ):
        monkeypatch.setattr(f"{module}.A_MOMENT_S", 0.0)
    monkeypatch.setattr("hptui.engine.studies.annotations._PATIENCE_S", 0.0)
    monkeypatch.setattr(study_lock, "_SETTLING_S", 0.0)
    held, change = CHANGES[name]
    path, about = folder_for(tmp_path, name)
    before = _dump(about)
    lock = acquire(about, held)
    assert lock is not None
    try:
        with pytest.raises(StudyBusyError):
            change(path)
    finally:
        lock.release()
    linked = about.with_name("linked")
    os.link(about, linked)
    with pytest.raises(StudyFileError, match=r"2 names \(hard links\), also linked"):
        change(path)
    assert _dump(about) == before
    linked.unlink()
    if name != "settle":
        change(path)
    released = acquire(about, None) if about.exists() else None
    assert released is not None or not about.exists()
    if released is not None:
        released.release()


def test_a_file_that_comes_back_from_the_trash_is_held_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = delete_study(make(tmp_path / "s.db", "s"), "s")
    tried: list[str] = []

    def bring_folder_back(*_: object, **__: object) -> None:
        # The file is in its place, its folder not yet.
        with pytest.raises(StudyBusyError):
            take_lease(tmp_path / "s.db", Lease.of_this_process("s", "run", Path("socket")))
        tried.append("s")

    monkeypatch.setattr("hptui.engine.studies.trash.move_study_folder", bring_folder_back)
    with pytest.raises(StudyFileError):
        undo_delete(entry)
    assert set(tried) == {"s"}


def test_a_file_that_is_renamed_is_held_under_every_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = make(tmp_path / "s.db", "s")
    tried: list[str] = []

    def move_file(source: Path, target: Path) -> None:
        source.rename(target)
        for name in ("new", "another"):
            assert acquire(target, name) is None
            tried.append(name)

    monkeypatch.setattr("hptui.engine.studies.renaming.move_file", move_file)
    assert rename_study(path, "s", "new") == tmp_path / "new.db"
    assert tried == ["new", "another"]
