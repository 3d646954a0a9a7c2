"""The trials of a snapshot as a table: some of them, in some order, with some columns."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from hptui.analysis.filters.completion import NO_WORDS, completion_names
from hptui.analysis.filters.fields import reads_texts
from hptui.analysis.filters.parser import parse_filter
from hptui.analysis.filters.rows import filter_rows
from hptui.analysis.filters.terms import FilterError
from hptui.analysis.number_styles import style_of
from hptui.domain.spaces.space import FloatParam
from hptui.domain.texts.number_column import PLAIN, NumberStyle
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, STALE, WAITING
from hptui.errors import HptuiError, UsageError
from hptui.storage.read.text_fields import FileTexts
from hptui.ui.plots.shown_trials import ShownTrials
from hptui.ui.trials.read_columns import MEMORY, TAGS, header_of
from hptui.ui.trials.trial_cells import (
    MAX_NAME_CHARS,
    PARAM_PREFIX,
    CauseColumn,
    NumberColumn,
    ParamTrialColumn,
    ReadColumn,
    StartColumn,
    StateColumn,
    TimeColumn,
    TrialColumn,
    ValueColumn,
    WorkerColumn,
    param_column,
)
from hptui.ui.trials.trial_order import order_rows, value_keys
from hptui.ui.widgets.table_model import Cell, Column, RowKey, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from hptui.analysis.filters.completion import CompletionNames
    from hptui.ui.study.snapshot import StudySnapshot


_ParamColumns = dict[str, ParamTrialColumn]
Tab = Literal["all", "running", "complete", "pruned", "failed", "waiting", "stale"]

TAB_STATES: Final[dict[Tab, int | None]] = {
    "all": None,
    "running": RUNNING,
    "complete": COMPLETE,
    "pruned": PRUNED,
    "failed": FAIL,
    "waiting": WAITING,
    "stale": STALE,
}
BY_NUMBER: Final = Sort("number")
FIRST_HIDDEN: Final = frozenset({"start", "worker", TAGS, MEMORY})
"""Keys of columns that are shown when a person chooses them."""
NOT_SAVED: Final[Mapping[str, str]] = MappingProxyType({})
"""No saved filters."""
MAX_WORDS: Final = 1_000
"""Of more tags, hosts or attributes than these, the ones met first are offered."""
_ATTRIBUTES: Final = "attr"


@dataclass(frozen=True, slots=True)
class _Digits:
    """How the numbers of a column are written."""

    style: NumberStyle
    width: int
    """Of the longest, in cells."""
    n_trials: int
    """When that was found out."""


_NO_DIGITS: Final = _Digits(PLAIN, 0, 0)
_GROWN: Final = 1.05
_MAX_NUMBER_WIDTH: Final = 18
_MARK_WIDTH: Final = 2


class TrialModel:
    """Trials as rows of a table, by number.

    Making one takes as long as filtering and sorting all trials; with neither, no time at all.

    Args:
        snapshot: The study.
        tab: Of which state.
        filter_text: Which ones, see `hptui.analysis.filters.parser`.
        saved_filters: Filters by the names under which they were saved.
        sort: In which order.
        hidden: Keys of columns that are left out; the number stays.
        attributes: Keys of columns of user attributes that are shown.
        before: A model of the same study, whose columns are used again where they are the same.
        has_unicode: Whether marks may be more than ASCII.

    Raises:
        FilterError: The filter cannot be understood.
        HptuiError: The filter asks for what is in the file, and that cannot be read.
    """

    def __init__(
        self,
        snapshot: StudySnapshot,
        *,
        tab: Tab = "all",
        filter_text: str = "",
        saved_filters: Mapping[str, str] = NOT_SAVED,
        sort: Sort = BY_NUMBER,
        hidden: frozenset[str] = frozenset(),
        attributes: Sequence[str] = (),
        before: TrialModel | None = None,
        has_unicode: bool = True,
    ) -> None:
        self.snapshot = snapshot
        self._sort = sort
        chosen = _filter(snapshot, filter_text, saved_filters)
        self.shown = ShownTrials(snapshot, chosen, filter_text)
        """Those that the filter lets through, in every tab."""
        self._rows = _choose(snapshot, tab, chosen, sort)
        self._is_in_file_order = len(self._rows) == snapshot.n_trials and sort == BY_NUMBER
        known = {} if before is None else before._params
        self._digits = _digits_of(snapshot, {} if before is None else before._digits)
        self._params = _param_columns(snapshot, known, self._digits)
        own = _columns_of(snapshot, self._params, attributes, self._digits, has_unicode)
        self._columns = [each for each in own if each.column.key not in hidden - {"number"}]
        if before is not None and self._same_headers(before):
            self._headers = before.columns
        else:
            self._headers = tuple(column.column for column in self._columns)

    @property
    def columns(self) -> Sequence[Column]:
        """Number, state, values, times, parameters in the order of first sight, causes and more."""
        return self._headers

    @property
    def sort(self) -> Sort:
        """The order of the trials."""
        return self._sort

    @property
    def grows_at(self) -> Literal["start", "end"] | None:
        """Where new trials come, when they are ordered by number."""
        if self._sort.key != "number":
            return None
        return "start" if self._sort.is_reversed else "end"

    def __len__(self) -> int:
        """Return how many trials are shown."""
        return len(self._rows)

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of the column with this index."""
        return self._columns[column].cell(self.snapshot, int(self._rows[row]))

    def key_of(self, row: int) -> int:
        """Return the number of the trial in a row."""
        return int(self.snapshot.trials.numbers[self._rows[row]])

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where the trial with this number stands, or None."""
        if not isinstance(key, int):
            return None
        at = self.snapshot.trials.row_of(key)
        if at is None or self._is_in_file_order:
            return at
        rows = np.flatnonzero(self._rows == at)
        return int(rows[0]) if len(rows) else None

    def _same_headers(self, before: TrialModel) -> bool:
        mine, theirs = self._columns, before._columns
        return len(mine) == len(theirs) and all(
            one is other or one.column == other.column
            for one, other in zip(mine, theirs, strict=True)
        )


def completions_of(
    snapshot: StudySnapshot,
    saved_filters: Mapping[str, str],
    words: Mapping[str, Iterable[str]] = NO_WORDS,
) -> CompletionNames:
    """Return what can be completed in a filter of a study's trials.

    Args:
        snapshot: The study.
        saved_filters: Filters by the names under which they were saved.
        words: What `words_in` has read.
    """
    return completion_names(
        snapshot.trials,
        metric_names=snapshot.metric_names,
        words=words,
        attributes=words.get(_ATTRIBUTES, ()),
        saved=saved_filters,
    )


def words_in(snapshot: StudySnapshot) -> Mapping[str, Sequence[str]]:
    """Read what a study's trials have of tags, hosts, devices and user attributes.

    Of each at most MAX_WORDS; none where the file cannot be read.
    """
    texts = FileTexts(snapshot.path, snapshot.name)
    reads: dict[str, Callable[[], Iterable[str]]] = {
        "tag": lambda: (tag for _, tags in texts.tags() for tag in tags),
        "host": lambda: (host for _, host in texts.hosts()),
        "device": lambda: (device for _, devices in texts.devices() for device in devices),
        _ATTRIBUTES: lambda: texts.attribute_names(MAX_WORDS),
    }
    try:
        return {name: _distinct(read()) for name, read in reads.items()}
    except HptuiError:
        return {}


def _distinct(words: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for word in words:
        found[word] = None
        if len(found) >= MAX_WORDS:
            break
    return sorted(found)


def reads_file(filter_text: str, saved_filters: Mapping[str, str]) -> bool:
    """Say whether making a model with this filter reads the study's file."""
    try:
        return reads_texts(parse_filter(filter_text, saved_filters))
    except UsageError:
        return False


