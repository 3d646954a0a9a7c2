"""Which versions of Optuna the quick samplers and pruners may take the place of Optuna's in.

TPE, which leans on more of Optuna than the others, has a list of its own.
"""

from __future__ import annotations

import warnings
from typing import Final

import optuna

PROVEN: Final = frozenset({"5.0.0"})
"""The versions of Optuna with which `make test-identity` has passed."""


def is_proven(title: str) -> bool:
    """Say whether the quick way is proven for this Optuna; warn where it is not."""
    if optuna.__version__ in PROVEN:
        return True
    versions = ", ".join(sorted(PROVEN))
    warnings.warn(
        f"{title} runs at Optuna's own speed, slower with each trial: hptui's faster code is "
        f"proven for Optuna {versions} only, and this is {optuna.__version__}.",
        stacklevel=2,
    )
    return False


def warn_of_stock(title: str, why: object) -> None:
    """Warn that Optuna's own code takes over, since a history is one that nothing foresees."""
    warnings.warn(
        f"{title} runs at Optuna's own speed from now on, slower with each trial: {why}",
        stacklevel=3,
    )
