"""Optuna's quasi-Monte Carlo sampler, which goes on with its sequence."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from optuna.samplers import QMCSampler
from optuna.samplers._qmc import _threading_lock
from optuna.trial import TrialState

if TYPE_CHECKING:
    import numpy as np
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_SETTLED = (TrialState.COMPLETE, TrialState.PRUNED)


class QuickQMCSampler(QMCSampler):
    """Draws what `QMCSampler` draws.

    Optuna makes a list of all settled trials for each new one, of which it uses the first, and
    begins the sequence anew to wind it on.
    """

    _engine: Any = None
    """SciPy's, from which the last point came."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the space of the first settled trial."""
        first = _first_settled(study)
        if first is None:
            return super().infer_relative_search_space(study, trial)
        return dict(first.distributions)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's own type
        """Draw a parameter that is not in that space, with a warning if one is wanted."""
        if self._warn_independent_sampling and _first_settled(study) is not None:
            self._log_independent_sampling(trial, param_name)
        return self._independent_sampler.sample_independent(
            study, trial, param_name, param_distribution
        )

    def _sample_qmc(
        self, study: optuna.Study, search_space: dict[str, BaseDistribution]
    ) -> np.ndarray[Any, Any]:
        point = self._find_sample_id(study, search_space)
        n_dimensions, engine = len(search_space), self._engine
        # The points depend on nothing but what the sampler was made with, and the dimensions.
        if engine is None or (engine.d, engine.num_generated) != (n_dimensions, point):
            engine = self._new_engine(n_dimensions)
            if point:
                engine.fast_forward(point)
            self._engine = engine
        return engine.random(1)

    def _new_engine(self, n_dimensions: int) -> Any:  # noqa: ANN401 - SciPy is optional
        qmc: Any = importlib.import_module("scipy.stats.qmc")
        make = qmc.Halton if self._qmc_type == "halton" else qmc.Sobol
        # Optuna locks Sobol's, which seems to share something among threads.
        with _threading_lock:
            return make(n_dimensions, seed=self._seed, scramble=self._scramble)


def _first_settled(study: optuna.Study) -> FrozenTrial | None:
    """Return the settled trial of the lowest number; the list is in that order."""
    trials = study._get_trials(deepcopy=False, use_cache=True)
    return next((each for each in trials if each.state in _SETTLED), None)
