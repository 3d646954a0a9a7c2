"""Attributes of studies and trials: JSON from anyone, read within bounds."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Final, Literal

from hptui.domain.texts.text import safe_line
from hptui.storage.sqlite.connection import is_of_a_row

MAX_ATTRIBUTES: Final = 1_000
"""Attributes of one study or trial beyond these are counted, not read."""
MAX_JSON_CHARS: Final = 100_000
_MAX_KEY_CHARS: Final = 1_000

Owner = Literal["study", "trial"]
Kind = Literal["user", "system"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a study or trial."""

    key: str
    value: Any = None
    """None also where it could not be read."""
    problem: str = ""
    """Why it could not be read."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of one kind of a study or trial."""

    found: tuple[Attribute, ...] = ()
    n_omitted: int = 0
    """How many there are beyond MAX_ATTRIBUTES."""

    def get(self, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a value, None where it is missing or could not be read."""
        return next((each.value for each in self.found if each.key == key), None)

    def without(self, *keys: str, prefix: str | None = None) -> Attributes:
        """Return those that have none of `keys` and do not begin with `prefix`."""
        kept = [each for each in self.found if each.key not in keys]
        if prefix is not None:
            kept = [each for each in kept if not each.key.startswith(prefix)]
        return Attributes(tuple(kept), self.n_omitted)

    @property
    def problems(self) -> list[str]:
        """A sentence for each attribute that could not be read."""
        return [
            f"The attribute {safe_line(each.key, max_chars=60)!r} {each.problem}."
            for each in self.found
            if each.problem
        ]

    def readable(self) -> dict[str, Any]:
        """Return the values that could be read, by key."""
        return {each.key: each.value for each in self.found if not each.problem}


def read_attributes(
    connection: sqlite3.Connection, owner: Owner, kind: Kind, owner_id: int
) -> Attributes:
    """Return the attributes of one study or trial, ordered by key.

    Raises:
        sqlite3.Error: The file as a whole cannot be read now.
    """
    table, column = f"{owner}_{kind}_attributes", f"{owner}_id"
    rows = connection.execute(
        f"SELECT {table[:-1]}_id FROM {table} WHERE {column} = ? ORDER BY key LIMIT ?",
        (owner_id, MAX_ATTRIBUTES),
    ).fetchall()
    (count,) = connection.execute(
        f"SELECT COUNT(*) FROM {table} WHERE {column} = ?", (owner_id,)
    ).fetchone()
    found = tuple(_read_one(connection, table, row_id) for (row_id,) in rows)
    return Attributes(found, count - len(found))


def begin_of(column: str, n_chars: int) -> str:
    """Return SQL for at most so many characters of a text; `substr` alone ends at a NUL."""
    return (
        f"CASE WHEN length(CAST({column} AS BLOB)) <= {n_chars} THEN {column} "
        f"ELSE substr({column}, 1, {n_chars}) END"
    )


def _read_one(connection: sqlite3.Connection, table: str, row_id: int) -> Attribute:
    try:
        row = connection.execute(
            f"SELECT {begin_of('key', _MAX_KEY_CHARS)}, "
            f"substr(value_json, 1, {MAX_JSON_CHARS + 1}), length(CAST(value_json AS BLOB)) "
            f"FROM {table} WHERE {table[:-1]}_id = ?",
            (row_id,),
        ).fetchone()
    except sqlite3.Error as error:
        if not is_of_a_row(error):
            raise
        return Attribute(f"row {row_id}", problem=f"cannot be read: {safe_line(error)}")
    if row is None:
        return Attribute(f"row {row_id}", problem="is in an index and not in the table")
    key, text, n_bytes = row
    if not isinstance(text, str):
        return Attribute(str(key), problem="has no JSON")
    if len(text) > MAX_JSON_CHARS:
        return Attribute(str(key), problem=f"is too long to be shown ({n_bytes:,} bytes)")
    try:
        return Attribute(str(key), json.loads(text))
    except (ValueError, RecursionError):
        return Attribute(str(key), problem=f"is not JSON: {safe_line(text, max_chars=60)}")
