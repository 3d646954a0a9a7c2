"""Samplers of hptui's own that draw what Optuna's draw, at a cost that hardly grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.engine.sampling.proven import is_proven

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def sampler_class(name: str, stock: type[BaseSampler]) -> type[BaseSampler]:
    """Return the quick sampler of a name, or `stock` where there is none or none that is proven.

    TPE has `tpe.tpe_class`; the grid is hptui's own class anyway.
    """
    are_quick = ("cmaes", "nsgaii", "nsgaiii", "qmc", "bruteforce")
    if name in are_quick and is_proven(f"The {name} sampler"):
        return _quick_samplers()[name]
    return stock


def _quick_samplers() -> dict[str, type[BaseSampler]]:
    """Import them, which may fail with another version of Optuna."""
    from hptui.engine.sampling import bruteforce, cmaes, genetic, qmc

    return {
        "cmaes": cmaes.QuickCmaEsSampler,
        "nsgaii": genetic.QuickNSGAIISampler,
        "nsgaiii": genetic.QuickNSGAIIISampler,
        "qmc": qmc.QuickQMCSampler,
        "bruteforce": bruteforce.QuickBruteForceSampler,
    }
