"""Samplers and pruners as people bring them, well-behaved and not."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Twin(TPESampler):
    def __init__(self, n_startup: int = 5, seed: int | None = None) -> None:
        super().__init__(n_startup_trials=n_startup, multivariate=True, group=True, seed=seed)


class Genetic(NSGAIISampler):
    def __init__(self, seed: int | None = None) -> None:
        super().__init__(population_size=6, seed=seed)


class Odd(RandomSampler):
    """Does by a trial's number what a sampler should not do."""

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        match trial.number:
            case 0:
                print("x" * 3_000_000)
                warnings.warn("this is odd", stacklevel=1)
                study._storage.set_trial_system_attr(trial._trial_id, "odd:mark", [1, 2])
                study._storage.set_trial_system_attr(trial._trial_id, "hptui:run", "forged")
            case 1:
                study.enqueue_trial({"x": 1.0})
            case 2:
                raise ValueError("no\x1b[31midea")
            case 3:
                study.stop()
            case 4:
                threading.Event().wait()
            case _:
                pass


class Dying(RandomSampler):
    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if trial.number == 2:
            print("out of\x1b[2J luck", flush=True)
            os._exit(7)
        return super().sample_independent(study, trial, param_name, param_distribution)


class EveryOther(BasePruner):
    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        assert len(study.trials) == trial.number + 1
        return trial.number % 2 == 1 and len(trial.intermediate_values) == 2


def factory(kind: str = "random") -> BaseSampler:
    return RandomSampler(seed=3) if kind == "random" else TPESampler(seed=3)


def broken(count: int) -> BaseSampler:
    raise RuntimeError(f"cannot make {count}")


made = RandomSampler(seed=3)
nothing = 3
