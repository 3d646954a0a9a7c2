"""A study of Optuna's own in memory whose trials are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from hptui.domain.attribute_keys import METRICS_KEY

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from optuna import Study
    from optuna.trial import FrozenTrial, TrialState

    from hptui.domain.objective import Direction


def study_holding(
    trials: Sequence[FrozenTrial],
    directions: Sequence[Direction],
    name: str = "given",
    metric_names: Sequence[str] = (),
) -> Study:
    """Return a study with these trials, which can be read and not changed.

    Adding 100,000 trials to a study one by one takes a minute.
    """
    storage = _GivenTrials(trials)
    verbosity = optuna.logging.get_verbosity()
    # It would be announced, and under a name that is anybody's.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(study_name=name, storage=storage, directions=list(directions))
    finally:
        optuna.logging.set_verbosity(verbosity)
    if metric_names:
        storage.name_metrics(metric_names)
    return study


class _GivenTrials(InMemoryStorage):
    """Hands the same trials out again and again: who reads them does not change them."""

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._given = list(trials)

    def name_metrics(self, names: Sequence[str]) -> None:
        """Give each objective of the one study a name."""
        (study,) = self.get_all_studies()
        # Study.set_metric_names warns that it is experimental.
        self.set_study_system_attr(study._study_id, METRICS_KEY, list(names))  # pyright: ignore[reportPrivateUsage]

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002 - there is one
        deepcopy: bool = True,  # noqa: ARG002 - copies of 100,000 trials take half a minute
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials in some states, or all."""
        if states is None:
            return self._given
        return [each for each in self._given if each.state in states]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best trial, constraints aside: the study looks after those."""
        return BaseStorage.get_best_trial(self, study_id)
