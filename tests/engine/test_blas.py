"""BLAS in the engine's process."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_info  # pyright: ignore[reportMissingTypeStubs]

from hptui.engine.run.background import one_blas_thread


def blas_threads() -> list[int]:
    assert (np.ones((2, 2)) @ np.ones(2)).sum() == 4
    info: list[dict[str, Any]] = threadpool_info()  # pyright: ignore[reportUnknownVariableType]
    return [each["num_threads"] for each in info if each["user_api"] == "blas"]


def test_it_has_one_thread_within_the_block_and_its_own_again_behind() -> None:
    before = blas_threads()
    with one_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
