"""The list of studies as a table: filtered, in any order, as wide as there is room."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.texts.readable import four_digits, plural, show_age, show_duration
from hptui.domain.texts.text import safe_line
from hptui.ui.commands.command_table import KeyOf, default_key
from hptui.ui.look.marks import mark_of
from hptui.ui.widgets.table_model import Cell, Column, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hptui.storage.mirror.mirrors import MirrorState
    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.study.snapshot import EngineState
    from hptui.ui.widgets.table_model import Role

BY_ACTIVITY: Final = Sort("activity", is_reversed=True)
_WIDE: Final = 100
"""Cells from which objective and goal are shown."""
_MIN_NAME, _MAX_NAME = 14, 32
_TREND_WIDTH, _SHORT_TREND_WIDTH = 12, 8
_MIN_ACTIVITY: Final = 14
_RUN_CELLS: Final = 28
"""Of `2 workers  64 %  eta ~3 m 20 s`, all but what can be missed."""
_LONG_NAME, _SHORT_NAME = 20, 8
"""Cells that a name has at least, if it needs them: beside a run, and beside what is to be done."""
_MAX_BESTS: Final = 20
_TAGS_CHARS: Final = 24
_AGE_UNITS_S: Final = (86_400, 3_600, 60, 1)
_GAP: Final = 2
_MARGIN: Final = 1
"""Cells at the left end of a line."""
_STATES: Final = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
_GREATEST_FIRST: Final = frozenset({"best", "complete", "pruned", "failed", "trend", "activity"})
_LATELY: Final = 0.25
"""The part of a study that its trend is sorted by."""
_MAX_SPELLED_GOALS: Final = 2


def study_key(path: Path, study_name: str) -> str:
    """Return what tells a study from all others."""
    return f"{path}\0{study_name}"


def first_order(column_key: str, sort: Sort) -> Sort:
    """Return the order when a column is chosen: its natural one, then the reverse of it."""
    if sort.key == column_key:
        return Sort(column_key, is_reversed=not sort.is_reversed)
    return Sort(column_key, is_reversed=column_key in _GREATEST_FIRST)


class StudiesModel:
    """Some studies in some order.

    Args:
        rows: The studies.
        sort: How they are ordered; what is missing comes last.
        filter_text: Words that name, file, objective or tags must hold, in any case.
        width: Of the table, in cells.
        now_s: Seconds since 1970.
        has_unicode: Whether the terminal shows more than ASCII.
        marked: The keys of those that are marked.
        key_of: Names the keys of commands.
    """

    grows_at: Literal["start", "end"] | None = None

    def __init__(
        self,
        rows: Sequence[StudyRow],
        *,
        sort: Sort = BY_ACTIVITY,
        filter_text: str = "",
        width: int = 120,
        now_s: float,
        has_unicode: bool = True,
        marked: frozenset[str] = frozenset(),
        key_of: KeyOf = default_key,
    ) -> None:
        self._marked = marked
        self._mend_key, self._open_key = key_of("mend-study"), key_of("open-study")
        words = filter_text.lower().split()
        found = [row for row in rows if all(word in _haystack(row) for word in words)]
        self.rows = _sorted(found, sort)
        self.sort = sort
        self.now_s = now_s
        self._has_unicode = has_unicode
        self._index = {study_key(row.path, row.name): index for index, row in enumerate(self.rows)}
        is_wide = width >= _WIDE
        self._trend_width = _TREND_WIDTH if is_wide else _SHORT_TREND_WIDTH
        names = max((len(row.label + self._annotations(row)) for row in rows), default=0) + 2
        objectives = max((len(row.objective_name) for row in rows), default=0)
        bests = min(_MAX_BESTS, max((len(_best_text(row)) for row in rows), default=0))
        limit = _MAX_NAME if is_wide else width // 3
        self._cells: list[tuple[Column, Callable[[StudyRow], Cell]]] = [
            (Column("study", "study", max(_MIN_NAME, min(names, limit))), self._study)
        ]
        if is_wide:
            self._cells += [
                (Column("objective", "objective", max(9, min(objectives, 20))), _objective_cell),
                (
                    Column("goal", "goal", max((len(_goal_text(row)) for row in rows), default=4)),
                    _goal,
                ),
            ]
        self._cells += [
            (Column("best", "best", max(9, bests), "right"), _best),
            *(
                (
                    Column(state, self._mark(state), _count_width(rows, state), "right"),
                    _count(state),
                )
                for state in _STATES
            ),
            (Column("trend", "trend", self._trend_width), self._trend),
        ]
        used = sum(column.width + _GAP for column, _ in self._cells) + _GAP + _MARGIN
        longest = max((len(self._activity(row).text) for row in rows), default=0)
        # What a run does is worth more than the ends of long names, whatever it says just now.
        named, draw = self._cells[0]
        needed = _RUN_CELLS if any(row.engine for row in rows) else _MIN_ACTIVITY
        cut = max(0, min(used + needed - width, named.width - _LONG_NAME))
        # The key at the end of what is to be done must not be cut off.
        asks = max((len(self._activity(row).text) for row in rows if _is_mendable(row)), default=0)
        spare = max(0, named.width - _SHORT_NAME)
        if asks and used + asks - width > spare:
            used -= self._cells.pop()[0].width + _GAP
        cut = max(cut, min(used + asks - width, spare))
        self._cells[0] = (replace(named, width=named.width - cut), draw)
        activity = max(_MIN_ACTIVITY, min(longest, width - used + cut))
        self._cells.append((Column("activity", "activity", activity), self._activity))
        self.columns: tuple[Column, ...] = tuple(column for column, _ in self._cells)

    def __len__(self) -> int:
        """Return how many studies are shown."""
        return len(self.rows)

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of a column."""
        return self._cells[column][1](self.rows[row])

    def key_of(self, row: int) -> str:
        """Return the key of a row."""
        study = self.rows[row]
        return study_key(study.path, study.name)

    def row_of_key(self, key: int | str) -> int | None:
        """Return where a study stands, or None."""
        return self._index.get(str(key))

    def study_of(self, key: int | str | None) -> StudyRow | None:
        """Return the study with this key, or None."""
        row = None if key is None else self.row_of_key(key)
        return None if row is None else self.rows[row]

    def next_sort_key(self) -> str:
        """Return the key of the column after the one that is sorted by."""
        keys = [column.key for column in self.columns]
        at = keys.index(self.sort.key) if self.sort.key in keys else -1
        return keys[(at + 1) % len(keys)]

    def _mark(self, state: str) -> str:
        return mark_of(state, has_unicode=self._has_unicode)

    def _study(self, row: StudyRow) -> Cell:
        state, role = study_state(row)
        mark = self._mark(f"study-{state}") if state in ("running", "paused", "trouble") else " "
        is_marked = study_key(row.path, row.name) in self._marked
        gap = self._mark("marked") if is_marked else " "
        name = f"{safe_line(row.label, max_chars=100)}{self._annotations(row)}"
        return Cell(f"{mark}{gap}{name}", "best" if is_marked else role)

    def _annotations(self, row: StudyRow) -> str:
        note = self._mark("note") if row.note_start else ""
        tags = " ".join(f"#{safe_line(tag, max_chars=_TAGS_CHARS)}" for tag in row.tags)
        return "".join(f" {each}" for each in (note, _cut(tags)) if each)

    def _trend(self, row: StudyRow) -> Cell:
        # With it comes NumPy, which the first frame does without.
        from hptui.figures.canvas.sparkline import sparkline

        return Cell(sparkline(row.trend, self._trend_width, unicode=self._has_unicode), "dim")

    def _activity(self, row: StudyRow) -> Cell:
        if row.problem and row.mirror is not None and row.mirror.wants_password:
            where = safe_line(row.mirror.address)
            return Cell(f"wants a password: {self._open_key} asks for it  {where}", "trouble")
        if row.problem:
            return Cell(safe_line(row.problem.removeprefix(f"{row.path} ")), "trouble")
        if row.mirror is not None and row.mirror.is_stale:
            return Cell(stale_text(row.mirror, self.now_s), "trouble")
        if row.engine is not None:
            return Cell(engine_text(row.engine), "running")
        if row.n_stale:
            trials = plural(row.n_stale, "stale trial")
            return Cell(f"{trials}: {self._mend_key} fixes", "trouble")
        if row.mirror is not None:
            return Cell(_there_text(row, row.mirror, self.now_s), "dim")
        return Cell(_age(row.last_activity_s, self.now_s), "dim")


