"""Asking for samplers and pruners by name, and what fits together.

A seed is no option: it belongs to the run (`--seed`), which hands it to the sampler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hptui.domain.methods.option_text import find_method, read_method
from hptui.domain.methods.options import Family, Method, MethodSpec, Option, OptionValue
from hptui.domain.methods.own_method import is_own, own_method, text_option
from hptui.domain.methods.pruner_table import PRUNERS
from hptui.domain.methods.sampler_table import CROSSOVERS, MUTATIONS, SAMPLERS
from hptui.domain.texts.readable import plural

__all__ = [
    "AUTO",
    "METHODS",
    "PRUNERS",
    "SAMPLERS",
    "Method",
    "MethodSpec",
    "Option",
    "OptionValue",
    "PrunerSpec",
    "SamplerSpec",
    "check_fit",
    "method_of",
    "needs_one_objective",
    "parse_pruner",
    "parse_sampler",
]

AUTO: Final = "auto"
"""The sampler that stands for another one, which is chosen when a run starts."""
METHODS: dict[Family, tuple[Method, ...]] = {
    "sampler": SAMPLERS,
    "pruner": PRUNERS,
    "crossover": CROSSOVERS,
    "mutation": MUTATIONS,
}


@dataclass(frozen=True, slots=True)
class SamplerSpec(MethodSpec):
    """A sampler by name with its options; `str` gives the spelling back."""


@dataclass(frozen=True, slots=True)
class PrunerSpec(MethodSpec):
    """A pruner by name with its options; `str` gives the spelling back."""


def parse_sampler(text: str) -> SamplerSpec:
    """Read `tpe:n_startup_trials=20,multivariate=false`.

    Raises:
        OptionError: A name is unknown, a value is out of its range, or options contradict.
    """
    _method, spec = read_method("sampler", text, METHODS)
    return SamplerSpec(spec.name, spec.options)


def parse_pruner(text: str) -> PrunerSpec:
    """Read `hyperband:max_resource=81` or `patient:patience=5,wrapped=median(n_min_trials=3)`.

    Raises:
        OptionError: A name is unknown, a value is out of its range, or options contradict.
    """
    _method, spec = read_method("pruner", text, METHODS)
    return PrunerSpec(spec.name, spec.options)


def method_of(family: Family, spec: MethodSpec) -> Method:
    """Return the table entry of a spec, or what stands for a class of one's own."""
    if is_own(spec.name):
        return own_method(family, spec.name, (text_option(name) for name, _ in spec.options))
    return find_method(family, spec.name, METHODS[family])


def check_fit(sampler: SamplerSpec, pruner: PrunerSpec, n_objectives: int) -> str | None:
    """Return the sentence that says why these cannot work with so many objectives, or None."""
    reason = _sampler_misfit(sampler, n_objectives)
    if reason is None and n_objectives > 1 and needs_one_objective("pruner", pruner.name):
        return (
            f"The pruner {pruner.name} needs a single objective, but there are {n_objectives}: "
            "Optuna cannot prune then. Use --pruner none."
        )
    return reason


def needs_one_objective(family: Family, name: str) -> bool:
    """Say whether a sampler or pruner works with a single objective only."""
    return name == "cmaes" if family == "sampler" else name != "none"


def _sampler_misfit(sampler: MethodSpec, n_objectives: int) -> str | None:
    if n_objectives > 1 and needs_one_objective("sampler", sampler.name):
        return (
            f"CMA-ES works with a single objective, but there are {n_objectives}. "
            "Use --sampler tpe, nsgaii or gp."
        )
    given = sampler.given()
    points = given.get("reference_points")
    if isinstance(points, tuple) and len(points[0]) != n_objectives:
        return (
            f"reference_points has {plural(len(points[0]), 'column')}, but it needs one for each "
            f"of {plural(n_objectives, 'objective')}."
        )
    inner = given.get("independent_sampler")
    return _sampler_misfit(inner, n_objectives) if isinstance(inner, MethodSpec) else None
