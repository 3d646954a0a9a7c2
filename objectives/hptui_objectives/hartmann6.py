"""The Hartmann function in six dimensions: six local minima, one of them lowest.

Dixon, L. C. W. and Szego, G. P. (1978), "The global optimization problem: an introduction", in
Towards Global Optimization 2, North-Holland; as given by Surjanovic, S. and Bingham, D., Virtual
Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/hart6.html.

The best of 30 random trials is -1.2; TPE comes to -3.1 in 60. A trial takes no time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import hptui

if TYPE_CHECKING:
    import optuna

OPTIMUM_VALUE = -3.322368011415
"""The lowest that is known; Surjanovic and Bingham give -3.32237."""
OPTIMA = (
    {
        "x1": 0.20168952,
        "x2": 0.15001069,
        "x3": 0.47687398,
        "x4": 0.27533243,
        "x5": 0.31165162,
        "x6": 0.65730054,
    },
)

# One row for each of the four wells: how deep, how narrow along each axis, and where.
WELLS = (
    (1.0, (10, 3, 17, 3.5, 1.7, 8), (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886)),
    (1.2, (0.05, 10, 17, 0.1, 8, 14), (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991)),
    (3.0, (3, 3.5, 1.7, 10, 17, 8), (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650)),
    (3.2, (17, 8, 0.05, 10, 0.1, 14), (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381)),
)


@hptui.objective(
    name="hartmann6",
    summary="Hartmann function: six floats, six local minima, the lowest -3.32237",
    direction="minimize",
    metric_names=["value"],
    sampler="tpe",
    pruner="none",
    tags=["function", "benchmark"],
    space={
        "x1": hptui.Float(0.0, 1.0),
        "x2": hptui.Float(0.0, 1.0),
        "x3": hptui.Float(0.0, 1.0),
        "x4": hptui.Float(0.0, 1.0),
        "x5": hptui.Float(0.0, 1.0),
        "x6": hptui.Float(0.0, 1.0),
    },
)
def objective(trial: optuna.Trial) -> float:
    """Return the Hartmann function at the trial's point."""
    point = [trial.suggest_float(f"x{axis}", 0.0, 1.0) for axis in range(1, 7)]
    value = 0.0
    for depth, narrowness, centre in WELLS:
        distance = sum(a * (x - p) ** 2 for a, x, p in zip(narrowness, point, centre, strict=True))
        value -= depth * math.exp(-distance)
    return value
