"""NumPy's linear algebra in the engine's process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Have BLAS compute in one thread within the block.

    A sampler's matrices are small, and the cores belong to the trials: threads of BLAS that wait
    for each other there take ten times as long as one.
    """
    # It looks at all libraries that are loaded, so it is imported when there is time.
    from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

    with threadpool_limits(1, "blas"):
        yield
