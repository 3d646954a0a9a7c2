"""What the columns of a file of trials mean."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_FIXED: Final = {
    "state": "state",
    "datetime_start": "start",
    "start": "start",
    "datetime_complete": "complete",
    "complete": "complete",
    "feasible": "feasible",
    "last_step": "last_step",
    "last_value": "last_value",
}
_PASSED_OVER: Final = frozenset({"", "number", "trial_id", "duration", "duration_s", "index"})
_PANDAS_INDEX: Final = re.compile(r"Unnamed: \d+")
_CONSTRAINT: Final = re.compile(
    r"constraints_(?P<name>.+)|system_attrs_constraints(?::(?P<stored>.+))?", re.DOTALL
)
_VALUE: Final = re.compile(r"values?(?:_(?P<which>.+))?", re.DOTALL)
_MAP_FORMS: Final = (
    "Write it like --map depth=param:max_depth, --map who=attr:author, --map id=skip; there are "
    "value, state, start and complete too."
)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns by what they mean."""

    params: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters' columns by their names."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns of user attributes by their keys."""
    constraints: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns of constraints by their names; a column of lists, as Optuna had it once, by ``."""
    values: tuple[str, ...] = ()
    """The column of each objective."""
    metric_names: tuple[str, ...] = ()
    """What the file calls the objectives, where it does."""
    fixed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns of state, start, complete, feasible, last_step, last_value, by these words."""


def map_columns(
    columns: Sequence[str],
    *,
    values: Sequence[str] = (),
    mapped: Iterable[str] = (),
    known: Collection[str] = (),
    meanings: Mapping[str, str] | None = None,
) -> ColumnMap:
    """Return what columns mean, by the names that hptui and Optuna give them.

    Columns that are none of those are parameters, unless others begin with `params_`: then all
    parameters do.

    Args:
        columns: Their names.
        values: The columns of values, one for each objective, where their names do not tell.
        mapped: What single columns mean, as given to `--map`.
        known: The parameters that the study has.
        meanings: What the file itself says of columns, as `param:NAME`.

    Raises:
        UsageError: A name is not that of a column, or one means nothing.
    """
    meant = {**(meanings or {}), **dict(_read_map(text, columns) for text in mapped)}
    for column in values:
        _require(column, columns, "--value")
        meant[column] = "value"
    by_kind: defaultdict[str, dict[str, str]] = defaultdict(dict)
    has_prefix = _has_prefix(columns)
    for column in columns:
        # A parameter of the study may be called like something that files hold.
        is_known = column in known and not has_prefix and column not in ("value", "values")
        own = "" if is_known else _meaning_of(column, values)
        what, _, name = meant.get(column, own).partition(":")
        by_kind[what][column] = name
    for column in by_kind[""]:
        if has_prefix:
            raise _means_nothing(column)
        if known and column not in known:
            raise _no_parameter(column, known)
    value_columns = {**dict.fromkeys(values, ""), **by_kind["value"]}
    names = tuple(value_columns.values())
    has_names = bool(names) and all(name and not name.isdigit() for name in names)
    return ColumnMap(
        _by_name({**by_kind["param"], **{column: column for column in by_kind[""]}}),
        _by_name(by_kind["attr"]),
        _by_name(by_kind["constraint"]),
        tuple(value_columns),
        names if has_names else (),
        {what: next(iter(by_kind[what])) for what in _FIXED.values() if by_kind[what]},
    )


def _by_name(names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, name in names.items():
        if name in found:
            shown = safe_line(name, max_chars=60)
            raise UsageError(
                f"The columns {safe_line(found[name], max_chars=60)!r} and "
                f"{safe_line(column, max_chars=60)!r} are both {shown!r}.",
                hint=f"Skip one: --map '{safe_line(column, max_chars=60)}=skip'.",
            )
        found[name] = column
    return found


def _meaning_of(column: str, values: Sequence[str]) -> str:
    if column in _FIXED:
        return _FIXED[column]
    if column in _PASSED_OVER or _PANDAS_INDEX.fullmatch(column):
        return "skip"
    for prefix, what in (("params_", "param"), ("user_attrs_", "attr")):
        if column.startswith(prefix):
            return f"{what}:{column.removeprefix(prefix)}"
    match = _CONSTRAINT.fullmatch(column)
    if match is not None:
        return f"constraint:{match['name'] or match['stored'] or ''}"
    if column.startswith("system_attrs_"):
        return "skip"
    match = _VALUE.fullmatch(column)
    if match is not None:
        return "skip" if values else f"value:{match['which'] or ''}"
    return ""


def _has_prefix(columns: Sequence[str]) -> bool:
    return any(column.startswith("params_") for column in columns)


def _read_map(text: str, columns: Sequence[str]) -> tuple[str, str]:
    column, equals, meaning = text.rpartition("=")
    what, colon, name = meaning.partition(":")
    is_named = what in ("param", "attr") and bool(name)
    is_plain = not colon and what in ("value", "state", "start", "complete", "skip")
    if not equals or not (is_named or is_plain):
        raise UsageError(
            f"--map {safe_line(text, max_chars=60)} does not say what a column means.",
            hint=_MAP_FORMS,
        )
    _require(column, columns, "--map")
    return column, meaning


def _require(column: str, columns: Sequence[str], option: str) -> None:
    if column not in columns:
        listed = ", ".join(safe_line(each, max_chars=40) for each in columns[:30])
        raise UsageError(
            f"{option}: the file has no column {safe_line(column, max_chars=60)!r}.",
            hint=f"It has {listed}.",
        )


def _means_nothing(column: str) -> UsageError:
    shown = safe_line(column, max_chars=60)
    return UsageError(
        f"hptui does not know the column {shown!r}.",
        hint=f"Say what it is: --map '{shown}=skip', or param:NAME, attr:NAME, value, state.",
    )


def _no_parameter(column: str, known: Collection[str]) -> UsageError:
    shown = safe_line(column, max_chars=60)
    listed = ", ".join(safe_line(each, max_chars=40) for each in sorted(known)[:30])
    return UsageError(
        f"The column {shown!r} is not a parameter of the study, which has {listed}.",
        hint=f"Say what it is: --map '{shown}=skip', or param:NAME, attr:NAME, value, state.",
    )