def _filter(
    snapshot: StudySnapshot, filter_text: str, saved: Mapping[str, str]
) -> npt.NDArray[np.bool_] | None:
    if not filter_text.strip():
        return None
    return filter_rows(
        parse_filter(filter_text, saved),
        snapshot.trials,
        FileTexts(snapshot.path, snapshot.name),
        metric_names=snapshot.metric_names,
    )


def _choose(
    snapshot: StudySnapshot, tab: Tab, chosen: npt.NDArray[np.bool_] | None, sort: Sort
) -> npt.NDArray[np.int64]:
    state = TAB_STATES[tab]
    rows = np.arange(snapshot.n_trials) if chosen is None else np.flatnonzero(chosen)
    if state is not None:
        rows = rows[snapshot.trials.states[rows] == state]
    return order_rows(snapshot, rows, sort.key, is_reversed=sort.is_reversed)


def _columns_of(
    snapshot: StudySnapshot,
    params: _ParamColumns,
    attributes: Sequence[str],
    digits: Mapping[str, _Digits],
    has_unicode: bool,
) -> list[TrialColumn]:
    best = best_numbers(snapshot)
    number_width = max(6, len(str(snapshot.n_trials)) + 2)
    mark = "★" if has_unicode else "*"
    is_marked = bool(snapshot.noted or snapshot.tagged)
    own: list[TrialColumn] = [
        NumberColumn(Column("number", "#", number_width, "right"), best, mark),
        StateColumn(Column("state", "state", 15 if is_marked else 12), has_unicode),
    ]
    keys = value_keys(len(snapshot.trials.directions))
    for objective, key in enumerate(keys):
        names = snapshot.metric_names
        label = safe_line(names[objective], max_chars=MAX_NAME_CHARS) if names else key
        shown = digits[key]
        width = max(11, shown.width + _MARK_WIDTH)
        header = Column(key, label.replace("_", " ") if not names else label, width, "right")
        own.append(ValueColumn(header, objective, best, has_unicode, shown.style))
    own.append(TimeColumn(Column("time", "time", 10, "right")))
    own.append(StartColumn(Column("start", "start", 19)))
    if snapshot.engine is not None:
        own.append(WorkerColumn(Column("worker", "worker", 6, "right")))
    read = snapshot.read_cells
    own += [ReadColumn(header_of(key, read.get(key, {}))) for key in (MEMORY, TAGS)]
    own += params.values()
    own += [ReadColumn(header_of(key, read.get(key, {}))) for key in attributes]
    if snapshot.causes:
        own.append(CauseColumn(Column("cause", "cause", 30, is_open=True)))
    return own


