"""Compares the tables of a file with Optuna's, by the statements that made them.

A constraint that Optuna does not make, such as `ON CONFLICT REPLACE`, loses rows when they are
written. What differs between versions of Optuna, SQLAlchemy and Alembic is told apart from that.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.storage.sqlite.schema import LATE_TABLES, STATEMENTS, TABLES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_MAX_SQL_CHARS: Final = 5_000
_TOKENS: Final = re.compile(r"""\s+|("(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|.)""", re.DOTALL)
_PLAIN_NAME: Final = re.compile(r'"(\w+)"', re.ASCII)
_LENGTH: Final = re.compile(r"(?<= varchar) \( \d+ \)")
_CHOICE: Final = re.compile(r"check \( (\w+) in \( ('\w+'(?: , '\w+')*) \) \)")
_WORDS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("trials", "state"): frozenset({"'RUNNING'", "'COMPLETE'", "'PRUNED'", "'FAIL'"}),
    ("study_directions", "direction"): frozenset({"'MINIMIZE'", "'MAXIMIZE'"}),
}
"""What SQLAlchemy before 1.4 lets a column hold; there may be more words."""
_ALSO: Final = {("trial_values", "trial_id integer"): "trial_id integer not null"}
"""What Optuna's own upgrades make, and what stands for it in a new file."""
_INDEXES: Final = frozenset(
    {
        "create unique index ix_studies_study_name on studies ( study_name )",
        "create index ix_trials_study_id on trials ( study_id )",
        "create index trials_study_id_key on trials ( study_id )",
    }
)
_UNIQUE_NAME: Final = "ix_studies_study_name"


def odd_table(connection: sqlite3.Connection) -> str:
    """Return what of a file's tables and indexes is not as Optuna makes it; empty when all is.

    The connection's file has the present version, and passes `content.check_objects`.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    rows = connection.execute(
        "SELECT type, name, substr(sql, 1, ?) FROM sqlite_master WHERE sql IS NOT NULL",
        (_MAX_SQL_CHARS + 1,),
    ).fetchall()
    found = {str(name): str(sql) for kind, name, sql in rows if kind == "table"}
    for table in sorted(TABLES - LATE_TABLES):
        if table not in found:
            return f"it lacks the table {table}"
    for table in sorted(TABLES & found.keys()):
        if odd := _odd_part(table, found[table]):
            return f"in the table {table} it has {safe_line(odd, max_chars=120)!r}"
    indexes = {str(name): str(sql) for kind, name, sql in rows if kind == "index"}
    if _UNIQUE_NAME not in indexes:
        return f"it lacks the index {_UNIQUE_NAME}"
    for sql in indexes.values():
        text = " ".join(_tokens(sql))
        if text not in _INDEXES:
            return f"it has {safe_line(text, max_chars=120)!r}"
    return ""


@lru_cache(256)
def _odd_part(table: str, sql: str) -> str:
    """Return the part of a table's statement that Optuna does not make, or that is missing."""
    parts = _parts(table, sql)
    if parts is None:
        return " ".join(_tokens(sql))
    known = _known_parts()[table]
    usual = {_ALSO.get((table, part), part) for part in parts}
    odd = sorted(part for part in usual - known if not _is_choice(table, part))
    if odd:
        return odd[0]
    missing = sorted(known - usual)
    return f"no {missing[0]}" if missing else ""


@cache
def _known_parts() -> Mapping[str, frozenset[str]]:
    made = ((sql.split()[2], sql) for sql in STATEMENTS if sql.startswith("CREATE TABLE"))
    return {table: frozenset(_parts(table, sql) or ()) for table, sql in made}


def _parts(table: str, sql: str) -> list[str] | None:
    """Return a table's columns and constraints in one spelling; None for another statement."""
    tokens = _tokens(sql)
    if len(sql) > _MAX_SQL_CHARS or tokens[:4] != ["create", "table", table, "("]:
        return None
    parts: list[list[str]] = [[]]
    depth = 1
    for at, token in enumerate(tokens[4:], start=5):
        depth += (token == "(") - (token == ")")
        if not depth:
            # Behind it may stand STRICT or WITHOUT ROWID.
            return None if tokens[at:] else [_spelled(part) for part in parts]
        if token == "," and depth == 1:
            parts.append([])
        else:
            parts[-1].append(token)
    return None


def _spelled(part: list[str]) -> str:
    # Names of constraints change nothing, nor do lengths: SQLite holds texts of any length.
    is_named = part[:1] == ["constraint"]
    return _LENGTH.sub("", " ".join(part[2:] if is_named else part))


def _is_choice(table: str, part: str) -> bool:
    match = _CHOICE.fullmatch(part)
    if match is None or (table, match[1]) not in _WORDS:
        return False
    return set(match[2].split(" , ")) >= _WORDS[table, match[1]]


def _tokens(sql: str) -> list[str]:
    """Return words in lower case, and names without quotes; what is a comment stays odd."""
    tokens = [token for token in _TOKENS.findall(sql) if token]
    return [token if token[0] == "'" else _PLAIN_NAME.sub(r"\1", token).lower() for token in tokens]
