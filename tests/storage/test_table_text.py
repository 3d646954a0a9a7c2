"""What Optuna makes in any version may be written to; tables that differ are only looked at."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.storage.comparison import plain_optuna
from tests.storage.older_files import make_older_file
from tests.storage.study_file import FLOAT, StudyFile

from hptui.errors import StudyFileError
from hptui.storage.files.table_text import odd_table
from hptui.storage.files.upgrade import upgrade_file
from hptui.storage.files.validation import inspect_file, require_readable, require_writable
from hptui.storage.sqlite.schema import KNOWN_VERSIONS, STATEMENTS
from hptui.storage.sqlite.storage import SqliteStorage
from hptui.storage.transfer.copying import copy_study

if TYPE_CHECKING:
    from pathlib import Path

# What Optuna 2.10 wrote with SQLAlchemy 1.3, where that differs from today.
CHECKED_STATE = (
    "\tFOREIGN KEY(study_id) REFERENCES studies (study_id)\n)",
    "\tFOREIGN KEY(study_id) REFERENCES studies (study_id), \n\tCONSTRAINT trialstate CHECK"
    " (state IN ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING'))\n)",
)
CHECKED_DIRECTION = (
    "\tUNIQUE (study_id, objective), \n",
    "\tUNIQUE (study_id, objective), \n\tCONSTRAINT studydirection CHECK"
    " (direction IN ('NOT_SET', 'MINIMIZE', 'MAXIMIZE')), \n",
)


def of_2_10(statement: str) -> str:
    """The statement as Optuna 2.10 and SQLAlchemy 1.3 spelled it."""
    table = statement.split()[2]
    if table == "trials":
        statement = statement.replace(*CHECKED_STATE)
    if table == "study_directions":
        statement = statement.replace(*CHECKED_DIRECTION)
    if table in ("trial_values", "trial_intermediate_values"):
        statement = statement.replace("value FLOAT", "value FLOAT NOT NULL")
        statement = "\n".join(line for line in statement.split("\n") if "_type" not in line)
    return statement


def rebuild(path: Path, table: str, old: str, new: str) -> None:
    """Make a table anew under another definition, with its rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
        assert old in sql
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND type = 'index'"
            " AND sql IS NOT NULL",
            (table,),
        ).fetchall()
        connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}")
        connection.execute(f"DROP TABLE {table}")
        connection.execute(sql.replace(old, new, 1))
        for _, statement in indexes:
            connection.execute(statement)
        columns = ", ".join(
            f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})")
        )
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study file with a study `s` of two trials."""
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for value in (0.5, 0.25):
            built.add_trial(value, params={"x": (value, FLOAT)})
    return tmp_path / "s.db"


@pytest.mark.parametrize("version", KNOWN_VERSIONS[:-1])
def test_what_optuna_has_upgraded_is_continued(version: str, tmp_path: Path):
    make_older_file(tmp_path / "old.db", version)
    upgrade_file(tmp_path / "old.db")
    assert require_writable(tmp_path / "old.db").odd_table == ""


def test_what_optuna_makes_is_continued(tmp_path: Path):
    storage = plain_optuna(tmp_path / "new.db")
    storage.remove_session()
    storage.engine.dispose()
    assert require_writable(tmp_path / "new.db").odd_table == ""


def test_what_optuna_2_10_made_with_an_older_sqlalchemy_is_continued(tmp_path: Path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in STATEMENTS:
            if "ix_trials" not in statement:
                connection.execute(of_2_10(statement))
        connection.execute("INSERT INTO version_info VALUES (1, 12, '2.10.1')")
        connection.execute("INSERT INTO alembic_version VALUES ('v2.6.0.a')")
        connection.execute("INSERT INTO studies VALUES (1, 's')")
        connection.execute("INSERT INTO study_directions VALUES (1, 'MINIMIZE', 1, 0)")
        connection.execute("INSERT INTO trials VALUES (1, 0, 1, 'COMPLETE', NULL, NULL)")
        connection.execute("INSERT INTO trial_values VALUES (1, 1, 0, 0.5)")
    assert inspect_file(path).kind == "older"
    upgrade_file(path)
    assert require_writable(path).odd_table == ""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT group_concat(sql) FROM sqlite_master").fetchone()[0]
    assert "studydirection CHECK" in made


ODD = {
    "replaced rows": ("trials", ", \n\tPRIMARY", ", UNIQUE (number) ON CONFLICT REPLACE, PRIMARY"),
    "ignored rows": ("trial_params", "param_name), ", "param_name) ON CONFLICT IGNORE, "),
    "a check": ("trials", ", \n\tPRIMARY", ", CHECK (number < 15), PRIMARY"),
    "a check of a column": ("trials", "number INTEGER", "number INTEGER CHECK (number < 15)"),
    "fewer states": ("trials", ", \n\tPRIMARY", ", CHECK (state IN ('COMPLETE', 'FAIL')), PRIMARY"),
    "a default": ("trials", "number INTEGER", "number INTEGER DEFAULT 7"),
    "a collation": ("trial_params", "VARCHAR(512)", "VARCHAR(512) COLLATE NOCASE"),
    "another type": ("trial_params", "param_value FLOAT", "param_value INTEGER"),
    "a required time": ("trials", "datetime_start DATETIME", "datetime_start DATETIME NOT NULL"),
    "no constraint": ("trial_values", "\tUNIQUE (trial_id, objective), \n", ""),
    "other keys": ("trial_values", "UNIQUE (trial_id, objective)", "UNIQUE (objective, trial_id)"),
    "a cascade": ("trial_params", "(trial_id)\n)", "(trial_id) ON DELETE CASCADE)"),
    "no row ids": ("version_info", "(version_info_id=1)\n)", "(version_info_id=1)) WITHOUT ROWID"),
    "a comment": ("trials", "number INTEGER", "number INTEGER /* mine */"),
}


@pytest.mark.parametrize("what", ODD)
def test_other_tables_are_looked_at_and_neither_continued_nor_copied(what: str, path: Path):
    table, old, new = ODD[what]
    rebuild(path, table, old, new)
    before = path.read_bytes()
    assert require_readable(path).odd_table
    for refuse in (
        lambda: require_writable(path),
        lambda: SqliteStorage(path),
        lambda: copy_study(path, "s", path.with_name("copy.db")),
    ):
        with pytest.raises(StudyFileError, match="not as Optuna creates them") as refused:
            refuse()
        assert "hptui export" in refused.value.hint
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["s.db"]


@pytest.mark.parametrize(
    ("dropped", "made"),
    [
        ("ix_studies_study_name", ""),
        ("ix_studies_study_name", "CREATE INDEX ix_studies_study_name ON studies (study_name)"),
        ("ix_trials_study_id", "CREATE UNIQUE INDEX ix_trials_study_id ON trials (number)"),
        ("ix_trials_study_id", "CREATE INDEX ix_trials_study_id ON trials (study_id DESC)"),
    ],
)
def test_so_it_is_with_indexes(dropped: str, made: str, path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"DROP INDEX {dropped}")
        if made:
            connection.execute(made)
        assert odd_table(connection)


def test_an_index_that_only_older_files_lack_is_not_missed(path: Path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX ix_trials_study_id")
        assert odd_table(connection) == ""


def test_an_enormous_statement_is_odd_and_does_no_harm(path: Path):
    rebuild(path, "trials", ", \n\tPRIMARY", f", CHECK ({' AND '.join(['1'] * 800)}), PRIMARY")
    assert inspect_file(path).odd_table
