"""An array that grows at its end without being copied each time."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MIN_CAPACITY = 64


class GrowingColumn(Generic[Scalar]):
    """A column of a table that gains rows: `fill` stands in rows that were never written.

    With `width` it has that many numbers in each row.
    """

    __slots__ = ("_buffer", "_fill", "_rows")

    def __init__(self, dtype: type[Scalar], fill: float, *, width: int | None = None) -> None:
        shape = (_MIN_CAPACITY,) if width is None else (_MIN_CAPACITY, width)
        self._fill = fill
        self._rows = 0
        self._buffer: npt.NDArray[Scalar] = np.full(shape, fill, dtype=dtype)

    def __len__(self) -> int:
        return self._rows

    @property
    def array(self) -> npt.NDArray[Scalar]:
        """The rows that there are: a view, which later growth may leave behind."""
        return self._buffer[: self._rows]

    def grow_to(self, rows: int) -> None:
        """Add rows of `fill` at the end, up to `rows` in all."""
        capacity = self._buffer.shape[0]
        if rows > capacity:
            # Half as much again: a column of a million rows wastes little, and copies are rare.
            shape = (max(rows, capacity + capacity // 2), *self._buffer.shape[1:])
            larger = np.full(shape, self._fill, dtype=self._buffer.dtype)
            larger[: self._rows] = self._buffer[: self._rows]
            self._buffer = larger
        self._rows = max(self._rows, rows)