def _there_text(row: StudyRow, mirror: MirrorState, now_s: float) -> str:
    """Return what goes on with a mirrored study, how old that is, and where it is."""
    running = row.counts.get("RUNNING", 0)
    state = f"{running} running" if running else _age(row.last_activity_s, now_s)
    # The picture may be a moment older than the reading.
    read_s = now_s - min(now_s, mirror.synced_s or now_s)
    return f"{state}, read {read_s:.0f} s ago  {safe_line(mirror.address)}"


def stale_text(mirror: MirrorState, now_s: float) -> str:
    """Return how old what is shown of a mirrored study is, and why, safe for a terminal."""
    age_s = mirror.age_s(now_s)
    age = "not read yet" if age_s is None else f"as of {_age(now_s - age_s, now_s)}"
    return f"{age}: {safe_line(mirror.trouble)}" if mirror.trouble else age


def study_state(row: StudyRow) -> tuple[str, Role]:
    """Return the word for what a study does, and the role that goes with it."""
    is_old = row.mirror is not None and row.mirror.is_stale
    if row.problem or is_old or (row.n_stale and row.engine is None):
        return "trouble", "trouble"
    if row.engine is None:
        return "stopped", ""
    return ("paused", "waiting") if row.engine.state == "paused" else ("running", "running")


