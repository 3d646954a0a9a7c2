"""Parameters in figures: which of them, and how they stand on an axis."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.param_axis import params_in
from hptui.domain.spaces.choices import spell_choice
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.figures.canvas.chart import has_row_for_labels
from hptui.figures.canvas.figure import x_ticks, y_ticks
from hptui.figures.canvas.picture import label
from hptui.trials import finite_rows

if TYPE_CHECKING:
    from hptui.analysis.param_axis import ParamAxis
    from hptui.figures.canvas.chart import Ticks
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import FigureRequest


_MIN_CHOICE_CHARS: Final = 3
_MAX_TICKS: Final = 200


def param_x_ticks(param: ParamAxis, width: int, height: int, *, look: Look) -> Ticks:
    """Return the ticks of a parameter below a chart of this size."""
    if param.choices is None:
        return x_ticks(param.axis, width, whole=param.is_whole)
    count = len(param.choices)
    room = max(_MIN_CHOICE_CHARS, width // count - 2)
    ticks = _choice_ticks(param, room, look=look)
    if not has_row_for_labels(height) and 1 < count == len(ticks):
        # In the axis the last two stand between the same ticks.
        room = max(_MIN_CHOICE_CHARS, width // (count - 1) - len(ticks[-2][1]) - 5)
        last = choice_label(param, count - 1, room, look=look)
        return [*ticks[:-1], (ticks[-1][0], last)]
    return ticks


def param_y_ticks(param: ParamAxis, width: int, height: int, *, look: Look) -> Ticks:
    """Return the ticks of a parameter at the left of a chart of this size."""
    if param.choices is None:
        return y_ticks(param.axis, width, height)
    return _choice_ticks(param, max(_MIN_CHOICE_CHARS, width // 4), look=look)


def choice_label(param: ParamAxis, index: int, max_chars: int, *, look: Look) -> str:
    """Return a choice of a parameter, safe for a chart."""
    choices = param.choices or ()
    return label(spell_choice(choices[index]), max_chars, look=look)


def _choice_ticks(param: ParamAxis, max_chars: int, *, look: Look) -> Ticks:
    count = min(_MAX_TICKS, len(param.choices or ()))
    places = param.place(np.arange(count, dtype=np.float64)).tolist()
    return [
        (place, choice_label(param, index, max_chars, look=look))
        for index, place in enumerate(places)
    ]


_MAX_LISTED: Final = 10


def chosen_params(request: FigureRequest, objective: int) -> list[str]:
    """Return the parameters that were asked for, each once; all where none were.

    Raises:
        UsageError: No complete trial has one of them.
    """
    trials = request.study.trials
    names = params_in(trials, finite_rows(trials, (objective,)))
    for name in request.params:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3) or names[:_MAX_LISTED]
            listed = ", ".join(safe_line(each, max_chars=60) for each in near)
            raise UsageError(
                f"No complete trial of {safe_line(request.study.name)} has a parameter "
                f"{safe_line(name, max_chars=60)!r}.",
                hint=f"Parameters: {listed}." if listed else "They have no parameters.",
            )
    return list(dict.fromkeys(request.params)) or names
