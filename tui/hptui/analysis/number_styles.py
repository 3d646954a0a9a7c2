"""How the numbers of many trials are written side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.number_column import NumberStyle, number_style

if TYPE_CHECKING:
    from hptui.trials import FloatArray, Trials

_MOST_LOOKED_AT: Final = 128


def style_of(numbers: FloatArray) -> NumberStyle:
    """Return how numbers are written, by a sample of them that changes little as they grow."""
    step = 1
    while len(numbers) > step * _MOST_LOOKED_AT:
        step *= 2
    return number_style(numbers[::step].tolist())


def value_style(trials: Trials, objective: int) -> NumberStyle:
    """Return how the values of an objective are written."""
    return style_of(trials.values[:, objective])
