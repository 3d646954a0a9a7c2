"""What the workers of a running engine do, in a few aligned lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.readable import four_digits, show_duration, show_thinking

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import EngineState, WorkerStatus

Span = tuple[str, str]
"""A text and its role: muted, running, or nothing."""

_CELL: Final = 39
"""Cells of a worker with a trial, its time, its step and its last report."""
_SHORT_CELL: Final = 19
_PLACE_CELLS: Final = 20
"""Of a long name, as of a part of a GPU, so much is shown."""


@dataclass(frozen=True, slots=True)
class WorkerCell:
    """One worker as it is shown."""

    spans: tuple[Span, ...]
    width: int
    trial: int | None


@dataclass(frozen=True, slots=True)
class WorkerRows:
    """The rows of workers that fit, and how many workers do not."""

    rows: tuple[tuple[WorkerCell, ...], ...]
    n_hidden: int


def arrange_workers(
    engine: EngineState, width: int, max_rows: int, *, unicode: bool = True
) -> WorkerRows:
    """Return the workers in rows of equal cells, short ones where long ones do not fit."""
    workers = engine.workers
    for cell in (full_width(engine), _CELL, _SHORT_CELL):
        columns = max(1, width // cell)
        needed = -(-len(workers) // columns)
        if needed <= max_rows or cell == _SHORT_CELL:
            shown = workers[: columns * max_rows]
            make = _full if cell >= _CELL else _short
            cells = [make(worker, cell, unicode=unicode) for worker in shown]
            rows = tuple(
                tuple(cells[start : start + columns]) for start in range(0, len(cells), columns)
            )
            return WorkerRows(rows, len(workers) - len(shown))
    raise AssertionError("the loop returns")


def full_width(engine: EngineState) -> int:
    """Return the cells of a worker of which all is told, its devices and cores, too."""
    longest = max((len(_place(worker)) for worker in engine.workers), default=0)
    return _CELL + (longest + 1 if longest else 0)


def _place(worker: WorkerStatus) -> str:
    return (
        worker.place
        if len(worker.place) <= _PLACE_CELLS
        else worker.place[: _PLACE_CELLS - 1] + "~"
    )


def rows_needed(n_workers: int, width: int, max_rows: int, cell: int = _CELL) -> int:
    """Return how many rows `arrange_workers` fills with cells of `full_width`."""
    columns = max(1, width // cell)
    return max(1, min(max_rows, -(-n_workers // columns)))


def _full(worker: WorkerStatus, width: int, *, unicode: bool) -> WorkerCell:
    number = f"{worker.index + 1:>2} "
    if width > _CELL:
        number += f"{_place(worker):<{width - _CELL}}"
    if worker.trial is None:
        return _pad([(number, "muted"), ("  idle", "muted")], width, None)
    mark, word = _mark(worker, unicode=unicode)
    time = show_duration(worker.running_s) if worker.running_s is not None else ""
    thinking = show_thinking(worker.thinking_s)
    spans: list[Span] = [(number, "muted"), (f"{mark} #{worker.trial:<4}", "running")]
    if thinking and not word:
        # It says how long, too, and both have no room.
        return _pad([*spans, (f" {thinking}", "muted")], width, worker.trial)
    spans.append((f"{time:>7} ", ""))
    if word:
        spans.append((f" {word}", "muted"))
    elif worker.step is not None and worker.value is not None:
        step: list[Span] = [(" step ", "muted"), (f"{worker.step:<4}", "")]
        value = four_digits(worker.value)
        taken = sum(len(text) for text, _ in spans)
        if taken + sum(len(text) for text, _ in step) + len(value) < width:
            spans += [*step, (value, "")]
        elif taken + 1 + len(value) < width:
            # Half a number would be another number.
            spans.append((f" {value}", ""))
    return _pad(spans, width, worker.trial)


def _short(worker: WorkerStatus, width: int, *, unicode: bool) -> WorkerCell:
    number = f"{worker.index + 1:>2} "
    if worker.trial is None:
        return _pad([(number, "muted"), ("idle", "muted")], width, None)
    mark, _ = _mark(worker, unicode=unicode)
    trial = f"{mark}#{worker.trial:<5}"
    value = "" if worker.value is None else f" {four_digits(worker.value)}"
    if len(number) + len(trial) + len(value) >= width:
        # Half a number would be another number.
        value = ""
    return _pad([(number, "muted"), (trial, "running"), (value, "")], width, worker.trial)


def _mark(worker: WorkerStatus, *, unicode: bool) -> tuple[str, str]:
    mark = "●" if unicode else "R"
    return mark, "ending" if worker.is_ending else ""


def _pad(spans: list[Span], width: int, trial: int | None) -> WorkerCell:
    kept: list[Span] = []
    room = width - 1
    for text, role in spans:
        kept.append((text[:room], role))
        room -= len(kept[-1][0])
    return WorkerCell((*kept, (" " * (room + 1), "")), width, trial)
