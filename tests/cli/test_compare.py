"""`hptui compare`: what it prints of several studies, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    runs = [{"sampler": "tpe:n_startup_trials=5", "pruner": "median"}]
    with StudyFile(folder / "a.db") as file:
        file.add_study("a\x1b[2J", hptui_runs=runs)
        for value in (4.0, 3.0, 2.5):
            file.add_trial(value, params={"lr": (value / 10, FLOAT)})
        file.add_trial(None, state="PRUNED", reports={0: 3.5})
    with StudyFile(folder / "b.db") as file:
        file.add_study("b")
        for value in (5.0, 2.0, 1.0):
            file.add_trial(value, params={"lr": (value / 10, FLOAT), "x": (0.5, FLOAT)})
    with StudyFile(folder / "other.db") as file:
        file.add_study("other")
        file.add_trial(7.0, params={"y": (0.5, FLOAT)})
    with StudyFile(folder / "up.db") as file:
        file.add_study("up", ("MAXIMIZE",))
        file.add_trial(7.0)
    with StudyFile(folder / "two.db") as file:
        file.add_study("left", ("MINIMIZE", "MAXIMIZE"))
        file.add_study("right", ("MINIMIZE", "MAXIMIZE"))
        for study_id in (1, 2):
            for value in (1.0, 2.0):
                file.add_trial((value, value * study_id), study_id=study_id)
    return folder


def run(folder: Path, *arguments: str) -> int:
    names = [
        f"{folder / each}" if each.endswith(".db") or ".db:" in each else each for each in arguments
    ]
    return main(["compare", *names])


def test_figures_and_tables(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "a.db", "b.db", "--width", "80", "--height", "12") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "minimize value: the best so far"
    assert r"A a\x1b[2J 2.5   B b 1" in lines
    assert lines[12] == "trials by value"
    words = [line.split() for line in lines]
    assert ["A", r"a\x1b[2J", "2.5", "#2", "3", "1", "0", "10", "s", "10", "s"] in [
        each[:11] for each in words
    ]
    assert ["B", "b", "★", "1.0", "#2", "3", "0", "0"] in [each[:8] for each in words]
    assert any(each[-2:] == ["tpe:n_startup_trials=5", "median"] for each in words)
    assert ["≠", "lr", "0.25", "0.1"] in words
    assert ["≠", "x", "-", "0.5"] in words
    assert "to reach 2.5, the worst of the best values" in lines
    assert ["A", r"a\x1b[2J", "3", "7.5", "s"] in words
    assert ["B", "b", "2", "5.0", "s"] in words


def test_a_value_that_a_study_never_reached(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "a.db", "b.db", "--to", "1.5", "--filter", "number<5", "--height", "8") == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["A", r"a\x1b[2J", "never", "never"] in words
    assert ["B", "b", "3", "7.5", "s"] in words


def test_nothing_in_common_is_said(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "a.db", "other.db") == 0
    out = capsys.readouterr().out
    assert "The studies share no parameter" in out
    assert "parameters of the best trials" not in out
    assert "to reach 7, the worst of the best values" in out


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "a.db", "b.db", "--json", "--filter", "value<3") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shared_params"] is True
    assert told["studies"][0]["counts"]["complete"] == 1
    assert told["studies"][0]["sampler"] == "tpe:n_startup_trials=5"
    (objective,) = told["objectives"]
    assert objective["to"] == 2.5
    assert objective["studies"][1]["best"] == {
        "number": 2,
        "value": 1.0,
        "params": {"lr": 0.1, "x": 0.5},
    }
    assert objective["studies"][0]["reached"] == {"n_trials": 1, "wall_s": 2.5}
    first, second = objective["studies"]
    assert second["history"] == {"number": [1, 2], "value": [2.0, 1.0], "best": [2.0, 1.0]}
    assert second["edf"] == {"value": [1.0, 2.0], "share": [0.5, 1.0]}
    assert second["budget"]["number"] == [1, 2]
    assert second["budget"]["n_trials"] == [1, 2]
    assert second["budget"]["wall_s"][0] == 2.5
    assert first["budget"] == {"number": [2], "value": [2.5], "n_trials": [1], "wall_s": [2.5]}
    assert objective["params"] == [
        {"name": "lr", "differs": True},
        {"name": "x", "differs": True},
    ]


def test_json_has_null_where_a_trial_has_no_value(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run(folder, "a.db", "other.db", "--json") == 0
    (objective,) = json.loads(capsys.readouterr().out)["objectives"]
    history = objective["studies"][0]["history"]
    assert history["value"] == [4.0, 3.0, 2.5, None]
    assert history["best"] == [4.0, 3.0, 2.5, 2.5]


def test_several_objectives_come_one_after_the_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    both = ("two.db:left", "two.db:right", "--json")
    assert run(folder, *both) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["direction"] for each in told["objectives"]] == ["minimize", "maximize"]
    assert [each["hypervolume"] for each in told["studies"]] == [0.0, 1.0]
    assert run(folder, *both, "--objective", "1", "--to", "3") == 0
    (objective,) = json.loads(capsys.readouterr().out)["objectives"]
    assert [each["reached"] is None for each in objective["studies"]] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a.db",), "A comparison needs two studies"),
        (("a.db",) * 7, "Compare at most 6 studies, not 7"),
        (("b.db", "b.db:b"), "b was given twice"),
        (("b.db", "up.db"), "b and up have different objectives: minimize and maximize."),
        (("b.db", "two.db:left"), "minimize and minimize, maximize"),
        (("a.db", "b.db", "--objective", "1"), "--objective is 1, but the study has only one."),
        (("two.db:left", "two.db:right", "--to", "1"), "Choose one with --objective N"),
        (("a.db", "b.db", "--to", "nan"), "argument --to: 'nan' is not a number."),
        (("a.db", "b.db", "--width", "0"), "--width is 0"),
        (("a.db", "none.db"), "There is no study file"),
    ],
)
def test_what_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    sentence: str,
):
    assert run(folder, *arguments) == 2
    assert sentence in capsys.readouterr().err
