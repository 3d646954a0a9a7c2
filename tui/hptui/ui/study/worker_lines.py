"""What the workers of a running engine do, in a few aligned lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.resources import show_memory
from hptui.domain.texts.readable import four_digits, show_duration, show_thinking
from hptui.figures.canvas.sparkline import bars_below

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import EngineState, WorkerStatus

Span = tuple[str, str]
"""A text and its role: muted, running, or nothing."""

_CELL: Final = 39
"""Cells of a worker with a trial, its time, its step and its last report."""
_SHORT_CELL: Final = 19
_BAR_CELLS: Final = 8
_NUMBERS_CELL: Final = 15
"""Of the load in numbers alone, of processor and memory."""
_BARS_CELL: Final = 43
"""Of the load with what it was, of processor and memory."""
_GPU_NUMBERS_CELL: Final = 10
_GPU_BARS_CELL: Final = 20
_PERCENT: Final = 100
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
    cell = cell_width(engine, width, max_rows)
    columns = max(1, width // cell)
    shown = workers[: columns * max_rows]
    of_load = cell - _place_width(engine)
    make = _short if cell < _CELL else _full
    own = min(cell, _place_width(engine))
    cells = [
        _with_load(make(worker, own, unicode=unicode), worker, of_load, unicode=unicode)
        for worker in shown
    ]
    rows = tuple(tuple(cells[start : start + columns]) for start in range(0, len(cells), columns))
    return WorkerRows(rows, len(workers) - len(shown))


def cell_width(engine: EngineState, width: int, max_rows: int) -> int:
    """Return the cells of a worker: as many as let all be seen, with as much of each as can be."""
    with_place = _place_width(engine)
    in_numbers = with_place + _load_width(engine, _NUMBERS_CELL, _GPU_NUMBERS_CELL)
    for cell in (full_width(engine), in_numbers, with_place, _CELL):
        columns = max(1, width // cell)
        # What a worker loads is shown whole, or not at all.
        if (cell <= width or cell <= with_place) and columns * max_rows >= len(engine.workers):
            return cell
    return _SHORT_CELL


def full_width(engine: EngineState) -> int:
    """Return the cells of a worker of which all is told: its place, its load and what that was."""
    return _place_width(engine) + _load_width(engine, _BARS_CELL, _GPU_BARS_CELL)


def _place_width(engine: EngineState) -> int:
    longest = max((len(_place(worker)) for worker in engine.workers), default=0)
    return _CELL + (longest + 1 if longest else 0)


def _load_width(engine: EngineState, own: int, of_gpu: int) -> int:
    loads = [worker.load for worker in engine.workers if worker.load is not None]
    has_gpu = any(load.gpu for load in loads)
    return (own + of_gpu * has_gpu) if loads else 0


def _with_load(cell: WorkerCell, worker: WorkerStatus, room: int, *, unicode: bool) -> WorkerCell:
    """Return a cell with what its worker loads behind it, where there is room for it."""
    if room < _NUMBERS_CELL:
        return cell
    spans = list(cell.spans)
    load = worker.load
    if load is not None and load.cpu:
        has_bars = room >= _BARS_CELL
        for name, values, top, now in (
            ("cpu", load.cpu, max(_PERCENT, *load.cpu), f"{load.cpu[-1]:>4}%"),
            (
                "mem",
                load.memory,
                max((1, *load.memory)),
                f"{show_memory((load.memory or (0,))[-1]):>7}",
            ),
            ("gpu", load.gpu, _PERCENT, f"{(load.gpu or (0,))[-1]:>4}%"),
        ):
            if values and has_bars:
                bars = bars_below(values, top, _BAR_CELLS, unicode=unicode)
                spans += [(f"  {name} ", "muted"), (bars, "running"), (f" {now}", "")]
            elif values:
                gpu = " gpu" if name == "gpu" else ""
                spans += [(gpu, "muted"), (f" {now}", "")]
    return _pad(spans, cell.width + room, cell.trial)


def _place(worker: WorkerStatus) -> str:
    return (
        worker.place
        if len(worker.place) <= _PLACE_CELLS
        else worker.place[: _PLACE_CELLS - 1] + "~"
    )


def rows_needed(engine: EngineState, width: int, max_rows: int) -> int:
    """Return how many rows `arrange_workers` fills."""
    columns = max(1, width // cell_width(engine, width, max_rows))
    return max(1, min(max_rows, -(-len(engine.workers) // columns)))


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
