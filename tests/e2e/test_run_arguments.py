"""Runs with `--arg`, and what the next run of a study says of the one before it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.programs import load, run

from hptui.cli.commands.tuning.run import add_arguments
from hptui.cli.options.command_options import find
from hptui.errors import UsageError

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
    assert "The last run's arguments no longer fit: train.py has no argument 'data'" in err
    shown = json.loads(run("show", "train", "--json", cwd=tmp_path)[1])
    assert shown["objective"]["arguments"] == {"data": "b.csv"}
    assert shown["runs"][0]["folder"] == str(tmp_path)
    assert shown["runs"][0]["python"]
    assert "--arg data=b.csv" in run("show", "train", cwd=tmp_path)[1]


def test_a_run_says_where_the_one_before_it_ran_and_runs_there_when_told_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").write_text(
        "import os\n"
        "def objective(trial):\n"
        "    trial.set_user_attr('cwd', os.getcwd())\n"
        "    return trial.suggest_int('x', 0, 9)\n"
    )
    (tmp_path / "sub").mkdir()
    place = ("--storage", "s.db", *FEW)
    assert run("run", "train.py", *place, cwd=tmp_path)[0] == 0
    place = ("--storage", "../s.db", *FEW)
    code, _, err = run("run", "../train.py", *place, cwd=tmp_path / "sub")
    assert code == 0, err
    assert f"The last run ran in {tmp_path}; this one runs in {tmp_path / 'sub'}." in err
    assert f"--cwd {tmp_path} runs it there." in err
    assert "The last run used" not in err
    # What is typed is from here, and what trials do is from there.
    code, _, err = run("run", "../train.py", *place, "--cwd", "..", cwd=tmp_path / "sub")
    assert code == 0, err
    assert f"The last run ran in {tmp_path / 'sub'}; this one runs in {tmp_path}." in err
    folders = [trial.user_attrs["cwd"] for trial in load(tmp_path, "s").trials]
    assert folders == [str(tmp_path), str(tmp_path / "sub"), str(tmp_path)]
    runs = json.loads(run("show", "s.db", "--json", cwd=tmp_path)[1])["runs"]
    assert [each["folder"] for each in runs] == folders


@pytest.mark.parametrize(
    ("objective", "kind", "target"),
    [
        ("here.py:objective", "file", "here/here.py"),
        ("named", "file", "there/objectives/named.py"),
        ("both:objective", "module", "both"),
    ],
)
def test_an_objective_is_looked_for_here_and_where_its_trials_run(
    objective: str, kind: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def objective(trial): return trial.suggest_int('x', 0, 9)\n"
    for path in ("here/here.py", "there/objectives/named.py", "here/both.py", "there/both.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    monkeypatch.chdir(tmp_path / "here")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    found = find(parser.parse_args([objective, "--cwd", "../there"]))
    assert found.ref.kind == kind
    assert found.ref.target == (target if kind == "module" else str(tmp_path / target))
    assert Path.cwd() == tmp_path / "here"
    with pytest.raises(UsageError, match="There is no folder"):
        find(parser.parse_args([objective, "--cwd", "nowhere"]))
