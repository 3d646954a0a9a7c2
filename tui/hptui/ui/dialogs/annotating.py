"""Notes and tags for the dialogs: read and saved in their threads, as plain values."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.notes import check_note, check_tag
from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.storage.annotations.notes import Note

_MAX_TAGS_OFFERED: Final = 200


@dataclass(frozen=True, slots=True)
class Annotated:
    """What has a note and tags: a study, or one of its trials."""

    path: Path
    study_name: str
    trial: int | None = None
    tags_elsewhere: tuple[str, ...] = ()
    """Tags of other studies, which could be its own, too."""

    @property
    def title(self) -> str:
        """Its name in a dialog."""
        name = safe_line(self.study_name, max_chars=40)
        return name if self.trial is None else f"trial {self.trial} of {name}"


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tags of a study or trial, and what else could be one."""

    tags: tuple[str, ...]
    known: tuple[str, ...]
    """Of the study and its trials, those used most first, then of other studies."""
    mark: str
    """Of the study, see `read_mark_of`."""


def read_mark_of(what: Annotated) -> str:
    """Return what tells the study from another one that may take its name.

    Raises:
        HptuiError: It cannot be read.
    """
    from hptui.storage.files.study_identity import mark_of
    from hptui.storage.read.session import read_study_file

    return read_study_file(what.path, lambda connection: mark_of(connection, what.study_name))


def read_note_of(what: Annotated) -> Note:
    """Return the note.

    Raises:
        HptuiError: It cannot be read.
    """
    from hptui.storage.read.study_detail import read_study
    from hptui.storage.read.trial_detail import read_trial

    if what.trial is None:
        return read_study(what.path, what.study_name).note
    return read_trial(what.path, what.study_name, what.trial).note


def save_note_of(what: Annotated, body: str, expected_version: int, mark: str) -> None:
    """Save the note.

    Raises:
        NoteConflictError: Somebody else has saved it since it was read.
        HptuiError: It cannot be saved.
    """
    from hptui.engine.studies.annotations import save_edit
    from hptui.storage.annotations.changes import NoteEdit

    save_edit(what.path, what.study_name, NoteEdit(what.trial, body, expected_version, mark))


def note_problem(text: str) -> str | None:
    """Return why a text cannot be saved as a note, None where it can."""
    try:
        check_note(text)
    except UsageError as error:
        return error.message
    return None


def read_tags_of(what: Annotated) -> Tagged:
    """Return the tags.

    Raises:
        HptuiError: They cannot be read.
    """
    from hptui.storage.annotations.tags import known_tags
    from hptui.storage.read.session import read_study_file
    from hptui.storage.read.studies import read_summary
    from hptui.storage.read.trial_detail import read_trial
    from hptui.storage.transfer.study_rows import study_id_of

    mark = read_mark_of(what)
    if what.trial is None:
        tags = read_summary(what.path, what.study_name).tags
    else:
        tags = read_trial(what.path, what.study_name, what.trial).tags
    known = read_study_file(
        what.path,
        lambda connection: known_tags(connection, study_id_of(connection, what.study_name) or -1),
    )
    known = tuple(dict.fromkeys((*known, *what.tags_elsewhere)))
    return Tagged(tags, known[:_MAX_TAGS_OFFERED], mark)


def save_tags_of(what: Annotated, found: Tagged, after: Sequence[str]) -> None:
    """Add and take away what makes those found into `after`; what others add meanwhile stays.

    Raises:
        HptuiError: They cannot be saved.
    """
    from hptui.engine.studies.annotations import save_edit
    from hptui.storage.annotations.changes import TagEdit

    trials = None if what.trial is None else (what.trial,)
    added = tuple(tag for tag in after if tag not in found.tags)
    removed = tuple(tag for tag in found.tags if tag not in after)
    if added or removed:
        save_edit(what.path, what.study_name, TagEdit(trials, added, removed, mark=found.mark))


def spell_tags(tags: Sequence[str]) -> str:
    """Return tags as one line that `parse_tags` reads: with commas between them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([escape_line(tag) for tag in tags])
    return (
        line.getvalue().replace(",", ", ")
        if not any("," in tag for tag in tags)
        else line.getvalue()
    )


def parse_tags(line: str) -> tuple[str, ...]:
    """Return the tags in a line: between commas, those with a comma in double quotes.

    Raises:
        UsageError: One of them cannot be stored.
    """
    try:
        (words,) = list(csv.reader([line], skipinitialspace=True)) or [[]]
    except (csv.Error, ValueError) as error:
        raise UsageError("Separate tags with commas.") from error
    return tuple(dict.fromkeys(check_tag(word) for word in words if word.strip()))


def tags_problem(line: str) -> str | None:
    """Return why a line cannot be saved as tags, None where it can."""
    try:
        parse_tags(line)
    except HptuiError as error:
        return error.message
    return None


def complete_tag(line: str, known: Sequence[str]) -> str | None:
    """Return the line with its last tag completed to a known one, or None."""
    before, comma, last = line.rpartition(",")
    begun = last.lstrip()
    taken = {word.strip() for word in before.split(",")}
    if not begun:
        return None
    found = next((tag for tag in known if tag.startswith(begun) and tag not in taken), None)
    return None if found is None or "," in found else f"{before}{comma}{last}{found[len(begun) :]}"
