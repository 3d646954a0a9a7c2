"""Callbacks by name: called in order, what they may do, and what becomes of those that fail."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from tests.engine.test_hooks import Told

from hptui.domain.following import Following
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.loading.callback import load_callback
from hptui.registry.loading.load import LoadError
from hptui.registry.source.callback_ref import read_callback

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.run.observer import Finished

FILE = """
import os, sys, time
import optuna

def objective(trial):
    return trial.suggest_float("x", 0, 1)

calls = []

def first(study, trial):
    calls.append(f"first {trial.number}")

def second(study, trial):
    calls.append(f"second {trial.number}")
    study.set_user_attr("calls", calls)
    study.set_user_attr("seen", [each.number for each in study.get_trials(deepcopy=False)])
    if trial.number == 3:
        study.stop()

def meddles(study, trial):
    tries = {
        "tell": lambda: study.tell(trial.number, 9.0),
        "ask": study.ask,
        "delete": lambda: study._storage.delete_study(study._study_id),
        "attr": lambda: study._storage.set_trial_user_attr(trial._trial_id, "a", 1),
        "own": lambda: study._storage.set_study_system_attr(study._study_id, "hptui:runs", []),
        "copy": lambda: trial.set_user_attr("b", 2),
        "fork": lambda: os.fork() or sys.exit("a child"),
    }
    told = {}
    for name, act in tries.items():
        try:
            act()
        except BaseException as error:
            if name == "fork":
                raise
            told[name] = f"{type(error).__name__}: {error}"
    study.set_user_attr("told", told)

def prints(study, trial):
    print("x" * 1000, "trial", trial.number)

def raises(study, trial):
    if trial.number == 1:
        raise ValueError("not with\\x1b[2J me.")

def leaves(study, trial):
    if trial.number == 1:
        sys.exit()

def dies(study, trial):
    if trial.number == 1:
        os._exit(5)

def hangs(study, trial):
    if trial.number == 1:
        os.fork() or time.sleep(1000)
        time.sleep(1000)

class Keeper:
    def __call__(self, study, trial): ...

class Greedy:
    def __init__(self, size): ...
    def __call__(self, study, trial): ...

one = lambda study: None
number = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(dedent(FILE))
    return path


def refs(file: Path, *names: str) -> tuple[ObjectiveRef, ...]:
    return tuple(read_callback(f"{file}:{name}", file.parent) for name in names)


def run(file: Path, *names: str, timeout_s: float = 60.0, also: str = "") -> tuple[Finished, Told]:
    told = Told()
    callbacks = refs(file.with_name(also), "first") if also else refs(file, *names)
    plan = RunPlan(
        ref=ObjectiveRef("file", str(file), "objective", "train.py"),
        study_file=file.parent / "s.db",
        study="s",
        budget=Budget(n_trials=8),
        n_workers=1,
        following=Following(callbacks=callbacks, timeout_s=timeout_s),
    )
    return Engine(plan, told).run(), told


def study_of(file: Path) -> optuna.Study:
    return optuna.load_study(study_name="s", storage=f"sqlite:///{file.parent}/s.db")


@pytest.mark.usefixtures("clones_programs")
def test_callbacks_are_called_in_order_and_may_stop_the_study(file: Path) -> None:
    finished, told = run(file, "first", "meddles", "prints", "second")
    study = study_of(file)
    assert finished.reason == "callback_stop"
    assert study.user_attrs["calls"] == [
        f"{name} {number}" for number in range(4) for name in ("first", "second")
    ]
    assert study.user_attrs["seen"] == list(range(len(study.trials))) == [0, 1, 2, 3]
    assert study.user_attrs["told"] == {
        "tell": "ValueError: Cannot tell a COMPLETE trial.",
        "ask": "RuntimeError: A callback cannot start another trial. "
        "Enqueue it, or use a study of your own.",
        "delete": "RuntimeError: A callback cannot delete a study. "
        "Use hptui delete, or study.stop().",
        "attr": "RuntimeError: A callback cannot change trials; the study's attributes it can.",
        "own": "RuntimeError: The system attribute 'hptui:runs' is hptui's own; use another name.",
    }
    assert [each.user_attrs for each in study.trials] == [{}] * 4
    printed = (file.parent / "s.hptui" / "callbacks.log").read_text()
    assert [f"xxx trial {number}\n" in printed for number in range(5)] == [True] * 4 + [False]
    assert told.notes == []


FAILING = [
    ("raises", r"The callback \S+:raises, for trial 1, raised ValueError: not with\\x1b\[2J me\.$"),
    ("leaves", r"The callback \S+:leaves, for trial 1, raised SystemExit"),
    ("dies", r"The callback \S+:dies, for trial 1, ended its process \(exit code 5\)\."),
    ("hangs", r"The callback \S+:hangs, for trial 1, took longer than 1.0 s\."),
]


@pytest.mark.usefixtures("clones_programs")
@pytest.mark.parametrize(("name", "sentence"), FAILING)
def test_a_callback_that_fails_ends_the_run_and_nothing_is_lost(
    name: str, sentence: str, file: Path
) -> None:
    with pytest.raises(HptuiError, match=sentence) as raised:
        run(file, "first", name, timeout_s=1.0 if name == "hangs" else 60.0)
    assert raised.value.exit_code == 1
    assert ("in raises" in raised.value.detail) == (name == "raises")
    study = study_of(file)
    assert [each.state.name for each in study.trials] == ["COMPLETE"] * 2
    (record,) = study._storage.get_study_system_attrs(study._study_id)["hptui:runs"]
    assert (record["reason"], record["error"]) == ("error", raised.value.message)


@pytest.mark.usefixtures("clones_programs")
def test_a_callback_that_cannot_be_loaded_is_refused_before_anything_is_written(
    file: Path,
) -> None:
    with pytest.raises(ObjectiveError, match=r"train.py:one takes \(study\); a callback takes two"):
        run(file, "one")
    (file.parent / "gone.py").write_text("import os\nos._exit(0)\n")
    with pytest.raises(ObjectiveError, match=r"their process ended \(exit code 0"):
        run(file, also="gone.py")
    (file.parent / "gone.py").unlink()
    assert [each.name for each in file.parent.iterdir() if each.name != "__pycache__"] == [
        "train.py"
    ]


UNREADABLE = [
    "",
    "train",
    "train.py",
    "train.py:",
    ":first",
    "no.py:first",
    "a b:c",
    "os:p q",
    "a:b\n",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_names_no_callback_is_refused(text: str, file: Path) -> None:
    with pytest.raises(ObjectiveError, match=r"does not name a function|There is no file"):
        read_callback(text, file.parent)


UNLOADABLE = [
    ("frist", "has no 'frist'"),
    ("number", "train.py:number is a int, not a function that takes a study and a trial"),
    ("one", r"train.py:one takes \(study\)"),
    ("Greedy", r"train.py:Greedy\(\) fails: TypeError"),
]


@pytest.fixture
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.usefixtures("_restored")
def test_callbacks_are_functions_objects_and_classes_of_two_arguments(file: Path) -> None:
    for name, sentence in UNLOADABLE:
        (ref,) = refs(file, name)
        with pytest.raises(LoadError, match=sentence):
            load_callback(ref)
    for name in ("first", "Keeper"):
        (ref,) = refs(file, name)
        assert load_callback(ref)(None, optuna.trial.create_trial(value=1.0)) is None
