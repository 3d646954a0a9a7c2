"""Telling which rows of a file a study has already, so that none is taken twice by mistake."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import IMPORT_KEY
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.json_values import read_json
from hptui.storage.read.session import read_study_file
from hptui.storage.sqlite.numbers import number_sql
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec
    from hptui.storage.transfer.import_plan import ImportedTrial

THERE: Final = "there already"
_DIGEST_BYTES: Final = 12


@dataclass(slots=True, eq=False)
class RowsThere:
    """The trials of a study, as rows of files are compared with them; each is met once.

    A trial that came from a file keeps the digest of its row, whatever became of it. Any other is
    known by its state, its times, which are of microseconds, and its values.
    """

    digests: Counter[str] = field(default_factory=Counter[str])
    ended: Counter[object] = field(default_factory=Counter[object])

    def meet(self, trial: ImportedTrial, digest: str) -> bool:
        """Say whether the study has this trial of a file, one more time than was asked before."""
        if self.digests[digest]:
            self.digests[digest] -= 1
            return True
        identity = (trial.state, trial.start, trial.complete, trial.values)
        if trial.start is None or trial.complete is None or not self.ended[identity]:
            return False
        self.ended[identity] -= 1
        return True


def digest_of(trial: ImportedTrial, space: Mapping[str, ParamSpec]) -> str:
    """Return by what a row of a file is known again, in whichever form it was written.

    It tells of the state, the parameters, the values and the times. What else a file has of a trial
    may be changed later, as tags are.
    """
    params = [(name, _received(space[name], value)) for name, value in sorted(trial.params.items())]
    text = repr((trial.state, params, trial.values, trial.start, trial.complete))
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _received(spec: ParamSpec, stored: float) -> ChoiceValue:
    value = spec.choices[int(stored)] if isinstance(spec, ChoiceParam) else stored
    # The same cell may be a choice here and a number there.
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            # It is an integer that no column of numbers has.
            return value
    return value


def read_rows_there(path: Path, study_name: str) -> RowsThere:
    """Return the trials of a study as rows of files are compared with them.

    Raises:
        StudyFileError: The file cannot be read.
        StudyBusyError: Another program has locked it.
    """
    return read_study_file(path, lambda connection: rows_there(connection, study_name))


def rows_there(connection: sqlite3.Connection, study_name: str) -> RowsThere:
    """Do what `read_rows_there` does, over an open file."""
    there = RowsThere()
    study_id = study_id_of(connection, study_name)
    imported: set[int] = set()
    for trial_id, text in connection.execute(
        "SELECT trial_id, value_json FROM trial_system_attributes WHERE key = ? "
        "AND trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)",
        (IMPORT_KEY, study_id),
    ):
        digest = _digest_in(text)
        if digest is not None:
            imported.add(trial_id)
            there.digests[digest] += 1
    values = _values(connection, study_id)
    for trial_id, state, start, complete in connection.execute(
        "SELECT trial_id, state, datetime_start, datetime_complete FROM trials "
        "WHERE study_id = ? AND datetime_start IS NOT NULL AND datetime_complete IS NOT NULL",
        (study_id,),
    ):
        if trial_id not in imported:
            there.ended[state, start, complete, values.get(trial_id, ())] += 1
    return there


def _values(
    connection: sqlite3.Connection, study_id: int | None
) -> dict[int, tuple[float | None, ...]]:
    found: dict[int, tuple[float | None, ...]] = {}
    for trial_id, value in connection.execute(
        f"SELECT trial_id, {number_sql('value')} FROM trial_values WHERE trial_id IN "
        "(SELECT trial_id FROM trials WHERE study_id = ?) ORDER BY trial_id, objective",
        (study_id,),
    ):
        found[trial_id] = (*found.get(trial_id, ()), value)
    return found


def _digest_in(text: object) -> str | None:
    origin = read_json(text)
    digest = cast("dict[str, Any]", origin).get("row") if isinstance(origin, dict) else None
    return digest if isinstance(digest, str) else None
