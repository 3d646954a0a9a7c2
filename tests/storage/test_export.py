"""Studies written to files: whole, or not at all."""

from __future__ import annotations

import csv
import json
import math
import os
import random
from typing import TYPE_CHECKING

import pytest
from tests.storage.comparison import content_of, plain_optuna
from tests.storage.random_studies import write_study
from tests.storage.study_file import CHOICE, FLOAT, StudyFile

from hptui.errors import StudyFileError, UsageError
from hptui.storage.export import export_study, form_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(1.5, params={"x": (0.25, FLOAT), "=kind": (1, CHOICE)})
        built.add_trial(math.inf, params={"x": (0.5, FLOAT)}, state="COMPLETE")
        built.add_trial(state="RUNNING", reports={3: 0.125})
    return tmp_path / "s.db"


def test_csv(path: Path, tmp_path: Path):
    assert export_study(path, "s", tmp_path / "out.csv") == 3
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["value"] for row in rows] == ["1.5", "inf", ""]
    assert [row["state"] for row in rows] == ["complete", "complete", "running"]
    assert [row["params_x"] for row in rows] == ["0.25", "0.5", ""]
    assert rows[0]["params_=kind"] == "b"


def test_json_lines(path: Path, tmp_path: Path):
    assert export_study(path, "s", tmp_path / "out.JSONL") == 3
    rows = [json.loads(line) for line in (tmp_path / "out.JSONL").read_text().splitlines()]
    assert [row["values"] for row in rows] == [[1.5], ["inf"], [None]]
    assert rows[2]["last_step"] == 3
    assert rows[0]["params"] == {"x": 0.25, "=kind": "b"}


def test_a_study_file(tmp_path: Path):
    storage = plain_optuna(tmp_path / "shared.db")
    for seed, name in enumerate(("one", "two")):
        write_study(storage, random.Random(seed), name)
    storage.remove_session()
    storage.engine.dispose()
    count = export_study(tmp_path / "shared.db", "one", tmp_path / "out.db")
    (copy,) = content_of(tmp_path / "out.db")
    assert copy[1] == "one"
    assert len(copy[5]) == count
    assert {file.name for file in tmp_path.iterdir()} == {"shared.db", "out.db"}


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.db"])
def test_nothing_is_replaced_unless_asked(path: Path, tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(StudyFileError, match="exists already"):
        export_study(path, "s", tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"
    if name != "out.db":
        export_study(path, "s", tmp_path / name, overwrite=True)
        assert "complete" in (tmp_path / name).read_text()
    assert {file.name for file in tmp_path.iterdir()} == {"s.db", name}


def test_a_study_file_is_never_replaced(path: Path):
    before = path.read_bytes()
    with pytest.raises(StudyFileError, match="exists already"):
        export_study(path, "s", path, overwrite=True)
    assert path.read_bytes() == before


def test_a_folder_is_no_target(path: Path, tmp_path: Path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(StudyFileError, match="exists already"):
        export_study(path, "s", tmp_path / "out.csv", overwrite=True)


def test_a_folder_that_is_not_there(path: Path, tmp_path: Path):
    with pytest.raises(StudyFileError, match="the folder does not exist"):
        export_study(path, "s", tmp_path / "none" / "out.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(path: Path, tmp_path: Path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StudyFileError, match="cannot be written: Permission denied"):
        export_study(path, "s", tmp_path / "locked" / "out.csv")


def test_a_study_that_is_not_there(path: Path, tmp_path: Path):
    for name in ("out.csv", "out.db"):
        with pytest.raises(StudyFileError, match="no study"):
            export_study(path, "other", tmp_path / name)
    assert {file.name for file in tmp_path.iterdir()} == {"s.db"}


@pytest.mark.parametrize("name", ["out", "out.xlsx", ".csv", "csv"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="in which form") as refused:
        form_of(tmp_path / name)
    assert ".jsonl" in refused.value.hint
