"""`hptui rename`, `duplicate`, `delete`, `undo` and `export` as a person gives them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e.programs import OBJECTIVES, run, start, wait_until
from tests.storage.study_file import FLOAT, StudyFile
from tests.waiting import DEADLINE_S

from hptui.cli import main
from hptui.storage.read.studies import list_studies, study_names

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studies folder with `one.db`, and `shared.db` with two studies."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    monkeypatch.chdir(tmp_path)
    studies = tmp_path / "studies"
    studies.mkdir()
    for stem, names in (("one", ["one"]), ("shared", ["left", "right"])):
        with StudyFile(studies / f"{stem}.db") as built:
            for name in names:
                study_id = built.add_study(name)
                built.add_trial(0.5, study_id=study_id, params={"x": (0.25, FLOAT)})
    return studies


def names(folder: Path) -> set[tuple[str, str]]:
    return {(study.path.name, study.name) for study in list_studies(folder)}


def test_rename(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["rename", "one", "uno"]) == 0
    assert main(["rename", "shared.db:left", "port"]) == 0
    assert names(folder) == {("uno.db", "uno"), ("shared.db", "port"), ("shared.db", "right")}
    assert "Renamed one to uno." in capsys.readouterr().out


def test_duplicate(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["duplicate", "shared.db:right", "copy", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"study": "copy", "path": str(folder / "copy.db")}
    assert ("copy.db", "copy") in names(folder)


def test_delete_and_undo(folder: Path, capsys: pytest.CaptureFixture[str]):
    before = names(folder)
    assert main(["delete", "one"]) == 0
    assert main(["delete", "shared.db:left"]) == 0
    assert names(folder) == {("shared.db", "right")}
    assert "hptui undo" in capsys.readouterr().out
    assert main(["undo", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["left" in lines[0], "one" in lines[1], len(lines)] == [True, True, 2]
    assert main(["undo", "one"]) == 0
    assert main(["undo"]) == 0
    assert names(folder) == before
    assert capsys.readouterr().out == "Restored one.\nRestored left.\n"


def test_there_may_be_nothing_to_undo(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["undo"]) == 2
    assert "There is nothing in the trash of" in capsys.readouterr().err
    main(["delete", "one"])
    assert main(["undo", "two\x1b[2J"]) == 2
    error = capsys.readouterr().err
    assert "no study " in error
    assert "\x1b" not in error
    assert main(["undo", "--list", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["study"], entry["file"]) == ("one", "one.db")


def test_a_damaged_file_can_be_deleted(folder: Path):
    (folder / "bad.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    assert main(["delete", "bad"]) == 0
    assert not (folder / "bad.db").exists()
    assert main(["undo"]) == 0
    assert (folder / "bad.db").exists()


def test_a_study_that_is_not_there_is_not_deleted(folder: Path, capsys: pytest.CaptureFixture[str]):
    for wrong in ("none", "shared", "shared.db:none", "../none.db"):
        assert main(["delete", wrong]) == 2
    assert len(names(folder)) == 3
    assert "internal error" not in capsys.readouterr().err


def test_export(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("out.csv", "out.jsonl", "out.db"):
        assert main(["export", "one", name]) == 0
        assert (tmp_path / name).exists()
    assert capsys.readouterr().out.splitlines()[0] == "Wrote 1 trial to out.csv."
    assert study_names(tmp_path / "out.db") == ["one"]
    main(["trials", "one", "--csv"])
    assert _without_exact(_rows(tmp_path / "out.csv")) == _rows_of(capsys.readouterr().out)
    main(["trials", "one", "--json"])
    exported = json.loads((tmp_path / "out.jsonl").read_text())
    assert _without_exact([exported.pop("system_attrs")]) == [{}]
    assert exported == json.loads(capsys.readouterr().out)


def _rows(path: Path) -> list[dict[str, str]]:
    return _rows_of(path.read_text())


def _rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _without_exact(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what is there for the import alone."""
    return [{key: row[key] for key in row if "hptui:" not in key} for row in rows]


def test_export_refuses_before_it_looks_for_the_study(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["export", "none", "out.xlsx"]) == 2
    assert "does not tell the format" in capsys.readouterr().err
    (tmp_path / "out.csv").write_text("mine")
    assert main(["export", "one", "out.csv"]) == 2
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert main(["export", "one", "out.csv", "--overwrite"]) == 0


def test_a_real_run_is_left_alone_and_can_be_copied(tmp_path: Path):
    target = f"{OBJECTIVES}:waiting"
    engine = start("run", target, "--study", "s", "--jobs", "1", "--quiet", cwd=tmp_path)
    try:
        wait_until(lambda: (tmp_path / "started-0").exists(), "a running trial")
        refused = [run(*words, cwd=tmp_path) for words in (("rename", "s", "t"), ("delete", "s"))]
        copied, _, _ = run("duplicate", "s", "copy", cwd=tmp_path)
        run("stop", "s", "--now", cwd=tmp_path)
        engine.communicate(timeout=DEADLINE_S)
    finally:
        engine.kill()
        engine.communicate()
    assert [code for code, _, _ in refused] == [1, 1]
    assert all(f"s is being run by process {engine.pid}" in error for _, _, error in refused)
    assert copied == 0
    assert run("rename", "s", "t", cwd=tmp_path)[0] == 0
    assert study_names(tmp_path / "t.db") == ["t"]
    assert study_names(tmp_path / "copy.db") == ["copy"]
    assert not (tmp_path / "s.hptui").exists()
    assert not (tmp_path / "s.hptui").exists()
