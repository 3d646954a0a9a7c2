"""The quick TPE draws what Optuna's draws, and stores the same."""

from __future__ import annotations

import pytest
from tests.engine.tpe.cases import all_cases
from tests.engine.tpe.lockstep import play

CASES = all_cases()
FEW = ["mixed", "edited/default"]


@pytest.mark.parametrize("name", FEW)
def test_every_draw_is_optunas(name: str) -> None:
    assert play(CASES[name], seed=len(name)).n_compared > 20
