"""A dry run refuses what the command itself refuses: the same sentence and exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.comparison import everything
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli import main
from hptui.engine.recovery.lease import Lease, take_lease
from hptui.ui.studies import study_actions

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Studies `one`, `two` and `bare` (no trial has ended), `run` (an engine has it), and files."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, objective in (("one", "a"), ("two", "b"), ("bare", "a"), ("run", "a")):
        with StudyFile(tmp_path / f"{name}.db") as built:
            ref = {"kind": "file", "target": f"/{objective}.py", "attribute": "f", "name": "f"}
            built.add_study(name, hptui_study={"token": name, "objective": ref})
            for i in range(0 if name == "bare" else 3):
                built.add_trial(float(i), params={"x": (i / 4, FLOAT)})
            built.add_trial(state="RUNNING", params={"x": (0.5, FLOAT)})
    (tmp_path / "way.hptui").mkdir()
    (tmp_path / "way.hptui" / "notes.txt").touch()
    (tmp_path / "left.db-wal").write_bytes(b"x")
    (tmp_path / "new.csv").write_text("x,value\n0.1,1.5\n")
    (tmp_path / "out.csv").write_text("x,value\n9.5,1.5\n")
    lease = Lease.of_this_process("run", "id", tmp_path / "no.sock")
    hold = take_lease(tmp_path / "run.db", lease)
    yield tmp_path
    hold.release()


@pytest.mark.parametrize(
    "arguments",
    [
        "fork one two",
        "fork one ../up",
        "fork one way",
        "fork one left",
        "fork one new --storage no/such/folder.db",
        "fork one two --storage two.db",
        "fork one new --storage new.csv",
        "fork one new --space x=0.9..1.0",
        "fork one new --filter state:failed",
        "fork one new --objectives 1",
        "fork none new",
        "fork bare new",
        "merge one two --into new",
        "merge one two --into two --any-objective",
        "merge one two --into ../up --any-objective",
        "merge one two --into way --any-objective",
        "merge one two --into new --any-objective --storage no/such/folder.db",
        "merge one two --into two --any-objective --storage two.db",
        "merge one one --into new",
        "merge one --into new",
        "merge bare none --into new",
        "import new.csv run",
        "import out.csv one",
        "import none.csv one",
        "import new.csv ../up",
        "import new.csv way",
        "import new.csv left",
        "import new.csv new --storage no/such/folder.db",
        "import new.csv one --value nowhere",
    ],
)
def test_it_is_refused_alike(
    arguments: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(folder)
    code = main([*arguments.split(), "--dry-run"])
    out, err = capsys.readouterr()
    assert (code, out) in ((1, ""), (2, "")), "the dry run was not refused"
    assert everything(folder) == before
    assert (main(arguments.split()), *capsys.readouterr()) == (code, out, err)


def test_rows_that_are_there_already_are_refused_alike(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "new.csv", "one"]) == 0
    capsys.readouterr()
    assert main(["import", "new.csv", "one", "--dry-run"]) == 2
    refused = capsys.readouterr().err
    assert "is in one already" in refused
    assert main(["import", "new.csv", "one"]) == 2
    assert capsys.readouterr().err == refused


def test_forms_of_the_application_know_what_is_in_the_way(folder: Path) -> None:
    told = study_actions.name_problem(folder, "", "way")
    assert told is not None
    assert "is in the way" in told
    assert study_actions.name_problem(folder, "", "free") is None
