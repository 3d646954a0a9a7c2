"""Every bundled objective is installed, and described so that its source alone tells it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import optuna
import pytest

import hptui_objectives
from hptui.domain.methods.asked_methods import check_fit, parse_pruner, parse_sampler
from hptui.domain.objective import ATTRIBUTE, ObjectiveInfo
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec

Objective = Callable[[optuna.Trial], "float | tuple[float, ...]"]
NAMES = [
    "branin",
    "cancer-boosting",
    "cancer-boosting-small",
    "diabetes-elasticnet",
    "digits-forest",
    "digits-mlp",
    "digits-sgd",
    "digits-svc",
    "hartmann6",
    "rosenbrock",
    "wine-pipeline",
]
SUMMARY_WIDTH = 90


def info_of(objective: Objective) -> ObjectiveInfo:
    info = getattr(objective, ATTRIBUTE)
    assert isinstance(info, ObjectiveInfo)
    return info


def source_of(objective: Objective) -> ast.Module:
    source = sys.modules[objective.__module__].__file__
    assert source is not None
    return ast.parse(Path(source).read_text(encoding="utf-8"))


def decorator_arguments(objective: Objective) -> dict[str, ast.expr]:
    """Return what stands in the decorator's brackets, as a reader of the source sees it."""
    for node in source_of(objective).body:
        if isinstance(node, ast.FunctionDef) and node.name == "objective":
            (decorator,) = node.decorator_list
            assert isinstance(decorator, ast.Call)
            assert not decorator.args
            return {str(each.arg): each.value for each in decorator.keywords}
    raise AssertionError("no function named objective")


def test_each_module_of_the_package_is_an_entry_point_and_the_other_way_round() -> None:
    folder = Path(hptui_objectives.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    installed = {each.name: each.value for each in entry_points(group="hptui.objectives")}
    ours = {name: value for name, value in installed.items() if "hptui_objectives" in value}
    assert sorted(ours) == NAMES
    assert set(ours.values()) == {f"hptui_objectives.{module}:objective" for module in modules}


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_is_complete(name: str, load: Callable[[str], Objective]) -> None:
    info = info_of(load(name))
    assert info.name == name
    assert 20 < len(info.summary) < SUMMARY_WIDTH
    assert info.summary.isprintable()
    assert info.tags
    assert len(info.metric_names) == len(info.directions)


@pytest.mark.parametrize("name", NAMES)
def test_the_suggested_sampler_and_pruner_can_be_used(
    name: str, load: Callable[[str], Objective]
) -> None:
    info = info_of(load(name))
    sampler, pruner = parse_sampler(info.sampler), parse_pruner(info.pruner)
    assert check_fit(sampler, pruner, len(info.directions)) is None
    assert (pruner.name != "none") == ("pruning" in info.tags)


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_says_what_a_good_value_is(
    name: str, load: Callable[[str], Objective]
) -> None:
    text = ast.get_docstring(source_of(load(name)))
    assert text is not None
    assert re.search(r"30\s+random\s+trials", text)
    assert re.search(r"A\s+trial\s+takes", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_can_be_read_without_running_the_file(
    name: str, load: Callable[[str], Objective]
) -> None:
    objective = load(name)
    info = info_of(objective)
    arguments = decorator_arguments(objective)
    space = arguments.pop("space", ast.Dict(keys=[], values=[]))
    read = {key: ast.literal_eval(value) for key, value in arguments.items()}
    directions = read.get("directions") or [read["direction"]]
    assert (read["name"], read["summary"], tuple(directions)) == (
        info.name,
        info.summary,
        info.directions,
    )
    assert (tuple(read["metric_names"]), tuple(read["tags"])) == (info.metric_names, info.tags)
    assert (read["sampler"], read["pruner"]) == (info.sampler, info.pruner)
    assert isinstance(space, ast.Dict)
    assert {ast.literal_eval(key) for key in space.keys if key} == set(info.space)
    for spec in space.values:
        assert isinstance(spec, ast.Call)
        for part in [*spec.args, *(each.value for each in spec.keywords)]:
            ast.literal_eval(part)


@pytest.mark.parametrize("name", NAMES)
def test_a_declared_space_is_what_the_objective_asks_for(
    name: str, load: Callable[[str], Objective]
) -> None:
    objective = load(name)
    info = info_of(objective)
    if not info.space:
        # Parameters that come and go cannot be declared: they are found by probing.
        assert "conditional" in info.tags or "pruning" in info.tags
        return
    study = optuna.create_study(
        directions=list(info.directions), sampler=optuna.samplers.RandomSampler(seed=3)
    )
    study.optimize(objective, n_trials=1)
    assert seen(study.trials[0].distributions) == dict(info.space)


def seen(
    distributions: Mapping[str, optuna.distributions.BaseDistribution],
) -> dict[str, ParamSpec]:
    return {name: spec_of(each) for name, each in distributions.items()}


def spec_of(distribution: optuna.distributions.BaseDistribution) -> ParamSpec:
    match distribution:
        case optuna.distributions.FloatDistribution():
            return FloatParam(
                distribution.low, distribution.high, distribution.log, distribution.step
            )
        case optuna.distributions.IntDistribution():
            return IntParam(
                distribution.low, distribution.high, distribution.log, distribution.step
            )
        case optuna.distributions.CategoricalDistribution():
            return ChoiceParam(tuple(distribution.choices))
        case _:
            raise AssertionError(f"an unknown distribution: {distribution!r}")
