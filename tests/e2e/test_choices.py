"""Choices of every kind through the real program, as plain Optuna reads them afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.e2e.programs import OBJECTIVES, load, run, start, wait_until
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.client import ask_engine

if TYPE_CHECKING:
    from pathlib import Path


# Plain Optuna says so of each list that it reads.
pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")


def run_well(*arguments: str, cwd: Path) -> str:
    code, out, err = run(*arguments, cwd=cwd)
    assert code == 0, (arguments, out, err)
    return out


def test_a_study_with_tuples_and_tables_goes_on_is_edited_forked_and_imported(
    tmp_path: Path,
) -> None:
    objective = f"{OBJECTIVES}:layers"
    begin = ["run", objective, "--study", "s", "--jobs", "1", "-q", "--trials"]
    for _ in range(2):
        run_well(*begin, "4", cwd=tmp_path)
    run_well(*begin, "2", "--fix", 'options={"a": [1, 2]}', "--fix", "shape=(64, 32)", cwd=tmp_path)
    study = load(tmp_path, "s")
    assert len(study.trials) == 10
    assert [trial.params for trial in study.trials[8:]] == [
        {"shape": [64, 32], "options": {"a": [1, 2]}}
    ] * 2

    shown = run_well("trials", "s", "--filter", "shape=[64,32]", cwd=tmp_path)
    assert shown.count("[64,32]") == sum(t.params["shape"] == [64, 32] for t in study.trials)
    spelled = "shape=[64]|[64, 32]"
    run_well("fork", "s", "fork", "--choices", spelled, cwd=tmp_path)
    forked = load(tmp_path, "fork")
    assert {trial.params["shape"] == [128, 64, 32] for trial in forked.trials} == {False}

    known = [trial.params for trial in study.trials]
    for ending in ("csv", "jsonl"):
        run_well("export", "s", f"out.{ending}", cwd=tmp_path)
    for ending in ("csv", "jsonl"):
        run_well("import", f"out.{ending}", "s", "--again", cwd=tmp_path)
        run_well("import", f"out.{ending}", f"new-{ending}", cwd=tmp_path)
        made = load(tmp_path, f"new-{ending}")
        assert [trial.params for trial in made.trials] == known
    assert len(load(tmp_path, "s").trials) == 30
    run_well(*begin, "1", cwd=tmp_path)
    assert len(load(tmp_path, "s").trials) == 31


def test_a_running_study_with_tuples_is_edited_and_given_trials(tmp_path: Path) -> None:
    begin = ["run", f"{OBJECTIVES}:layers", "--study", "s", "--jobs", "1", "-q"]
    process = start(*begin, "--trials", "99999", "--sampler", "random", cwd=tmp_path)
    file = tmp_path / "s.db"
    wait_until(lambda: list(tmp_path.glob("s.hptui/logs/trial-*")), "a trial")
    assert "shape" in run_well("space", "s", cwd=tmp_path)
    params = {"shape": [128, 64, 32], "options": {"a": None}}
    told = json.loads(
        run_well("enqueue", "s", "--params", json.dumps(params), "--json", cwd=tmp_path)
    )
    run_well("space", "s", "--fix", "shape=[64]", cwd=tmp_path)
    n_before = len(load(tmp_path, "s").trials)
    wait_until(lambda: len(load(tmp_path, "s").trials) > n_before + 3, "more trials")
    ask_engine(file, "s", {"op": "stop"})
    process.communicate(timeout=DEADLINE_S)
    trials = load(tmp_path, "s").trials
    assert trials[-1].params["shape"] == [64]
    assert params in [trial.params for trial in trials], told


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_choices_that_json_cannot_hold_work_by_their_place(tmp_path: Path, backend: str) -> None:
    objective = f"{OBJECTIVES}:objects"
    begin = ["run", objective, "--study", "s", "--backend", backend, "--jobs", "2", "-q"]
    for _ in range(2):
        run_well(*begin, "--trials", "6", cwd=tmp_path)
    run_well(*begin, "--trials", "2", "--fix", "kind=Large", "--fix", "act=sin", cwd=tmp_path)
    study = load(tmp_path, "s")
    space = {name: each.choices for name, each in study.trials[-1].distributions.items()}  # pyright: ignore
    assert space == {
        "kind": ("Small #2", "Large", "Small"),
        "made": ("Small object", "Large object", "Large object #2"),
        "act": ("abs", "objects.<locals>.<lambda>", "sin"),
        "number": (3, 4),
        "flag": (True, False),
    }
    assert len(study.trials) == 14
    for trial in study.trials[-2:]:
        size = {"S": 1, "L": 2}[trial.params["made"][0]]
        assert trial.value == 2 + size + 0.0 + trial.params["number"]


def test_a_fixed_or_enqueued_choice_is_the_very_one_among_equal_ones(tmp_path: Path) -> None:
    begin = ["run", f"{OBJECTIVES}:equal", "--study", "s", "--jobs", "1", "-q", "--trials", "1"]
    for spelled in ("True", "1", "1.0", "[1]", "[1.0]"):
        run_well(*begin, "--fix", f"k={spelled}", cwd=tmp_path)
    run_well(*begin, "--reset", "k", "--enqueue", '{"k": 1.0}', cwd=tmp_path)
    study = load(tmp_path, "s")
    assert [trial.value for trial in study.trials] == [0, 1, 2, 3, 4, 2]
    # As Optuna stores it: of what is equal the first.
    assert [repr(trial.params["k"]) for trial in study.trials] == [
        *("True", "True", "True", "[1]", "[1]", "True")
    ]
