"""Trials of a file as they are to be stored, and why others are left out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.spaces.choices import place_of, spell_choice
from hptui.domain.spaces.edits import UNSET, ParamEdit, Unset, apply_edit, unknown_parameter
from hptui.domain.spaces.param_edit import set_fields, show
from hptui.domain.spaces.space import (
    ChoiceParam,
    FloatParam,
    IntParam,
    ParamSpec,
    describe,
    kind_of,
)
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError, UsageError
from hptui.storage.transfer.fork_plan import NOT_ENDED
from hptui.storage.transfer.import_cells import CellReader, space_of
from hptui.storage.transfer.import_columns import ColumnMap, map_columns
from hptui.storage.transfer.import_known import THERE, RowsThere, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.objective import Direction
    from hptui.storage.transfer.import_facts import FileFacts
    from hptui.storage.transfer.import_file import FileRow, ImportFile
    from hptui.storage.transfer.import_request import ImportRequest

_MAX_FOUND_CHOICES: Final = 1_000
_ENDED: Final = ("COMPLETE", "PRUNED", "FAIL")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of a study that trials come into."""

    directions: tuple[Direction, ...]
    space: Mapping[str, ParamSpec]
    metric_names: tuple[str, ...]
    rows: RowsThere = field(default_factory=RowsThere)
    """The trials that it has."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportedTrial:
    """One trial of a file."""

    place: str
    state: str
    params: Mapping[str, float]
    """As they are stored."""
    values: tuple[float, ...]
    start: str | None
    complete: str | None
    attributes: Mapping[str, Any]
    reports: tuple[tuple[int, float], ...]
    constraints: Mapping[str, float]
    is_feasible: bool
    """Whether it is said not to be infeasible."""
    is_to_try: bool = False
    """Whether its parameters are to be tried, whatever came of them."""
    space: Mapping[str, ParamSpec] = field(default_factory=dict[str, ParamSpec])
    """The spaces of parameters that have others here than in the plan."""
    system_attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, eq=False)
class ImportPlan:
    """What comes of a file."""

    trials: tuple[ImportedTrial, ...]
    digests: tuple[str, ...]
    """By what the row of each of them is known again."""
    left_out: Mapping[str, int]
    space: Mapping[str, ParamSpec]
    directions: tuple[Direction, ...]
    metric_names: tuple[str, ...]
    remarks: tuple[str, ...]
    """What was not given and is told from the file, a line each."""
    user_attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of a new study."""

    @property
    def n_there(self) -> int:
        """How many rows are left out because the study has them."""
        return self.left_out.get(THERE, 0)


def plan_import(file: ImportFile, request: ImportRequest, known: Known | None) -> ImportPlan:
    """Return the trials of a file under a study's space, or under one that the file shows.

    Args:
        file: The file.
        request: How to read it.
        known: The study; None where it is new.

    Raises:
        UsageError: A column or a cell is not what it must be; says which, and in which line.
    """
    has_space = known is not None and bool(known.space)
    columns = map_columns(
        file.columns,
        values=request.values,
        mapped=request.maps,
        known=known.space if known is not None and has_space else (),
        meanings=None if file.facts is None else file.facts.columns,
    )
    if not columns.params and file.facts is None:
        raise UsageError(
            f"{safe_line(file.path.name)} has no column of a parameter.",
            hint="Those of Optuna begin with params_; --map COLUMN=param:NAME names others.",
        )
    columns = _in_order(columns, known)
    directions, remarks = _directions(file, request, columns, known)
    reader = CellReader(file)
    left_out: Counter[str] = Counter()
    rows = _rows(file, reader, columns, request, known, left_out)
    space, told = _space(file, reader, rows, columns, request, known)
    trials: list[ImportedTrial] = []
    digests: list[str] = []
    there = RowsThere() if known is None or request.again else known.rows
    facts = file.facts if known is None else None
    for row, state in rows:
        own = _own_space(row, file.facts, space, request, known)
        params = _params(reader, row, columns, own, space, left_out)
        if params is None:
            continue
        trial = _trial(reader, row, state, params, columns, request, len(directions))
        trial = replace(trial, space={name: own[name] for name in params if name in own})
        digest = digest_of(trial, {**space, **own})
        if there.meet(trial, digest):
            left_out[THERE] += 1
        else:
            trials.append(trial)
            digests.append(digest)
    if left_out[THERE]:
        n_there = f"{left_out[THERE]:,} there already"
        told.insert(0, f"{len(trials):,} new, {n_there}; --again imports them too")
    if reader.has_read_commas:
        told.append("1,5 is read as 1.5, since commas do not separate the cells")
    names = known.metric_names if known is not None else columns.metric_names
    if facts is not None and len(facts.metric_names) == len(directions):
        names = facts.metric_names
    return ImportPlan(
        tuple(trials),
        tuple(digests),
        dict(+left_out),
        space,
        directions,
        names,
        (*remarks, *told),
        {} if facts is None else facts.user_attrs,
    )


