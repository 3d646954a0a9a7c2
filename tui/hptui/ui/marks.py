"""The marks that stand beside states; no meaning is in a colour alone."""

from __future__ import annotations

from typing import Final

_MARKS: Final = {
    "running": ("●", "R"),
    "complete": ("✓", "C"),
    "pruned": ("◐", "P"),
    "failed": ("✗", "F"),
    "waiting": ("○", "W"),
    "best": ("★", "*"),
    "infeasible": ("⊘", "X"),
    "study-running": ("▶", ">"),
    "study-paused": ("‖", "="),
    "study-stopped": ("■", "."),
    "study-trouble": ("!", "!"),
}
_OTHER_WORDS: Final = {"fail": "failed", "completed": "complete"}


def state_role(state: str) -> str:
    """Return the word for a state that marks and colours go by: Optuna's `fail` is `failed`."""
    word = state.lower()
    return _OTHER_WORDS.get(word, word)


def mark_of(state: str, *, has_unicode: bool) -> str:
    """Return the one-cell mark of a trial's state, of `best`, `infeasible` or `study-<state>`."""
    unicode_mark, ascii_mark = _MARKS[state_role(state)]
    return unicode_mark if has_unicode else ascii_mark
