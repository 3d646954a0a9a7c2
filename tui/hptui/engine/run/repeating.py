"""Running one configuration several times in one trial, each time with another seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from optuna.exceptions import TrialPruned

from hptui.domain.repeats import Repeats
from hptui.engine.run.outcome import ValueRefused, check_values
from hptui.engine.workers.sandbox import seed_everything

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.engine.workers.worker_trial import WorkerTrial

PRUNER: Final = "wilcoxon"
"""Compares repetitions with those of the best trial, pair by pair: their seeds are the same."""


def run_repeatedly(
    function: Callable[[Any], object],
    trial: WorkerTrial,
    seeds: Sequence[int],
    n_objectives: int,
    done: list[tuple[float, ...]],
) -> list[float]:
    """Call an objective once with each seed, and return the mean of each of its values.

    What each gives is reported, with the number of the repetition as the step; what the objective
    reports itself is not.

    Args:
        function: The objective.
        trial: Its trial.
        seeds: For `random` and NumPy, 0 to 2**32 - 1 each.
        n_objectives: How many values it returns.
        done: Takes the values of each repetition that has ended.

    Raises:
        TrialPruned: The pruner has ended it after a repetition.
        ValueRefused: What it returns are no values, or they have no mean.
    """
    for number, seed in enumerate(seeds):
        trial.begin_repetition(seed)
        if number:
            # The first one's are there, as for any trial.
            seed_everything(seed)
        values = check_values(function(trial), n_objectives)
        done.append(tuple(values))
        if n_objectives == 1 and trial.ends_after(values[0], number) and number + 1 < len(seeds):
            raise TrialPruned(f"worse than the best trial after {number + 1} of {len(seeds)}")
    means = Repeats(tuple(done)).means()
    if any(map(math.isnan, means)):
        raise ValueRefused("returned infinities of both signs, which have no mean")
    return means
