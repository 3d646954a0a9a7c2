"""The spaces that the trials of a study hold, read for showing: within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.spaces.space import ParamSpec, spec_from_json
from hptui.errors import SpaceError
from hptui.storage.files.study_identity import read_identity
from hptui.storage.read.session import open_file

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

MAX_JSON_CHARS: Final = 1_000_000
"""Longer JSON is never parsed."""


def stored_spec(text: str) -> ParamSpec:
    """Read a stored distribution.

    Raises:
        SpaceError: `text` is not a distribution, or too long for one.
    """
    if len(text) > MAX_JSON_CHARS:
        raise SpaceError(f"Its space is longer than {MAX_JSON_CHARS} characters.")
    return spec_from_json(text)


def read_latest_spaces(path: Path, study_name: str) -> dict[str, ParamSpec]:
    """Return the latest distribution of each parameter in a study's trials.

    Those that hptui cannot search are left out.

    Raises:
        StudyFileError: The file cannot be read.
    """
    with open_file(path) as connection:
        identity = read_identity(connection, study_name)
        return {} if identity is None else latest_spaces(connection, identity.study_id)


def latest_spaces(connection: sqlite3.Connection, study_id: int) -> dict[str, ParamSpec]:
    """Return the same of a study over an open connection."""
    spaces: dict[str, ParamSpec] = {}
    for name, text, _newest in connection.execute(
        # SQLite takes the other columns from the row that has the maximum.
        f"SELECT param_name, substr(distribution_json, 1, {MAX_JSON_CHARS + 1}), MAX(param_id) "
        "FROM trial_params WHERE trial_id IN "
        "(SELECT trial_id FROM trials WHERE study_id = ?) GROUP BY param_name",
        (study_id,),
    ):
        if not isinstance(name, str) or not isinstance(text, str) or len(text) > MAX_JSON_CHARS:
            continue
        try:
            spaces[name] = spec_from_json(text)
        except SpaceError:
            continue
    return spaces
