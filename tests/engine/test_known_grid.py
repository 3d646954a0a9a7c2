"""A grid goes on where points have been tried before: in another study, space or order."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution, distribution_to_json
from optuna.samplers import GridSampler
from optuna.trial import FrozenTrial, TrialState
from tests.engine import identity_objectives
from tests.storage.study_file import StudyFile

from hptui.domain.objective import ObjectiveRef
from hptui.domain.spaces.edits import ParamEdit
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.studies.forking import fork_study
from hptui.engine.studies.importing import import_into_new
from hptui.storage.transfer.fork_plan import ForkRequest
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")

A = distribution_to_json(IntDistribution(0, 2))
B = distribution_to_json(CategoricalDistribution((0.5, 1.5)))
GRID = {"a": [0, 1, 2], "b": [0.5, 1.5]}


def run_grid(path: Path, *, seed: int | None = None, **edits: ParamEdit) -> list[FrozenTrial]:
    """Run the objective over its grid to the end, and return the trials of the study then."""
    plan = RunPlan(
        ref=ObjectiveRef("file", identity_objectives.__file__, "small", "small"),
        study_file=path,
        study=path.stem,
        sampler="grid",
        budget=Budget(n_trials=50),
        n_workers=1,
        seed=seed,
        edits=edits,
    )
    Engine(plan, Silent()).run()
    return load(path).trials


def load(path: Path) -> optuna.Study:
    return optuna.load_study(study_name=path.stem, storage=f"sqlite:///{path}")


def tried(trials: Sequence[FrozenTrial]) -> Counter[tuple[int, float]]:
    """How often each point has a result."""
    ended = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return Counter((trial.params["a"], trial.params["b"]) for trial in ended)


def made(path: Path) -> Path:
    """A study whose grid was walked half-way, in an order that is not that of seed 0."""
    marks = {"search_space": GRID}
    with StudyFile(path) as built:
        built.add_study(path.stem)
        for place, (a, b) in enumerate([(2, 1), (0, 0), (1, 0)]):
            params = {"a": (a, A), "b": (b, B)}
            built.add_trial(1.0, params=params, attributes={**marks, "grid_id": place})
        # Failed, and marked: Optuna counts it as visited.
        built.add_trial(
            state="FAIL",
            params={"a": (2, A), "b": (0, B)},
            attributes={**marks, "grid_id": 5},
        )
    return path


def test_a_fork_does_not_try_what_was_carried_over(tmp_path: Path) -> None:
    source = made(tmp_path / "s.db")
    edits = {"a": ParamEdit(high=1)}
    fork = fork_study(source, "s", "fork", ForkRequest(edits=edits)).path
    trials = run_grid(fork)
    assert tried(trials) == Counter({(a, b): 1 for a in (0, 1) for b in (0.5, 1.5)})
    assert len(trials) == 4
    # A script of Optuna's own knows them, too.
    plain = GridSampler({"a": [0, 1], "b": [0.5, 1.5]})
    assert plain.is_exhausted(load(fork))
    assert not GridSampler(GRID).is_exhausted(load(fork))


def test_a_run_goes_on_in_another_order_and_another_space(tmp_path: Path) -> None:
    path = made(tmp_path / "s.db")
    trials = run_grid(path, seed=8, a=ParamEdit(low=1))
    points = tried(trials)
    # Where it failed it is not tried again, as in plain Optuna where the mark is of this grid.
    assert points == Counter({(2, 1.5): 1, (0, 0.5): 1, (1, 0.5): 1, (1, 1.5): 1, (2, 0.5): 1})
    trials = run_grid(path, seed=9, a=ParamEdit(low=0))
    assert tried(trials) == Counter({(a, b): 1 for a in (0, 1, 2) for b in (0.5, 1.5)})
    assert GridSampler(GRID, seed=9).is_exhausted(load(path))


def test_what_was_imported_is_not_tried_and_what_has_failed_is(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,b,value\n0,0.5,1\n2,1.5,1\n1,0.5,\n")
    request = ImportRequest(
        edits={"a": ParamEdit(low=0, high=2), "b": ParamEdit(choices=(0.5, 1.5))}
    )
    path = import_into_new(tmp_path / "f.csv", request, "s", folder=tmp_path).path
    trials = run_grid(path)
    assert tried(trials) == Counter({(a, b): 1 for a in (0, 1, 2) for b in (0.5, 1.5)})
    assert len(trials) == 7


def small(trial: optuna.Trial) -> float:
    return trial.suggest_int("a", 0, 2) + trial.suggest_float("b", 0, 2)


@pytest.mark.parametrize("seed", [None, 3])
def test_without_trials_from_elsewhere_it_is_optunas(seed: int | None) -> None:
    walks: list[list[dict[str, object]]] = []
    for sampler in (GridSampler(GRID, seed), KnownGridSampler(GRID, seed)):
        study = optuna.create_study(sampler=sampler)
        study.enqueue_trial({"a": 1, "b": 0.25})
        for _ in range(2):
            # It goes on after a pause, where ours learns of what there is.
            if isinstance(sampler, KnownGridSampler):
                assert sampler.learn(study.trials) == {}
            study.optimize(small, n_trials=4)
        walks.append([trial.params for trial in study.trials])
    assert walks[0] == walks[1]
    assert len(walks[0]) == 7


def test_a_trial_without_a_place_may_end_before_the_last_point() -> None:
    for sampler in (KnownGridSampler({"a": [0, 1]}), GridSampler({"a": [0, 1]})):
        study = optuna.create_study(sampler=sampler)
        first = study.ask()
        study.tell(first, first.suggest_int("a", 0, 2))
        study.enqueue_trial({"a": 0})
        given = study.ask()
        assert given.suggest_int("a", 0, 2) == 0
        if isinstance(sampler, KnownGridSampler):
            study.tell(given, 0.0)
            study.optimize(lambda trial: trial.suggest_int("a", 0, 2))
            walked = [trial.params["a"] for trial in study.trials]
            assert sorted(walked[::2]) == [0, 1]
        else:
            with pytest.raises(KeyError):
                study.tell(given, 0.0)


@pytest.mark.parametrize(
    "attrs",
    [
        {"grid_id": 0},
        {"grid_id": 0, "search_space": 7},
        {"grid_id": 0, "search_space": {"a": 3, "b": 4}},
        {"grid_id": "0", "search_space": GRID},
        {"grid_id": 0, "search_space": {"a": [0, 1, 2]}},
    ],
)
def test_marks_that_are_none_are_passed_over(attrs: dict[str, object]) -> None:
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(value=1.0, system_attrs=attrs))
    assert KnownGridSampler(GRID).learn(study.trials) == {}


ALIKE = [[1, 1.0, True], [0, 0.0, False]]
LISTS = [[[1], "[1]", "x"], [{"a": 1}, '{"a": 1}']]


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
@pytest.mark.parametrize("lists", [ALIKE, LISTS, [[math.nan, 1.0], [2, 3]]])
@pytest.mark.parametrize("seeds", [(None, None), (1, 2)])
def test_choices_that_are_equal_or_spelled_alike_are_tried_each(
    lists: list[list[Any]], seeds: tuple[int | None, int | None]
) -> None:
    space = dict(zip("ab", lists, strict=True))
    study = optuna.create_study()
    n_points = len(lists[0]) * len(lists[1])
    for at in range(n_points + 1):
        # Each run goes on where another one ended.
        sampler = KnownGridSampler(space, seeds[at % 2])
        sampler.learn(study.trials)
        assert sampler.is_exhausted(study) is (at == n_points)
        if at < n_points:
            study.sampler = sampler
            study.optimize(lambda trial: float(len(suggested(trial, space))), n_trials=1)


def suggested(trial: optuna.Trial, space: dict[str, list[Any]]) -> list[object]:
    return [trial.suggest_categorical(name, each) for name, each in space.items()]
