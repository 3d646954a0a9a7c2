"""Tables that spreadsheets and pandas write come as a person sees them there."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import TrialState
from tests.engine.test_forking import load
from tests.engine.test_importing import write
from tests.storage.study_file import CHOICE, FLOAT, INT, StudyFile

from hptui.cli import main
from hptui.engine.studies.importing import import_into, import_into_new, preview_import
from hptui.errors import UsageError
from hptui.storage.transfer.export import export_study
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from pathlib import Path

FRAME = """\
,number,value,datetime_start,duration,params_k,params_n,params_w,user_attrs_tags,user_attrs_ok,\
system_attrs_constraints:c,state
0,0,1.5,2026-11-27 16:46:06.444767,0 days 00:00:00.47,b,6.0,16.0,"['good', 1]",True,-0.5,COMPLETE
1,1,0.5,2026-11-27 16:46:07.000000,0 days 00:00:00.47,a,2.0,32.0,[],False,0.25,COMPLETE
2,2,,2026-11-27 16:46:08.000000,,,,,,,,FAIL
"""


def test_a_data_frame_with_gaps_comes_back_as_it_was(tmp_path: Path) -> None:
    """In a column with gaps pandas has no integers; constraints tell which trial is the best."""
    frame = write(tmp_path / "frame.csv", FRAME)
    made = load(import_into_new(frame, ImportRequest(), "f", folder=tmp_path).path, "f")
    assert made.trials[0].distributions["n"] == IntDistribution(2, 6)
    assert made.trials[0].params == {"k": "b", "n": 6, "w": 16}
    assert made.trials[0].user_attrs == {"tags": ["good", 1], "ok": True}
    assert [trial.constraints for trial in made.trials] == [{"c": -0.5}, {"c": 0.25}, {}]
    assert made.best_trial.number == 0
    sizes = '{"name": "CategoricalDistribution", "attributes": {"choices": [16, 32]}}'
    with StudyFile(tmp_path / "there.db") as built:
        built.add_study("there")
        built.add_trial(1.0, params={"k": (0, CHOICE), "n": (1, INT), "w": (0, sizes)})
    done = import_into(frame, ImportRequest(), tmp_path / "there.db", "there")
    assert (len(done.plan.trials), done.plan.left_out) == (3, {})
    # What hptui and Optuna write themselves tells floats from integers.
    exact = write(tmp_path / "exact.csv", FRAME.replace(",duration,", ",duration_s,"))
    assert preview_import(exact, ImportRequest(), None).trials[0].params["n"] == 6.0
    assert "n: float 2.0..6.0, from the file" in (
        preview_import(exact, ImportRequest(), None).remarks
    )
    older = write(
        tmp_path / "older.json",
        '[{"x": 1, "value": 1, "system_attrs": {"constraints": [0.5, -1]}, "start": 1795797966444},'
        ' {"x": 2, "value": 2, "constraints": {"c": -1}}]',
    )
    made = load(import_into_new(older, ImportRequest(), "o", folder=tmp_path).path, "o")
    assert [trial.constraints for trial in made.trials] == [{"0": 0.5, "1": -1.0}, {"c": -1.0}]
    assert made.best_trial.number == 1
    assert str(made.trials[0].datetime_start) == "2026-11-27 16:46:06.444000"


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    tables = {
        "semicolons": "\ufeffx;act;value\r\n;;\r\n0,5;a,b;-1,25\r\n\r\n0.75;16,32x;2\r\n;;\r\n",
        "tabs": "x\tact\tvalue\t\t\n0.5\ta,b\t-1.25\t\t\n  \n0.75\t16,32x\t2\t\t\n",
        "commas": 'x,"act",value,,\n0.5,"a,b",-1.25,,\n,,,,\n"0.75","16,32x",2,,\n,,,,\n',
    }
    for name, text in tables.items():
        file = tmp_path / f"{name}.csv"
        file.write_bytes(text.encode())
        done = import_into_new(file, ImportRequest(), name, folder=tmp_path)
        made = load(done.path, name)
        assert [trial.values for trial in made.trials] == [[-1.25], [2.0]]
        assert [trial.params for trial in made.trials] == [
            {"x": 0.5, "act": "a,b"},
            {"x": 0.75, "act": "16,32x"},
        ]
        assert any("1,5 is read as 1.5" in each for each in done.plan.remarks) is (
            name == "semicolons"
        )


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "folder.json"):
        (tmp_path / "folder.json").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="is not a text file"):
            preview_import(tmp_path / name, ImportRequest(), None)


def test_what_is_no_number_makes_no_choice_and_no_value(tmp_path: Path) -> None:
    """Optuna cannot open a study with a value that is not a number."""
    file = write(
        tmp_path / "n.json",
        '[{"x": NaN, "value": 1}, {"x": 2, "value": 3},'
        ' {"x": 3, "value": NaN, "state": "pruned"}, {"x": -Infinity, "value": 4}]',
    )
    done = import_into_new(file, ImportRequest(), "n", folder=tmp_path)
    assert done.plan.left_out == {"x is not in 2..3": 2}
    made = load(done.path, "n")
    assert [(trial.params["x"], trial.values) for trial in made.trials] == [(2, [3.0]), (3, None)]
    assert made.trials[1].state is TrialState.PRUNED


def test_a_parameter_of_the_study_may_be_called_like_what_files_hold(tmp_path: Path) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(
            1.0, params={"start": (0.5, FLOAT), "index": (3, INT), "value_a": (0.1, FLOAT)}
        )
    file = write(tmp_path / "f.csv", "start,index,value_a,value\n0.25,4,0.75,9\n")
    import_into(file, ImportRequest(), tmp_path / "s.db", "s")
    trial = load(tmp_path / "s.db", "s").trials[1]
    assert (trial.params, trial.value) == ({"start": 0.25, "index": 4, "value_a": 0.75}, 9.0)


ODD_CELLS: dict[str, list[Any]] = {
    "datetime": [datetime(2026, 3, 1, 12, tzinfo=UTC), None],
    "date": [date(2026, 3, 1), None],
    "bytes": [b"a\xff", None],
    "Decimal": [Decimal("0.10"), None],
    "list": [[b"a"], None],
}


@pytest.mark.parametrize("kind", ODD_CELLS)
def test_what_json_lacks_is_text_as_an_attribute_and_refused_as_a_parameter(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    plain = {"value": [1.0, 2.0], "params_x": [0.25, 0.5]}
    file, folder = tmp_path / "f.parquet", tmp_path / "studies"
    parquet.write_table(arrow.table({**plain, "user_attrs_odd": ODD_CELLS[kind]}), file)
    made = load(import_into_new(file, ImportRequest(), "f", folder=tmp_path).path, "f")
    texts: dict[str, Any] = {
        "datetime": "2026-03-01T12:00:00+00:00",
        "date": "2026-03-01",
        "bytes": "a\\xff",
        "Decimal": "0.10",
        "list": ["a"],
    }
    assert [trial.user_attrs for trial in made.trials] == [{"odd": texts[kind]}, {}]
    parquet.write_table(arrow.table({**plain, "params_odd": ODD_CELLS[kind]}), file)
    for options in ([], ["--choices", "odd=a|b"]):
        assert main(["import", str(file), "new", *options, "--studies", str(folder)]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "f.parquet, row 1, column params_odd: " in said
        assert f"is a {kind}, and no value of a parameter" in said
        assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [
        ("trial", None, {"specs": {"x": math.inf}}),
        ("trial", None, {"specs": {"x": -1}}),
        ("trial", None, {"specs": {"x": 99}}),
        ("trial", None, {"specs": {"y": 0}}),
        ("trial", None, {"specs": {"x": 0.5}}),
        ("trial", None, {"specs": {"x": True}}),
        ("trial", None, {"reports": [[1, 10**400]]}),
        ("trial", None, {"reports": [[1, 0.5], [1, 0.25]]}),
        ("trial", None, {"reports": [[-1, 0.5]]}),
        ("study", '"high": 1.0', '"high": 1e999'),
        ("study", '"high": 1.0', '"high": 1' + "0" * 400),
        ("study", "FloatDistribution", "Other"),
    ],
)
def test_facts_that_no_export_writes_are_refused(
    tmp_path: Path, column: str, old: str | None, new: Any
) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(1.0, params={"x": (0.5, FLOAT)})
    file = tmp_path / "s.jsonl"
    export_study(tmp_path / "s.db", "s", file)
    trial = json.loads(file.read_text())
    if old is None:
        trial["system_attrs"]["hptui:trial"] = new
    text = json.dumps(trial)
    assert old is None or old in text
    file.write_text(text if old is None else text.replace(old, new))
    with pytest.raises(UsageError) as raised:
        preview_import(file, ImportRequest(), None)
    said = raised.value.message
    assert said == (
        f"s.jsonl, line 1, column system_attrs_hptui:{column} is not what an export writes."
    )


def test_a_choice_may_be_an_integer_that_no_float_holds(tmp_path: Path) -> None:
    huge = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": [10**400, 1]}})
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(1.0, params={"x": (0, huge)})
    export_study(tmp_path / "s.db", "s", tmp_path / "s.jsonl")
    made = import_into_new(tmp_path / "s.jsonl", ImportRequest(), "f", folder=tmp_path)
    assert load(made.path, "f").trials[0].params == {"x": 10**400}
