"""With one slot and a seed, a run leaves what `Study.optimize` leaves."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.study import StudyDirection
from tests.engine import identity_objectives, own_methods

from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler
from hptui.domain.objective import ObjectiveRef
from hptui.domain.spaces.space import FloatParam, IntParam
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.samplers import build_sampler

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.samplers import BaseSampler

pytestmark = pytest.mark.usefixtures("clones_programs")

SAMPLERS = [
    ("tpe", "mixed"),
    ("tpe:multivariate=true,group=true", "mixed"),
    ("random", "mixed"),
    ("cmaes", "numeric"),
    ("gp:n_startup_trials=4", "numeric"),
    ("nsgaii:population_size=6", "mixed"),
    ("nsgaiii:population_size=6", "numeric"),
    ("qmc", "numeric"),
    ("bruteforce", "small"),
    ("nsgaii:population_size=6", "two"),
    ("tpe", "two"),
    (f"{own_methods.__file__}:Twin", "mixed"),
    ("random", "alike"),
    ("tpe:multivariate=true", "alike"),
    ("nsgaii:population_size=6", "alike"),
]
PRUNERS = [
    "median",
    "percentile:percentile=30",
    "sha",
    "hyperband:max_resource=12",
    "threshold:upper=20",
    "patient:patience=2",
    "wilcoxon",
    "none",
]


def left_by_hptui(folder: Path, name: str, sampler: str, pruner: str, n: int) -> optuna.Study:
    directions = ("minimize", "minimize") if name == "two" else ("minimize",)
    plan = RunPlan(
        ref=ObjectiveRef("file", identity_objectives.__file__, name, name),
        study_file=folder / "same.db",
        study="same",
        directions=directions,
        sampler=sampler,
        pruner=pruner,
        budget=Budget(n_trials=n),
        n_workers=1,
        seed=7,
    )
    Engine(plan, Silent()).run()
    return optuna.load_study(study_name="same", storage=f"sqlite:///{folder / 'same.db'}")


def optunas_own(sampler: str, n_objectives: int) -> BaseSampler:
    spec = parse_sampler(sampler)
    if spec.name.endswith(":Twin"):
        return own_methods.Twin(seed=7)
    if spec.name == "tpe":
        options: dict[str, Any] = dict(spec.given())
        return optuna.samplers.TPESampler(seed=7, **options)
    return build_sampler(spec, seed=7, space={}, fixed={}, n_objectives=n_objectives)


def left_by_optuna(name: str, sampler: str, pruner: str, n: int) -> optuna.Study:
    directions = [StudyDirection.MINIMIZE] * (2 if name == "two" else 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            study_name="same",
            directions=directions,
            sampler=optunas_own(sampler, len(directions)),
            pruner=build_pruner(parse_pruner(pruner)),
        )
        study.optimize(getattr(identity_objectives, name), n_trials=n, catch=(Exception,))
    return study


def what_counts(study: optuna.Study) -> list[tuple[object, ...]]:
    return [
        (t.number, t.state, t.values, t.params, t.distributions, t.intermediate_values)
        for t in study.get_trials(deepcopy=False)
    ]


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
@pytest.mark.parametrize(("sampler", "objective"), SAMPLERS)
def test_a_sampler_leaves_the_same_trials_as_study_optimize(
    sampler: str, objective: str, tmp_path: Path
) -> None:
    if sampler.startswith("gp"):
        pytest.importorskip("torch")
    # A trial of a Gaussian process is dear: four are drawn at random, and four by the model.
    n = 8 if sampler.startswith("gp") else 14
    ours = what_counts(left_by_hptui(tmp_path, objective, sampler, "none", n))
    assert ours == what_counts(left_by_optuna(objective, sampler, "none", n))
    assert len(ours) == (6 if objective == "small" else n)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_pruner_leaves_the_same_trials_as_study_optimize(pruner: str, tmp_path: Path) -> None:
    ours = what_counts(left_by_hptui(tmp_path, "reporting", "tpe", pruner, 30))
    assert ours == what_counts(left_by_optuna("reporting", "tpe", pruner, 30))
    pruned = [trial for trial in ours if trial[1] is optuna.trial.TrialState.PRUNED]
    assert bool(pruned) == (pruner != "none")


def test_the_grid_is_walked_as_optuna_walks_it(tmp_path: Path) -> None:
    space = {"x": FloatParam(-5, 5), "y": FloatParam(-5, 5, step=0.5), "k": IntParam(0, 10)}
    study = left_by_hptui(tmp_path, "numeric", "grid:points=2", "none", 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = build_sampler(
            parse_sampler("grid:points=2"), seed=7, space=space, fixed={}, n_objectives=1
        )
        plain = optuna.create_study(study_name="same", sampler=sampler)
        plain.optimize(getattr(identity_objectives, "numeric"), n_trials=12)  # noqa: B009 - untyped
    assert what_counts(study) == what_counts(plain)
