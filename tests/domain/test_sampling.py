"""Samplers and pruners by name: what is read, refused and written back."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from hptui.domain.methods.asked_methods import (
    AUTO,
    METHODS,
    Method,
    MethodSpec,
    Option,
    PrunerSpec,
    SamplerSpec,
    check_fit,
    method_of,
    parse_pruner,
    parse_sampler,
)
from hptui.engine.sampling.pruners import PRUNER_CLASSES
from hptui.engine.sampling.samplers import CROSSOVER_CLASSES, MUTATION_CLASSES, SAMPLER_CLASSES
from hptui.errors import OptionError

CLASSES: dict[str, Any] = {
    "sampler": SAMPLER_CLASSES,
    "pruner": PRUNER_CLASSES,
    "crossover": CROSSOVER_CLASSES,
    "mutation": MUTATION_CLASSES,
}
EVERY = [
    pytest.param(family, method, id=f"{family}-{method.name}")
    for family, methods in METHODS.items()
    for method in methods
    if method.name != AUTO
]
OPTIONS = [
    pytest.param(family, method, option, id=f"{family}-{method.name}-{option.name}")
    for family, methods in METHODS.items()
    for method in methods
    for option in method.options
]
OURS = {("grid", "points")}
"""Options that Optuna's constructor does not have."""


def parameters_of(family: str, method: Method) -> dict[str, inspect.Parameter]:
    make = inspect.unwrap(CLASSES[family][method.name].__init__)
    parameters = dict(inspect.signature(make).parameters)
    del parameters["self"]
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def documentation_of(family: str, method: Method, parameter: str) -> str:
    """Return what Optuna's docstring says of one parameter; empty where it says nothing."""
    classes = CLASSES[family][method.name].__mro__
    # Python 3.13 takes the common indentation away by itself.
    text = "\n".join(inspect.cleandoc(each.__doc__ or "") for each in classes)
    entry = re.search(rf"^ {{4}}{parameter}:\n(.*?)(?=^ {{0,4}}\w|\Z)", text, re.S | re.M)
    return "" if entry is None else entry[1]


@pytest.mark.parametrize(("family", "method"), EVERY)
def test_each_parameter_of_optuna_is_an_option_or_left_out_with_a_reason(
    family: str, method: Method
) -> None:
    offered = {option.parameter or option.name for option in method.options}
    offered -= {name for owner, name in OURS if owner == method.name}
    left_out = set(method.left_out)
    assert not offered & left_out
    assert offered | left_out == set(parameters_of(family, method))
    assert all(method.left_out.values())


@pytest.mark.parametrize(("family", "method"), EVERY)
def test_what_is_left_out_as_deprecated_is_deprecated(family: str, method: Method) -> None:
    for name, reason in method.left_out.items():
        if reason == "Optuna has deprecated it":
            assert "Deprecated in" in documentation_of(family, method, name)


@pytest.mark.parametrize(("family", "method", "option"), OPTIONS)
def test_what_is_offered_is_not_deprecated(family: str, method: Method, option: Option) -> None:
    text = documentation_of(family, method, option.parameter or option.name)
    assert "Deprecated in" not in text


@pytest.mark.parametrize(("family", "method"), EVERY)
def test_what_it_costs_is_told_where_that_depends_on_the_trials(
    family: str, method: Method
) -> None:
    is_expensive = family in ("sampler", "pruner") and method.name != "none"
    assert bool(method.cost) is is_expensive
    assert not is_expensive or method.cost.endswith(".")


@pytest.mark.parametrize(("family", "method", "option"), OPTIONS)
def test_a_default_is_optunas_own(family: str, method: Method, option: Option) -> None:
    if (method.name, option.name) in OURS:
        return
    parameter = parameters_of(family, method)[option.parameter or option.name]
    if option.required:
        assert parameter.default is inspect.Parameter.empty
    elif parameter.default is not inspect.Parameter.empty:
        assert option.default == parameter.default
        assert type(option.default) is type(parameter.default)
    assert option.help
    assert "\n" not in option.help


