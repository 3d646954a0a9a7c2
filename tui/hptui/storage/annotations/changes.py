"""Changing notes and tags: the same statements whether an engine runs the study or nobody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import TAGS_KEY
from hptui.domain.texts.notes import check_note, check_tag
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError, UsageError
from hptui.storage.annotations.notes import write_note
from hptui.storage.annotations.tags import change_tags
from hptui.storage.files.study_identity import read_identity
from hptui.storage.read.trial_detail import no_such_trial, storable_number

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

_CHUNK: Final = 20_000
"""Numbers in one query: no index knows them, so that each looks through all trials."""


@dataclass(frozen=True, slots=True)
class NoteEdit:
    """A note to be saved."""

    trial: int | None
    """A trial's number; None for the study itself."""
    body: str
    expected_version: int | None = None
    """The version that the writer has seen; None to save in any case."""
    mark: str = ""
    """Of the study that the writer has seen, as `mark_of` gives it; empty for whichever it is."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a request to an engine."""
        return {
            "kind": "note",
            "trial": self.trial,
            "body": self.body,
            "version": self.expected_version,
            "mark": self.mark,
        }


@dataclass(frozen=True, slots=True)
class TagEdit:
    """Tags to be added and taken away."""

    trials: tuple[int, ...] | None
    """Numbers of trials; None for the study itself."""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    clears: bool = False
    """Whether all tags that were there go."""
    mark: str = ""
    """As that of a `NoteEdit`."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a request to an engine."""
        return {
            "kind": "tags",
            "trials": self.trials,
            "add": self.add,
            "remove": self.remove,
            "clears": self.clears,
            "mark": self.mark,
        }


Edit = NoteEdit | TagEdit


@dataclass(slots=True)
class Annotation:
    """What was written: attributes by their keys, of trials by the trial's id before."""

    study_system: dict[str, Any] = field(default_factory=dict[str, Any])
    study_user: dict[str, Any] = field(default_factory=dict[str, Any])
    trial_user: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    n_changed: int = 0
    """Studies or trials that are not as they were."""


def checked(edit: Edit) -> Edit:
    """Return an edit in the form in which it is stored.

    Raises:
        UsageError: A text cannot be stored.
    """
    if isinstance(edit, NoteEdit):
        return replace(edit, body=check_note(edit.body))
    return replace(edit, add=tuple(map(check_tag, edit.add)))


def edit_from_json(data: Mapping[str, Any]) -> Edit:
    """Read a request.

    Raises:
        UsageError: A text cannot be stored, or it is no such request.
        KeyError: It is not complete.
    """
    if data["kind"] == "note":
        version, trial = data["version"], data["trial"]
        return checked(
            NoteEdit(
                None if trial is None else int(trial),
                str(data["body"]),
                None if version is None else int(version),
                str(data.get("mark", "")),
            )
        )
    if data["kind"] != "tags":
        raise UsageError("Only notes and tags can be changed.")
    trials = cast("list[object] | None", data["trials"])
    numbers = None if trials is None else tuple(int(str(each)) for each in trials)
    add, remove = (tuple(str(each) for each in data[key]) for key in ("add", "remove"))
    return checked(TagEdit(numbers, add, remove, bool(data["clears"]), str(data.get("mark", ""))))


def annotate(
    connection: sqlite3.Connection, study_id: int, study_name: str, edit: Edit
) -> Annotation:
    """Do an edit within the caller's transaction, which holds the write lock.

    Raises:
        UsageError: There is no such trial, or one would have too many tags.
        NoteConflictError: The note has another version than the writer has seen.
        StudyFileError: It is meant for a study that was deleted since.
    """
    require_same(connection, study_name, edit.mark)
    if isinstance(edit, NoteEdit):
        numbers = () if edit.trial is None else (edit.trial,)
        ids = trial_ids(connection, study_id, study_name, numbers)
        written = write_note(
            connection, study_id, next(iter(ids), None), edit.body, edit.expected_version
        )
        return Annotation(study_system=written, n_changed=1)
    change = partial(change_tags, connection, add=edit.add, remove=edit.remove, clears=edit.clears)
    if edit.trials is None:
        of_study = change("study", [study_id])
        tags = of_study.get(study_id)
        return Annotation(
            study_user={} if tags is None else {TAGS_KEY: tags}, n_changed=len(of_study)
        )
    ids = trial_ids(connection, study_id, study_name, edit.trials)
    changed = change("trial", ids)
    return Annotation(
        trial_user={trial_id: {TAGS_KEY: found} for trial_id, found in changed.items()},
        n_changed=len(changed),
    )


def require_same(connection: sqlite3.Connection, study_name: str, mark: str) -> None:
    """Refuse an edit of a study that was deleted since, where another one has its name.

    Raises:
        StudyFileError: It is so.
    """
    identity = read_identity(connection, study_name) if mark else None
    # A study without a trial that has begun could be any other, too.
    if identity is not None and mark not in (identity.marks or (mark,)):
        raise StudyFileError(
            f"The study {safe_line(study_name, max_chars=60)!r} was deleted meanwhile, and another "
            "one has its name now; nothing was saved."
        )


def trial_ids(
    connection: sqlite3.Connection, study_id: int, study_name: str, numbers: Iterable[int]
) -> list[int]:
    """Return the ids of the trials with these numbers.

    Raises:
        UsageError: There is no such trial.
    """
    wanted = list(dict.fromkeys(numbers))
    found: dict[int, int] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        places = ",".join("?" * len(chunk))
        found.update(
            connection.execute(
                f"SELECT number, MIN(trial_id) FROM trials WHERE study_id = ? "
                f"AND number IN ({places}) GROUP BY number",
                (study_id, *map(storable_number, chunk)),
            )
        )
    missing = next((number for number in wanted if number not in found), None)
    if missing is not None:
        raise no_such_trial(connection, study_id, study_name, missing)
    return [found[number] for number in wanted]
