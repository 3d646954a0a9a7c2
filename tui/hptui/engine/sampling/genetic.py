"""Optuna's NSGA-II and NSGA-III, which know the trials of each generation."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.samplers._ga import BaseGASampler

from hptui.engine.sampling.complete import CompleteTrials

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class _QuickGenetic(BaseGASampler):
    """Finds the generation, its population and its parents without going through all trials."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(**options)
        self._complete = CompleteTrials(self._get_generation_key())
        self._selected: dict[int, list[FrozenTrial]] = {}
        """The parents of the generations that are selected just now."""

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return the generation of a trial, which is the newest one until that is full."""
        known = self._known(study)
        if known is None or trial.system_attrs.get(self._get_generation_key()) is not None:
            return super().get_trial_generation(study, trial)
        assert self._population_size is not None
        generation = known.newest + (len(known.of(known.newest)) >= self._population_size)
        study._storage.set_trial_system_attr(
            trial._trial_id, self._get_generation_key(), generation
        )
        return generation

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the complete trials of a generation."""
        known = self._known(study)
        if known is None:
            return super().get_population(study, generation)
        return known.of(generation).copy()

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation, which are selected once and stored.

        Optuna selects those that are missing from the latest generation down, by recursion, which
        ends in an error when there are hundreds; here it is from the first one up.
        """
        if generation in self._selected:
            return self._selected[generation]
        attrs = study._storage.get_study_system_attrs(study._study_id)
        prefix = self._get_parent_cache_key_prefix()
        stored = attrs.get(f"{prefix}{generation}")
        if stored is not None:
            known = self._known(study)
            found = None if known is None else known.with_ids(stored)
            return super().get_parent_population(study, generation) if found is None else found
        first = generation
        while first > 1 and f"{prefix}{first - 1}" not in attrs:
            first -= 1
        parents: list[FrozenTrial] = []
        try:
            for each in range(first, generation + 1):
                parents = super().get_parent_population(study, each)
                self._selected[each] = parents
        finally:
            self._selected.clear()
        return parents

    def _known(self, study: optuna.Study) -> CompleteTrials | None:
        """Return the complete trials of now, or None where only Optuna can compare generations."""
        self._complete.update(study._get_trials(deepcopy=False, use_cache=True))
        return None if self._complete.is_odd else self._complete


class QuickNSGAIISampler(_QuickGenetic, NSGAIISampler):
    """Draws what `NSGAIISampler` draws, and stores the same."""


class QuickNSGAIIISampler(_QuickGenetic, NSGAIIISampler):
    """Draws what `NSGAIIISampler` draws, and stores the same."""


# Optuna names what it stores after the class.
for _quick, _stock in (
    (QuickNSGAIISampler, NSGAIISampler),
    (QuickNSGAIIISampler, NSGAIIISampler),
):
    _quick._GENERATION_KEY = _stock._GENERATION_KEY
    _quick._PARENT_CACHE_KEY_PREFIX = _stock._PARENT_CACHE_KEY_PREFIX
