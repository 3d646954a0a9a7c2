"""The states of a trial: small numbers for columns, and the words in Optuna's files."""

from __future__ import annotations

from typing import Final

DAMAGED: Final = -1
"""The stored state is none that Optuna knows."""
RUNNING: Final = 0
COMPLETE: Final = 1
PRUNED: Final = 2
FAIL: Final = 3
WAITING: Final = 4

STATE_NAMES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""By number; the numbers are those of `optuna.trial.TrialState`."""


def state_name(state: int) -> str:
    """Return the word for a state's number: DAMAGED where it is none of Optuna's."""
    return STATE_NAMES[state] if 0 <= state < len(STATE_NAMES) else "DAMAGED"
