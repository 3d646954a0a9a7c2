"""Which versions of Optuna the quick samplers and pruners may take the place of Optuna's in.

TPE, which leans on more of Optuna than the others, has a list of its own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, TypeVar

import optuna

if TYPE_CHECKING:
    from collections.abc import Callable

_Method = TypeVar("_Method")

PROVEN: Final = frozenset({"5.0.0"})
"""The versions of Optuna with which `make test-identity` has passed."""


def quick_or_stock(
    title: str, stock: type[_Method], quick: Callable[[], type[_Method]]
) -> type[_Method]:
    """Return the class that `quick` imports, or Optuna's, with a warning, where they may differ."""
    if optuna.__version__ in PROVEN:
        return quick()
    versions = ", ".join(sorted(PROVEN))
    warnings.warn(
        f"{title} takes Optuna's own time, which grows with the number of trials: the quick way is "
        f"proven for Optuna {versions}, and this is {optuna.__version__}.",
        stacklevel=2,
    )
    return stock


def warn_of_stock(title: str, why: object) -> None:
    """Warn that Optuna's own code takes over, since a history is one that nothing foresees."""
    warnings.warn(
        f"{title} takes Optuna's own time from now on, which grows with the number of trials: "
        f"{why}",
        stacklevel=3,
    )