def engine_text(engine: EngineState) -> str:
    """Return how far a run is: `2 workers  64 %  eta ~25 s`."""
    if not engine.workers and not engine.n_ended:
        # Of an engine elsewhere, or one that does not answer now, only that is known.
        state = safe_line(engine.state, max_chars=60)
        return f"runs {state}" if state.startswith("on ") else state
    parts = [plural(len(engine.workers), "worker")]
    if engine.state != "running":
        parts = [safe_line(engine.state, max_chars=20)]
    if engine.n_trials:
        parts.append(f"{min(100, 100 * engine.n_ended // engine.n_trials)} %")
    else:
        parts.append(f"{engine.n_ended:,} done")
    if engine.eta_s is not None and engine.state == "running":
        parts.append(f"eta ~{show_duration(engine.eta_s)}")
    return "  ".join(parts)


def _haystack(row: StudyRow) -> str:
    where = row.path.name if row.mirror is None else row.mirror.address
    return f"{row.label} {where} {row.objective_name} {' '.join(row.tags)}".lower()


def _objective_cell(row: StudyRow) -> Cell:
    return Cell(safe_line(row.objective_name, max_chars=100), "dim")


def _goal(row: StudyRow) -> Cell:
    return Cell(_goal_text(row), "dim")


def _goal_text(row: StudyRow) -> str:
    if len(row.directions) > _MAX_SPELLED_GOALS:
        return plural(len(row.directions), "goal")
    return "/".join(direction[:3] for direction in row.directions)


def _is_mendable(row: StudyRow) -> bool:
    return bool(row.n_stale) and not row.problem and row.engine is None


def _cut(tags: str) -> str:
    return tags if len(tags) <= _TAGS_CHARS else f"{tags[: _TAGS_CHARS - 1]}…"


def _best(row: StudyRow) -> Cell:
    return Cell(_best_text(row))


def _best_text(row: StudyRow) -> str:
    """Return the best value; with several objectives that of each, as the goals stand."""
    if row.bests:
        if len(row.bests) > _MAX_SPELLED_GOALS:
            return plural(len(row.bests), "value")
        return "/".join(map(four_digits, row.bests))
    return "" if row.best is None else four_digits(row.best.value)


def _count_width(rows: Sequence[StudyRow], state: str) -> int:
    return max((len(_count_text(row, state)) for row in rows), default=0)


def _count_text(row: StudyRow, state: str) -> str:
    count = row.counts.get(_STATES[state])
    return "" if count is None else f"{count:,}"


def _count(state: str) -> Callable[[StudyRow], Cell]:
    def count_cell(row: StudyRow) -> Cell:
        text = _count_text(row, state)
        return Cell(text, "dim" if text == "0" else "")

    return count_cell


def _age(at_s: float | None, now_s: float) -> str:
    """Return how long ago something was, in one unit."""
    if at_s is None or at_s > now_s:
        return show_age(at_s, now_s)
    age_s = now_s - at_s
    unit_s = next((size for size in _AGE_UNITS_S if age_s >= size), 1)
    return show_age(now_s - age_s // unit_s * unit_s, now_s)


def _sorted(rows: Sequence[StudyRow], sort: Sort) -> tuple[StudyRow, ...]:
    """Return the rows in order: what is missing last, equals by name."""
    by_name = sorted(rows, key=lambda row: (row.name.lower(), str(row.path)))
    known = [row for row in by_name if _sort_value(row, sort.key) is not None]
    missing = [row for row in by_name if _sort_value(row, sort.key) is None]
    known.sort(key=lambda row: _sort_value(row, sort.key) or (), reverse=sort.is_reversed)
    return (*known, *missing)


def _sort_value(row: StudyRow, key: str) -> tuple[float | str, ...] | None:
    if key == "study":
        return (row.name.lower(),)
    if key == "objective":
        return (row.objective_name.lower(),) if row.objective_name else None
    if key == "goal":
        return tuple(row.directions) or None
    if key == "best":
        is_known = row.best is not None and not math.isnan(row.best.value)
        return (row.best.value,) if row.best is not None and is_known else None
    if key == "trend":
        return (_gained_lately(row.trend),) if row.trend else None
    if key == "activity":
        is_running = row.engine is not None
        at_s = row.last_activity_s
        return (float(is_running), at_s or 0.0) if is_running or at_s is not None else None
    count = row.counts.get(_STATES.get(key, ""))
    return None if count is None else (float(count),)


def _gained_lately(trend: Sequence[float]) -> float:
    """Return which share of what the best value has gained came in the last part of a study."""
    first, last = trend[0], trend[-1]
    before = trend[-1 - min(len(trend) - 1, max(1, int(_LATELY * len(trend))))]
    if last == before:
        return 0.0
    share = (last - before) / (last - first)
    # A step from an infinite value to a number, or to an infinite one, is all of the gain.
    return share if math.isfinite(share) else 1.0
