"""The Branin function: two parameters, three equal minima.

Dixon, L. C. W. and Szego, G. P. (1978), "The global optimization problem: an introduction", in
Towards Global Optimization 2, North-Holland; as given by Surjanovic, S. and Bingham, D., Virtual
Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/branin.html.

The best of 30 random trials is 2.9; TPE comes to 0.5 in 60. A trial takes no time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import hptui

if TYPE_CHECKING:
    import optuna

OPTIMUM_VALUE = 10 / (8 * math.pi)
"""About 0.397887."""
OPTIMA = (
    {"x1": -math.pi, "x2": 12.275},
    {"x1": math.pi, "x2": 2.275},
    {"x1": 3 * math.pi, "x2": 2.475},
)


@hptui.objective(
    name="branin",
    summary="Branin function: two floats, three equal minima of 0.397887",
    direction="minimize",
    metric_names=["value"],
    sampler="tpe",
    pruner="none",
    tags=["function", "benchmark"],
    space={"x1": hptui.Float(-5.0, 10.0), "x2": hptui.Float(0.0, 15.0)},
)
def objective(trial: optuna.Trial) -> float:
    """Return the Branin function at the trial's point."""
    x1 = trial.suggest_float("x1", -5.0, 10.0)
    x2 = trial.suggest_float("x2", 0.0, 15.0)
    valley = x2 - 5.1 * x1**2 / (4 * math.pi**2) + 5 * x1 / math.pi - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10
