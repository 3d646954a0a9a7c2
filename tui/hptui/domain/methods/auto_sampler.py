"""`--sampler auto`: which sampler suits a run, by the advice of Optuna's documentation.

The table of samplers there recommends Gaussian processes for few trials (its `GPSampler` grows
with the cube of their number), TPE where parameters are conditional or many, and NSGA-II for
several objectives with trials enough for some generations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.methods.asked_methods import SamplerSpec
from hptui.domain.spaces.space import ChoiceParam

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
        how_many = "an open number of" if n_trials is None else f"{n_trials:,}"
        return "nsgaii", f"{how_many} trials are enough for generations of several objectives"
    if not is_few:
        how_many = (
            "no number of trials ends the run" if n_trials is None else f"{n_trials:,} trials"
        )
        return "tpe", f"{how_many}, where others get slow" if n_trials else how_many
    if not space:
        return "tpe", "the parameters are not known before the first trial"
    if len(space) > FEW_PARAMETERS:
        return "tpe", f"{len(space)} parameters are many for a Gaussian process"
    n_choices = sum(isinstance(each, ChoiceParam) for each in space.values())
    if 2 * n_choices > len(space):
        return "tpe", f"{n_choices} of {len(space)} parameters are choices without an order"
    if not has_gp:
        return "tpe", "a Gaussian process, better for so few trials, needs hptui[gp]"
    noun = "parameter" if len(space) == 1 else "parameters"
    return "gp", f"{n_trials} trials of {len(space)} {noun} are few"
