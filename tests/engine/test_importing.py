"""Trials come from files of text as they were, or the file is refused with the place named."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.cli import _format_output
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study._dataframe import _create_records_and_aggregate_column, _flatten_columns
from optuna.trial import TrialState
from tests.analysis.plain_studies import tuned
from tests.engine.test_forking import load, system_attrs
from tests.storage.comparison import everything
from tests.storage.study_file import CHOICE, FLOAT, INT, StudyFile

from hptui.cli import main
from hptui.domain.study_ref import StudyRef
from hptui.engine.recovery.lease import Lease, take_lease
from hptui.engine.studies.importing import import_into, import_into_new, preview_import
from hptui.errors import StudyBusyError, UsageError
from hptui.storage.transfer.export import export_study
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ODD = json.dumps(
    {
        "name": "CategoricalDistribution",
        "attributes": {"choices": ["=sum", "1", 1, True, "a,b\n", 0.5]},
    }
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with trials in every state, conditional parameters and odd choices."""
    path = tmp_path_factory.mktemp("source") / "s.db"
    with StudyFile(path) as built:
        for name in ("s", "empty"):
            built.add_study(name, ("MAXIMIZE",))
        built.run("BEGIN")
        for i in range(24):
            params = {"x": (i / 24, FLOAT), "n": (1 + i % 9, INT), "odd": (i % 6, ODD)}
            if i % 2:
                params["k"] = (i % 3, CHOICE)
            state = ("COMPLETE", "COMPLETE", "PRUNED", "FAIL")[i % 4]
            value = None if state == "FAIL" else math.inf if i == 9 else i / 7
            reports = {5: i / 7} if state == "PRUNED" else {}
            attributes = {"constraints:c": float(i - 20)}
            built.add_trial(
                value, state=state, params=params, reports=reports, attributes=attributes
            )
        built.run("COMMIT")
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_was_exported_comes_back_the_same(source: Path, tmp_path: Path, ending: str) -> None:
    first = tmp_path / f"first.{ending}"
    export_study(source, "s", first)
    with StudyFile(tmp_path / "there.db") as built:
        built.add_study("other", ("MAXIMIZE",))
        built.add_trial(1.0)
    request = ImportRequest(directions=("maximize",))
    for target in (None, tmp_path / "there.db"):
        done = import_into_new(first, request, "again", folder=tmp_path, target=target)
        assert (len(done.plan.trials), done.plan.left_out) == (24, {})
        again = tmp_path / f"again-{target is None}.{ending}"
        export_study(done.path, "again", again)
        assert again.read_text() == first.read_text()
    made = load(tmp_path / "again.db", "again")
    assert made.direction.name == "MAXIMIZE"
    assert made.trials[23].state is TrialState.FAIL
    assert [trial.number for trial in made.trials if not feasible(trial)] == [21, 22, 23]
    assert made.trials[2].intermediate_values == {5: 2 / 7}
    assert made.trials[3].system_attrs["hptui:imported_from"]["file"] == first.name


ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"text": "plain words, with a comma", "n": 3, "share": -0.5, "none": None, "yes": True},
    {"text": "=1+1", "list": [1, {"a": None}], "hptui:tags": ["good", "a,b"]},
    {"text": "'=1+1", "n": "3", "yes": "true", "none": "null", "list": "[1]"},
    {"text": 'two\nlines \x1b[31m "é\ud800', "n": "", "share": " 7", "yes": "NaN", "none": "-x"},
    {"big": "x" * 99_000, "n": 2**70, "text": "True", "list": "(1, 'a')"},
    {},
)
CONSTRAINTS: tuple[dict[str, float], ...] = (
    {"a": -1.0, "b": 0.5},
    {"a": 0.0},
    {"a": math.inf},
    {},
    {"b": -2.0},
    {},
)


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("attributed") / "s.db"
    with StudyFile(path) as built:
        built.add_study("s")
        for at, (attributes, constraints) in enumerate(zip(ATTRIBUTES, CONSTRAINTS, strict=True)):
            built.add_trial(
                float(at),
                params={"x": (at / 8, FLOAT)},
                user_attributes=attributes,
                attributes={f"constraints:{name}": each for name, each in constraints.items()},
            )
        # The form in which older versions of Optuna kept them.
        built.add_trial(7.0, params={"x": (0.9, FLOAT)}, attributes={"constraints": [0.0, -1.5]})
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_user_attributes_and_constraints_come_back_the_same(
    attributed: Path, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"file.{ending}"
    assert export_study(attributed, "s", file) == 7
    done = import_into_new(file, ImportRequest(), "again", folder=tmp_path)
    made = load(done.path, "again").trials
    assert [trial.user_attrs for trial in made] == [*ATTRIBUTES, {}]
    prefix = "constraints:"
    assert [
        {
            key.removeprefix(prefix): value
            for key, value in trial.system_attrs.items()
            if key.startswith(prefix)
        }
        for trial in made
    ] == [*CONSTRAINTS, {"0": 0.0, "1": -1.5}]
    again = tmp_path / f"again.{ending}"
    export_study(done.path, "again", again)
    assert again.read_text() == file.read_text()


def test_columns_of_attributes_are_called_as_optuna_calls_them(
    attributed: Path, tmp_path: Path
) -> None:
    export_study(attributed, "s", tmp_path / "file.csv")
    with (tmp_path / "file.csv").open(newline="") as stream:
        header = next(csv.reader(stream))
    study = load(attributed, "s")
    _, columns = _create_records_and_aggregate_column(study, ("user_attrs",))
    assert set(_flatten_columns(columns)) == {
        column for column in header if column.startswith("user_attrs_")
    }
    assert header[-6:-2] == ["constraints_0", "constraints_1", "constraints_a", "constraints_b"]
    assert header[-2:] == ["system_attrs_hptui:study", "system_attrs_hptui:trial"]


def feasible(trial: optuna.trial.FrozenTrial) -> bool:
    return all(value <= 0 for value in trial.constraints.values())


def test_the_space_is_the_studys_or_what_the_file_shows(source: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.csv"
    export_study(source, "s", first)
    known = preview_import(first, ImportRequest(again=True), StudyRef(source, "s"))
    assert known.remarks == ()
    assert known.trials[5].params["odd"] == 5
    shown = preview_import(first, ImportRequest(directions=("maximize",)), None)
    assert shown.remarks[:2] == (
        "x: float 0.0..1.0, from the file",
        "n: int 1..9, from the file",
    )
    with StudyFile(tmp_path / "narrow.db") as built:
        built.add_study("narrow", ("MAXIMIZE",))
        half = FLOAT.replace("1.0", "0.5")
        built.add_trial(1.0, params={"x": (0.1, half), "n": (1, INT), "odd": (0, ODD)})
        built.add_trial(1.0, params={"k": (0, CHOICE.replace('"b", ', ""))})
    narrow = tmp_path / "narrow.db"
    done = import_into(first, ImportRequest(states=("COMPLETE",)), narrow, "narrow")
    assert done.plan.left_out["in the state fail"] == 6
    assert done.plan.left_out["x is not in 0.0..0.5"] == 5
    assert done.plan.left_out["k: choice b is not one of a, None"] == 1
    made = load(narrow, "narrow")
    assert [trial.number for trial in made.trials] == list(range(2 + len(done.plan.trials)))
    space = optuna.search_space.intersection_search_space(made.trials[2:])
    assert space["x"] == FloatDistribution(0, 0.5)


def test_what_optuna_writes_is_read(tmp_path: Path) -> None:
    plain = tuned(tmp_path / "plain.db", n_trials=14).study
    attrs = ("number", "value", "datetime_start", "datetime_complete", "duration", "params")
    more = ("user_attrs", "system_attrs", "state")
    records, columns = _create_records_and_aggregate_column(plain, (*attrs, *more))
    with (tmp_path / "frame.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["", *_flatten_columns(columns)])
        for index, record in enumerate(records):
            cells = [record.get(column) for column in columns]
            writer.writerow([index, *("" if cell is None else cell for cell in cells)])
    several = tuned(tmp_path / "several.db", n_objectives=2, n_trials=3).study
    both = ("number", "values", "params", "state", "datetime_start")
    listed = _create_records_and_aggregate_column(several, both)
    write(tmp_path / "several.json", _format_output(*listed, "json", False))
    write(tmp_path / "flat.json", _format_output(*listed, "json", True))

    frame = import_into_new(tmp_path / "frame.csv", ImportRequest(), "frame", folder=tmp_path)
    assert sum(frame.plan.left_out.values()) == 0
    for was, now in zip(plain.trials, load(frame.path, "frame").trials, strict=True):
        assert (now.state, now.datetime_start) == (was.state, was.datetime_start)
        assert now.values == was.values or was.state is TrialState.FAIL
        # A frame has the choice None as it has what is not there.
        assert now.params == {k: v for k, v in was.params.items() if v is not None}
        assert now.datetime_complete == was.datetime_complete
    for name in ("several", "flat"):
        done = import_into_new(
            tmp_path / f"{name}.json", ImportRequest(), f"{name}-2", folder=tmp_path
        )
        made = load(done.path, f"{name}-2")
        assert [trial.values for trial in made.trials] == [trial.values for trial in several.trials]
        assert [trial.params for trial in made.trials] == [trial.params for trial in several.trials]


def test_a_plain_table(tmp_path: Path) -> None:
    table = write(
        tmp_path / "table.csv",
        "\ufeffid,lr,batch,act,accuracy,who\n7,1e-3,16,relu,0.9,me\n8,0.1,32,none,,you\n"
        "9,0.5,64,relu,0.7,me\n",
    )
    options = ["--value", "accuracy", "--map", "who=attr:author", "--map", "id=skip"]
    space = ["--space", "lr=1e-4..0.2:log", "--choices", "batch=16|32|64"]
    folder = ["--studies", str(tmp_path), "--direction", "maximize"]
    assert main(["import", str(table), "table", *options, *space, *folder]) == 0
    made = load(tmp_path / "table.db", "table")
    assert [trial.state.name for trial in made.trials] == ["COMPLETE", "FAIL"]
    assert made.trials[0].params == {"lr": 1e-3, "batch": 16, "act": "relu"}
    assert made.trials[0].distributions == {
        "lr": FloatDistribution(1e-4, 0.2, log=True),
        "batch": CategoricalDistribution((16, 32, 64)),
        "act": CategoricalDistribution(("relu", None)),
    }
    assert made.trials[1].user_attrs == {"author": "you"}
    assert made.best_value == 0.9
    numbers = write(
        tmp_path / "n.json", '[{"a": 3, "b": null, "value": 1}, {"a": 5, "b": 2.5, "value": 2}]'
    )
    done = import_into_new(numbers, ImportRequest(), "n", folder=tmp_path)
    assert load(done.path, "n").trials[1].distributions == {
        "a": IntDistribution(3, 5),
        "b": FloatDistribution(2.5, 2.5),
    }
    assert load(done.path, "n").trials[0].params == {"a": 3}


def test_parameters_can_be_enqueued(source: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.csv"
    export_study(source, "s", first)
    request = ImportRequest(as_waiting=True, states=("COMPLETE",), directions=("maximize",))
    done = import_into_new(first, request, "todo", folder=tmp_path)
    made = load(done.path, "todo")
    assert {trial.state for trial in made.trials} == {TrialState.WAITING}
    assert made.trials[1].system_attrs["fixed_params"] == {
        "x": 1 / 24,
        "n": 2,
        "odd": "1",
        "k": "b",
    }
    assert made.ask().suggest_int("n", 1, 9) == 1
    # More of the same come behind when asked, and the engine's lease keeps results away.
    import_into(first, replace(request, again=True), done.path, "todo")
    assert len(load(done.path, "todo").trials) == 24
    lease = Lease.of_this_process("todo", "abcd", tmp_path / "socket")
    take_lease(done.path, lease)
    with pytest.raises(StudyBusyError, match="runs now") as caught:
        import_into(first, ImportRequest(), done.path, "todo")
    assert "--as waiting" in caught.value.hint
    assert len(load(done.path, "todo").trials) == 24


@pytest.mark.parametrize(
    ("name", "text", "options", "sentence"),
    [
        ("f.txt", "x,value\n1,2\n", [], "The name f.txt does not tell the format"),
        ("f.csv", "", [], "f.csv holds no trial"),
        ("f.csv", "x,value\n", [], "f.csv holds no trial"),
        ("f.csv", "x,value\n1,2\n1\n", [], "f.csv, line 3 has 1 cells, and the header has 2"),
        ("f.csv", 'x,value\n"1,2\n', [], "f.csv, line 2: unexpected end of data"),
        ("f.csv", "x,x,value\n1,2,3\n", [], "line 1: the column 'x' comes twice"),
        ("f.csv", "x,value\n1,two\n", [], "line 2, column value: 'two' is not a number"),
        ("f.csv", "x,value,state\n1,2,done\n", [], "line 2, column state: 'done' is not a state"),
        ("f.csv", "x,value,state\n1,nan,complete\n", [], "column value: 'nan' is not a value, but"),
        ("f.csv", "x,value,start\n1,2,noon\n", [], "column start: 'noon' is not a time"),
        ("f.csv", "x,loss\n1,2\n", [], "f.csv has no column of values; it has x, loss"),
        ("f.csv", "x,loss\n1,2\n", ["--value", "los"], "the file has no column 'los'"),
        ("f.csv", "value\n1\n", [], "f.csv has no column of a parameter"),
        ("f.csv", "x,value\n1,2\n", ["--map", "x"], "--map x does not say what a column means"),
        ("f.csv", "params_x,y,value\n1,2,3\n", [], "hptui does not know the column 'y'"),
        ("f.csv", "a,b,value\n1,2,3\n", ["--map", "a=param:b"], "are both 'b'"),
        ("f.csv", "x,value\n1,2\n", ["--space", "z=0..1"], "There is no parameter 'z'"),
        ("f.csv", "x,value\na,2\n", ["--space", "x=0..1"], "list of choices"),
        ("f.csv", "x,value\n1,2\n", ["--space", "x=2..3"], "x is not in 2..3: 1"),
        ("f.csv", "x,value\n1,2\n", ["--direction", "minimize"] * 2, "--direction is given 2"),
        ("f.csv", "n,value\n9007199254740993,2\n", [], "'9007199254740993' is an integer above"),
        ("f.csv", "x,value,,\n1,2,,me\n", [], "line 2: 'me' stands in column 4, which has no name"),
        ("f.csv", "x,value\n" + '1,"1,5"\n', [], "line 2, column value: '1,5' is not a number"),
        (
            "f.csv",
            "x,why,value\n" + "".join(f"1,since {i},2\n" for i in range(1001)),
            [],
            "The column 'why' has 1,001 different values, too many for the choices of a parameter",
        ),
        ("f.json", "{}", [], "f.json holds no list of trials"),
        (
            "f.csv",
            "x,constraints_c,value\n1,no,2\n",
            [],
            "column constraints_c: 'no' is not a number",
        ),
        (
            "f.csv",
            "x,system_attrs_constraints,value\n1,2,2\n",
            [],
            "'2' is not a list of constraints",
        ),
        ("f.json", f'[{{"n": 1{"0" * 400}, "value": 1}}]', [], "is an integer above 2**53"),
        ("f.json", f'[{{"n": {"1" * 5000}, "value": 1}}]', [], "line 1 is not JSON: Exceeds the"),
        ("f.json", '[{"x": 1, "x": 2, "value": 1}]', [], "the key 'x' comes twice in an object"),
        (
            "f.json",
            '[{"params": {"x": 1}, "params_x": 2}]',
            [],
            "trial 0: 'params_x' is given twice",
        ),
        ("f.jsonl", '{"x": 1, "value": 1}\n{"\\ud800": 1}\n', [], "line 2: the name"),
        ("f.json", '[{"x": 1, "value": 2},\n 3]', [], "f.json, trial 1 is 3, not an object"),
        ("f.jsonl", '{"x": 1}\n{"x": \n', [], "f.jsonl, line 2, column 7 is not JSON"),
        ("f.json", '[{"x": 1, "value": true}]', [], "column value: 'True' is not a number"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    text: str,
    options: Sequence[str],
    sentence: str,
) -> None:
    file = write(tmp_path / name, text)
    folder = tmp_path / "studies"
    assert main(["import", str(file), "new", *options, "--studies", str(folder)]) == 2
    assert sentence in capsys.readouterr().err
    assert not folder.exists() or not list(folder.iterdir())


def test_a_study_refuses_what_does_not_suit_it(source: Path, tmp_path: Path) -> None:
    before = everything(source.parent)
    for text, request, sentence in (
        (
            "x,y,value\n1,2,3\n",
            ImportRequest(),
            "'y' is not a parameter of the study, which has k, n",
        ),
        ("x,value_0,value_1\n1,2,3\n", ImportRequest(), "2 columns of values, and the study 1"),
        ("x,value\n0.5,3\n", ImportRequest(directions=("minimize",)), "direction maximize, not"),
        ("x,value\nhalf,3\n", ImportRequest(), "line 2, column x: 'half' is not a number"),
        ("x,value\n7,3\n", ImportRequest(), "Nothing would be kept: x is not in 0.0..1.0: 1"),
    ):
        with pytest.raises(UsageError, match=sentence):
            import_into(write(tmp_path / "f.csv", text), request, source, "s")
    (tmp_path / "latin.csv").write_bytes(b"x,value\n\xff,1\n")
    with pytest.raises(UsageError, match="is not UTF-8: byte 8"):
        import_into(tmp_path / "latin.csv", ImportRequest(), source, "s")
    assert everything(source.parent) == before


def test_the_command_says_what_came_of_the_file(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"params": {"lr": 0.1}, "values": [0.5, 2], "state": "complete"},
        {"params": {"lr": 0.2}, "values": [None, None], "state": "running"},
    ]
    file = write(tmp_path / "f.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    folder = ["--studies", str(tmp_path)]
    assert main(["import", str(file), "new", *folder, "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "new would get 1 of 2 trials, 1 left out:\n"
        "  1  not ended yet\n"
        "direction: 2 values, minimize each, since none was given\n"
        "lr: float 0.1..0.1, from the file\n"
    )
    assert not (tmp_path / "new.db").exists()
    assert main(["import", str(file), "new", *folder, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (answer["kept"], answer["path"]) == (1, str(tmp_path / "new.db"))
    assert main(["import", str(file), "new", *folder]) == 2
    assert capsys.readouterr().err == (
        "hptui: 1 of 2 rows of f.jsonl is in new already; left out too: not ended yet: 1.\n"
        "  There is nothing new to import. --again imports the rows again.\n"
    )
    assert main(["import", str(file), "new", *folder, "--again"]) == 0
    assert "new got 1 of 2 trials" in capsys.readouterr().out
    assert main(["import", str(file), "new", *folder, "--dry-run", "--json"]) == 2
    assert "is in new already" in capsys.readouterr().err
    assert "imported_from" in system_attrs(load(tmp_path / "new.db", "new"))["hptui:study"]
    assert main(["import", str(file), "no/such.db", *folder]) == 2
    assert main(["import", str(tmp_path / "gone.csv"), "new", *folder]) == 2
    assert "cannot be read" in capsys.readouterr().err
