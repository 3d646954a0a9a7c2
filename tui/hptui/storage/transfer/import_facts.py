"""What a file of trials that hptui exported says beyond its cells, see `exact_columns`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.spaces.space import ParamSpec, spec_from_json
from hptui.domain.texts.json_values import untagged
from hptui.errors import SpaceError
from hptui.storage.read.trial_extras import KEPT_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import Direction

_DIRECTIONS: Final = ("minimize", "maximize")
_DAMAGED: Final = (
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
    SpaceError,
)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file says of its study."""

    directions: tuple[Direction, ...]
    metric_names: tuple[str, ...]
    user_attrs: Mapping[str, Any]
    specs: Mapping[str, tuple[ParamSpec, ...]]
    """The spaces of each parameter, the latest at the end."""
    columns: Mapping[str, str]
    """What columns mean whose names do not tell, as `param:NAME`."""


@dataclass(frozen=True, slots=True)
class Exact:
    """What a file says of a trial beyond its cells."""

    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Choices, as the objective had them, and numbers outside of their spaces."""
    specs: Mapping[str, int] = field(default_factory=dict[str, int])
    """Which of the spaces of `FileFacts` parameters have, where it is not the first."""
    user_attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    system_attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reports: tuple[tuple[int, float], ...] = ()


def read_facts_cell(cell: object) -> FileFacts:
    """Read what `facts_of` made.

    Raises:
        ValueError: The cell holds something else.
    """
    try:
        data = _table(cell)
        directions = cast("tuple[Direction, ...]", tuple(data["directions"]))
        if not directions or not set(directions) <= set(_DIRECTIONS):
            raise ValueError("directions")
        names = tuple(map(str, data.get("metric_names") or ()))
        specs = {
            name: tuple(spec_from_json(json.dumps(untagged(each))) for each in listed)
            for name, listed in _table(data["params"]).items()
        }
        columns = {column: ":".join(meant) for column, meant in _table(data["columns"]).items()}
        user_attrs = _table(untagged(data["user_attrs"]))
    except _DAMAGED as error:
        raise ValueError("no facts of a study") from error
    return FileFacts(directions, names, user_attrs, specs, columns)


def read_exact_cell(cell: object) -> Exact:
    """Read what `ExactCells` made.

    Raises:
        ValueError: The cell holds something else.
    """
    try:
        data = _table(cell)
        system_attrs = _table(untagged(data.get("system_attrs") or {}))
        listed = cast("list[Any]", untagged(data.get("reports") or []))
        reports = tuple((_whole(step), float(value)) for step, value in listed)
        if len(dict(reports)) < len(reports):
            raise ValueError("a step twice")
        return Exact(
            _table(untagged(data.get("params") or {})),
            {name: _whole(index) for name, index in _table(data.get("specs") or {}).items()},
            _table(untagged(data.get("user_attrs") or {})),
            {key: each for key, each in system_attrs.items() if key in KEPT_KEYS},
            reports,
        )
    except _DAMAGED as error:
        raise ValueError("nothing of a trial") from error


def check_indices(exact: Exact, facts: FileFacts | None) -> None:
    """Check that the spaces are there that a trial is said to have, where the file has any.

    Raises:
        ValueError: One is not.
    """
    specs = None if facts is None else facts.specs
    if specs is not None and any(
        index >= len(specs.get(name, ())) for name, index in exact.specs.items()
    ):
        raise ValueError("no space")


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError("no index or step")
    return value


def _table(cell: object) -> dict[str, Any]:
    data: object = json.loads(cell) if isinstance(cell, str) else cell
    if not isinstance(data, dict):
        raise TypeError("no table")
    return cast("dict[str, Any]", data)
