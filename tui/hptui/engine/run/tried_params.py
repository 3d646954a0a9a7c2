"""Which parameters a study has a value for already."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from hptui.domain.attribute_keys import ANSWERED_KEY, RUN_KEY
from hptui.engine.run.open_run import runs_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class TriedParams:
    """Complete trials of a study by their parameters; of several with the same ones, the first.

    Trials of runs with other code do not count: it may give other values, or ask for more.
    """

    def __init__(self, study: optuna.Study, run_id: str) -> None:
        self._numbers: dict[str, int] = {}
        codes = {str(run.get("id")): run.get("code_sha") for run in runs_of(study)}
        own = codes.get(run_id)
        for trial in study._storage.get_all_trials(
            study._study_id, deepcopy=False, states=(TrialState.COMPLETE,)
        ):
            if codes.get(str(trial.system_attrs.get(RUN_KEY)), own) == own:
                self.add(trial)

    def add(self, trial: FrozenTrial) -> None:
        """Take a trial that has ended."""
        is_own = trial.state is TrialState.COMPLETE and ANSWERED_KEY not in trial.system_attrs
        if is_own and trial.params:
            self._numbers.setdefault(_spelled(trial), trial.number)

    def find(self, trial: FrozenTrial) -> int | None:
        """Return the number of the earlier trial that had exactly the parameters of this one."""
        return self._numbers.get(_spelled(trial))


def _spelled(trial: FrozenTrial) -> str:
    """Return a text that is the same for the same parameters, and for no others.

    Of choices that are equal, like 1 and True, Optuna stores the first.
    """
    params = {name: _stored(trial, name) for name in trial.params}
    return json.dumps(params, sort_keys=True)


def _stored(trial: FrozenTrial, name: str) -> Any:  # noqa: ANN401 - any value of JSON
    value, distribution = trial.params[name], trial.distributions[name]
    if isinstance(distribution, CategoricalDistribution):
        return distribution.to_external_repr(distribution.to_internal_repr(value))
    return value