def _rows(
    file: ImportFile,
    reader: CellReader,
    columns: ColumnMap,
    request: ImportRequest,
    known: Known | None,
    left_out: Counter[str],
) -> list[tuple[FileRow, str]]:
    """Return the rows whose states are wanted, with these."""
    # What waits in a study of hptui waits in a new one made of it.
    taken = _ENDED if known is not None or file.facts is None else (*_ENDED, "WAITING")
    rows: list[tuple[FileRow, str]] = []
    for row in file.rows:
        state = _state_of(reader, row, columns)
        if request.states and state not in request.states:
            left_out[f"in the state {state.lower()}"] += 1
        elif state not in taken and not request.as_waiting:
            left_out[NOT_ENDED] += 1
        else:
            rows.append((row, state))
    return rows


def _own_space(
    row: FileRow,
    facts: FileFacts | None,
    space: Mapping[str, ParamSpec],
    request: ImportRequest,
    known: Known | None,
) -> dict[str, ParamSpec]:
    """Return the spaces of parameters that are new to the study, as those of the exported one."""
    if facts is None:
        return {}
    given = {*request.edits, *(() if known is None else known.space)}
    own: dict[str, ParamSpec] = {}
    for name, specs in facts.specs.items():
        index = row.exact.specs.get(name, 0)
        if name in space and name not in given and 0 <= index < len(specs):
            own[name] = specs[index]
    return own


def _in_order(columns: ColumnMap, known: Known | None) -> ColumnMap:
    """Put columns of values that are called like the study's metrics into their order."""
    if known is None or not columns.metric_names or not known.metric_names:
        return columns
    by_name = dict(zip(columns.metric_names, columns.values, strict=True))
    if set(by_name) != set(known.metric_names):
        return columns
    return replace(
        columns,
        values=tuple(by_name[name] for name in known.metric_names),
        metric_names=known.metric_names,
    )


def _directions(
    file: ImportFile, request: ImportRequest, columns: ColumnMap, known: Known | None
) -> tuple[tuple[Direction, ...], list[str]]:
    name = safe_line(file.path.name)
    count = len(columns.values)
    if not count and not request.as_waiting:
        listed = ", ".join(safe_line(column, max_chars=40) for column in file.columns[:30])
        raise UsageError(
            f"{name} has no column of values; it has {listed}.",
            hint="--value COLUMN names it; --as waiting takes parameters alone, to be tried.",
        )
    if known is not None:
        stored = known.directions
        if request.directions is not None and request.directions != stored:
            raise UsageError(
                f"The study has the direction {', '.join(stored)}, not "
                f"{', '.join(request.directions)}; it cannot change.",
                hint="Omit --direction, or give another name for a new study.",
            )
        if count not in (0, len(stored)) or (count == 0 and not request.as_waiting):
            raise UsageError(
                f"{name} has {plural(count, 'column')} of values, and the study "
                f"{plural(len(stored), 'objective')}.",
                hint="--value COLUMN, once for each objective, says which to take.",
            )
        return stored, []
    given = request.directions
    if given is None and file.facts is not None and count in (0, len(file.facts.directions)):
        directions = file.facts.directions
        return directions, [f"direction: {', '.join(directions)}, from the file"]
    if given is None:
        n_objectives = max(1, count)
        way = "minimize" if n_objectives == 1 else f"{plural(n_objectives, 'value')}, minimize each"
        minimize: tuple[Direction, ...] = ("minimize",) * n_objectives
        return minimize, [f"direction: {way}, since none was given"]
    if count not in (0, len(given)):
        raise UsageError(
            f"{name} has {plural(count, 'column')} of values, and --direction is "
            f"given {plural(len(given), 'time')}.",
            hint="Give one for each column of values; --value COLUMN says which to take.",
        )
    return given, []