def drawn_beside_trials(snapshot: StudySnapshot) -> tuple[object, ...]:
    """Return what the cells show besides the trials themselves: another one needs another model."""
    return (
        snapshot.noted,
        snapshot.tagged,
        snapshot.causes,
        snapshot.workers,
        snapshot.read_cells,
    )


def _digits_of(snapshot: StudySnapshot, before: Mapping[str, _Digits]) -> dict[str, _Digits]:
    """Return how the numbers of each value and parameter are written, by the keys of columns.

    They stay while trials are few more, so that numbers seldom change their looks.
    """
    trials, found = snapshot.trials, dict[str, _Digits]()
    columns = {
        key: trials.values[:, at] for at, key in enumerate(value_keys(len(trials.directions)))
    }
    for name, param in trials.params.items():
        if any(isinstance(spec, FloatParam) for spec in param.specs):
            columns[f"{PARAM_PREFIX}{name}"] = param.values
    for key, numbers in columns.items():
        kept = before.get(key)
        if kept is None or not kept.n_trials <= len(trials) <= kept.n_trials * _GROWN:
            style = style_of(numbers)
            known = numbers[np.isfinite(numbers)]
            ends = (known.min(), known.max()) if len(known) else ()
            width = max((len(style.show(float(end))) for end in ends), default=0)
            kept = _Digits(style, min(width, _MAX_NUMBER_WIDTH), len(trials))
        found[key] = kept
    return found


def _param_columns(
    snapshot: StudySnapshot, known: _ParamColumns, digits: Mapping[str, _Digits]
) -> _ParamColumns:
    """Return a column for each parameter; its header is kept while its spaces are the same."""
    found: _ParamColumns = {}
    for name, param in snapshot.trials.params.items():
        kept = known.get(name)
        is_same = kept is not None and len(kept.param.specs) == len(param.specs)
        shown = digits.get(f"{PARAM_PREFIX}{name}", _NO_DIGITS)
        header = kept.column if kept is not None and is_same else param_column(param)
        if header.width < shown.width:
            header = replace(header, width=shown.width)
        found[name] = ParamTrialColumn(header, param, shown.style)
    return found


def best_numbers(snapshot: StudySnapshot) -> frozenset[int]:
    """Return the numbers of the best trial, or of those on the Pareto front."""
    if snapshot.best_number is not None:
        return frozenset((snapshot.best_number,))
    return frozenset(snapshot.front.tolist())


@dataclass(frozen=True, slots=True)
class MadeModel:
    """What came of making a model."""

    model: TrialModel | None
    """None where the filter could not be understood."""
    problem: str = ""
    place: tuple[int, int] | None = None
    """From where to where the filter is wrong."""
    took_s: float = 0.0


def make_model(make: Callable[[], TrialModel]) -> MadeModel:
    """Make a model, or say why not."""
    start_s = time.monotonic()
    try:
        return MadeModel(make(), took_s=time.monotonic() - start_s)
    except FilterError as error:
        # The place in a saved filter is none in what was typed.
        place = None if error.saved_as else (error.start, error.end)
        return MadeModel(None, error.message, place)
    except HptuiError as error:
        return MadeModel(None, error.message)


def make_model_anyhow(make: Callable[[], TrialModel]) -> MadeModel:
    """Make a model in a thread that must have an answer, whatever goes wrong."""
    try:
        return make_model(make)
    except Exception as error:  # noqa: BLE001 - without an answer the table would stand still
        what = f"{type(error).__name__}: {error}"
        return MadeModel(None, f"This failed: {what}")
