"""Studies written to files: whole, or not at all."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.comparison import content_of, plain_optuna
from tests.storage.random_studies import write_study
from tests.storage.study_file import CHOICE, FLOAT, INT, START_S, StudyFile, leave_stale_trial

from hptui.domain.export_forms import EXPORT_FORMS, form_of
from hptui.errors import MissingExtraError, StudyFileError, UsageError
from hptui.storage.transfer.export import export_study

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from hptui.storage.read.study_reader import StudyReader


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(1.5, params={"x": (0.25, FLOAT), "=kind": (1, CHOICE)})
        built.add_trial(math.inf, params={"x": (0.5, FLOAT)}, state="COMPLETE")
        built.add_trial(state="RUNNING", reports={3: 0.125})
    return tmp_path / "s.db"


def test_what_an_import_will_leave_out_is_told(path: Path, tmp_path: Path):
    with StudyFile(path) as file:
        leave_stale_trial(file)
    told: list[str] = []
    export_study(path, "s", tmp_path / "out.csv", tell=told.append)
    assert told == [
        "1 trial still runs; an import skips trials that have not ended.",
        "1 trial is stale (its engine died); an import skips trials that have not ended.",
    ]


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


def first_row(reader: StudyReader) -> npt.NDArray[np.bool_]:
    return reader.trials.numbers == 0


def parquet_rows(file: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The types of a Parquet file's columns, and its rows, as another program reads them."""
    table = import_module("pyarrow.parquet").read_table(file)
    return {each.name: str(each.type) for each in table.schema}, table.to_pylist()


def test_parquet_has_types(path: Path, tmp_path: Path):
    assert export_study(path, "s", tmp_path / "out.parquet") == 3
    types, rows = parquet_rows(tmp_path / "out.parquet")
    assert types == {
        "number": "int64",
        "state": "string",
        "value": "double",
        "feasible": "bool",
        "datetime_start": "timestamp[us, tz=UTC]",
        "datetime_complete": "timestamp[us, tz=UTC]",
        "duration_s": "double",
        "last_step": "int64",
        "last_value": "double",
        "params_x": "double",
        "params_=kind": "string",
        "system_attrs_hptui:trial": "string",
    }
    assert [row["value"] for row in rows] == [1.5, math.inf, None]
    assert [row["state"] for row in rows] == ["complete", "complete", "running"]
    assert [row["params_x"] for row in rows] == [0.25, 0.5, None]
    assert [row["params_=kind"] for row in rows] == ["b", None, None]
    assert [(row["last_step"], row["last_value"]) for row in rows][1:] == [(None, None), (3, 0.125)]
    assert rows[0]["datetime_start"] == datetime.fromtimestamp(START_S, UTC)
    assert (rows[0]["duration_s"], rows[2]["datetime_complete"]) == (2.5, None)


def test_attributes_in_parquet_have_types(tmp_path: Path):
    found: list[dict[str, Any]] = [
        {"n": 1, "share": 0.5, "yes": True, "text": "=a", "odd": [1], "none": None},
        {"n": 2, "share": 1, "odd": "[1]"},
        {},
    ]
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for each in found:
            built.add_trial(1.0, user_attributes=each, attributes={"constraints:c": len(each) - 2})
    export_study(tmp_path / "s.db", "s", tmp_path / "out.parquet")
    types, rows = parquet_rows(tmp_path / "out.parquet")
    prefix = "user_attrs_"
    read = [
        {name.removeprefix(prefix): row[name] for name in types if name.startswith(prefix)}
        for row in rows
    ]
    assert read == [
        {"n": 1, "none": None, "odd": "[1]", "share": 0.5, "text": "=a", "yes": True},
        {"n": 2, "none": None, "odd": '"[1]"', "share": 1.0, "text": None, "yes": None},
        {"n": None, "none": None, "odd": None, "share": None, "text": None, "yes": None},
    ]
    kinds = {"n": "int64", "odd": "string", "share": "double", "text": "string", "yes": "bool"}
    assert {name: types[f"{prefix}{name}"] for name in kinds} == kinds
    assert [row["constraints_c"] for row in rows] == [4.0, 1.0, -2.0]


