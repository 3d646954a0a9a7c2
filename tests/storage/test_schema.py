"""The tables that hptui makes are the ones Optuna makes."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.comparison import plain_optuna

from hptui.storage.sqlite import schema
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path


def _rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name",
        "SELECT * FROM version_info",
        "SELECT * FROM alembic_version",
    ],
)
def test_a_new_file_is_what_optuna_would_make(tmp_path: Path, query: str) -> None:
    SqliteStorage(tmp_path / "ours.db", create=True).close()
    plain_optuna(tmp_path / "theirs.db").engine.dispose()

    assert _rows(tmp_path / "ours.db", query) == _rows(tmp_path / "theirs.db", query)


def test_the_known_versions_are_those_of_the_installed_optuna(tmp_path: Path) -> None:
    storage = plain_optuna(tmp_path / "any.db")

    assert storage.get_head_version() == schema.HEAD_VERSION
    assert set(storage.get_all_versions()) == set(schema.KNOWN_VERSIONS)
    storage.engine.dispose()


def test_names_of_tables_and_indexes_are_all_that_a_file_holds(tmp_path: Path) -> None:
    SqliteStorage(tmp_path / "ours.db", create=True).close()

    names = _rows(tmp_path / "ours.db", "SELECT type, name FROM sqlite_master WHERE sql NOT NULL")

    assert {name for kind, name in names if kind == "table"} == schema.TABLES
    assert {name for kind, name in names if kind == "index"} <= schema.INDEXES
