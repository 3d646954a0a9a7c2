"""Tags of studies and trials: a list of texts in the user attribute `hptui:tags`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.attribute_keys import TAGS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.notes import changed_tags
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from hptui.storage.sqlite.attributes import Owner

_CHUNK: Final = 500
"""Ids in one query."""


def tags_of(stored: object) -> tuple[str, ...]:
    """Return the tags in what the attribute holds; none where it is not a list of texts."""
    items = cast("list[object]", stored) if isinstance(stored, list) else []
    return tuple(tag for tag in items if isinstance(tag, str))


def read_tags(connection: sqlite3.Connection, owner: Owner, owner_id: int) -> tuple[str, ...]:
    """Return the tags of one study or trial, not sanitised."""
    return _tags_before(connection, owner, [owner_id]).get(owner_id, ())


def _tags_before(
    connection: sqlite3.Connection, owner: Owner, owner_ids: Sequence[int]
) -> dict[int, tuple[str, ...]]:
    """Return the tags of those that have the attribute, many in one query."""
    found: dict[int, tuple[str, ...]] = {}
    for start in range(0, len(owner_ids), _CHUNK):
        chunk = owner_ids[start : start + _CHUNK]
        rows = connection.execute(
            f"SELECT {owner}_id, CAST(substr(value_json, 1, ?) AS BLOB) "
            f"FROM {owner}_user_attributes "
            f"WHERE {owner}_id IN ({', '.join('?' * len(chunk))}) AND key = ?",
            (MAX_JSON_CHARS + 1, *chunk, TAGS_KEY),
        )
        found.update((owner_id, tags_of(read_json(text))) for owner_id, text in rows)
    return found


def change_tags(
    connection: sqlite3.Connection,
    owner: Owner,
    owner_ids: Sequence[int],
    *,
    add: Iterable[str],
    remove: Iterable[str],
    clears: bool,
) -> dict[int, list[str]]:
    """Change tags within the caller's transaction, of trials in whatever state.

    Args:
        connection: Holds the write lock.
        owner: What the ids are of.
        owner_ids: Whose tags change.
        add: Tags that `check_tag` has let pass.
        remove: Tags to take away.
        clears: Whether all that were there go.

    Returns:
        The tags of those whose tags have changed.

    Raises:
        UsageError: One would have too many.
    """
    tags_before = _tags_before(connection, owner, owner_ids)
    changed = tags_after(tags_before, owner_ids, add=add, remove=remove, clears=clears)
    texts = {tags: json.dumps(tags) for tags in set(map(tuple, changed.values()))}
    rows = [(owner_id, TAGS_KEY, texts[tuple(tags)]) for owner_id, tags in changed.items()]
    connection.executemany(
        f'INSERT INTO {owner}_user_attributes ({owner}_id, "key", value_json) VALUES (?, ?, ?) '
        f'ON CONFLICT ({owner}_id, "key") DO UPDATE SET value_json = excluded.value_json',
        rows,
    )
    return changed


def tags_after(
    tags_before: Mapping[int, tuple[str, ...]],
    owner_ids: Sequence[int],
    *,
    add: Iterable[str],
    remove: Iterable[str],
    clears: bool,
) -> dict[int, list[str]]:
    """Return the tags of those whose tags a change changes; `change_tags` says what is given.

    Raises:
        UsageError: One would have too many.
    """
    add, remove = tuple(add), tuple(remove)
    # Most of many have the same ones.
    after = {
        before: changed_tags(() if clears else before, add=add, remove=remove)
        for before in {*tags_before.values(), *([()] if len(tags_before) < len(owner_ids) else [])}
    }
    changed: dict[int, list[str]] = {}
    for owner_id in owner_ids:
        before = tags_before.get(owner_id, ())
        if after[before] != before:
            changed[owner_id] = list(after[before])
    return changed


def known_tags(connection: sqlite3.Connection, study_id: int) -> tuple[str, ...]:
    """Return all tags of a study and its trials, those used most first."""
    counts: dict[str, int] = dict.fromkeys(read_tags(connection, "study", study_id), 1)
    for (text,) in connection.execute(
        "SELECT DISTINCT CAST(substr(value_json, 1, ?) AS BLOB) FROM trials "
        "JOIN trial_user_attributes USING (trial_id) WHERE study_id = ? AND key = ?",
        (MAX_JSON_CHARS, study_id, TAGS_KEY),
    ):
        for tag in tags_of(read_json(text)):
            counts[tag] = counts.get(tag, 0) + 1
    return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag)))


def tagged_trials(connection: sqlite3.Connection, study_id: int) -> frozenset[int]:
    """Return the numbers of the trials that have tags."""
    rows = connection.execute(
        # Few trials have tags: their keys are gone through once, not each trial's.
        "SELECT number FROM trial_user_attributes CROSS JOIN trials USING (trial_id) "
        "WHERE study_id = ? AND key = ? AND length(value_json) > 2 "
        "AND typeof(number) = 'integer'",
        (study_id, TAGS_KEY),
    )
    return frozenset(int(number) for (number,) in rows)
