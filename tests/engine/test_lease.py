"""Who runs a study, and how a dead engine's lease is recognised."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.leases import leave_lease

from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.recovery.lease import (
    Lease,
    folder_of,
    hold_study,
    read_lease,
    take_lease,
)
from hptui.engine.studies.held_study import locked_study
from hptui.errors import StudyBusyError
from hptui.storage.files.leases import living_runs, start_time

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Path, Lease]:
    file = tmp_path / "digits.db"
    file.touch()
    return file, Lease.of_this_process("digits", "run1", tmp_path / "s")


def test_a_second_engine_is_refused_and_told_who_holds_the_study(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    take_lease(file, lease)
    with pytest.raises(StudyBusyError, match=f"process {os.getpid()}"):
        take_lease(file, replace(lease, run="run2"))
    assert read_lease(file, "digits") == lease


def test_a_released_study_can_be_taken_again(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    take_lease(file, lease).release()
    assert read_lease(file, "digits") is None
    take_lease(file, lease)


@pytest.mark.parametrize(
    "left",
    [{"started": "1"}, {"boot": "another-boot"}, {"pid": 2**22 - 1}],
    ids=["the pid belongs to another process now", "the machine was restarted", "no such process"],
)
def test_a_dead_engines_lease_is_taken_over(
    mine: tuple[Path, Lease], left: dict[str, object]
) -> None:
    file, lease = mine
    dead = replace(lease, **left)  # pyright: ignore[reportArgumentType]
    leave_lease(file, dead)
    assert read_lease(file, "digits") == dead
    take_lease(file, lease)
    assert read_lease(file, "digits") == lease


def test_an_engine_on_another_machine_counts_as_alive(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    leave_lease(file, replace(lease, host="elsewhere", boot="another", pid=2**22 - 1))
    with pytest.raises(StudyBusyError, match="on elsewhere") as refused:
        take_lease(file, lease)
    assert "engine.json" in refused.value.hint


def test_a_broken_lease_file_counts_as_none(mine: tuple[Path, Lease]) -> None:
    file, _lease = mine
    folder = folder_of(file, "digits")
    folder.mkdir()
    for text in ("", "{", "[]", json.dumps({"pid": "x"}), "null"):
        (folder / "engine.json").write_text(text)
        assert read_lease(file, "digits") is None


def test_studies_that_share_a_file_have_leases_of_their_own(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    take_lease(file, lease)
    take_lease(file, replace(lease, study="other / study"))
    assert living_runs(file).runs == {lease.run}


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(child.pid) is None
    child.wait()


def test_who_begins_waits_for_a_command_that_changes_the_study(
    mine: tuple[Path, Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, lease = mine
    with locked_study(file, "digits"):
        assert running_engine(file, "digits") is None, "it listens nowhere"
        with pytest.raises(StudyBusyError, match="is being changed by process"):
            take_lease(file, lease, patience_s=0.0)
        with pytest.raises(StudyBusyError):
            take_lease(file, lease, patience_s=0.01)
    command = contextlib.ExitStack()
    command.enter_context(locked_study(file, "digits"))

    # The command ends while it is waited for.
    def release(_: float) -> None:
        command.close()

    monkeypatch.setattr("hptui.engine.recovery.lease.time.sleep", release)
    take_lease(file, lease, patience_s=60.0)
    assert running_engine(file, "digits") == lease


def test_nobody_waits_for_an_engine(
    mine: tuple[Path, Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, lease = mine
    take_lease(file, lease)

    def fail(_: float) -> None:
        pytest.fail("it waits")

    monkeypatch.setattr("hptui.engine.recovery.lease.time.sleep", fail)
    with pytest.raises(StudyBusyError, match="is being run by process"):
        take_lease(file, lease, patience_s=60.0)


def test_a_folder_that_vanishes_meanwhile_is_made_again(
    mine: tuple[Path, Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, lease = mine
    folder = folder_of(file, "digits")
    write, times = os.open, iter(range(3))

    def vanishes(path: Path, flags: int, mode: int = 0o777) -> int:
        if path.parent == folder and next(times, None) is not None:
            folder.rmdir()
        return write(path, flags, mode)

    monkeypatch.setattr("hptui.engine.recovery.lease.os.open", vanishes)
    take_lease(file, lease)
    monkeypatch.undo()
    assert read_lease(file, "digits") == lease


def test_a_command_leaves_no_folder_behind(mine: tuple[Path, Lease]) -> None:
    file, _ = mine
    for study in ("digits", "other"):
        with locked_study(file, study):
            assert folder_of(file, study).is_dir()
        assert os.listdir(file.parent) == [file.name]


def test_an_earlier_folder_goes_to_its_file_when_the_study_is_held(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.touch()
    (tmp_path / "x.hptui" / "logs").mkdir(parents=True)
    with locked_study(file, "x") as claim:
        assert (claim.folder / "logs").is_dir()
    assert sorted(os.listdir(tmp_path)) == ["x.sqlite3", "x.sqlite3-hptui"]


def test_a_machine_that_got_another_name_is_still_this_one(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    leave_lease(file, replace(lease, host="renamed"))
    found = read_lease(file, "digits")
    assert found is not None
    assert (found.is_here, found.is_alive) == (True, True)
    assert running_engine(file, "digits") == found
    leave_lease(file, replace(lease, host="renamed", started="1"))
    take_lease(file, lease)


def test_a_pid_of_another_container_tells_nothing(mine: tuple[Path, Lease]) -> None:
    file, lease = mine
    leave_lease(file, replace(lease, host="container", namespace="1"))
    assert running_engine(file, "digits") is None
    hold = hold_study(file, lease)
    found = running_engine(file, "digits")
    assert found is not None
    assert (found.host, found.is_here) == ("container", True)
    assert living_runs(file).runs == {"run1"}
    hold.release()
    assert living_runs(file).runs == frozenset()


def test_who_holds_a_study_without_a_lease_is_respected(mine: tuple[Path, Lease]) -> None:
    """As an engine of another user, or one whose folder has just been removed."""
    file, lease = mine
    hold = hold_study(file, lease)
    for left in (None, replace(lease, started="1")):
        if left is not None:
            leave_lease(file, left)
        with pytest.raises(StudyBusyError, match="held by another process"):
            take_lease(file, lease)
        with pytest.raises(StudyBusyError, match="held by another process"):
            ask_engine(file, "digits", {"op": "status"})
        assert living_runs(file).may_run("digits")
        assert not living_runs(file).may_run("other")
    hold.release()
    assert not living_runs(file).may_run("digits")


@pytest.mark.parametrize("change", [{"study": "other"}, {"inode": 1}])
def test_the_lease_of_another_study_is_none(
    mine: tuple[Path, Lease], change: dict[str, object]
) -> None:
    file, lease = mine
    leave_lease(file, lease)
    assert running_engine(file, "digits") == lease
    path = folder_of(file, "digits") / "engine.json"
    path.write_text(json.dumps(lease.to_json() | change))
    assert read_lease(file, "digits") is None