def _state_of(reader: CellReader, row: FileRow, columns: ColumnMap) -> str:
    state = reader.state(row, columns.fixed.get("state"))
    if state is not None:
        return state
    has_values = bool(columns.values) and all(
        row.cells.get(column) is not None for column in columns.values
    )
    return "COMPLETE" if has_values else "FAIL"


def _space(
    file: ImportFile,
    reader: CellReader,
    rows: Sequence[tuple[FileRow, str]],
    columns: ColumnMap,
    request: ImportRequest,
    known: Known | None,
) -> tuple[dict[str, ParamSpec], list[str]]:
    space: dict[str, ParamSpec] = {}
    told: list[str] = []
    stored = known.space if known is not None else dict[str, ParamSpec]()
    exported: dict[str, ParamSpec] = {}
    if file.facts is not None:
        exported = {name: specs[-1] for name, specs in file.facts.specs.items() if specs}
    _check_edits(request, columns, stored)
    for name, column in columns.params.items():
        edit = request.edits.get(name, ParamEdit())
        found = stored.get(name) or (exported.get(name) if edit.is_empty else None)
        if found is not None:
            space[name] = found
            told += [] if name in stored else [_told(name, found, edit)]
            continue
        if not isinstance(edit.choices, Unset):
            space[name] = ChoiceParam(edit.choices)
            told.append(_told(name, space[name], edit))
            continue
        values = [reader.guess(row, column) for row, _ in rows if column in row.cells]
        given = [value for value in values if value is not None and not _is_no_number(value)]
        if not isinstance(space_of(given or values or [0]), ChoiceParam):
            # Where numbers are, what JSON has as null is not there.
            has_gaps = any(column not in row.cells for row in file.rows)
            values = _as_integers(given) if has_gaps and file.may_be_of_pandas else given
        if not values and edit.is_empty:
            continue
        spec = _given(name, space_of(values) if values else FloatParam(0.0, 1.0), edit)
        if isinstance(spec, ChoiceParam) and len(spec.choices) > _MAX_FOUND_CHOICES:
            shown = safe_line(column, max_chars=60)
            raise UsageError(
                f"The column {shown!r} has {plural(len(spec.choices), 'different value')}, too "
                "many for the choices of a parameter.",
                hint=f"Keep them as an attribute, --map '{shown}=attr:{shown}', or --map "
                f"'{shown}=skip'.",
            )
        space[name] = spec
        told.append(_told(name, spec, edit))
    return space, told


def _check_edits(
    request: ImportRequest, columns: ColumnMap, stored: Mapping[str, ParamSpec]
) -> None:
    for name in request.edits:
        if name not in columns.params:
            raise unknown_parameter(name, columns.params)
        if name in stored:
            raise SpaceError(
                f"The study has the parameter {show(name)} already, {describe(stored[name])}.",
                hint="Omit its space; hptui fork makes a study with another one.",
            )


def _told(name: str, spec: ParamSpec, edit: ParamEdit) -> str:
    origin = "from the file" if edit.is_empty else "as given"
    shown = safe_line(f"{name}: {kind_of(spec)} {describe(spec)}", max_chars=160)
    return f"{shown}, {origin}"


def _as_integers(numbers: Sequence[Any]) -> Sequence[Any]:
    """Return what may have been integers before pandas, which has none in columns with gaps."""
    if all(isinstance(each, float) and each.is_integer() for each in numbers):
        return [int(each) for each in numbers]
    return numbers


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _given(name: str, found: ParamSpec, edit: ParamEdit) -> ParamSpec:
    numbers = [value for key, value in set_fields(edit).items() if key != "log"]
    if isinstance(found, IntParam) and any(isinstance(each, float) for each in numbers):
        found = FloatParam(found.low, found.high)
    return apply_edit(name, found, edit)


