"""The tree-structured Parzen estimator with Optuna's draws, at a cost that hardly grows.

Optuna gathers a study's whole history for each trial and computes the densities of 24 candidates
under all of it. Here what is drawn is still decided by Optuna's own code, which makes the mixture
of the good trials and takes the candidates from it, with the same random numbers. Only two things
differ:

* `history` and `columns` keep what has ended from one trial to the next, which
  `engine/sampling/reader` tells them.
* `winner` finds the candidate that wins by `mixture`, a quick evaluation of the other trials'
  mixture whose error is bounded, with `scales`, `gauss`, `curves`, `grids` and `ties`. Where two
  candidates are closer than that, or something is unusual, Optuna's mixture is made of the columns
  and decides.

`spaces` has these parts for each search space, and `sampler` puts all together.
"""

from __future__ import annotations

import warnings
from typing import Final

import optuna
from optuna.samplers import TPESampler

PROVEN: Final = frozenset({"5.0.0"})
"""The versions of Optuna with which `make test-identity` has passed."""


def tpe_class() -> type[TPESampler]:
    """Return the quick sampler, or Optuna's, with a warning, where their draws may differ.

    The quick one leans on parts of Optuna that may be others in another version.
    """
    if optuna.__version__ not in PROVEN:
        versions = ", ".join(sorted(PROVEN))
        warnings.warn(
            "TPE runs at Optuna's own speed, slower with each trial: hptui's faster code is "
            f"proven for Optuna {versions} only, and this is {optuna.__version__}.",
            stacklevel=2,
        )
        return TPESampler
    from hptui.engine.sampling.tpe.sampler import QuickTPESampler

    return QuickTPESampler
