"""The marks that stand beside states; no meaning is in a colour alone."""

from __future__ import annotations

from typing import Final

_MARKS: Final = {
    "running": ("●", "R"),
    "complete": ("✓", "C"),
    "pruned": ("◐", "P"),
    "failed": ("✗", "F"),
    "waiting": ("○", "W"),
    "stale": ("◌", "S"),
    "best": ("★", "*"),
    "infeasible": ("⊘", "X"),
    "marked": ("◆", "+"),
    "note": ("¶", "n"),
    "tags": ("#", "#"),
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
    """Return a one-cell mark.

    Args:
        state: A trial's state, `best`, `infeasible`, `marked`, `note`, `tags` or `study-<state>`.
        has_unicode: Whether the terminal shows more than ASCII.
    """
    unicode_mark, ascii_mark = _MARKS[state_role(state)]
    return unicode_mark if has_unicode else ascii_mark
