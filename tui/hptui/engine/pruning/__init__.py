"""Pruners that decide what Optuna's decide, at a cost that hardly grows with the history.

Optuna's go through all trials of the study at each `should_prune`. These keep what ended trials
have reported, in order, and look only at what has ended since and at what runs. Patience and
thresholds look at the trial alone, so that Optuna's own classes serve; what patience wraps is one
of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.engine.sampling.proven import is_proven

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


def pruner_class(name: str, stock: type[BasePruner]) -> type[BasePruner]:
    """Return the quick pruner of a name, or `stock` where there is none or none that is proven."""
    is_quick = name in ("median", "percentile", "sha", "hyperband", "wilcoxon")
    return _quick_pruners()[name] if is_quick and is_proven(f"The {name} pruner") else stock


def _quick_pruners() -> dict[str, type[BasePruner]]:
    """Import them, which may fail with another version of Optuna."""
    from hptui.engine.pruning import halving, percentile, wilcoxon

    return {
        "median": percentile.QuickMedianPruner,
        "percentile": percentile.QuickPercentilePruner,
        "sha": halving.QuickSuccessiveHalvingPruner,
        "hyperband": halving.QuickHyperbandPruner,
        "wilcoxon": wilcoxon.QuickWilcoxonPruner,
    }
