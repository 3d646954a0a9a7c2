"""The Rosenbrock function in four dimensions: a bent, narrow valley down to 0.

Rosenbrock, H. H. (1960), "An automatic method for finding the greatest or least value of a
function", The Computer Journal 3; in the form, and on the domain, that Surjanovic, S. and Bingham,
D. give in their Virtual Library of Simulation Experiments,
https://www.sfu.ca/~ssurjano/rosen.html.

The best of 30 random trials is 8,300; TPE comes to about 110 in 60 and 5 in 400, CMA-ES, which
needs the extra `hptui[cmaes]`, to 2.5 in 400. A trial takes no time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import hptui

if TYPE_CHECKING:
    import optuna

DIMENSIONS = 4
OPTIMUM_VALUE = 0.0
OPTIMA = ({"x1": 1.0, "x2": 1.0, "x3": 1.0, "x4": 1.0},)


@hptui.objective(
    name="rosenbrock",
    summary="Rosenbrock function: four floats, a narrow bent valley down to 0",
    direction="minimize",
    metric_names=["value"],
    sampler="tpe",
    pruner="none",
    tags=["function", "benchmark"],
    space={
        "x1": hptui.Float(-5.0, 10.0),
        "x2": hptui.Float(-5.0, 10.0),
        "x3": hptui.Float(-5.0, 10.0),
        "x4": hptui.Float(-5.0, 10.0),
    },
)
def objective(trial: optuna.Trial) -> float:
    """Return the Rosenbrock function at the trial's point."""
    point = [trial.suggest_float(f"x{axis}", -5.0, 10.0) for axis in range(1, DIMENSIONS + 1)]
    return sum(100 * (after - x**2) ** 2 + (x - 1) ** 2 for x, after in pairwise(point))
