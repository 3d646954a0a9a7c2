"""What all tests share."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy.engine
from alembic.script import ScriptDirectory
from optuna.storages import RDBStorage
from sqlalchemy import Engine, event
from sqlalchemy.pool import NullPool
from tests.e2e.nursery import nursery
from tests.pace import APART, DEAREST, FAST, NOT_FAST
from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs]

if TYPE_CHECKING:
    from collections.abc import Generator

    from alembic.config import Config
    from tests.e2e.nursery import Orders
    from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs]

TESTS: Final = Path(__file__).parent
MEMORY: Final = Path("/dev/shm")
LEAST_MEMORY: Final = 2 << 30
"""Bytes that must be free there for the files of tests; they take a tenth of it."""

# Hundreds of programs are started: they keep what they compile of hptui, as an installed one has.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Each commit of a study waits for its disk.
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > LEAST_MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is fast, and put the dearest files first.

    Otherwise a worker might be left with one of these when the others are done.
    """
    files = {path: path.relative_to(TESTS).as_posix() for path in {each.path for each in items}}
    for item in items:
        file = files[item.path]
        if file.partition("/")[0] in FAST and file not in NOT_FAST:
            item.add_marker("fast")
    places = {path: _place(file) for path, file in files.items()}
    items.sort(key=lambda item: places[item.path])


class _ByFile(LoadFileScheduling):
    """Gives each worker a file at a time, of long ones a test."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return nodeid if file.removeprefix(f"{TESTS.name}/") in APART else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Return the scheduler for `--dist loadfile`."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while modules are imported: what they make stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: it would go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _place(file: str) -> int:
    for each in (file, file.partition("/")[0]):
        if each in DEAREST:
            return DEAREST.index(each)
    return len(DEAREST)


@pytest.fixture(autouse=True, scope="session")
def plain_optuna_closes_its_connections() -> Generator[None]:
    """Have plain Optuna close each connection to a file when it has used it.

    Otherwise the garbage collector closes them some day, of which Python 3.13 warns, and a warning
    fails whatever test runs then.
    """
    original = RDBStorage.__init__

    def init(
        self: RDBStorage, url: str, engine_kwargs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        is_file = ":memory:" not in url
        given = {"poolclass": NullPool, **(engine_kwargs or {})} if is_file else engine_kwargs
        original(self, url, given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RDBStorage, "__init__", init)
        yield


@pytest.fixture(autouse=True, scope="session")
def plain_optuna_reads_its_migrations_once() -> Generator[None]:
    """Have plain Optuna read the scripts of its migrations once, and not for each file it opens."""
    original = ScriptDirectory.from_config
    read: dict[str | None, ScriptDirectory] = {}

    def from_config(config: Config) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in read:
            read[place] = original(config)
        return read[place]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(autouse=True, scope="session")
def plain_optuna_compiles_its_statements_once() -> Generator[None]:
    """Have plain Optuna keep compiled statements beyond one storage: half of what loading takes."""
    original = sqlalchemy.engine.create_engine
    first: list[Engine] = []

    def create_engine(url: str, **more: Any) -> Engine:
        engine = original(url, **more)
        if engine.dialect.name == "sqlite":
            first.append(engine)
            del first[1:]
            # What is compiled is kept for a dialect, by its identity.
            engine.dialect = first[0].dialect
            vars(engine)["_compiled_cache"] = vars(first[0])["_compiled_cache"]
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlalchemy.engine, "create_engine", create_engine)
        yield


@pytest.fixture(autouse=True, scope="session")
def plain_optuna_waits_for_no_disk() -> Generator[None]:
    """Have plain Optuna leave it to the system when the disk gets what it has written."""

    def keep_going(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF").close()

    event.listen(Engine, "connect", keep_going)
    yield
    event.remove(Engine, "connect", keep_going)


@pytest.fixture(autouse=True, scope="session")
def nothing_of_the_persons_own(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Have all programs that tests start keep settings, states and data in a place of the tests."""
    place = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE", "DATA", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))
        yield


@pytest.fixture(scope="session")
def nursery_of_tests() -> Generator[Orders]:
    """What has programs cloned instead of started; see `clones_programs`."""
    with nursery() as orders:
        yield orders


@pytest.fixture
def clones_programs(nursery_of_tests: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runs, probes and workers that this process starts cloned (`e2e/nursery.py`)."""
    for module, name in (("_posixsubprocess", "fork_exec"), ("subprocess", "_fork_exec")):
        monkeypatch.setattr(f"{module}.{name}", nursery_of_tests)
