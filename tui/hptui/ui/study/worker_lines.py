"""What the slots of a running engine do, in a few aligned lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.readable import four_digits, show_duration, show_thinking

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import EngineState, SlotState

Span = tuple[str, str]
"""A text and its role: muted, running, or nothing."""

_CELL: Final = 39
"""Cells of a slot with a trial, its time, its step and its last report."""
_SHORT_CELL: Final = 19
_PLACE_CELLS: Final = 20
"""Of a long name, as of a part of a GPU, so much is shown."""


@dataclass(frozen=True, slots=True)
class SlotCell:
    """One slot as it is shown."""

    spans: tuple[Span, ...]
    width: int
    trial: int | None


@dataclass(frozen=True, slots=True)
class SlotRows:
    """The rows of slots that fit, and how many slots do not."""

    rows: tuple[tuple[SlotCell, ...], ...]
    n_hidden: int


def arrange_slots(
    engine: EngineState, width: int, max_rows: int, *, unicode: bool = True
) -> SlotRows:
    """Return the slots in rows of equal cells, short ones where long ones do not fit."""
    slots = engine.slots
    for cell in (full_width(engine), _CELL, _SHORT_CELL):
        columns = max(1, width // cell)
        needed = -(-len(slots) // columns)
        if needed <= max_rows or cell == _SHORT_CELL:
            shown = slots[: columns * max_rows]
            make = _full if cell >= _CELL else _short
            cells = [make(slot, cell, unicode=unicode) for slot in shown]
            rows = tuple(
                tuple(cells[start : start + columns]) for start in range(0, len(cells), columns)
            )
            return SlotRows(rows, len(slots) - len(shown))
    raise AssertionError("the loop returns")


def full_width(engine: EngineState) -> int:
    """Return the cells of a slot of which all is told: the devices and cores of its worker, too."""
    longest = max((len(_place(slot)) for slot in engine.slots), default=0)
    return _CELL + (longest + 1 if longest else 0)


def _place(slot: SlotState) -> str:
    return slot.place if len(slot.place) <= _PLACE_CELLS else slot.place[: _PLACE_CELLS - 1] + "~"


def rows_needed(n_slots: int, width: int, max_rows: int, cell: int = _CELL) -> int:
    """Return how many rows `arrange_slots` fills with cells of `full_width`."""
    columns = max(1, width // cell)
    return max(1, min(max_rows, -(-n_slots // columns)))


def _full(slot: SlotState, width: int, *, unicode: bool) -> SlotCell:
    number = f"{slot.index + 1:>2} "
    if width > _CELL:
        number += f"{_place(slot):<{width - _CELL}}"
    if slot.trial is None:
        return _pad([(number, "muted"), ("  idle", "muted")], width, None)
    mark, word = _mark(slot, unicode=unicode)
    time = show_duration(slot.running_s) if slot.running_s is not None else ""
    thinking = show_thinking(slot.thinking_s)
    spans: list[Span] = [(number, "muted"), (f"{mark} #{slot.trial:<4}", "running")]
    if thinking and not word:
        # It says how long, too, and both have no room.
        return _pad([*spans, (f" {thinking}", "muted")], width, slot.trial)
    spans.append((f"{time:>7} ", ""))
    if word:
        spans.append((f" {word}", "muted"))
    elif slot.step is not None and slot.value is not None:
        step: list[Span] = [(" step ", "muted"), (f"{slot.step:<4}", "")]
        value = four_digits(slot.value)
        is_short = sum(len(text) for text, _ in (*spans, *step)) + len(value) < width
        spans += [*step, (value, "")] if is_short else [(f" {value}", "")]
    return _pad(spans, width, slot.trial)


def _short(slot: SlotState, width: int, *, unicode: bool) -> SlotCell:
    number = f"{slot.index + 1:>2} "
    if slot.trial is None:
        return _pad([(number, "muted"), ("idle", "muted")], width, None)
    mark, _ = _mark(slot, unicode=unicode)
    trial = f"{mark}#{slot.trial:<5}"
    value = "" if slot.value is None else f" {four_digits(slot.value)}"
    if len(number) + len(trial) + len(value) >= width:
        # Half a number would be another number.
        value = ""
    return _pad([(number, "muted"), (trial, "running"), (value, "")], width, slot.trial)


def _mark(slot: SlotState, *, unicode: bool) -> tuple[str, str]:
    mark = "●" if unicode else "R"
    return mark, "ending" if slot.is_ending else ""


def _pad(spans: list[Span], width: int, trial: int | None) -> SlotCell:
    kept: list[Span] = []
    room = width - 1
    for text, role in spans:
        kept.append((text[:room], role))
        room -= len(kept[-1][0])
    return SlotCell((*kept, (" " * (room + 1), "")), width, trial)