def test_attributes_that_cannot_be_read_end_no_export(tmp_path: Path):
    path, deep = tmp_path / "s.db", "[" * 700 + "]" * 700
    with StudyFile(path) as built:
        built.add_study("s")
        trial_id = built.add_trial(1.0, user_attributes={"ok": 1}, attributes={"constraints": "a"})
        bad = {"deep": deep, "no json": "{", "long": f'"{"x" * 100_001}"', "bytes": b"\xff\xfe"}
        for key, text in bad.items():
            statement = "INSERT INTO trial_user_attributes (trial_id, key, value_json)"
            built.run(f"{statement} VALUES (?, ?, ?)", trial_id, key, text)
    for ending in ("csv", "jsonl", "parquet"):
        said: list[str] = []
        assert export_study(path, "s", tmp_path / f"out.{ending}", tell=said.append) == 1
        assert said == ["Attributes that are not JSON are left out: 3."]
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["user_attrs"] == {"long": "x" * 100_001, "ok": 1}
    with (tmp_path / "out.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    attributes = {name: cell for name, cell in row.items() if name.startswith("user_attrs_")}
    assert {name: cell for name, cell in attributes.items() if cell} == {
        "user_attrs_ok": "1",
        "user_attrs_long": json.dumps("x" * 100_001),
    }


def test_a_table_has_no_column_for_each_of_thousands_of_attributes(tmp_path: Path):
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for part in range(2):
            built.add_trial(1.0, user_attributes={f"{part}-{at}": at for at in range(501)})
    for ending in ("csv", "parquet"):
        with pytest.raises(UsageError, match="more than 1,000 different user attributes"):
            export_study(tmp_path / "s.db", "s", tmp_path / f"out.{ending}")
        assert not (tmp_path / f"out.{ending}").exists()
    assert export_study(tmp_path / "s.db", "s", tmp_path / "out.jsonl") == 2
    assert (tmp_path / "out.jsonl").read_text().count('"1-500": 500') == 1


def test_a_study_that_another_one_has_replaced_is_not_mixed_with_it(path: Path, tmp_path: Path):
    def replace(reader: StudyReader) -> npt.NDArray[np.bool_]:
        with StudyFile(path) as built:
            built.delete_study(1)
            built.add_study("s", hptui_study={"token": "another"})
            built.add_trial(9.0, user_attributes={"whose": "another's"})
        return reader.trials.numbers >= 0

    with pytest.raises(StudyFileError, match="deleted or replaced"):
        export_study(path, "s", tmp_path / "out.jsonl", choose=replace)
    assert not (tmp_path / "out.jsonl").exists()


def choice(*choices: object) -> str:
    return json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": choices}})


@pytest.mark.parametrize(
    ("stored", "kind", "read"),
    [
        ([(7, INT), (9, INT)], "int64", [7, 9]),
        ([(7, INT), (0.5, FLOAT)], "double", [7.0, 0.5]),
        ([(0, choice(True, False)), (1, choice(True, False))], "bool", [True, False]),
        ([(1, choice(16, 32)), (0, choice(2**62, 8))], "int64", [32, 2**62]),
        ([(0, choice(2**70, 8)), (1, choice(2**70, 8))], "string", [str(2**70), "8"]),
        ([(1, choice(1, 0.5)), (0, choice(1, 0.5))], "double", [0.5, 1.0]),
        ([(0, choice("1", 1)), (1, choice("1", 1))], "string", ['"1"', "1"]),
        ([(0, choice("=a", None)), (1, choice("=a", None))], "string", ["=a", None]),
        ([(0, choice("a")), (0.5, FLOAT)], "string", ["a", "0.5"]),
        ([(0, choice("\ud800é"))], "string", ["\\ud800é"]),
        ([(0, choice(None))], "null", [None]),
    ],
)
def test_a_parameter_in_parquet_is_what_its_values_are(
    tmp_path: Path, stored: list[tuple[object, str]], kind: str, read: list[object]
):
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for each in stored:
            built.add_trial(1.0, params={"p": each})
        built.add_trial(1.0)
    export_study(tmp_path / "s.db", "s", tmp_path / "out.parquet")
    types, rows = parquet_rows(tmp_path / "out.parquet")
    assert types["params_p"] == kind
    assert [row["params_p"] for row in rows] == [*read, None]
    assert [type(row["params_p"]) for row in rows[:-1]] == [type(each) for each in read]


def test_parquet_without_its_package_says_what_to_install(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # None in the place of a module is one that cannot be found.
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hptui\[parquet\]'"):
        export_study(path, "s", tmp_path / "out.parquet")
    assert {file.name for file in tmp_path.iterdir()} == {"s.db"}


def test_a_disk_that_is_full_gets_a_sentence_and_leaves_nothing(path: Path, tmp_path: Path):
    # The limit on the size of files stands for a disk: writing fails half-way.
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from hptui.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "print([main(['export', sys.argv[1], target]) for target in sys.argv[2:]])"
    )
    targets = [str(tmp_path / f"out{form.suffix}") for form in EXPORT_FORMS]
    done = subprocess.run(
        # Compiled modules must not be cut at the limit too.
        [sys.executable, "-B", "-c", code, str(path), *targets],
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(json.loads(done.stdout)) <= {1, 2}
    said = [line for line in done.stderr.splitlines() if line.startswith("hptui: ")]
    assert len(said) == len(targets)
    assert "internal error" not in done.stderr
    assert all("File too large" in line for line in said[:-1])
    assert {file.name for file in tmp_path.iterdir()} == {"s.db"}


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


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.py", "out.db"])
def test_nothing_is_replaced_unless_asked(path: Path, tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(StudyFileError, match="already exists"):
        export_study(path, "s", tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"
    if name != "out.db":
        export_study(path, "s", tmp_path / name, overwrite=True, choose=first_row)
        assert (tmp_path / name).read_bytes() != b"mine"
    assert {file.name for file in tmp_path.iterdir()} == {"s.db", name}


def test_a_study_file_is_never_replaced(path: Path):
    before = path.read_bytes()
    with pytest.raises(StudyFileError, match="already exists"):
        export_study(path, "s", path, overwrite=True)
    assert path.read_bytes() == before


def test_a_folder_is_no_target(path: Path, tmp_path: Path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(StudyFileError, match="is a folder, and is not replaced"):
        export_study(path, "s", tmp_path / "out.csv", overwrite=True)


def test_a_pipe_or_a_device_is_no_target(path: Path, tmp_path: Path):
    os.mkfifo(tmp_path / "out.csv")
    with pytest.raises(StudyFileError, match="is no regular file, and is not replaced"):
        export_study(path, "s", tmp_path / "out.csv", overwrite=True)
    assert (tmp_path / "out.csv").is_fifo()


def test_a_link_stays_and_what_it_leads_to_is_replaced(path: Path, tmp_path: Path):
    real = tmp_path / "elsewhere" / "real.csv"
    real.parent.mkdir()
    real.write_text("mine")
    for name, leads_to in (("out.csv", real), ("new.csv", tmp_path / "elsewhere" / "new.csv")):
        (tmp_path / name).symlink_to(leads_to)
        export_study(path, "s", tmp_path / name, overwrite=True)
        assert (tmp_path / name).is_symlink()
        assert leads_to.read_bytes().startswith(b"number,")
    (tmp_path / "study.csv").symlink_to(path)
    before = path.read_bytes()
    with pytest.raises(StudyFileError, match="databases are never replaced"):
        export_study(path, "s", tmp_path / "study.csv", overwrite=True)
    assert path.read_bytes() == before


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
    with pytest.raises(UsageError, match="does not tell the format") as refused:
        form_of(tmp_path / name)
    assert ".jsonl" in refused.value.hint
