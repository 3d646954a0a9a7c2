"""Files of older Optuna versions: recognised, backed up, upgraded, and nothing is lost."""

from __future__ import annotations

import logging
import math
import random
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from tests.storage.comparison import content_of
from tests.storage.older_files import make_older_file
from tests.storage.random_studies import add_trials

from hptui.errors import StudyFileError
from hptui.storage.files import upgrade
from hptui.storage.files.upgrade import upgrade_file
from hptui.storage.files.validation import inspect_file
from hptui.storage.sqlite.schema import KNOWN_VERSIONS
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

OLDER_VERSIONS = KNOWN_VERSIONS[:-1]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize("version", OLDER_VERSIONS)
def test_an_older_file_is_upgraded_with_all_it_holds(tmp_path: Path, version: str) -> None:
    path = tmp_path / "old {x}?#%.db"
    make_older_file(path, version)
    report = inspect_file(path)
    assert (report.kind, report.version) == ("older", version)
    with pytest.raises(StudyFileError, match=f"made by an older Optuna .schema {version}"):
        SqliteStorage(path)
    before = _dump(path)
    handlers = logging.getLogger().handlers[:]

    backup = upgrade_file(path)

    assert backup == path.with_name(f"{path.name}.bak-{version}")
    assert _dump(backup) == before
    assert logging.getLogger().handlers == handlers
    assert {each.name for each in tmp_path.iterdir()} == {path.name, backup.name}
    assert inspect_file(path).kind == "optuna"
    with SqliteStorage(path) as storage:
        _assert_whole(storage)
        study_id = storage.get_study_id_from_name("old")
        add_trials(storage, study_id, random.Random(1), 5)
        two = storage.create_new_study([StudyDirection.MINIMIZE] * 2, "two objectives")
        trial_id = storage.create_new_trial(two)
        storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0, math.inf])
        assert content_of(storage) == content_of(path)
        storage.delete_study(study_id)


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def _assert_whole(storage: SqliteStorage) -> None:
    (study,) = storage.get_all_studies()
    assert (study.study_name, study.directions) == ("old", [StudyDirection.MAXIMIZE])
    assert (study.user_attrs, study.system_attrs) == ({"u": "x"}, {"s": [1]})
    trials = storage.get_all_trials(storage.get_study_id_from_name("old"))
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    states = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING]
    assert [trial.state for trial in trials] == states
    assert [trial.values for trial in trials] == [[0.5], [0.25], None, None]
    first = trials[0]
    assert first.params == {"x": 0.5, "lr": 0.01, "n": 3, "kind": None}
    assert first.distributions == {
        "x": FloatDistribution(0, 1),
        "lr": FloatDistribution(0.001, 1, log=True),
        "n": IntDistribution(1, 9, step=2),
        "kind": CategoricalDistribution(["a", None]),
    }
    assert first.intermediate_values == {0: 0.125, 1: 0.5}
    assert (first.user_attrs, first.system_attrs) == ({"note": "fine"}, {})
    assert first.duration is not None
    assert first.duration.total_seconds() == 60


def test_a_file_that_optuna_upgraded_itself_can_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, KNOWN_VERSIONS[-1])
    tables = [line for line in _dump(path) if "CREATE TABLE trial_heartbeats" in line]
    assert tables == []

    assert inspect_file(path).kind == "optuna"
    with SqliteStorage(path) as storage:
        _assert_whole(storage)
        storage.delete_study(storage.get_study_id_from_name("old"))


def test_a_backup_never_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, "v3.0.0.d")
    path.with_name("old.db.bak-v3.0.0.d").write_text("mine")

    backup = upgrade_file(path)

    assert backup.name == "old.db.bak-v3.0.0.d-2"
    assert path.with_name("old.db.bak-v3.0.0.d").read_text() == "mine"


def test_a_file_in_wal_mode_is_upgraded_too(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, "v3.0.0.d")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()

    upgrade_file(path)

    with SqliteStorage(path) as storage:
        _assert_whole(storage)


def test_only_older_files_are_upgraded(tmp_path: Path) -> None:
    SqliteStorage(tmp_path / "new.db", create=True).close()
    (tmp_path / "text.db").write_text("hello")

    for name, words in (
        ("new.db", "is up to date already"),
        ("text.db", "is not an SQLite file"),
        ("none.db", "does not exist"),
    ):
        with pytest.raises(StudyFileError, match=words):
            upgrade_file(tmp_path / name)
    assert {each.name for each in tmp_path.iterdir()} == {"new.db", "text.db"}


def test_a_failed_migration_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, "v2.6.0.a")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trial_params SET distribution_json = '{' WHERE param_id = 2")
    connection.commit()
    connection.close()
    before = path.read_bytes(), path.stat().st_mtime_ns

    with pytest.raises(StudyFileError, match="was not upgraded: Optuna's migration failed"):
        upgrade_file(path)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [each.name for each in tmp_path.iterdir()] == ["old.db"]


def test_a_file_that_is_written_to_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, "v3.0.0.d")
    migrate = upgrade._migrate  # pyright: ignore[reportPrivateUsage]

    def migrate_late(work: Path, original: Path) -> None:
        migrate(work, original)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE trials SET state = 'FAIL' WHERE trial_id = 4")
        connection.commit()
        connection.close()

    monkeypatch.setattr(upgrade, "_migrate", migrate_late)

    with pytest.raises(StudyFileError, match="another program is writing to it"):
        upgrade_file(path)

    assert inspect_file(path).kind == "older"
    assert any("FAIL" in line and "VALUES(4" in line for line in _dump(path))
