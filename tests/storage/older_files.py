"""Study files of older Optuna versions, made by Optuna's own migration scripts."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path

import alembic.command
import alembic.config
from optuna.storages._rdb import storage as rdb_storage

from hptui.storage.files.upgrade import optuna_url

UNIFORM = '{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}'
LOG = '{"name": "LogUniformDistribution", "attributes": {"low": 0.001, "high": 1.0}}'
STEPS = '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 2}}'
CHOICES = '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", null]}}'

# As Optuna 0.9 wrote them: values in the trial, reports in `trial_values`, numbers as attributes.
ROWS = (
    "INSERT INTO version_info VALUES (1, 12, '0.9.0')",
    "INSERT INTO studies VALUES (1, 'old', 'MAXIMIZE')",
    "INSERT INTO study_user_attributes VALUES (1, 1, 'u', '\"x\"')",
    "INSERT INTO study_system_attributes VALUES (1, 1, 's', '[1]')",
    "INSERT INTO trials VALUES (1, 1, 'COMPLETE', 0.5, '2019-03-01 10:00:00.000000',"
    " '2019-03-01 10:01:00.000000')",
    "INSERT INTO trials VALUES (2, 1, 'PRUNED', 0.25, '2019-03-01 10:02:00.000000',"
    " '2019-03-01 10:03:00.000000')",
    "INSERT INTO trials VALUES (3, 1, 'FAIL', NULL, '2019-03-01 10:04:00.000000',"
    " '2019-03-01 10:05:00.000000')",
    "INSERT INTO trials VALUES (4, 1, 'RUNNING', NULL, '2019-03-01 10:06:00.000000', NULL)",
    *(
        f"INSERT INTO trial_system_attributes (trial_id, key, value_json)"
        f" VALUES ({trial_id}, '_number', '{trial_id - 1}')"
        for trial_id in (1, 2, 3, 4)
    ),
    "INSERT INTO trial_user_attributes VALUES (1, 1, 'note', '\"fine\"')",
    "INSERT INTO trial_values VALUES (1, 1, 0, 0.125), (2, 1, 1, 0.5), (3, 2, 0, 0.25)",
    *(
        f"INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)"
        f" VALUES (1, '{name}', {value}, '{distribution}')"
        for name, value, distribution in (
            ("x", 0.5, UNIFORM),
            ("lr", 0.01, LOG),
            ("n", 3.0, STEPS),
            ("kind", 1.0, CHOICES),
        )
    ),
)


def make_older_file(path: Path, version: str) -> None:
    """Make a file as it was under a schema version, with one study of four trials."""
    sqlite3.connect(path).close()
    _migrate(path, "v0.9.0.a")
    connection = sqlite3.connect(path)
    for statement in ROWS:
        connection.execute(statement)
    connection.commit()
    connection.close()
    _migrate(path, version)


def _migrate(path: Path, version: str) -> None:
    folder = Path(rdb_storage.__file__).parent
    config = alembic.config.Config(str(folder / "alembic.ini"))
    config.set_main_option("script_location", str(folder / "alembic").replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", optuna_url(path).replace("%", "%%"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alembic.command.upgrade(config, version)
