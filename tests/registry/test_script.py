"""Scripts that optimize a study, run up to there; beside it, what plain Python does with them."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import runpy
import sys
import threading
import traceback
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.study import Study
from tests.registry.script_shapes import OTHERS, REFUSED, REPEATED, SHAPES, Shape, top
from tests.waiting import wait_until

from hptui.domain.objective import ObjectiveRef
from hptui.registry.loading.load import LoadError
from hptui.registry.scripts.script import CapturedStudy, list_studies, run_script
from hptui.registry.scripts.script_source import is_script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def in_a_child(work: Callable[[], Any], folder: Path) -> Any:
    """Return what `work` returns in a fork, which takes with it whatever it does to a process."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        told: Any = None
        try:
            os.chdir(folder)
            sys.stdin = io.StringIO()
            warnings.simplefilter("ignore")
            optuna.logging.set_verbosity(optuna.logging.CRITICAL)
            # As in a new process, whatever tests before have used.
            multiprocessing.set_start_method(None, force=True)
            told = work()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            told = {"error": "".join(traceback.format_exception(error))}
        finally:
            os.write(writer, json.dumps(told).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        told = json.loads(stream.read())
    os.waitpid(pid, 0)
    return told


class MiddleTrial(optuna.trial.FixedTrial):
    """Suggests the middle of each range, and the last choice."""

    def __init__(self) -> None:
        super().__init__({})

    def _suggest(self, name: str, distribution: Any) -> Any:
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            value: Any = distribution.choices[-1]
        else:
            value = (distribution.low + distribution.high) / 2
            if isinstance(distribution, optuna.distributions.IntDistribution):
                value = int(value)
        self._params[name] = value
        self._suggested_params[name] = value
        return value


def seen(study: Study, objective: Callable[[Any], Any]) -> dict[str, Any]:
    """Return what a study is, and how a fixed trial of it ends."""
    trial = MiddleTrial()
    returned = objective(trial)
    return {
        "directions": [each.name.lower() for each in study.directions],
        "metrics": study.metric_names,
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
        "name": "" if study.study_name.startswith("no-name") else study.study_name,
        "attrs": study.user_attrs,
        "trials": [
            [each.state.name, each.values, each.params, each.user_attrs, each.system_attrs]
            for each in study.trials
        ],
        "params": trial.params,
        "returned": returned,
    }


class Seen(BaseException):
    """Ends a script at its first study."""


def plainly(shape: Shape, path: Path) -> dict[str, Any]:
    """Run a script as Python does, up to its first study."""
    found: list[dict[str, Any]] = []

    def optimize(
        self: Study, func: Any, n_trials: Any = None, timeout: Any = None, *_: Any, **__: Any
    ) -> None:
        if not found:
            found.append({**seen(self, func), "n_trials": n_trials, "timeout": timeout})
        raise Seen

    Study.optimize = optimize  # type: ignore[method-assign] # pyright: ignore
    sys.argv = [str(path), *shape.argv]
    try:
        if shape.plain_module:
            sys.path.insert(0, "")
            runpy.run_module(shape.plain_module, run_name="__main__", alter_sys=True)
        else:
            # The module stays, as the main module does.
            main = ModuleType("__main__")
            main.__file__ = str(path)
            sys.modules["__main__"] = main
            sys.path.insert(0, str(path.parent))
            exec(compile(path.read_text(), str(path), "exec"), vars(main))
    except BaseException:  # noqa: BLE001 - it ends there, or misses the results
        assert found
    return found[0]


def by_hptui(shape: Shape, path: Path) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def serve(captured: CapturedStudy) -> None:
        about = json.loads(json.dumps(captured.about.to_json()))
        told = seen(captured.study, captured.objective)
        found.append({**told, "about": about, "has_constraints": captured.constraints is not None})

    run_script(ObjectiveRef("script", str(path), "", "tune.py", shape.argv), serve)
    assert is_script(path.read_bytes(), path)
    return found[0]


@pytest.mark.parametrize("name", SHAPES)
def test_a_script_hands_over_what_it_would_optimise_in_plain_python(
    name: str, tmp_path: Path
) -> None:
    shape = SHAPES[name]
    folders = [tmp_path / "plain", tmp_path / "ours"]
    plain, ours = (
        in_a_child(lambda run=run, folder=folder: run(shape, shape.write(folder)), made(folder))
        for run, folder in zip((plainly, by_hptui), folders, strict=True)
    )
    assert "error" not in plain, plain["error"]
    assert "error" not in ours, ours["error"]
    about = ours.pop("about")
    n_trials, timeout = plain.pop("n_trials"), plain.pop("timeout")
    ours.pop("has_constraints")
    assert ours == plain
    assert tuple(about["directions"]) == tuple(plain["directions"]) == shape.directions
    assert n_trials in (shape.n_trials, float("inf"))
    usual = (1, None if n_trials == float("inf") else n_trials)
    asked = REPEATED.get(name, usual)
    assert about["timeout_s"] == (None if asked[0] is None else timeout)
    assert (about["n_calls"], about["n_trials"]) == asked
    assert about["may_have_more"] == (name in OTHERS)
    # Nothing has reached a storage of the script's.
    assert not list(folders[1].glob("*.db"))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def told_by(source: str, folder: Path, study_of: str = "", *argv: str) -> dict[str, Any]:
    """Return what a script says of its study, or why there is none."""
    path = Shape(source).write(folder)
    ref = ObjectiveRef("script", str(path), study_of, "tune.py", argv)

    def work() -> Any:
        found: list[Any] = []
        try:
            run_script(ref, lambda captured: found.append(captured.about.to_json()))
        except LoadError as error:
            return {"message": error.message, "hint": error.hint, "detail": error.detail}
        return found[0]

    return in_a_child(work, folder)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_run_as_it_stands_says_what_to_change(name: str, tmp_path: Path) -> None:
    case = REFUSED[name]
    told = told_by(case.shape.source, tmp_path)
    assert case.sentence in told["message"]
    assert case.hint in told["hint"]
    assert "registry/scripts/script.py" not in told["detail"]
    assert not list(tmp_path.glob("*.db"))


LEFT = {
    "sampler set later": (
        "qmc:scramble=true",
        9,
        "patient:wrapped=median(n_startup_trials=3),pat",
        "",
    ),
    "sampler by its name": ("tpe:n_startup_trials=4", 3, "median", ""),
    "genetic with constraints": (
        "nsgaii:population_size=8,crossover=sbx(eta=3.0)",
        1,
        "median",
        "",
    ),
    "grid": ("grid", 5, "median", ""),
    "fixed in part": ("cmaes:popsize=6", 2, "median", ""),
    "a sampler of its own": ("", None, "median", "a sampler of its own (Mine)"),
    "a time": ("tpe", None, "hyperband:max_resource=9", ""),
    "callbacks": ("tpe", None, "median", ""),
}


@pytest.mark.parametrize("name", LEFT)
def test_samplers_and_pruners_are_spelled_and_the_rest_is_named(name: str, tmp_path: Path) -> None:
    sampler, seed, pruner, left = LEFT[name]
    told = told_by(SHAPES[name].source, tmp_path)
    assert (told["sampler"], told["seed"]) == (sampler, seed)
    assert told["pruner"].startswith(pruner)
    assert "; ".join(told["left"]) == left
    assert told["has_constraints"] == (name == "genetic with constraints")
    assert told["grid"] == ({"x": [-3, 0, 2]} if name == "grid" else {})
    assert told["fixed"] == ({"x": 1.0} if name == "fixed in part" else {})
    given = ("keep", "MaxTrialsCallback") if name == "callbacks" else ()
    assert tuple(told["callbacks"]) == given


def test_what_is_in_its_own_storage_stays_there(tmp_path: Path) -> None:
    study = optuna.create_study(
        study_name="mine", storage=f"sqlite:///{tmp_path}/mine.db", direction="maximize"
    )
    study.optimize(lambda trial: trial.suggest_float("x", -4, 2), n_trials=3)
    source = """
        study = optuna.load_study(study_name="mine", storage="sqlite:///mine.db")
        study.enqueue_trial({"x": 1.0})
        study.optimize(objective, n_trials=5)
        """
    told = told_by(top(source), tmp_path)
    assert told["directions"] == ["maximize"]
    assert (told["name"], told["storage"], told["n_stored"]) == ("mine", "sqlite:///mine.db", 3)
    assert [each["state"] for each in told["trials"]] == ["waiting"]
    assert len(study.get_trials()) == 3


LOOP = """
import optuna, sys
for k in (1, 2, 3):
    study = optuna.create_study(study_name=f"w{k}", direction="maximize")
    study.optimize(lambda t: t.suggest_float("x", 0, 9), n_trials=3 * k)
    if sys.argv[1:]: print(study.best_value)
"""


def test_one_of_several_studies_is_named_by_its_place_or_its_name(tmp_path: Path) -> None:
    assert [told_by(LOOP, tmp_path, each)["n_trials"] for each in ("", "2", "w3")] == [3, 6, 9]
    assert told_by(LOOP, tmp_path)["may_have_more"]
    assert (
        "has no study '4'; it optimizes 1 (line 5, w1), 2"
        in told_by(LOOP, tmp_path, "4")["message"]
    )
    needs = told_by(LOOP, tmp_path, "2", "print")
    assert (
        "After study 1 (line 5) tune.py needs its results (line 6: ValueError" in needs["message"]
    )
    assert "cannot reach study '2'" in needs["message"]


def test_the_studies_of_a_script_are_listed_as_far_as_it_goes(tmp_path: Path) -> None:
    path = Shape(LOOP).write(tmp_path)

    def listed(*argv: str) -> Any:
        ref = ObjectiveRef("script", str(path), "", "tune.py", argv)

        def work() -> Any:
            found = list_studies(ref)
            return [[each.name for each in found.studies], found.ended]

        return in_a_child(work, tmp_path)

    assert listed() == [["w1", "w2", "w3"], ""]
    # As click leaves a script.
    path.write_text(f"{LOOP}sys.exit()\n")
    assert listed() == [["w1", "w2", "w3"], ""]
    names, ended = listed("print")
    assert names == ["w1"]
    assert "cannot reach those after it" in ended


def test_a_study_that_is_optimized_again_and_again_is_listed_once(tmp_path: Path) -> None:
    source = top("""
        first, second = optuna.create_study(), optuna.create_study(study_name="two")
        for _ in range(3):
            first.optimize(objective, n_trials=2)
        first.sampler = optuna.samplers.RandomSampler()
        first.optimize(objective, n_trials=-1)
        second.optimize(objective, n_trials=7)
        """)
    ref = ObjectiveRef("script", str(Shape(source).write(tmp_path)), "", "tune.py")

    def work() -> Any:
        return [[each.sampler, each.n_trials, each.name] for each in list_studies(ref).studies]

    assert in_a_child(work, tmp_path) == [["tpe", 6, ""], ["random", 0, ""], ["tpe", 7, "two"]]
    assert told_by(source, tmp_path, "3")["n_trials"] == 7


def test_once_its_trials_are_over_a_script_cleans_up_and_does_nothing_else(tmp_path: Path) -> None:
    source = """
        study = optuna.create_study()
        for _ in range(2):
            try:
                study.optimize(objective, n_trials=5)
                print("after")
            except Exception as error:
                print("caught", error)
            finally:
                with open("end.txt", "a") as stream:
                    stream.write("cleaned up ")
        """
    assert told_by(top(source), tmp_path)["n_trials"] == 10
    assert (tmp_path / "end.txt").read_text() == "cleaned up "


def test_trials_go_on_where_the_script_has_ended_in_another_thread(tmp_path: Path) -> None:
    source = """
        import threading
        begun = threading.Event()
        def signalling(trial):
            begun.set()
            return objective(trial)
        study = optuna.create_study()
        threading.Thread(target=study.optimize, args=(signalling, 5)).start()
        begun.wait()
        print(study.best_value)
        """
    path = Shape(top(source)).write(tmp_path)

    def is_in_script() -> bool:
        frame = sys._current_frames()[threading.main_thread().ident or 0]  # pyright: ignore
        names: list[str] = []
        while frame is not None:
            names.append(frame.f_code.co_filename)
            frame = frame.f_back
        return str(path) in names

    def work() -> list[Any]:
        found: list[Any] = []

        def serve(captured: CapturedStudy) -> None:
            captured.objective(MiddleTrial())
            wait_until(lambda: not is_in_script(), "the end of the script's main thread")
            found.append(captured.about.n_trials)

        run_script(ObjectiveRef("script", str(path), "", "tune.py"), serve)
        return found

    assert in_a_child(work, tmp_path) == [5]


def test_data_drawn_at_random_are_the_same_in_all_workers(tmp_path: Path) -> None:
    source = """
        import random
        import numpy as np
        optuna.create_study(study_name=f"{random.random()} {np.random.rand()}").optimize(objective)
        """
    assert told_by(top(source), tmp_path)["name"] == told_by(top(source), tmp_path)["name"]
