"""Objectives whose code starts processes, saves what it defines, and asks for cores."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import joblib  # pyright: ignore[reportMissingTypeStubs]
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import load, places_in, run, run_anew

from hptui.registry.loading.core_count import core_variables

SOURCE = Path(__file__).with_name("objectives_with_processes.py")
SCRIPT = """
import multiprocessing
if __name__ != "__mp_main__":
    multiprocessing.set_start_method("spawn")
from objectives_with_processes import runs_processes
def squared(value):
    return value * value
def objective(trial):
    with multiprocessing.Pool(2) as pool:
        return sum(pool.map(squared, range(4))) + trial.suggest_float("x", 0, 0)
"""
BACKENDS = ("loky", "threading")


def values(folder: Path, name: str) -> list[float | None]:
    trials = load(folder, name).trials
    assert all(trial.state is TrialState.COMPLETE for trial in trials), [
        trial.system_attrs for trial in trials
    ]
    return [trial.value for trial in trials]


@pytest.mark.parametrize(
    ("place", "backend"),
    [("file", "loky"), ("package", "threading"), ("relative", "loky")],
)
def test_processes_of_an_objective_work_as_in_a_program_of_its_own(
    tmp_path: Path, backend: str, place: str
) -> None:
    if place == "file":
        shutil.copy(SOURCE, tmp_path / "folds.py")
        objective = "folds.py:runs_processes"
    else:
        (tmp_path / "own_pack").mkdir()
        (tmp_path / "own_pack/__init__.py").touch()
        shutil.copy(SOURCE, tmp_path / "own_pack/folds.py")
        objective = "own_pack.folds:runs_processes"
    if place == "relative":
        (tmp_path / "own_pack/folds.py").write_text(f"from . import other\n{SOURCE.read_text()}")
        (tmp_path / "own_pack/other.py").touch()
        objective = "own_pack/folds.py:runs_processes"
    options = ("--study", "s", "--backend", backend, "--jobs", "1", "--sampler", "grid")
    code, _, err = run_anew("run", objective, "--trials", "7", *options, cwd=tmp_path)
    assert code == 0, err
    assert values(tmp_path, "s") == [14.0] * 7


@pytest.mark.parametrize("name", ["train.py", "my-train.py"])
def test_a_file_may_choose_a_start_method_and_use_functions_of_its_own(
    tmp_path: Path, name: str
) -> None:
    shutil.copy(SOURCE, tmp_path)
    (tmp_path / name).write_text(SCRIPT)
    options = ("--study", "s", "--jobs", "1", "--trials", "2")
    code, _, err = run_anew("run", f"{name}:objective", *options, cwd=tmp_path)
    assert code == 0, err
    assert values(tmp_path, "s") == [14.0] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_process_of_a_trial_looks_like_a_program_of_its_own(
    tmp_path: Path, backend: str
) -> None:
    objective = f"{SOURCE}:looks_like_a_program"
    options = ("--study", "s", "--backend", backend, "--jobs", "1", "--trials", "1")
    assert run_anew("run", objective, *options, cwd=tmp_path)[0] == 0
    assert values(tmp_path, "s") == [1.0]


@pytest.mark.parametrize("path", ["folds.py", "lab/sub/folds.py"])
def test_what_a_trial_saves_is_loaded_without_hptui(tmp_path: Path, path: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    relative = "from ..other import ROWS\n" if "/" in path else ""
    (tmp_path / path).write_text(f"{relative}{SOURCE.read_text()}")
    (tmp_path / path).parent.with_name("other.py").write_text("ROWS = 7\n")
    options = ("--study", "s", "--jobs", "1", "--trials", "1", "--seed", "1")
    code, _, err = run("run", f"{path}:saves_a_model", *options, cwd=tmp_path)
    assert code == 0, err
    code = "import pickle; print(pickle.load(open('model-0.pkl', 'rb')).value)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(values(tmp_path, "s")[0]), done.stderr


def test_files_of_the_working_folder_do_not_stand_for_modules_of_the_worker(
    tmp_path: Path,
) -> None:
    names = """random select signal string token types logging copy json numpy joblib psutil socket
        enum re tempfile platform queue secrets threading optuna struct"""
    for name in names.split():
        (tmp_path / f"{name}.py").write_text("raise ImportError('of the working folder')\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/train.py").write_text(
        "def objective(trial): return trial.suggest_float('x', 0, 1)\n"
    )
    command = ["run", "sub/train.py", "--study", "s", "--jobs", "1", "--trials", "2"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hptui", *command],
        cwd=tmp_path,
        env={**os.environ, **places_in(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(values(tmp_path, "s")) == 2


def test_choices_from_a_set_are_the_same_in_all_processes_and_runs(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "NAMES = {'adam', 'sgd', 'rmsprop', 'lion', 'adagrad', 'adamw'}\n"
        "def objective(trial): return len(trial.suggest_categorical('optimiser', list(NAMES)))\n"
    )
    for n_jobs in ("2", "1"):
        options = ("--study", "s", "--jobs", n_jobs, "--trials", "6")
        code, _, err = run_anew("run", "train.py", *options, cwd=tmp_path)
        assert code == 0, err
    assert len(values(tmp_path, "s")) == 12


@pytest.mark.parametrize("jobs", [1, 2])
def test_whatever_counts_cores_tells_the_share_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    for name in core_variables(1, replace=True):
        monkeypatch.delenv(name, raising=False)
    options = ("--study", "s", "--jobs", str(jobs), "--trials", str(jobs))
    assert run_anew("run", f"{SOURCE}:counts_cores", *options, cwd=tmp_path)[0] == 0
    assert set(values(tmp_path, "s")) == {max(1, joblib.cpu_count() // jobs)}


def test_what_the_user_says_of_cores_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in core_variables(1, replace=True):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    told = core_variables(1)
    assert told["MKL_NUM_THREADS"] == "1"
    assert not {"LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS"} & set(told)
    # Joblib counts no more cores than Python does.
    assert told["PYTHON_CPU_COUNT"] == "3"
