"""Optuna's own storage suite, on ours: writing at once, and in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.testing.pytest_storages import StorageTestCase
from tests.storage.comparison import content_of

from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestWritingAtOnce(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[SqliteStorage]:
        with SqliteStorage(tmp_path / "study.db", create=True) as storage:
            yield storage
            assert storage.pending == 0
            assert content_of(storage) == content_of(tmp_path / "study.db")


class TestGrouped(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[SqliteStorage]:
        with SqliteStorage(tmp_path / "study.db", create=True) as storage:
            storage.grouped = True
            yield storage
            assert storage.flush()
            assert content_of(storage) == content_of(tmp_path / "study.db")