def _params(
    reader: CellReader,
    row: FileRow,
    columns: ColumnMap,
    own: Mapping[str, ParamSpec],
    space: Mapping[str, ParamSpec],
    left_out: Counter[str],
) -> dict[str, float] | None:
    """Return the parameters as they are stored; under `own` they are what they were."""
    params: dict[str, float] = {}
    for name, column in columns.params.items():
        spec = own.get(name) or space.get(name)
        exact = row.exact.params.get(name, UNSET)
        if isinstance(spec, ChoiceParam) and exact is not UNSET:
            place = place_of(exact, spec.choices)
            cell, value = exact, None if place is None else float(place)
        elif spec is None or column not in row.cells:
            continue
        else:
            cell = row.cells[column]
            if cell is None and not isinstance(spec, ChoiceParam):
                continue
            value = reader.param(row, column, spec)
            if name in own and not isinstance(spec, ChoiceParam):
                # Within it is not moved to a bound; outside it is what the export found there.
                written = reader.number(row, column)
                value = written if value is not None or written == exact else None
        if value is None or math.isnan(value):
            left_out[_misfit(name, spec, cell)] += 1
            return None
        params[name] = value
    return params


def _misfit(name: str, spec: ParamSpec, cell: object) -> str:
    shown = safe_line(name, max_chars=60)
    if isinstance(spec, ChoiceParam):
        listed = ", ".join(spell_choice(each) for each in spec.choices)
        spelled = safe_line(cell, max_chars=60)
        return f"{shown}: choice {spelled} is not one of {safe_line(listed, max_chars=80)}"
    return f"{shown} is not in {safe_line(describe(spec), max_chars=80)}"


def _trial(
    reader: CellReader,
    row: FileRow,
    state: str,
    params: dict[str, float],
    columns: ColumnMap,
    request: ImportRequest,
    n_objectives: int,
) -> ImportedTrial:
    attributes = {
        key: reader.attribute(row, column)
        for key, column in columns.attributes.items()
        if row.cells.get(column) is not None
    }
    exact = row.exact
    attributes |= {key: each for key, each in exact.user_attrs.items() if key in columns.attributes}
    if request.as_waiting:
        return ImportedTrial(
            row.place, "WAITING", params, (), None, None, attributes, (), {}, True, is_to_try=True
        )
    values = [reader.number(row, column) for column in columns.values]
    if state in ("FAIL", "WAITING"):
        values = []
    for column, value in zip(columns.values, values, strict=False):
        if state == "COMPLETE" and (value is None or math.isnan(value)):
            raise reader.refuse(row, column, "is not a value, but the trial is complete")
    # What a pruned trial has no number for, it has no value for: Optuna reads no NaN there.
    found = [value for value in values if value is not None and not math.isnan(value)]
    start = reader.time(row, columns.fixed.get("start"))
    complete = reader.time(row, columns.fixed.get("complete"))
    return ImportedTrial(
        row.place,
        state,
        params,
        tuple(found) if len(found) == n_objectives else (),
        start or complete,
        complete or start,
        attributes,
        exact.reports or _report(reader, row, columns),
        reader.constraints(row, columns.constraints),
        reader.flag(row, columns.fixed.get("feasible")) is not False,
        system_attrs=exact.system_attrs,
    )


def _report(reader: CellReader, row: FileRow, columns: ColumnMap) -> tuple[tuple[int, float], ...]:
    column = columns.fixed.get("last_step")
    step = None if column is None else reader.number(row, column)
    if column is None or step is None:
        return ()
    if not 0 <= step < 2**63 or step != int(step):
        raise reader.refuse(row, column, "is not a step")
    value = None
    if "last_value" in columns.fixed:
        value = reader.number(row, columns.fixed["last_value"])
    return ((int(step), math.nan if value is None else value),)
