"""The catalogue of study files: what each study is, by aggregates alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.objective import Direction, ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_NAMES, STORED_STATES, state_name
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.annotations.notes import read_note
from hptui.storage.annotations.tags import read_tags
from hptui.storage.files.leases import Living, living_runs
from hptui.storage.files.stale_trials import stale_trials
from hptui.storage.files.studies_folder import study_files
from hptui.storage.files.study_identity import (
    read_directions,
    read_study_facts,
    read_study_names,
)
from hptui.storage.files.study_lock import several_names
from hptui.storage.files.validation import EMPTY_HINT
from hptui.storage.mirror.mirrors import mirror_state, place_name
from hptui.storage.read.best_trial import BestTrial, read_best
from hptui.storage.read.session import (
    StudySession,
    find_study,
    open_file,
    open_study,
    read_study_file,
)
from hptui.storage.sqlite.timestamps import epoch_s

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

MAX_STUDIES: Final = 1_000
"""Studies of one file beyond these are not listed."""
MAX_NOTE_START_CHARS: Final = 2_000
"""So much of a note is in a summary."""


@dataclass(frozen=True, slots=True)
class StudySummary:
    """What a list of studies shows of one; where `problem` is set, the rest may be unknown."""

    path: Path
    name: str
    directions: tuple[Direction, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many trials there are in each state, by the words of `trial_states`."""
    best: BestTrial | None = None
    """None where nothing feasible is complete, and with several objectives."""
    last_activity_s: float | None = None
    """Seconds since 1970: the last start or end of a trial, else the study's creation."""
    objective: ObjectiveRef | None = None
    """What it tunes, where hptui ran it."""
    size_bytes: int = 0
    """Of its file."""
    tags: tuple[str, ...] = ()
    """Not sanitised."""
    note_start: str = ""
    """How its note begins, not sanitised; empty where there is none."""
    problem: str = ""
    """A sentence that says why it cannot be read."""
    hint: str = ""
    """What to do about the problem."""

    @property
    def is_of_empty_file(self) -> bool:
        """Whether it stands for a file that holds no study."""
        return self.problem == no_study_text(self.path)

    @property
    def n_trials(self) -> int:
        """How many trials there are in all."""
        return sum(self.counts.values())


def list_studies(place: Path) -> list[StudySummary]:
    """Return the studies in a folder's `.db` files, or in one file, by file name.

    A file that cannot be read gives a summary with its problem. A folder that does not exist is
    an empty one.

    Raises:
        StudyFileError: The folder cannot be read.
    """
    try:
        files = study_files(place)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(place)} cannot be read: {safe_line(error.strerror)}."
        ) from error
    return [study for path in files for study in _list_file(path)]


def study_names(path: Path) -> list[str]:
    """Return the names of the studies in a file, in the order of their creation.

    Raises:
        StudyFileError: It is no study file, or cannot be read.
    """
    return read_study_file(path, lambda connection: read_study_names(connection, MAX_STUDIES))


def read_summary(path: Path, study_name: str) -> StudySummary:
    """Return the summary of one study.

    Raises:
        StudyFileError: It is not there, or cannot be read.
    """
    living = living_runs(path)
    with open_study(path, study_name) as study:
        return summarize(study, path, living)


def summarize(study: StudySession, path: Path, living: Living) -> StudySummary:
    """Return the summary of one study within a look at it.

    Args:
        study: The look.
        path: The study's file.
        living: What `living_runs` returned before the connection's first look at the file.

    Raises:
        StudyFileError: Its directions are damaged.
    """
    connection, study_id = study.connection, study.study_id
    directions = read_directions(connection, study_id)
    facts = read_study_facts(connection, study_id)
    counts, last_activity_s = _activity(connection, study_id, living)
    created = facts.get("created")
    return StudySummary(
        path,
        study.name,
        directions,
        counts,
        read_best(connection, study_id, directions[0]) if len(directions) == 1 else None,
        epoch_s(created) if last_activity_s is None else last_activity_s,
        objective_of(facts.get("objective")),
        path.stat().st_size,
        read_tags(connection, "study", study_id),
        read_note(connection, study_id, None).body[:MAX_NOTE_START_CHARS].strip(),
    )


def no_study_text(path: Path) -> str:
    """Return the sentence about a study file without a study, as an early kill leaves it."""
    return f"{safe_line(place_name(path))} holds no study."


def _list_file(path: Path) -> list[StudySummary]:
    unknown = StudySummary(path, path.stem)
    try:
        unknown = replace(unknown, size_bytes=path.stat().st_size)
        living = living_runs(path)
        with open_file(path) as connection:
            return summarize_all(connection, unknown, living)
    except HptuiError as error:
        return [replace(unknown, problem=error.message, hint=error.hint)]
    except OSError as error:
        problem = f"{safe_line(str(path))} cannot be read: {error.strerror}."
        return [replace(unknown, problem=problem)]


def summarize_all(
    connection: sqlite3.Connection, of_file: StudySummary, living: Living
) -> list[StudySummary]:
    """Return the summaries of all studies of a file; `of_file` says what is known without them."""
    summaries: list[StudySummary] = []
    for name in read_study_names(connection, MAX_STUDIES):
        try:
            study = find_study(connection, of_file.path, name)
            summaries.append(summarize(study, of_file.path, living))
        except HptuiError as error:
            summaries.append(replace(of_file, name=name, problem=error.message, hint=error.hint))
    if not summaries and living == Living():
        # Where an engine holds it, that is about to make its study.
        hint = EMPTY_HINT if mirror_state(of_file.path) is None else ""
        return [replace(of_file, problem=no_study_text(of_file.path), hint=hint)]
    names = several_names(of_file.path)
    if names is None:
        return summaries
    problem, hint = names
    return [replace(each, problem=problem, hint=hint) for each in summaries]


def _activity(
    connection: sqlite3.Connection, study_id: int, living: Living
) -> tuple[dict[str, int], float | None]:
    """Return how many trials there are in each state, and when one last started or ended."""
    counts: dict[str, int] = dict.fromkeys(STATE_NAMES, 0)
    moments: list[float] = []
    for state, count, start, complete in connection.execute(
        "SELECT substr(state, 1, 40), COUNT(*), MAX(substr(datetime_start, 1, 40)), "
        "MAX(substr(datetime_complete, 1, 40)) FROM trials WHERE study_id = ? GROUP BY state "
        "LIMIT 1000",
        (study_id,),
    ):
        known = state if state in STORED_STATES else state_name(-1)
        counts[known] = counts.get(known, 0) + count
        moments.extend(at_s for at_s in map(epoch_s, (start, complete)) if at_s is not None)
    if counts["RUNNING"]:
        counts["STALE"] = len(stale_trials(connection, study_id, living))
        counts["RUNNING"] -= counts["STALE"]
    return counts, max(moments, default=None)


def objective_of(data: object) -> ObjectiveRef | None:
    """Return the objective that a study's facts name; None where they do not."""
    if not isinstance(data, dict):
        return None
    try:
        return ObjectiveRef.from_json(cast("dict[str, object]", data))
    except ValueError:
        return None
