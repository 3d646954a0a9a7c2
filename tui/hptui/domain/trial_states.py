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
STALE: Final = 5
"""Stored as running, by an engine that is known to be dead: see `storage.stale_trials`."""

STORED_STATES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""By number; the numbers are those of `optuna.trial.TrialState`."""
STATE_NAMES: Final = (*STORED_STATES, "STALE")
"""What is shown, by number."""
OPEN_STATES: Final = (RUNNING, WAITING, STALE)
"""Those of trials that have not ended."""


STATE_WORDS: Final = {
    name: "failed" if name == "FAIL" else name.lower() for name in (*STATE_NAMES, "DAMAGED")
}
"""What people read for each name: `failed`, where Optuna says FAIL."""


def state_name(state: int) -> str:
    """Return the word for a state's number: DAMAGED where it is not one of these."""
    return STATE_NAMES[state] if 0 <= state < len(STATE_NAMES) else "DAMAGED"
