"""The doctor in the application: findings with their remedies, and what it says when it cannot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.leases import leave_lease
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.engine.recovery.lease import Lease, folder_of
from hptui.storage.files.leases import boot_id
from hptui.ui.studies.doctoring import diagnose, treat
from hptui.ui.studies.study_row import read_rows

if TYPE_CHECKING:
    from pathlib import Path

NAME = "wine\x1b[2J[b]x[/b]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one study whose name is not kind to terminals, and its dead engine's lease."""
    path = tmp_path / "wine.db"
    with StudyFile(path) as built:
        # Two machines run trials of it, too: findings of one kind.
        runs = [{"id": each, "host": each} for each in ("here", "there")]
        built.add_study(NAME, hptui_runs=runs)
        built.add_trial(0.5, params={"x": (0.5, FLOAT)})
        for run in runs:
            built.add_trial(state="RUNNING", attributes={"hptui:run": run["id"]})
    own = Lease.of_this_process(NAME, "run", path)
    leave_lease(path, Lease(NAME, "run", own.pid, "1", boot_id(), own.host, ""))
    scratch = folder_of(path, NAME) / "scratch" / "000009"
    scratch.mkdir(parents=True)
    (scratch / "half").write_text("half")
    (folder_of(path, NAME) / "unsaved-[b]x[].jsonl").write_text("{\n")
    return tmp_path


def test_each_finding_has_its_remedy(folder: Path) -> None:
    study = folder_of(folder / "wine.db", NAME)
    draft = folder / ".hptui-new-abcdefgh"
    draft.mkdir()
    (draft / "owner.json").write_text('{"pid": 7, "host": "[b]h", "target": "\\u001b[2Jx.db"}')
    drive(
        """
        wait "last"
        press f
        wait "Doctor of wine\\x1b[2J[b]x[/b]"
        wait "has died." 60s
        expect "enter: release the study"
        expect "unsaved-[b]x[].jsonl"
        expect "It is not a line of a trial"
        press j
        press enter
        expect "Doctor of"
        press k
        press enter
        wait "has died. Removed." 60s
        wait-not "enter: remove what"
        press a
        wait "Fix 2 things?"
        press n
        expect "run by hptui on here"
        expect "run by hptui on there"
        press j
        press j
        press j
        press enter
        wait "do nothing"
        press x
        wait "bytes. Removed." 60s
        expect "A draft of \\x1b[2Jx.db was left by process 7 on [b]h, begun"
        press a
        wait "Fix 1 thing?"
        press m
        wait-not "enter: remove it" 60s
        press a
        press esc
        wait-not "Doctor of"
        """,
        folder,
    )
    assert sorted(os.listdir(study)) == ["scratch", "unsaved-[b]x[].jsonl"]
    assert os.listdir(study / "scratch") == []
    assert not draft.exists()


def test_what_cannot_be_examined_or_mended_says_why(folder: Path) -> None:
    (folder / "wine.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    drive(
        """
        wait "wine"
        press f
        wait "Doctor of wine"
        wait "│  !"
        expect-not "enter mend"
        press esc
        wait-not "Doctor of"
        """,
        folder,
    )


@pytest.mark.parametrize("is_sound", [True, False])
def test_a_file_without_a_study_goes_to_the_trash(is_sound: bool, tmp_path: Path) -> None:
    path = tmp_path / "bare.db"
    path.touch()
    if is_sound:
        StudyFile(path).connection.close()
    (row,) = read_rows(path, is_known=False)
    (finding,) = diagnose(row).findings
    assert (finding.id, finding.remedy) == ("no-study", "move it to the trash")
    assert treat(row, finding).findings == ()
    assert not path.exists()
