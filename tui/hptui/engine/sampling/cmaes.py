"""CMA-ES, which knows the complete trials of each generation."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.engine.sampling.complete import CompleteTrials
from hptui.engine.sampling.safe_cmaes import SafeCmaEsSampler

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class QuickCmaEsSampler(SafeCmaEsSampler):
    """Draws what `SafeCmaEsSampler` draws, and stores the same.

    That looks at all trials for the complete ones, and at these for those of a generation.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(**options)
        mark = self._attr_key_generation
        self._complete = CompleteTrials(mark, with_pruned=self._consider_pruned_trials)

    def _get_trials(self, study: optuna.Study) -> list[FrozenTrial]:
        self._complete.update(study._get_trials(deepcopy=False, use_cache=True))
        return self._complete.trials

    def _of_generation(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        if self._complete.is_odd:
            return super()._of_generation(trials, generation)
        return self._complete.of(generation)
