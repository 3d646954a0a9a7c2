"""The user attributes of some trials, read together within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hptui.storage.read.session import open_file
from hptui.storage.sqlite.attribute_values import value_of_json
from hptui.storage.sqlite.attributes import MAX_ATTRIBUTES, MAX_JSON_CHARS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FEW: Final = 500
"""So many trials are asked for in one statement."""
_MAX_KEY_CHARS: Final = 1_000
_MAX_DEPTH: Final = 100
"""Lists and objects within each other: Optuna's figures take several frames of Python for each."""
_QUERY: Final = (
    # As bytes, so that what is no UTF-8 ends nothing.
    "SELECT trial_id, key, CAST(value_json AS BLOB) FROM trial_user_attributes WHERE length(key) "
    f"<= {_MAX_KEY_CHARS} AND length(value_json) <= {MAX_JSON_CHARS} AND trial_id IN "
)


def read_user_attributes(
    path: Path, trial_ids: Sequence[int], *, most_chars: int
) -> dict[int, dict[str, Any]] | None:
    """Return what trials have by their ids; None where that is longer than `most_chars` in all.

    What is not JSON, is longer than `attributes.MAX_JSON_CHARS` or is nested more than 100 deep, is
    left out.

    Raises:
        StudyFileError: The file cannot be read.
        StudyBusyError: Another program has locked it.
    """
    found: dict[int, dict[str, Any]] = {}
    n_chars = 0
    with open_file(path, is_known=True) as connection:
        for start in range(0, len(trial_ids), _FEW):
            some = trial_ids[start : start + _FEW]
            query = f"{_QUERY}({','.join('?' * len(some))}) ORDER BY trial_id, key"
            for trial_id, key, text in connection.execute(query, some):
                n_chars += len(key) + len(text)
                if n_chars > most_chars:
                    return None
                of_trial = found.setdefault(int(trial_id), {})
                if len(of_trial) < MAX_ATTRIBUTES:
                    _take(of_trial, str(key), text)
    return found


def _take(attributes: dict[str, Any], key: str, text: bytes) -> None:
    try:
        attributes[key] = value_of_json(text.decode(), _MAX_DEPTH)
    except (ValueError, RecursionError):
        return
