"""Optuna's `TPESampler`, with a history that grows instead of being gathered for each trial."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import warnings
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup

from hptui.domain.texts.text import safe_line
from hptui.engine.sampling.reader import Reader
from hptui.engine.sampling.tpe.history import SETTLED, History, UnforeseenError
from hptui.engine.sampling.tpe.winner import Spaces

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from hptui.engine.sampling.tpe.columns import Columns
    from hptui.engine.sampling.tpe.winner import Judge, Tally
    from hptui.trials import BoolArray, FloatArray, IntArray


class QuickTPESampler(TPESampler):
    """Draws exactly what `TPESampler` of the same arguments draws, and stores the same.

    What it does not foresee is left to Optuna's sampler, from then on, with a warning.
    """

    def __init__(
        self,
        *,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
        seed: int | None = None,
        multivariate: bool | None = None,
        group: bool = False,
        constant_liar: bool = True,
    ) -> None:
        super().__init__(
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
            seed=seed,
            multivariate=multivariate,
            group=group,
            constant_liar=constant_liar,
        )
        if group:
            self._group_decomposed_search_space = GrowingGroups()
        self._is_quick = True
        self._history: History | None = None
        self._study_id: int | None = None
        self._spaces = Spaces()

    @property
    def tally(self) -> Tally:
        """How winners were found."""
        return self._spaces.tally

    def _sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        if not search_space or self._is_starting(study):
            return {}
        return self._sample(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's own type
        """Draw one parameter by itself."""
        if self._is_starting(study):
            return self._random_sampler.sample_independent(
                study, trial, param_name, param_distribution
            )
        return self._sample(study, trial, {param_name: param_distribution})[param_name]

    def _is_starting(self, study: optuna.Study) -> bool:
        """Say whether there are too few trials to learn from; seldom all are looked at."""
        trials = study._get_trials(deepcopy=False, use_cache=True)
        settled = (trial for trial in trials if trial.state in SETTLED)
        wanted = self._n_startup_trials
        return sum(1 for _ in islice(settled, wanted)) < wanted

    def _sample(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        if not self._is_quick:
            return super()._sample(study, trial, search_space)
        state = self._rng.rng.get_state()
        try:
            return self._sample_quickly(study, trial, search_space)
        except Exception as error:  # noqa: BLE001 - whatever it is, Optuna's sampler judges it
            self._leave_to_optuna(error)
        self._rng.rng.set_state(state)
        return super()._sample(study, trial, search_space)

    def _leave_to_optuna(self, error: Exception) -> None:
        self._is_quick = False
        self._history = None
        self._spaces = Spaces()
        what = str(error) if isinstance(error, UnforeseenError) else repr(error)
        warnings.warn(
            "TPE runs at Optuna's own speed from now on, slower with each trial: "
            f"{safe_line(what)}",
            stacklevel=2,
        )

    def _sample_quickly(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        history = self._history_of(study)
        judge = self._spaces.judge(search_space, history)
        columns = judge.columns
        running = history.running(but=trial.number) if self._constant_liar else []
        good, others = columns.sides(
            (index, self._get_params(each, study)) for index, each in running
        )
        mixture = self._mixture(columns, good, is_even=study._is_multi_objective())
        candidates = mixture.sample(self._rng.rng, self._n_ei_candidates)
        best = self._best(judge, others, candidates, mixture)
        return {
            name: search_space[name].to_external_repr(column[best].item())
            for name, column in candidates.items()
        }

    def _history_of(self, study: optuna.Study) -> History:
        """Return the history of now, from the list of trials that Optuna would look at."""
        trials = study._get_trials(deepcopy=False, use_cache=not self._constant_liar)
        known = self._history if self._study_id == study._study_id else None
        if known is None or not known.update(study, trials):
            self._study_id = study._study_id
            self._history = known = History(study)
            known.update(study, trials)
        return known

    def _mixture(self, columns: Columns, places: IntArray, *, is_even: bool) -> _ParzenEstimator:
        """Return Optuna's mixture of some trials, by the order of their numbers."""
        return _ParzenEstimator(
            columns.observations(places),
            columns.space,
            self._parzen_estimator_parameters,
            np.ones(len(places)) if is_even else None,
        )

    def _best(
        self,
        judge: Judge,
        others: BoolArray,
        candidates: dict[str, FloatArray],
        mixture: _ParzenEstimator,
    ) -> int:
        """Return which candidate wins."""
        best = judge.winner(others, candidates, mixture)
        if best is None:
            best = self._best_by_optuna(judge.columns, others, candidates, mixture)
        return best

    def _best_by_optuna(
        self,
        columns: Columns,
        others: BoolArray,
        candidates: dict[str, FloatArray],
        mixture: _ParzenEstimator,
    ) -> int:
        """Return which candidate wins under Optuna's own mixture of the other trials."""
        of_others = self._mixture(columns, np.flatnonzero(others), is_even=False)
        return int(np.argmax(mixture.log_pdf(candidates) - of_others.log_pdf(candidates)))


class GrowingGroups(_GroupDecomposedSearchSpace):
    """Optuna's groups, grown by the trials that have ended since.

    A trial that was grouped before changes nothing when Optuna adds it again. Whoever sets
    `_search_space` to an empty group has all trials grouped anew.
    """

    def __init__(self) -> None:
        super().__init__(include_pruned=True)
        self._reader = Reader()
        self._grown: _SearchSpaceGroup | None = None

    def calculate(self, study: optuna.Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """Return the groups; they are the sampler's own, so nobody may change them."""
        groups = self._search_space
        trials = study._get_trials(deepcopy=False, use_cache=use_cache)
        ended = self._reader.read(trials) if groups is self._grown else None
        if ended is None:
            self._reader = Reader()
            ended = self._reader.read(trials) or []
        self._grown = groups
        for index in sorted(ended):
            if trials[index].state in SETTLED:
                groups.add_distributions(trials[index]._distributions)
        return groups
