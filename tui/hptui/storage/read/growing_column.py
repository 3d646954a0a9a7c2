"""An array that grows at its end without being copied each time, and is shared as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hptui.trials import IntArray

Scalar = TypeVar("Scalar", bound=np.generic)

_MIN_CAPACITY = 64


class GrowingColumn(Generic[Scalar]):
    """A column of a table that gains rows: `fill` stands in rows that were never written.

    With `width` it has that many numbers in each row. What was shared never changes: growing leaves
    it behind, and the first writing into shared rows copies the column.
    """

    __slots__ = ("_buffer", "_fill", "_n_shared", "_rows")

    def __init__(self, dtype: type[Scalar], fill: float, *, width: int | None = None) -> None:
        shape = (_MIN_CAPACITY,) if width is None else (_MIN_CAPACITY, width)
        self._fill = fill
        self._rows = 0
        self._n_shared = 0
        self._buffer: npt.NDArray[Scalar] = np.full(shape, fill, dtype=dtype)

    def __len__(self) -> int:
        return self._rows

    @property
    def array(self) -> npt.NDArray[Scalar]:
        """The rows that there are, to be looked at before the next change."""
        return self._buffer[: self._rows]

    def share(self) -> npt.NDArray[Scalar]:
        """Return the rows that there are now; they can be kept, and cannot be written."""
        self._n_shared = self._rows
        shared = self._buffer[: self._rows]
        shared.flags.writeable = False
        return shared

    def put(self, rows: IntArray, cells: npt.NDArray[Scalar]) -> bool:
        """Write cells into rows and say whether any was another one before."""
        if not len(rows):
            return False
        if int(rows.min()) < self._n_shared:
            if self._buffer[rows].tobytes() == cells.astype(self._buffer.dtype).tobytes():
                return False
            self._buffer = self._buffer.copy()
            self._n_shared = 0
        self._buffer[rows] = cells
        return True

    def grow_to(self, rows: int) -> None:
        """Add rows of `fill` at the end, up to `rows` in all."""
        capacity = self._buffer.shape[0]
        if rows > capacity:
            # Half as much again: a column of a million rows wastes little, and copies are rare.
            shape = (max(rows, capacity + capacity // 2), *self._buffer.shape[1:])
            larger = np.full(shape, self._fill, dtype=self._buffer.dtype)
            larger[: self._rows] = self._buffer[: self._rows]
            self._buffer = larger
            self._n_shared = 0
        self._rows = max(self._rows, rows)
