"""Trials that a script enqueues or adds, as plain data, and as trials again."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.attribute_keys import ENQUEUED_KEY
from hptui.domain.spaces.choice_objects import storable_choices
from hptui.storage.sqlite.attribute_values import stored_value
from hptui.storage.sqlite.distributions import categorical, dump_distribution, parse_distribution
from hptui.storage.sqlite.timestamps import from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from optuna.distributions import BaseDistribution

SENT_STATES = (TrialState.WAITING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def spell_sent(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial that waits, or has ended, as plain data."""
    system_attrs = dict(trial._system_attrs)
    enqueued: dict[str, Any] | None = system_attrs.get(ENQUEUED_KEY)
    if enqueued is not None:
        # Spelled as the choices that the objective will offer.
        system_attrs[ENQUEUED_KEY] = dict(
            zip(enqueued, (storable_choices([each])[0] for each in enqueued.values()), strict=True)
        )
    params = {
        name: (
            trial._distributions[name].to_internal_repr(value),
            dump_distribution(_storable(trial._distributions[name])),
        )
        for name, value in trial._params.items()
    }
    return {
        "state": trial.state.name.lower(),
        "values": trial.values,
        "params": params,
        "start": trial.datetime_start and to_text(trial.datetime_start),
        "complete": trial.datetime_complete and to_text(trial.datetime_complete),
        "reports": list(trial.intermediate_values.items()),
        "user_attrs": plain_value(trial._user_attrs),
        "system_attrs": plain_value(system_attrs),
    }


def plain_value(value: object) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a value as JSON holds it; see `attribute_values`."""
    return json.loads(stored_value(value).json)


def _storable(distribution: BaseDistribution) -> BaseDistribution:
    if isinstance(distribution, CategoricalDistribution):
        return categorical(storable_choices(distribution.choices))
    return distribution


def read_sent(data: Mapping[str, Any]) -> FrozenTrial:
    """Return the trial that `spell_sent` has spelled, as a template for a new one."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name, (number, text) in data["params"].items():
        distributions[name] = parse_distribution(text)[0]
        params[name] = distributions[name].to_external_repr(number)
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=TrialState[data["state"].upper()],
        value=None,
        values=data["values"],
        datetime_start=data["start"] and from_text(data["start"]),
        datetime_complete=data["complete"] and from_text(data["complete"]),
        params=params,
        distributions=distributions,
        user_attrs=dict(data["user_attrs"]),
        system_attrs=dict(data["system_attrs"]),
        intermediate_values={int(step): float(value) for step, value in data["reports"]},
    )


def missing_of(
    wanted: Iterable[FrozenTrial], there: Iterable[FrozenTrial]
) -> Iterator[FrozenTrial]:
    """Yield the trials that a study lacks: none was enqueued with the same, or has the same end."""
    known: set[str] = set()
    for trial in there:
        known |= {_mark(trial, is_enqueued=False), _mark(trial, is_enqueued=True)}
    for trial in wanted:
        if _mark(trial, is_enqueued=trial.state is TrialState.WAITING) not in known:
            yield trial


def _mark(trial: FrozenTrial, *, is_enqueued: bool) -> str:
    if is_enqueued:
        enqueued = trial._system_attrs.get(ENQUEUED_KEY)
        return "" if enqueued is None else f"enqueued {sorted(enqueued.items())}"
    return f"{trial.state.name} {trial.values} {sorted(trial._params.items())}"
