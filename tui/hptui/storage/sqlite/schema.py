"""Optuna's tables in SQLite, exactly as `optuna.storages.RDBStorage` creates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

HEAD_VERSION: Final = "v3.2.0.a"
"""The newest schema version that this program reads and writes (Optuna 5)."""
KNOWN_VERSIONS: Final = (
    "v0.9.0.a",
    "v1.2.0.a",
    "v1.3.0.a",
    "v2.4.0.a",
    "v2.6.0.a",
    "v3.0.0.a",
    "v3.0.0.b",
    "v3.0.0.c",
    "v3.0.0.d",
    "v3.2.0.a",
)
"""All schema versions that Optuna can upgrade from, oldest first."""
LEGACY_SCHEMA_VERSION: Final = 12
"""The number that Optuna writes into `version_info` and no longer changes."""

_ATTRIBUTES: Final = (
    "CREATE TABLE {owner}_{kind}_attributes (\n"
    "\t{owner}_{kind}_attribute_id INTEGER NOT NULL, \n"
    "\t{owner}_id INTEGER, \n"
    '\t"key" VARCHAR(512), \n'
    "\tvalue_json TEXT, \n"
    "\tPRIMARY KEY ({owner}_{kind}_attribute_id), \n"
    '\tUNIQUE ({owner}_id, "key"), \n'
    "\tFOREIGN KEY({owner}_id) REFERENCES {table} ({owner}_id)\n)"
)
STATEMENTS: Final = (
    "CREATE TABLE studies (\n\tstudy_id INTEGER NOT NULL, \n\tstudy_name VARCHAR(512) NOT NULL, \n"
    "\tPRIMARY KEY (study_id)\n)",
    "CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name)",
    "CREATE TABLE version_info (\n\tversion_info_id INTEGER NOT NULL, \n"
    "\tschema_version INTEGER, \n\tlibrary_version VARCHAR(256), \n"
    "\tPRIMARY KEY (version_info_id), \n\tCHECK (version_info_id=1)\n)",
    "CREATE TABLE study_directions (\n\tstudy_direction_id INTEGER NOT NULL, \n"
    "\tdirection VARCHAR(8) NOT NULL, \n\tstudy_id INTEGER NOT NULL, \n"
    "\tobjective INTEGER NOT NULL, \n\tPRIMARY KEY (study_direction_id), \n"
    "\tUNIQUE (study_id, objective), \n"
    "\tFOREIGN KEY(study_id) REFERENCES studies (study_id)\n)",
    _ATTRIBUTES.format(owner="study", kind="user", table="studies"),
    _ATTRIBUTES.format(owner="study", kind="system", table="studies"),
    "CREATE TABLE trials (\n\ttrial_id INTEGER NOT NULL, \n\tnumber INTEGER, \n"
    "\tstudy_id INTEGER, \n\tstate VARCHAR(8) NOT NULL, \n\tdatetime_start DATETIME, \n"
    "\tdatetime_complete DATETIME, \n\tPRIMARY KEY (trial_id), \n"
    "\tFOREIGN KEY(study_id) REFERENCES studies (study_id)\n)",
    "CREATE INDEX ix_trials_study_id ON trials (study_id)",
    _ATTRIBUTES.format(owner="trial", kind="user", table="trials"),
    _ATTRIBUTES.format(owner="trial", kind="system", table="trials"),
    "CREATE TABLE trial_params (\n\tparam_id INTEGER NOT NULL, \n\ttrial_id INTEGER, \n"
    "\tparam_name VARCHAR(512), \n\tparam_value FLOAT, \n\tdistribution_json TEXT, \n"
    "\tPRIMARY KEY (param_id), \n\tUNIQUE (trial_id, param_name), \n"
    "\tFOREIGN KEY(trial_id) REFERENCES trials (trial_id)\n)",
    "CREATE TABLE trial_values (\n\ttrial_value_id INTEGER NOT NULL, \n"
    "\ttrial_id INTEGER NOT NULL, \n\tobjective INTEGER NOT NULL, \n\tvalue FLOAT, \n"
    "\tvalue_type VARCHAR(7) NOT NULL, \n\tPRIMARY KEY (trial_value_id), \n"
    "\tUNIQUE (trial_id, objective), \n"
    "\tFOREIGN KEY(trial_id) REFERENCES trials (trial_id)\n)",
    "CREATE TABLE trial_intermediate_values (\n\ttrial_intermediate_value_id INTEGER NOT NULL, \n"
    "\ttrial_id INTEGER NOT NULL, \n\tstep INTEGER NOT NULL, \n\tintermediate_value FLOAT, \n"
    "\tintermediate_value_type VARCHAR(7) NOT NULL, \n"
    "\tPRIMARY KEY (trial_intermediate_value_id), \n\tUNIQUE (trial_id, step), \n"
    "\tFOREIGN KEY(trial_id) REFERENCES trials (trial_id)\n)",
    "CREATE TABLE trial_heartbeats (\n\ttrial_heartbeat_id INTEGER NOT NULL, \n"
    "\ttrial_id INTEGER NOT NULL, \n\theartbeat DATETIME NOT NULL, \n"
    "\tPRIMARY KEY (trial_heartbeat_id), \n\tUNIQUE (trial_id), \n"
    "\tFOREIGN KEY(trial_id) REFERENCES trials (trial_id)\n)",
    "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n"
    "\tCONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)",
)

TABLES: Final = frozenset(
    statement.split()[2] for statement in STATEMENTS if statement.startswith("CREATE TABLE")
)
COLUMNS: Final = {
    statement.split()[2]: frozenset(
        line.split()[0].strip('"')
        for line in statement.splitlines()[1:-1]
        if line.split()[0] not in ("PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT")
    )
    for statement in STATEMENTS
    if statement.startswith("CREATE TABLE")
}
"""The columns of each table."""
INDEXES: Final = frozenset(
    # The last name is what Optuna's own upgrade gives the index of older files.
    {"ix_studies_study_name", "ix_trials_study_id", "trials_study_id_key"}
)
LATE_TABLES: Final = frozenset({"trial_heartbeats"})
"""Tables that Optuna's upgrade leaves out and its next opening makes."""
TABLES_OF_TRIAL: Final = (
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_heartbeats",
)
TABLES_OF_STUDY: Final = ("study_user_attributes", "study_system_attributes", "study_directions")


def create_schema(connection: sqlite3.Connection, library_version: str) -> None:
    """Create all tables in an empty database, in one transaction.

    `library_version` is Optuna's, for its `version_info` row.
    """
    connection.execute("BEGIN IMMEDIATE")
    for statement in STATEMENTS:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO version_info VALUES (1, ?, ?)", (LEGACY_SCHEMA_VERSION, library_version)
    )
    connection.execute("INSERT INTO alembic_version VALUES (?)", (HEAD_VERSION,))
    connection.execute("COMMIT")


def add_late_tables(connection: sqlite3.Connection, tables: frozenset[str]) -> None:
    """Make the tables that a file upgraded by Optuna lacks; `tables` are those it has."""
    for statement in STATEMENTS:
        name = statement.split()[2]
        if name in LATE_TABLES - tables:
            connection.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
