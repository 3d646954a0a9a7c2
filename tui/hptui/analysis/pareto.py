"""The trials that no other trial beats in every objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction


def pareto_front(
    values: npt.NDArray[np.float64], directions: Sequence[Direction]
) -> npt.NDArray[np.bool_]:
    """Say of each row whether it is on the front; equal rows are on it together.

    A row is beaten by one that is nowhere worse and somewhere better. Rows with NaN are not on it.
    """
    signs = np.array([1.0 if direction == "minimize" else -1.0 for direction in directions])
    losses = values * signs
    rows = np.flatnonzero(~np.isnan(losses).any(axis=1))
    unique, which = np.unique(losses[rows], axis=0, return_inverse=True)
    on_front = np.zeros(len(losses), np.bool_)
    on_front[rows] = _is_unbeaten(unique)[which.ravel()]
    return on_front


def _is_unbeaten(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Say which rows are unbeaten; they differ, and are sorted by the first objective."""
    is_kept = np.ones(len(losses), np.bool_)
    if losses.shape[1] <= 2 and len(losses):  # noqa: PLR2004 - two can be told in one sweep
        least_so_far = np.minimum.accumulate(losses[:, -1])
        is_kept[1:] = losses[1:, -1] < least_so_far[:-1]
        return is_kept
    front = np.empty((0, losses.shape[1]))
    for row, loss in enumerate(losses):
        # Only a row that stands before another can beat it.
        is_kept[row] = not bool((front <= loss).all(axis=1).any())
        if is_kept[row]:
            front = np.vstack((front, loss))
    return is_kept
