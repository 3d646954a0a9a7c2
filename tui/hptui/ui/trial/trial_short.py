"""A trial in a few words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from hptui.domain.readable import four_digits
from hptui.domain.spaces.choices import show_choice
from hptui.domain.text import safe_line
from hptui.domain.trial_states import COMPLETE, STATE_WORDS, state_name
from hptui.ui.study.enqueue_draft import params_of

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import StudySnapshot

_NAME_CHARS: Final = 24
_VALUE_CHARS: Final = 24
_MAX_PARAMS: Final = 20


def in_short(snapshot: StudySnapshot, number: int) -> str:
    """Return a trial's number, state, values and parameters on one line, safe for a terminal."""
    row = snapshot.trials.row_of(number)
    if row is None:
        return f"#{number}"
    parts = [f"#{number}"]
    state = int(snapshot.trials.states[row])
    if state != COMPLETE:
        parts.append(STATE_WORDS[state_name(state)])
    elif not snapshot.trials.is_feasible[row]:
        parts.append("infeasible")
    values: list[float] = snapshot.trials.values[row].tolist()
    parts += [four_digits(value) for value in values if not math.isnan(value)]
    params = list(params_of(snapshot, number).items())[:_MAX_PARAMS]
    parts += [
        f"{safe_line(name, max_chars=_NAME_CHARS)} {show_choice(value, max_chars=_VALUE_CHARS)}"
        for name, value in params
    ]
    return "  ".join(parts)
