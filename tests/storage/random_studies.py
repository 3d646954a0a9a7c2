"""Random studies of every kind, written through any storage."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    import random

    from optuna.storages import BaseStorage

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "lr": FloatDistribution(1e-5, 1e-1, log=True),
    "momentum": FloatDistribution(0, 1),
    "dropout": FloatDistribution(0, 0.5, step=0.1),
    "depth": IntDistribution(1, 9, step=2),
    "units": IntDistribution(1, 1024, log=True),
    "negative": IntDistribution(-5, -1),
    "kernel": CategoricalDistribution(("rbf", "linear", None, True, 2, 0.5)),
    "näme \n of {x} % 'quotes'": CategoricalDistribution(("ä\x1b[31m", "", "\\")),
    "one": CategoricalDistribution((math.nan,)),
}
ATTRIBUTES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    math.nan,
    math.inf,
    "text\x00ü",
    [1, [2, {"k": None}]],
    {"a": {"b": 1}},
)
NUMBERS = (0.0, -0.0, 1e-308, 1.7e308, 0.1, -3.0, math.inf, -math.inf)


def write_study(storage: BaseStorage, rng: random.Random, name: str | None = None) -> int:
    """Write a study through the interface, with trials in every state."""
    n_objectives = rng.choice((1, 1, 2, 3))
    directions = [
        rng.choice((StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE)) for _ in range(n_objectives)
    ]
    study_id = storage.create_new_study(directions, name)
    for index in range(rng.randrange(4)):
        storage.set_study_user_attr(study_id, f"u{index}", rng.choice(ATTRIBUTES))
        storage.set_study_system_attr(study_id, f"s{index}", rng.choice(ATTRIBUTES))
    add_trials(storage, study_id, rng, rng.randrange(1, 12))
    return study_id


def add_trials(storage: BaseStorage, study_id: int, rng: random.Random, n_trials: int) -> None:
    """Add trials step by step and whole, and take up some that wait."""
    n_objectives = len(storage.get_study_directions(study_id))
    for _ in range(n_trials):
        if rng.random() < 0.4:
            storage.create_new_trial(study_id, _template(rng, n_objectives))
        else:
            run_trial(storage, storage.create_new_trial(study_id), rng, n_objectives)
    for trial in storage.get_all_trials(study_id, states=(TrialState.WAITING,)):
        if rng.random() < 0.5 and storage.set_trial_state_values(
            trial._trial_id, TrialState.RUNNING
        ):
            run_trial(storage, trial._trial_id, rng, n_objectives)


def run_trial(storage: BaseStorage, trial_id: int, rng: random.Random, n_objectives: int) -> None:
    """Do to a running trial what an objective may do."""
    has = storage.get_trial(trial_id).params
    for name in rng.sample(list(DISTRIBUTIONS), rng.randrange(len(DISTRIBUTIONS))):
        if name not in has:
            distribution = DISTRIBUTIONS[name]
            internal = distribution.to_internal_repr(_value(distribution, rng))
            storage.set_trial_param(trial_id, name, internal, distribution)
    for _ in range(rng.randrange(6)):
        number = rng.choice((*NUMBERS, math.nan))
        storage.set_trial_intermediate_value(trial_id, rng.randrange(5), number)
    for index in range(rng.randrange(3)):
        storage.set_trial_user_attr(trial_id, f"u{index % 2}", rng.choice(ATTRIBUTES))
        storage.set_trial_system_attr(trial_id, f"constraint:{index}", rng.uniform(-1, 1))
    state = rng.choice(list(TrialState))
    if state is TrialState.COMPLETE:
        values = [rng.choice(NUMBERS) for _ in range(n_objectives)]
        storage.set_trial_state_values(trial_id, state, values)
    elif state is TrialState.PRUNED and rng.random() < 0.5:
        storage.set_trial_state_values(trial_id, state, [rng.choice(NUMBERS)] * n_objectives)
    elif state.is_finished():
        storage.set_trial_state_values(trial_id, state)


def _template(rng: random.Random, n_objectives: int) -> FrozenTrial:
    state = rng.choice(list(TrialState))
    names = rng.sample(list(DISTRIBUTIONS), rng.randrange(len(DISTRIBUTIONS)))
    start = datetime(2024, 3, 30) + timedelta(seconds=rng.random() * 3e7)
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=[rng.choice(NUMBERS) for _ in range(n_objectives)]
        if state is TrialState.COMPLETE
        else None,
        datetime_start=None if state is TrialState.WAITING else start,
        datetime_complete=start + timedelta(days=1) if state.is_finished() else None,
        params={name: _value(DISTRIBUTIONS[name], rng) for name in names},
        distributions={name: DISTRIBUTIONS[name] for name in names},
        user_attrs={"u": rng.choice(ATTRIBUTES)},
        system_attrs={"fixed_params": {"lr": 0.01}, "s": rng.choice(ATTRIBUTES)},
        intermediate_values={
            step: rng.choice((*NUMBERS, math.nan)) for step in range(rng.randrange(4))
        },
    )


def _value(distribution: BaseDistribution, rng: random.Random) -> Any:
    match distribution:
        case CategoricalDistribution():
            return rng.choice(distribution.choices)
        case IntDistribution():
            return rng.randrange(distribution.low, distribution.high + 1, distribution.step)
        case FloatDistribution(step=None):
            return rng.uniform(distribution.low, distribution.high)
        case FloatDistribution(step=float(step)):
            return distribution.low + step * rng.randrange(5)
        case _:
            raise AssertionError(distribution)
