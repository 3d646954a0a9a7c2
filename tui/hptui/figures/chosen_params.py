"""Which parameters a figure shows."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from hptui.analysis.arrays import finite_rows
from hptui.analysis.param_axis import params_in
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.figures.request import FigureRequest

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
                hint=f"There is {listed}." if listed else "There is none.",
            )
    return list(dict.fromkeys(request.params)) or names
