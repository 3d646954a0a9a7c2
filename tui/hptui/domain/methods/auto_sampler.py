"""`--sampler auto`: which sampler suits a run, by the advice of Optuna's documentation.

The table of samplers there recommends Gaussian processes for few trials (its `GPSampler` grows
with the cube of their number), TPE where parameters are conditional or many, and NSGA-II for
several objectives with trials enough for some generations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.methods.asked_methods import SamplerSpec
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.readable import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.spaces.space import ParamSpec

FEW_TRIALS: Final = 200
"""Up to so many a Gaussian process answers within about a second."""
FEW_PARAMETERS: Final = 20
"""Beyond them a Gaussian process learns little from few trials."""
GENERATIONS: Final = 10
"""So many populations of 50 are what a genetic sampler needs to get anywhere."""
POPULATION: Final = 50


def choose_sampler(
    space: Mapping[str, ParamSpec],
    *,
    n_objectives: int,
    n_trials: int | None,
    has_gp: bool,
) -> tuple[SamplerSpec, str]:
    """Return the sampler for a run and a sentence that says why.

    Args:
        space: The parameters, as far as they are known.
        n_objectives: How many objectives the study has.
        n_trials: How many trials the study will have in the end; None where no number ends it.
        has_gp: Whether the packages of the Gaussian process are installed.
    """
    name, reason = _choice(space, n_objectives, n_trials, has_gp=has_gp)
    return SamplerSpec(name), f"auto chose {name}: {reason}."


def _choice(
    space: Mapping[str, ParamSpec], n_objectives: int, n_trials: int | None, *, has_gp: bool
) -> tuple[str, str]:
    is_few = n_trials is not None and n_trials <= FEW_TRIALS
    if n_objectives > 1 and (n_trials is None or n_trials >= GENERATIONS * POPULATION):
        many = "no trial limit" if n_trials is None else plural(n_trials, "trial")
        return "nsgaii", f"several objectives, and {many}: room for many generations"
    if n_trials is None:
        return "tpe", "it stays fast, however many trials the run has"
    if not is_few:
        return "tpe", f"it stays fast over {plural(n_trials, 'trial')}"
    if not space:
        return "tpe", "the parameters are unknown before the first trial"
    if len(space) > FEW_PARAMETERS:
        return "tpe", f"{plural(len(space), 'parameter')} are too many for a Gaussian process"
    n_choices = sum(isinstance(each, ChoiceParam) for each in space.values())
    if 2 * n_choices > len(space):
        of = plural(len(space), "parameter")
        return "tpe", f"{n_choices} of {of} are unordered choices"
    if not has_gp:
        return "tpe", "a Gaussian process would suit so few trials better, but needs hptui[gp]"
    trials, parameters = plural(n_trials, "trial"), plural(len(space), "parameter")
    return "gp", f"it does best with few trials: {trials} of {parameters}"
