"""A front that grows: the same as one that is computed anew each time."""

from __future__ import annotations

import numpy as np
import pytest

from hptui.analysis.objectives.front import GrowingFront
from hptui.analysis.objectives.pareto import pareto_front


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_front_of_all_trials_so_far(n_objectives: int, seed: int):
    rng = np.random.default_rng(seed)
    directions = ("minimize", "maximize", "minimize")[:n_objectives]
    # Few different values, so that there are equal trials.
    values = rng.integers(0, 6, (60, n_objectives)).astype(np.float64)
    is_candidate = np.zeros(60, np.bool_)
    front = GrowingFront(directions)
    for n_trials in range(0, 61, 4):
        # Trials complete in any order.
        is_candidate[:n_trials] |= rng.random(n_trials) < 0.5
        found = front.update(values[:n_trials].copy(), is_candidate[:n_trials].copy())
        shown = np.where(is_candidate[:n_trials, None], values[:n_trials], np.nan)
        assert found.tolist() == np.flatnonzero(pareto_front(shown, directions)).tolist()


def test_another_study_begins_anew():
    front = GrowingFront(("minimize", "minimize"))
    everything = np.ones(2, np.bool_)
    assert front.update(np.array([[1.0, 1.0], [2.0, 2.0]]), everything).tolist() == [0]
    assert front.update(np.array([[3.0, 3.0], [2.0, 2.0]]), everything).tolist() == [1]
    assert front.update(np.array([[9.0, 9.0]]), everything[:1]).tolist() == [0]
    assert front.update(np.zeros((0, 2)), everything[:0]).tolist() == []
