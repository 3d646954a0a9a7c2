"""Trials that are added whole: enqueued points, copies, trials run elsewhere."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.trial import FrozenTrial

from hptui.storage.sqlite.distributions import dump_distribution, dump_json, parse_distribution
from hptui.storage.sqlite.numbers import as_stored
from hptui.storage.sqlite.timestamps import from_text, to_text
from hptui.storage.sqlite.write_buffer import AttributeKind, NewTrial, WriteBuffer

if TYPE_CHECKING:
    from datetime import datetime

    from hptui.storage.sqlite.memory import StudyInMemory


def buffer_template(
    buffer: WriteBuffer, study: StudyInMemory, trial_id: int, template: FrozenTrial
) -> FrozenTrial:
    """Gather the rows of a new trial that is made after `template`, and return the trial.

    Raises:
        ValueError: A distribution does not fit the study's, or a value is NaN.
        TypeError: An attribute cannot be spelled in JSON.
    """
    number = len(study.trials)
    try:
        start, start_text = _time(template.datetime_start)
        complete, complete_text = _time(template.datetime_complete)
        buffer.add_trial(
            NewTrial(
                trial_id, number, study.row.study_id, template.state, start_text, complete_text
            )
        )
        params, distributions = _buffer_params(buffer, study, trial_id, template)
        return FrozenTrial(
            number=number,
            state=template.state,
            value=None,
            values=_buffer_values(buffer, trial_id, template),
            datetime_start=start,
            datetime_complete=complete,
            params=params,
            distributions=distributions,
            user_attrs=_buffer_attributes(buffer, "user", trial_id, template._user_attrs),
            system_attrs=_buffer_attributes(buffer, "system", trial_id, template._system_attrs),
            intermediate_values=_buffer_reports(buffer, trial_id, template),
            trial_id=trial_id,
        )
    except BaseException:
        buffer.drop_trials({trial_id})
        raise


def _time(time: datetime | None) -> tuple[datetime | None, str | None]:
    if time is None:
        return None, None
    text = to_text(time)
    # Through the text, so that an aware time, or one in the gap of a clock change, reads the same.
    return from_text(text), text


def _buffer_params(
    buffer: WriteBuffer, study: StudyInMemory, trial_id: int, template: FrozenTrial
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name, external in template._params.items():
        distribution = template._distributions[name]
        first = study.distributions.get(name)
        if first is not None:
            check_distribution_compatibility(first, distribution)
        value = as_stored(distribution.to_internal_repr(external))
        text = dump_distribution(distribution)
        distributions[name], convert = parse_distribution(text)
        params[name] = value if convert is None else convert(value)
        buffer.add_param(trial_id, name, value, text)
    return params, distributions


def _buffer_values(buffer: WriteBuffer, trial_id: int, template: FrozenTrial) -> list[float] | None:
    if template._values is None:
        return None
    values = [as_stored(value) for value in template._values]
    if any(math.isnan(value) for value in values):
        raise ValueError("The value of a trial cannot be NaN.")
    for objective, value in enumerate(values):
        buffer.set_value(trial_id, objective, value)
    return values


def _buffer_attributes(
    buffer: WriteBuffer, kind: AttributeKind, trial_id: int, attributes: dict[str, Any]
) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for key, value in attributes.items():
        text, stored[str(key)] = dump_json(value)
        buffer.set_trial_attribute(kind, trial_id, str(key), text)
    return stored


def _buffer_reports(buffer: WriteBuffer, trial_id: int, template: FrozenTrial) -> dict[int, float]:
    reports = {int(step): as_stored(value) for step, value in template.intermediate_values.items()}
    for step, value in reports.items():
        buffer.set_report(trial_id, step, value)
    return reports
