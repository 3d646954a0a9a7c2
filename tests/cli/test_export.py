"""`hptui export`: what the files hold, read back by other programs."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.study_file import CHOICE, FLOAT, StudyFile

from hptui.cli.main import main
from hptui.domain.export_forms import EXPORT_FORMS

if TYPE_CHECKING:
    from pathlib import Path

ODD = json.dumps(
    {
        "name": "CategoricalDistribution",
        "attributes": {"choices": [math.nan, math.inf, "=1+1\n\x1b[31m", "\ud800"]},
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    with StudyFile(tmp_path / "one.db") as file:
        file.add_study("one", ("MAXIMIZE",))
        file.add_trial(1.0, params={"x": (0.25, FLOAT), "kind": (0, CHOICE)})
        file.add_trial(3.0, params={"x": (0.5, FLOAT), "kind": (2, CHOICE), "odd": (0, ODD)})
        file.add_trial(9.0, params={"x": (0.75, FLOAT)}, attributes={"constraints:c": 1.0})
        file.add_trial(9.0, params={"x": (0.75, FLOAT)}, state="PRUNED")
        file.add_trial(3.0, params={"x": (1.0, FLOAT), "odd": (2, ODD)})
        file.add_trial(state="FAIL")
    with StudyFile(tmp_path / "two.db") as file:
        file.add_study("two\nimport os", ("MINIMIZE", "MAXIMIZE"))
        for number, values in enumerate([(2.0, 2.0), (1.0, 1.0), (2.0, 1.0), (1.0, 1.0)]):
            file.add_trial(values, params={"x": (number / 4, FLOAT)})
    return tmp_path


def best_params(file: Path) -> Any:
    names: dict[str, Any] = {}
    exec(file.read_text("utf-8"), names)
    return names["best_params"]


def test_python_has_the_best_trial_as_a_dict(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "one", "best.py"]) == 0
    assert capsys.readouterr().out == "Wrote 1 trial to best.py.\n"
    found = best_params(folder / "best.py")
    assert (found["x"], found["kind"]) == (0.5, None)
    assert math.isnan(found["odd"])
    assert (folder / "best.py").read_text("utf-8").startswith("# one (maximize): trial 1: 3.0\n")
    # What `best --python` prints is the same.
    assert main(["best", "one", "--python"]) == 0
    assert repr(eval(capsys.readouterr().out)) == repr(found)
    assert main(["export", "one", "good.py", "--filter", "x>0.5"]) == 0
    assert best_params(folder / "good.py") == {"x": 1.0, "odd": "=1+1\n\x1b[31m"}
    assert main(["best", "one", "--python", "--filter", "x>0.5"]) == 0
    assert eval(capsys.readouterr().out.splitlines()[-1]) == best_params(folder / "good.py")
    assert main(["best", "one", "--filter", "state:failed"]) == 3
    assert "among those that match the filter" in capsys.readouterr().err


def test_python_has_a_front_as_a_list(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "two.db", "front.py", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 3
    assert best_params(folder / "front.py") == [{"x": 0.25}, {"x": 0.75}, {"x": 0.0}]
    assert main(["best", "two.db", "--python"]) == 0
    assert eval(capsys.readouterr().out) == best_params(folder / "front.py")


def test_there_is_no_python_without_a_best_trial(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "one", "best.py", "--filter", "state:pruned|failed"]) == 2
    assert "No feasible trial of 'one' is complete" in capsys.readouterr().err
    assert not (folder / "best.py").exists()


def test_csv_is_no_formula_and_is_read_back(folder: Path):
    assert main(["export", "one", "trials.csv", "--filter=-state:failed"]) == 0
    with (folder / "trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["number"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["feasible"] for row in rows] == ["true", "true", "false", "true", "true"]
    assert [row["params_odd"] for row in rows] == ["", "nan", "", "", "'=1+1\\x0a\\x1b[31m"]
    assert [row["params_kind"] for row in rows] == ["a", "null", "", "", ""]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", EXPORT_FORMS, ids=lambda form: form.suffix)
def test_each_form_is_explained_and_tells_how_many(form: Any, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "one", f"out{form.suffix}"]) == 0
    assert capsys.readouterr().out.startswith(
        "Wrote 1 trial to" if form.suffix == ".py" else "Wrote 6 trials to"
    )
    assert main(["export", "one", f"out{form.suffix}"]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["export", "--help"]) == 0
    assert form.suffix in capsys.readouterr().out
