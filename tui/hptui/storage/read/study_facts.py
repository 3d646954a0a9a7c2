"""What does not change with each trial of a study, read without its trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hptui.domain.attribute_keys import (
    CHANGES_KEY,
    EDITS_KEY,
    METRICS_KEY,
    NEXT_KEY,
    RUNS_KEY,
    SINCE_KEY,
)
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.spaces.edits_since import read_since
from hptui.domain.study_changes import StudyChange, read_changes, with_edits_since
from hptui.domain.texts.json_values import read_json
from hptui.storage.annotations.notes import noted_trials
from hptui.storage.annotations.tags import tagged_trials
from hptui.storage.files.study_identity import read_study_facts
from hptui.storage.read.session import open_study
from hptui.storage.read.studies import objective_of
from hptui.storage.read.study_detail import metric_names_of, runs_of
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.objective import ObjectiveRef
    from hptui.storage.read.study_detail import RunRecord


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What is known of a study besides its trials and directions."""

    objective: ObjectiveRef | None = None
    """What it tunes, where hptui ran it."""
    code_file: str = ""
    """The file that this stood in, links followed; empty where nobody noted it."""
    metric_names: tuple[str, ...] = ()
    """A name for each objective, or none at all."""
    sampler: str = ""
    """Of the latest run of hptui, as the next one; empty where there was none."""
    pruner: str = ""
    runs: tuple[RunRecord, ...] = ()
    """Runs of hptui, oldest first."""
    noted: frozenset[int] = frozenset()
    """Numbers of the trials with a note."""
    tagged: frozenset[int] = frozenset()
    """Numbers of the trials with tags."""
    edits: object = None
    """The edits of the search space in force, as they are stored."""
    since: Mapping[str, int] = field(default_factory=dict[str, int])
    """The first trial for which an edit holds, where that is known."""
    prepared: NextRun = NOTHING_PREPARED
    """What the next run has where it is not told otherwise."""
    changes: tuple[StudyChange, ...] = ()
    """The newest changes that people made, oldest first."""


def read_facts(path: Path, study_name: str, n_objectives: int) -> StudyFacts:
    """Return the facts of one study in a file that was looked at before.

    Raises:
        StudyFileError: It is not there, or cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with open_study(path, study_name, is_known=True) as study:
        return _read(study.connection, study.study_id, n_objectives)


def _read(connection: sqlite3.Connection, study_id: int, n_objectives: int) -> StudyFacts:
    runs = runs_of(_json(connection, study_id, RUNS_KEY))
    edits = _json(connection, study_id, EDITS_KEY)
    since = read_since(_json(connection, study_id, SINCE_KEY))
    changes = read_changes(_json(connection, study_id, CHANGES_KEY))
    about = read_study_facts(connection, study_id)
    return StudyFacts(
        objective_of(about.get("objective")),
        str(about.get("file", "")),
        metric_names_of(_json(connection, study_id, METRICS_KEY), n_objectives),
        runs[-1].sampler if runs else "",
        runs[-1].pruner if runs else "",
        runs,
        noted_trials(connection, study_id),
        tagged_trials(connection, study_id),
        edits,
        since,
        NextRun.read(_json(connection, study_id, NEXT_KEY)),
        with_edits_since(changes, edits, since),
    )


def _json(connection: sqlite3.Connection, study_id: int, key: str) -> object:
    row = connection.execute(
        f"SELECT substr(value_json, 1, {MAX_JSON_CHARS}) FROM study_system_attributes "
        "WHERE study_id = ? AND key = ?",
        (study_id, key),
    ).fetchone()
    return None if row is None else read_json(row[0])
