"""Runs with `--arg`, and what the next run of a study says of the one before it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.e2e.programs import load, run

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
from pathlib import Path
def objective(trial, data: Path, folds: int = 5):
    trial.set_user_attr("seen", [str(data), folds])
    return trial.suggest_float("x", 0, 1)
"""
FEW = ("--jobs", "1", "--trials", "1")


def seen(folder: Path) -> list[Any]:
    return [trial.user_attrs["seen"] for trial in load(folder, "train").trials]


def test_a_study_keeps_the_arguments_of_its_objective(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SOURCE)
    first = run("run", "train.py", "--arg", "data=a.csv", "--arg", "folds=3", *FEW, cwd=tmp_path)
    assert first[0] == 0, first
    assert seen(tmp_path) == [["a.csv", 3]]
    code, _, err = run("run", "train.py", "--arg", "data=b.csv", *FEW, cwd=tmp_path)
    assert code == 2
    assert "holds trials with data=a.csv, folds=3, not with data=b.csv, folds=5" in err
    assert "--study train-2" in err
    code, _, err = run("run", "train.py", *FEW, cwd=tmp_path)
    assert code == 0, err
    assert "Arguments of the last run: data=a.csv, folds=3." in err
    assert "The last run ran in" not in err
    other = ("--arg", "data=b.csv", "--any-objective")
    code, _, err = run("run", "train.py", *other, *FEW, cwd=tmp_path)
    assert code == 0, err
    assert "has trials with data=a.csv, folds=3; this run has data=b.csv, folds=5." in err
    assert seen(tmp_path) == [["a.csv", 3], ["a.csv", 3], ["b.csv", 5]]
    # Whoever has never run it is not made to run what only the study says.
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "somebody-else")}
    code, _, err = run("run", "train.py", *FEW, cwd=tmp_path, **elsewhere)
    assert code == 2
    assert "Only the study names these arguments: data=b.csv" in err
    (tmp_path / "train.py").write_text(SOURCE.replace("folds", "rounds").replace("data", "table"))
    code, _, err = run("run", "train.py", *FEW, cwd=tmp_path)
    assert code == 2
    assert "The last run's arguments do not fit any more: train.py has no argument 'data'" in err
    shown = json.loads(run("show", "train", "--json", cwd=tmp_path)[1])
    assert shown["objective"]["arguments"] == {"data": "b.csv"}
    assert shown["runs"][0]["folder"] == str(tmp_path)
    assert shown["runs"][0]["python"]
    assert "--arg data=b.csv" in run("show", "train", cwd=tmp_path)[1]


def test_a_run_says_where_the_one_before_it_ran(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("def objective(trial): return trial.suggest_int('x', 0, 9)")
    (tmp_path / "sub").mkdir()
    place = ("--storage", str(tmp_path / "s.db"), *FEW)
    assert run("run", "train.py", *place, cwd=tmp_path)[0] == 0
    code, _, err = run("run", "../train.py", *place, cwd=tmp_path / "sub")
    assert code == 0, err
    assert f"The last run ran in {tmp_path}; this one runs in {tmp_path / 'sub'}." in err
    assert "The last run used" not in err
