"""What the columns of an export cannot hold, for an import that restores the study.

Two columns more hold it, called like system attributes of Optuna, so that readers that do not know
them pass them over: in the first row what is of the study, and in any row what its cells do not
spell exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hptui.domain.attribute_keys import METRICS_KEY
from hptui.domain.spaces.choices import ChoiceValue, choice_key
from hptui.domain.spaces.space import ChoiceParam, FloatParam, contains, spec_to_json
from hptui.domain.texts.json_values import tagged
from hptui.storage.read.study_detail import metric_names_of
from hptui.trials import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.read.trial_extras import TrialExtras
    from hptui.trials import ParamColumn

STUDY_COLUMN: Final = "system_attrs_hptui:study"
TRIAL_COLUMN: Final = "system_attrs_hptui:trial"
_PREFIXES: Final = {"param": "params_", "attr": "user_attrs_", "constraint": "constraints_"}

ReadBack = Callable[[ChoiceValue, tuple[ChoiceValue, ...]], bool]
"""Says whether a choice among others is found again by its cell."""


def column_names(kind: str, names: Iterable[str], spell: Callable[[str], str]) -> dict[str, str]:
    """Return a column for each parameter, user attribute or constraint, all different.

    Args:
        kind: `param`, `attr` or `constraint`.
        names: Their names.
        spell: How a form has the name of a column.
    """
    columns: dict[str, str] = {}
    for name in names:
        column, count = spell(f"{_PREFIXES[kind]}{name}"), 1
        while column in columns:
            count += 1
            column = spell(f"{_PREFIXES[kind]}{name} #{count}")
        columns[column] = name
    return columns


def facts_of(reader: StudyReader, renamed: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what is of a study, as strict JSON.

    Args:
        reader: Its columns.
        renamed: Names by column, as `column_names` gives them, by kind.
    """
    metrics, user_attrs = _attributes(reader)
    return {
        "directions": list(reader.trials.directions),
        "metric_names": list(metric_names_of(metrics, len(reader.trials.directions))),
        "user_attrs": tagged(user_attrs),
        "params": {
            name: [tagged(json.loads(spec_to_json(spec))) for spec in param.specs]
            for name, param in reader.trials.params.items()
        },
        "columns": {
            column: [kind, name]
            for kind, names in renamed.items()
            for column, name in names.items()
            if column != f"{_PREFIXES[kind]}{name}"
        },
    }


def _attributes(reader: StudyReader) -> tuple[object, dict[str, Any]]:
    with reader.study.look_at_same() as study:
        (metrics,) = study.connection.execute(
            "SELECT MAX(value_json) FROM study_system_attributes WHERE study_id = ? AND key = ?",
            (study.study_id, METRICS_KEY),
        ).fetchone()
        rows = study.connection.execute(
            "SELECT key, value_json FROM study_user_attributes WHERE study_id = ? ORDER BY key",
            (study.study_id,),
        ).fetchall()
    user_attrs = {str(key): _loaded(text) for key, text in rows}
    return _loaded(metrics), {key: each for key, each in user_attrs.items() if each is not ...}


def _loaded(text: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        value = json.loads(text)
        tagged(value)
    except (ValueError, TypeError, RecursionError):
        return ...
    return value


class ExactCells:
    """Tells of each trial what its cells do not hold.

    Args:
        reader: Those of the study.
        reads_back: Says whether a choice comes back from its cell.
        keeps: Says whether a user attribute, given by key and value, comes back from its cell.
    """

    def __init__(
        self, reader: StudyReader, reads_back: ReadBack, keeps: Callable[[str, Any], bool]
    ) -> None:
        self._reads_back = reads_back
        self._keeps = keeps
        self._params = [
            (name, param)
            for name, param in reader.trials.params.items()
            if len(param.specs) > 1 or any(isinstance(spec, ChoiceParam) for spec in param.specs)
        ]
        self._outside = {name: _outside(param) for name, param in reader.trials.params.items()}
        self._known: dict[tuple[str, int, str], bool] = {}

    def of_row(self, row: int, extra: TrialExtras) -> dict[str, Any]:
        """Return what the cells of a trial do not hold, as strict JSON; empty where they do."""
        params: dict[str, object] = {}
        specs: dict[str, int] = {}
        for name, param in self._params:
            index = int(param.spec_indices[row])
            if index == ABSENT:
                continue
            if index > 0:
                specs[name] = index
            spec = param.specs[index] if index >= 0 else None
            if isinstance(spec, ChoiceParam):
                choice = spec.choices[int(param.values[row])]
                if len(param.specs) > 1 or not self._is_kept(name, index, choice, spec.choices):
                    params[name] = tagged(choice)
        for name, values in self._outside.items():
            if row in values:
                params[name] = tagged(values[row])
        attributes = {
            key: tagged(value)
            for key, value in extra.user_attrs.items()
            if not self._keeps(key, value)
        }
        found = {
            "params": params,
            "specs": specs,
            "user_attrs": attributes,
            "system_attrs": tagged(extra.system_attrs),
            "reports": tagged(extra.reports),
        }
        return {key: value for key, value in found.items() if value}

    def _is_kept(
        self, name: str, index: int, choice: ChoiceValue, choices: tuple[ChoiceValue, ...]
    ) -> bool:
        key = (name, index, choice_key(choice))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._reads_back(choice, choices)
        return known


def _outside(param: ParamColumn) -> dict[int, float]:
    """Return the numbers, by row, that are outside the spaces with which they are stored."""
    n_rows = min(len(param.values), len(param.spec_indices))
    stored, indices = param.values[:n_rows], param.spec_indices[:n_rows]
    found: dict[int, float] = {}
    for index, spec in enumerate(param.specs):
        if isinstance(spec, ChoiceParam):
            continue
        may_be = indices == index
        if isinstance(spec, FloatParam) and spec.step is None:
            # Where only the bounds count, few are worth a look each.
            may_be &= ~((stored >= spec.low) & (stored <= spec.high))
        rows: list[int] = np.flatnonzero(may_be).tolist()
        values: list[float] = stored[rows].tolist()
        is_inside = {value: contains(spec, value) for value in set(values)}
        found |= {
            row: value for row, value in zip(rows, values, strict=True) if not is_inside[value]
        }
    return found
