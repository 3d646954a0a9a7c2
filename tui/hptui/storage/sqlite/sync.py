"""Taking in what other programs wrote to a study file."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final, cast

from optuna.trial import FrozenTrial, TrialState

from hptui.domain.attribute_keys import STUDY_KEY
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.sqlite.rows import StoredStudy, StoredTrial, read_studies, read_trials
from hptui.storage.sqlite.timestamps import from_text

if TYPE_CHECKING:
    import sqlite3

    from hptui.storage.sqlite.memory import Memory, StudyInMemory
    from hptui.storage.sqlite.write_buffer import WriteBuffer

_CHUNK: Final = 500


def load(connection: sqlite3.Connection, memory: Memory) -> None:
    """Read the whole file into an empty memory.

    Raises:
        StudyFileError: A row is damaged.
    """
    for row in read_studies(connection).values():
        memory.add_study(row)
    was_enabled = gc.isenabled()
    # All that is made here stays: looking for garbage among it takes a fifth of the time.
    gc.disable()
    try:
        _put(memory, read_trials(connection))
    finally:
        if was_enabled:
            gc.enable()


def sync(connection: sqlite3.Connection, memory: Memory, buffer: WriteBuffer) -> list[str]:
    """Bring memory to the state of the file, with the buffered rows on top.

    The caller holds a transaction, so that all reads see one state. Buffered rows that have lost
    their trial or study, or came too late for it, are dropped; each returned sentence tells of one.

    Raises:
        StudyFileError: Another program took the id of a trial that is not in the file yet, or a
            row is damaged.
    """
    conflicts: list[str] = []
    rows = read_studies(connection)
    for study in list(memory.studies.values()):
        row = rows.get(study.row.study_id)
        if row is None or not _is_same(connection, study, row, buffer):
            conflicts += _drop(memory, buffer, study)
    for row in rows.values():
        study = memory.studies.get(row.study_id)
        if study is None:
            memory.add_study(row)
            continue
        row.user_attrs.update(buffer.study_attributes("user", row.study_id))
        row.system_attrs.update(buffer.study_attributes("system", row.study_id))
        study.row = row
    for study in list(memory.studies.values()):
        conflicts += _sync_unfinished(connection, memory, buffer, study)
        _add_new_trials(connection, memory, buffer, memory.studies[study.row.study_id])
    return conflicts


def _is_same(
    connection: sqlite3.Connection, study: StudyInMemory, row: StoredStudy, buffer: WriteBuffer
) -> bool:
    """Say whether a study of the file is the one in memory: ids are used again after a deletion."""
    if row.name != study.row.name or row.directions != study.row.directions:
        return False
    token, token_in_file = _token(study.row), _token(row)
    if token is not None and token_in_file is not None:
        return token == token_in_file
    first = next(
        (trial for trial in study.trials if trial._trial_id not in buffer.new_trials), None
    )
    if first is None:
        return True
    found = connection.execute(
        "SELECT trial_id, datetime_start FROM trials WHERE study_id = ? ORDER BY trial_id LIMIT 1",
        (row.study_id,),
    ).fetchone()
    if found is None or found[0] != first._trial_id:
        return False
    # A waiting trial gets its start when somebody takes it up.
    change = buffer.changed_trials.get(first._trial_id)
    is_locked = change is not None and change.start is not None
    start = None if found[1] is None else from_text(found[1])
    return is_locked or first.state is TrialState.WAITING or start == first.datetime_start


def _token(row: StoredStudy) -> object:
    value: object = row.system_attrs.get(STUDY_KEY)
    return cast("dict[str, object]", value).get("token") if isinstance(value, dict) else None


def _drop(memory: Memory, buffer: WriteBuffer, study: StudyInMemory) -> list[str]:
    before = len(buffer)
    buffer.drop_trials({trial._trial_id for trial in study.trials})
    buffer.drop_study(study.row.study_id)
    memory.drop_study(study.row.study_id)
    lost = before - len(buffer)
    if not lost:
        return []
    name = safe_line(study.row.name)
    return [f"Study {name} was deleted by another program; {lost} writes to it were dropped."]


def _sync_unfinished(
    connection: sqlite3.Connection, memory: Memory, buffer: WriteBuffer, study: StudyInMemory
) -> list[str]:
    conflicts: list[str] = []
    trials = [study.trials[position] for position in sorted(study.unfinished)]
    ids = [trial._trial_id for trial in trials if trial._trial_id not in buffer.new_trials]
    ids += [key for key in buffer.changed_trials if study.has(key) and key not in ids]
    with_rows = buffer.trial_ids()
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        where = f"trial_id IN ({','.join('?' * len(chunk))})"
        found = read_trials(connection, where, chunk)
        if {row.trial._trial_id for row in found if row.study_id == study.row.study_id} != set(
            chunk
        ):
            # Rows of the study were removed by hand: read it anew.
            row = study.row
            conflicts += _drop(memory, buffer, study)
            memory.add_study(row)
            return conflicts
        for row in found:
            trial = row.trial
            if trial._trial_id in with_rows:
                conflicts += _merge(buffer, study, trial)
            memory.put(study, trial)
            study.remember_distributions(trial)
    return conflicts


def _merge(buffer: WriteBuffer, study: StudyInMemory, trial: FrozenTrial) -> list[str]:
    """Lay the buffered rows over a trial of the file, or drop them when they came too late."""
    change = buffer.changed_trials.get(trial._trial_id)
    is_taken = change is not None and change.is_taken_up and trial.state is not TrialState.WAITING
    if not trial.state.is_finished() and not is_taken:
        buffer.apply_to(trial)
        return []
    buffer.drop_trials({trial._trial_id})
    verb = "finished" if trial.state.is_finished() else "started"
    name = safe_line(study.row.name)
    return [
        f"Trial {trial.number} of study {name} was {verb} by another program;"
        " what this one had buffered for it was dropped."
    ]


def _add_new_trials(
    connection: sqlite3.Connection, memory: Memory, buffer: WriteBuffer, study: StudyInMemory
) -> None:
    in_file = (
        trial._trial_id
        for trial in reversed(study.trials)
        if trial._trial_id not in buffer.new_trials
    )
    last = next(in_file, 0)
    rows = read_trials(connection, "study_id = ? AND trial_id > ?", (study.row.study_id, last))
    for row in rows:
        if row.trial._trial_id in buffer.new_trials:
            raise StudyFileError(
                f"Another program took the id {row.trial._trial_id} of a trial that could not be"
                " stored yet.",
                hint="Run only one program at a time that adds trials to this file.",
            )
    _put(memory, rows)


def _put(memory: Memory, rows: list[StoredTrial]) -> None:
    for row in rows:
        study = memory.studies.get(row.study_id)
        if study is not None:
            memory.put(study, row.trial)
            study.remember_distributions(row.trial)