def test_the_options_that_optuna_requires_are_required() -> None:
    for family, methods in METHODS.items():
        for method in methods:
            if method.name == AUTO:
                continue
            for name, parameter in parameters_of(family, method).items():
                if parameter.default is inspect.Parameter.empty and name not in method.left_out:
                    option = next(o for o in method.options if name in (o.name, o.parameter))
                    # Optuna wants None said where no pruner is wrapped; here it may be left out.
                    assert option.required or (method.name, option.name) == ("patient", "wrapped")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("tpe", "tpe"),
        ("TPE:", "tpe"),
        (
            "tpe:multivariate=false, n_startup_trials=20",
            "tpe:n_startup_trials=20,multivariate=false",
        ),
        ("tpe(n_startup_trials=20)", "tpe:n_startup_trials=20"),
        ("tpe:multivariate=none", "tpe:multivariate=none"),
        ("cma-es:popsize=8", "cmaes:popsize=8"),
        ("NSGA-II:crossover=SBX(eta=3)", "nsgaii:crossover=sbx(eta=3.0)"),
        ("brute_force", "bruteforce"),
        ("gp:independent_sampler=tpe(group=true)", "gp:independent_sampler=tpe(group=true)"),
        (
            "nsgaiii:reference_points=[[0, 1], [1, 0]],mutation=polynomial",
            "nsgaiii:mutation=polynomial,reference_points=[[0.0,1.0],[1.0,0.0]]",
        ),
        ("qmc:qmc_type=Halton,scramble=TRUE", "qmc:qmc_type=halton,scramble=true"),
        ("grid:points=5", "grid:points=5"),
    ],
)
def test_a_sampler_is_read_and_spelled_back(text: str, spelled: str) -> None:
    spec = parse_sampler(text)
    assert isinstance(spec, SamplerSpec)
    assert str(spec) == spelled
    assert parse_sampler(str(spec)) == spec
    assert hash(parse_sampler(spelled)) == hash(spec)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("none", "none"),
        ("nop", "none"),
        ("percentile:percentile=25", "percentile:percentile=25.0"),
        ("successive-halving:min_resource=auto", "sha:min_resource=auto"),
        (
            "hyperband:max_resource=81,bootstrap_count=2",
            "hyperband:max_resource=81,bootstrap_count=2",
        ),
        (
            "patient:patience=5,wrapped=median(n_startup_trials=3,n_min_trials=2)",
            "patient:wrapped=median(n_startup_trials=3,n_min_trials=2),patience=5",
        ),
        (
            "patient:patience=5,wrapped=patient(patience=2,wrapped=none)",
            "patient:wrapped=patient(wrapped=none,patience=2),patience=5",
        ),
        ("threshold:lower=-1e3,upper=none", "threshold:lower=-1000.0,upper=none"),
    ],
)
def test_a_pruner_is_read_and_spelled_back(text: str, spelled: str) -> None:
    spec = parse_pruner(text)
    assert isinstance(spec, PrunerSpec)
    assert str(spec) == spelled
    assert parse_pruner(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("tpee", "no sampler 'tpee'", "Did you mean tpe?"),
        ("", "no sampler ''", "Known: tpe, auto, random"),
        ("tpe:n_startup=3", "no option 'n_startup'", "Did you mean n_startup_trials?"),
        ("random:x=1", "no option 'x'", "random has no options"),
        ("tpe:seed=3", "belongs to the run: use --seed", "Options of tpe"),
        ("tpe:prior_weight=1", "Optuna has deprecated it", "Options of tpe"),
        ("gp:constraints_func=f", "trial.set_constraint", "Options of gp"),
        ("cmaes:source_trials=1", "which text cannot express", "Options of cmaes"),
        ("tpe:n_startup_trials=-1", "an integer of 0 or more", "Finished trials"),
        ("tpe:n_startup_trials=1.5", "n_startup_trials is '1.5'", ""),
        ("tpe:group=1", "group is '1', but it must be true or false", ""),
        ("tpe:n_ei_candidates=", "n_ei_candidates has no value", "an integer of 1 or more"),
        ("tpe:group=true,group=true", "group is given twice", ""),
        ("tpe:group=true,multivariate=false", "works only with multivariate", "Omit one"),
        ("cmaes:with_margin=true,lr_adapt=true", "with_margin and lr_adapt", "Keep one"),
        ("nsgaii:mutation_prob=1.5", "a number from 0 to 1", ""),
        ("nsgaii:crossover_prob=nan", "a number from 0 to 1", ""),
        ("nsgaii:crossover=blend", "no crossover 'blend'", "Known: uniform"),
        ("nsgaii:population_size=2,crossover=undx", "needs 3 parents", "3 or more"),
        ("nsgaiii:reference_points=[[0,1],[1]]", "list of lists", ""),
        ("nsgaiii:reference_points=[[0,NaN]]", "list of lists", ""),
        ("qmc:qmc_type=latin", "one of sobol, halton", ""),
        ("gp:independent_sampler=tpe(n=1)", "tpe has no option 'n'", ""),
        ("tpe(n_startup_trials=1", "brackets", "median(n_startup_trials=3)"),
        ("nsgaiii:reference_points=[[0,1)]", "brackets", ""),
        (
            "gp:independent_sampler=" * 1 + "gp(independent_sampler=" * 20 + "tpe" + ")" * 20,
            "nested",
            "",
        ),
    ],
)
def test_a_sampler_that_does_not_hold_together_is_refused(
    text: str, sentence: str, hint: str
) -> None:
    with pytest.raises(OptionError) as caught:
        parse_sampler(text)
    assert sentence in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("percentile", "needs percentile"),
        ("percentile:percentile=101", "from 0 to 100"),
        ("patient", "needs patience"),
        ("patient:patience=1,min_delta=-1", "of 0 or more"),
        ("sha:bootstrap_count=2", "bootstrap_count needs a number as min_resource"),
        ("sha:reduction_factor=1", "2 or more"),
        ("hyperband:bootstrap_count=1", "bootstrap_count needs a number as max_resource"),
        ("hyperband:min_resource=9,max_resource=3", "above max_resource=3"),
        ("threshold", "neither lower nor upper"),
        ("threshold:lower=2,upper=1", "lower=2.0 is above upper=1.0"),
        ("median:interval_steps=0", "1 or more"),
        ("wilcoxon:p_threshold=2", "from 0 to 1"),
        ("medium", "no pruner 'medium'"),
    ],
)
def test_a_pruner_that_does_not_hold_together_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_pruner(text)
    assert sentence in caught.value.message


