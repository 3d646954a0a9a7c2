"""Very many straight lines at once, as the dots that they fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.history import Points

if TYPE_CHECKING:
    from hptui.figures.canvas.field import Field

_BITS: Final = 15
"""Of a place in dots; no field is as wide."""
_MAX_DOTS: Final = 2_000_000


def strokes(starts: Points, ends: Points, field: Field, fineness: tuple[int, int]) -> Points:
    """Return points in each of the dots that lines from `starts` to `ends` go through.

    Lines that look alike are drawn once. `fineness` is how many dots a cell has across and up.
    """
    across, up = fineness
    dots = [
        field.columns(starts.x, across),
        field.rows(starts.y, up),
        field.columns(ends.x, across),
        field.rows(ends.y, up),
    ]
    keys = np.zeros(len(starts.x), np.int64)
    for each in dots:
        keys = (keys << _BITS) | each
    keys = np.unique(keys)
    mask = (1 << _BITS) - 1
    x0, y0, x1, y1 = ((keys >> (_BITS * shift)) & mask for shift in (3, 2, 1, 0))
    counts = np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)) + 1
    kept = int(np.searchsorted(np.cumsum(counts), _MAX_DOTS, side="right"))
    counts = counts[:kept]
    line = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    part = step / np.maximum(1, counts - 1)[line]
    columns = np.rint(x0[line] + (x1 - x0)[line] * part)
    rows = np.rint(y0[line] + (y1 - y0)[line] * part)
    # Back to places, into the middle of each dot.
    x = ((columns + 0.5) / across - 0.5) / max(1, field.width - 1)
    n_rows = field.height * up
    y = ((n_rows - rows - 0.5) / up - 0.5) / max(1, field.height - 1)
    return Points(x, y)
