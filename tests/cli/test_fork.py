"""`hptui fork` as a person gives it, and runs that go on in the fork's space."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli import main
from hptui.storage.read.studies import study_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ABC = '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b", "c"]}}'
OBJECTIVE = """
def objective(trial):
    x = trial.suggest_float("x", 0.0, 1.0)
    y = trial.suggest_float("y", 0.0, 1.0)
    kernel = trial.suggest_categorical("kernel", ["a", "b", "c"])
    assert kernel in trial.distributions["kernel"].choices
    trial.set_user_attr("got", kernel)
    return (x - 0.7) ** 2 + (y - 0.2) ** 2 + "bac".index(kernel)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studies folder with `one`: 20 complete trials, one failed, one running."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tune.py").write_text(OBJECTIVE)
    with StudyFile(tmp_path / "one.db") as built:
        ref = {"kind": "file", "target": str(tmp_path / "tune.py"), "attribute": "objective"}
        built.add_study("one", hptui_study={"token": "t", "objective": {**ref, "name": "tune"}})
        built.run("BEGIN")
        for i in range(20):
            x, y, kernel = i / 20, (7 * i % 20) / 20, i % 3
            value = (x - 0.7) ** 2 + (y - 0.2) ** 2 + (1, 0, 2)[kernel]
            params = {"x": (x, FLOAT), "y": (y, FLOAT), "kernel": (kernel, ABC)}
            built.add_trial(value, params=params)
        built.add_trial(state="FAIL", params={"x": (0.5, FLOAT)})
        built.add_trial(state="RUNNING")
        built.run("COMMIT")
    return tmp_path


def trials(folder: Path, name: str) -> Sequence[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder / name}.db").trials


def test_it_says_what_is_kept_and_why_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--choices", "kernel=b|a", "--space", "x=0.25..", "--filter=-state:failed"]
    assert main(["fork", "one", "two", *options, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said == (
        "two would have 10 of 22 trials, 12 left out:\n"
        "  1  not ended yet\n"
        "  1  filtered out\n"
        "  5  x is not in 0.25..1.0\n"
        "  5  kernel: choice c is gone\n"
    )
    assert {each.name for each in folder.iterdir()} == {"one.db", "tune.py"}
    assert main(["fork", "one", "two", *options, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (answer["study"], answer["path"]) == ("two", str(folder / "two.db"))
    assert (answer["kept"], answer["left_out"]) == (10, 12)
    assert answer["reasons"][0] == {"reason": "not ended yet", "count": 1}
    assert main(["fork", "one", "three", "--storage", "two.db"]) == 0
    assert study_names(folder / "two.db") == ["two", "three"]
    assert "They get new numbers, 0 to 20." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--filter", "value<-1"], "Nothing would be kept"),
        (["--filter", "valu<1"], "valu"),
        (["--space", "x=2..1"], "low must not be above high"),
        (["--space", "z=0..1"], "There is no parameter 'z'"),
        (["--choices", "x=1|2"], "so it has no choices"),
        (["--choices", "kernel=a|a"], "is listed twice"),
        (["--fix", "kernel=z"], "cannot be 'z'"),
        (["--objectives", "1"], "There is no objective '1'"),
        (["--direction", "minimize", "--direction", "minimize"], "has 1 objective"),
        (["--storage", "tune.py"], "tune.py"),
    ],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["fork", "one", "two", *options]) == 2
    assert sentence in capsys.readouterr().err
    assert {each.name for each in folder.iterdir()} == {"one.db", "tune.py"}


def test_runs_go_on_in_the_space_of_the_fork(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fork", "one", "two", "--choices", "kernel=c|a", "--space", "x=0.3..1"]) == 0
    run = ["run", "tune.py", "--study", "two", "--jobs", "1", "--seed", "1", "-q"]
    assert main([*run, "--trials", "2", "--sampler", "tpe:n_startup_trials=5"]) == 0
    assert main([*run, "--trials", "2", "--sampler", "cmaes:n_startup_trials=5"]) == 0
    made = trials(folder, "two")
    carried = [trial for trial in made if "hptui:forked_from" in trial.system_attrs]
    new = made[len(carried) :]
    assert (len(carried), len(new)) == (10, 4)
    for trial in made:
        if trial.state.name != "FAIL":
            assert trial.distributions["kernel"] == CategoricalDistribution(("c", "a"))
    assert [trial.user_attrs["got"] for trial in new] == [trial.params["kernel"] for trial in new]
    space = optuna.search_space.intersection_search_space(list(made))
    assert set(space) == {"x", "y", "kernel"}
    # With trials that were carried over there is no start by chance.
    assert any(key.startswith("cma:") for key in new[-1].system_attrs)
    # A list that the objective does not ask for is refused before a trial begins.
    assert main(["fork", "one", "more", "--choices", "kernel=a|z"]) == 0
    capsys.readouterr()
    assert main(["run", "tune.py", "--study", "more", "--trials", "1"]) == 2
    assert "'z' is not one of the choices that the objective asks for: a, b, c" in (
        capsys.readouterr().err
    )
    assert main([*run[:2], "--study", "new", "--choices", "kernel=b", "--trials", "1", "-q"]) == 0
    assert trials(folder, "new")[0].params["kernel"] == "b"