def applies(sampler: str, option: str) -> str | None:
    spec = parse_sampler(sampler)
    method = method_of("sampler", spec)
    found = method.option(option)
    assert found is not None
    return found.applies(method.values(spec), 1)


def test_an_option_says_when_it_does_not_apply() -> None:
    assert applies("tpe", "group") is None
    assert applies("tpe:multivariate=false", "group") == "It needs multivariate."
    assert "lr_adapt" in (applies("cmaes:lr_adapt=true", "with_margin") or "")
    assert applies("cmaes:lr_adapt=true", "lr_adapt") is None
    assert applies("nsgaiii:reference_points=[[1,1]]", "dividing_parameter") is not None


@pytest.mark.parametrize(
    ("sampler", "pruner", "n_objectives", "sentence"),
    [
        ("cmaes", "none", 2, "CMA-ES works with a single objective"),
        ("gp:independent_sampler=cmaes", "none", 2, "CMA-ES works with a single objective"),
        ("tpe", "median", 2, "needs a single objective, but there are 2"),
        ("nsgaiii:reference_points=[[1,2]]", "none", 3, "reference_points has 2 columns"),
    ],
)
def test_what_cannot_work_together_is_told(
    sampler: str, pruner: str, n_objectives: int, sentence: str
) -> None:
    reason = check_fit(parse_sampler(sampler), parse_pruner(pruner), n_objectives)
    assert reason is not None
    assert sentence in reason


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "nsgaii", "nsgaiii", "qmc"])
def test_these_samplers_fit_one_objective_and_several(sampler: str) -> None:
    assert check_fit(parse_sampler(sampler), parse_pruner("median"), 1) is None
    assert check_fit(parse_sampler(sampler), parse_pruner("none"), 3) is None


def test_a_method_knows_the_values_of_all_its_options() -> None:
    spec = parse_sampler("tpe:n_startup_trials=3")
    values = method_of("sampler", spec).values(spec)
    assert values == {
        "n_startup_trials": 3,
        "n_ei_candidates": 24,
        "multivariate": None,
        "group": False,
        "constant_liar": True,
    }
    assert spec.given() == {"n_startup_trials": 3}
    assert isinstance(spec, MethodSpec)
