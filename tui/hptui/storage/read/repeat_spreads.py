"""How far the repetitions of trials lie apart, of all trials of a study at once."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.attribute_keys import REPEATS_KEY
from hptui.domain.repeats import Repeats
from hptui.storage.read.session import open_study
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.trials import FloatArray, IntArray

_REPEATS: Final = (
    "SELECT number, CAST(value_json AS BLOB) FROM trials JOIN trial_system_attributes AS told "
    "ON told.trial_id = trials.trial_id AND told.key = ? "
    "WHERE study_id = ? AND state = 'COMPLETE' AND typeof(number) = 'integer' "
    "AND length(value_json) <= ? ORDER BY number"
)


def read_spreads(path: Path, study_name: str, objective: int) -> tuple[IntArray, FloatArray]:
    """Return the numbers of repeated trials, ascending, and the standard deviation of each.

    Trials with one repetition, or with infinite values, are left out.

    Raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    numbers: list[int] = []
    spreads: list[float] = []
    with open_study(path, study_name, is_known=True) as session:
        asked = (REPEATS_KEY, session.study_id, MAX_JSON_CHARS)
        for number, text in session.connection.execute(_REPEATS, asked):
            with contextlib.suppress(ValueError, OverflowError, RecursionError):
                repeats = Repeats.read(json.loads(text))
                if repeats is None or objective >= len(repeats.values[0]):
                    continue
                spread = repeats.spread(objective)
                if spread is not None and math.isfinite(spread):
                    numbers.append(number)
                    spreads.append(spread)
    return np.array(numbers, np.int64), np.array(spreads, np.float64)
