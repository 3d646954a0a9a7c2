"""Optuna's frozen trials as messages between the engine and its workers."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from hptui.engine.ipc.protocol import pack
from hptui.storage.sqlite.distributions import dump_distribution, parse_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution

    from hptui.engine.ipc.protocol import Message

MAX_TRIALS = 500
"""So many go into a message: other slots wait as long."""


MAX_PART_BYTES = 4 * 1024 * 1024
"""A message with trials ends with the one that reaches this, for the same reason."""


def checked_step(step: int) -> int:
    """Return the step of an intermediate value.

    Raises:
        ValueError: It is negative.
        OverflowError: No study file holds it.
    """
    step = int(step)
    if step < 0:
        raise ValueError(f"`step={step}` must be non-negative.")
    if step >= 2**63:
        raise OverflowError(f"`step={step}` does not fit into the study file (below 2**63).")
    return step


def spell_part(trials: Iterable[FrozenTrial]) -> list[Message]:
    """Return the first of `trials` as messages, as many as one message holds; at least one."""
    part: list[Message] = []
    n_bytes = 0
    for trial in trials:
        spelled = spell_trial(trial)
        part.append(spelled)
        n_bytes += len(pack(spelled))
        if n_bytes >= MAX_PART_BYTES or len(part) >= MAX_TRIALS:
            break
    return part


def spell_trial(trial: FrozenTrial) -> Message:
    """Return `trial` as a message; its attributes must be plain data."""
    return {
        "id": trial._trial_id,
        "number": trial.number,
        "state": trial.state.name,
        "values": trial._values,
        "start": trial.datetime_start and trial.datetime_start.isoformat(),
        "complete": trial.datetime_complete and trial.datetime_complete.isoformat(),
        "params": spell_params(trial._params, trial._distributions),
        "reports": list(trial.intermediate_values.items()),
        "user_attrs": trial._user_attrs,
        "system_attrs": trial._system_attrs,
    }


def read_trial(message: Message) -> FrozenTrial:
    """Return the trial that `spell_trial` has spelled."""
    params, distributions = read_params(message["params"])
    return FrozenTrial(
        number=message["number"],
        state=TrialState[message["state"]],
        value=None,
        values=message["values"],
        datetime_start=_time(message["start"]),
        datetime_complete=_time(message["complete"]),
        params=params,
        distributions=distributions,
        user_attrs=message["user_attrs"],
        system_attrs=message["system_attrs"],
        intermediate_values=dict(message["reports"]),
        trial_id=message["id"],
    )


def spell_params(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]
) -> dict[str, tuple[float, str]]:
    """Return Optuna's internal number and the JSON of the distribution of each parameter."""
    return {
        name: (distributions[name].to_internal_repr(value), dump_distribution(distributions[name]))
        for name, value in params.items()
    }


def read_params(
    spelled: Mapping[str, tuple[float, str]],
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return the parameters that `spell_params` has spelled, and their distributions."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name, (number, text) in spelled.items():
        distributions[name], convert = parse_distribution(text)
        params[name] = number if convert is None else convert(number)
    return params, distributions


def _time(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)
