"""Mirrors of studies on real servers: what they hold, and what becomes of them in trouble."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalRedisBackend
from optuna.study import StudyDirection
from sqlalchemy import text
from tests.servers import running
from tests.storage.mirroring import (
    address_of,
    arrays_of,
    assert_same_arrays,
    copied,
    studies_in,
    tables_of,
)
from tests.storage.random_studies import add_trials, run_trial, write_study
from tests.storage.test_mirror import fill

from hptui.cli.main import main
from hptui.errors import HptuiError
from hptui.storage.mirror import server as server_module
from hptui.storage.mirror.following import MirrorWriter, refresh, writing
from hptui.storage.mirror.mirrors import mirror_path, mirrors_folder
from hptui.storage.mirror.source import PasswordError
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from optuna.storages import BaseStorage
    from tests.servers.running import Server

    from hptui.domain.objective import Direction

pytestmark = [
    pytest.mark.servers,
    # Optuna's storages, and cursors of servers that were killed, are closed by nobody.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
KINDS = {"postgresql": running.postgresql, "mariadb": running.mariadb, "redis": running.redis}


class Place:
    """A server, and Optuna's storage on it."""

    def __init__(self, kind: str, server: Server, is_up: Callable[[], bool]) -> None:
        self.kind, self.server, self._is_up = kind, server, is_up
        self.url = server.address
        self._n_made = 0
        self.storage: BaseStorage

    def anew(self) -> None:
        """Leave what was stored, and begin with nothing."""
        self._n_made += 1
        if self.kind == "redis":
            self.url = f"{self.server.address}?prefix=p{self._n_made}"
            backend = JournalRedisBackend(self.server.address, prefix=f"p{self._n_made}")
            self.storage = JournalStorage(backend)
            return
        self.execute(f"CREATE DATABASE d{self._n_made}", self.server.address)
        own = "mysql" if self.kind == "mariadb" else "postgres"
        self.url = self.server.address.replace(f"/{own}?", f"/d{self._n_made}?")
        self.storage = RDBStorage(self.driven(self.url))

    def driven(self, url: str) -> str:
        """Return an address with its driver, as SQLAlchemy wants it."""
        named = url.replace("postgresql://", "postgresql+psycopg://")
        return named.replace("mysql://", "mysql+pymysql://")

    def execute(self, statement: str, url: str = "") -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        engine = create_engine(
            self.driven(url or self.url), poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(statement))

    def restart(self) -> None:
        self.server.start(self._is_up)


@pytest.fixture(scope="module", params=list(KINDS))
def whole(request: pytest.FixtureRequest) -> Generator[Place]:
    with KINDS[request.param]() as (server, is_up):
        yield Place(request.param, server, is_up)


@pytest.fixture
def place(whole: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setattr(server_module, "ATTRIBUTES_S", 0.0)
    whole.anew()
    return whole


@pytest.mark.filterwarnings("ignore")
def test_a_mirror_holds_what_the_server_does_however_often_it_is_looked_at(place: Place) -> None:
    rng, storage = random.Random(4), place.storage
    address = address_of(place.url)
    file = mirror_path(address)
    following: MirrorWriter | None = None
    for turn in range(5):
        study_id = storable_study(storage, rng, f"study {turn}")
        running_id = storage.create_new_trial(study_id)
        if turn == 3:
            storage.delete_study(study_id)
            study_id = storable_study(storage, rng, f"study {turn}")
            running_id = storage.create_new_trial(study_id)
        if turn % 2:
            refresh(address)
            following = None
        else:
            with writing(file):
                following = following or MirrorWriter(address, file)
                assert following.step()
                assert not following.step()
        assert studies_in(file) == studies_in(storage), turn
        run_trial(storage, running_id, rng, len(storage.get_study_directions(study_id)))
    refresh(address)
    assert studies_in(file) == studies_in(storage)


def storable_study(storage: BaseStorage, rng: random.Random, name: str) -> int:
    """Write a study that every server takes: some have no NUL, or no infinity."""
    study_id = storage.create_new_study([rng.choice(list(StudyDirection)[1:])], name)
    for number in range(4):
        study = optuna.load_study(study_name=name, storage=storage)
        trial = study.ask()
        trial.suggest_float("x é", -1e-300, 1e300)
        trial.suggest_categorical("kind", ["\x1b[2J", None, 0.5])
        trial.set_user_attr("u" * 500, {"a": [number, None, "ü\n"]})
        trial.report(rng.random(), 2**31 - 1)
        if number % 2:
            study.tell(trial, rng.random())
    return study_id


def test_every_table_and_array_is_as_in_a_copy_by_optuna(place: Place, tmp_path: Path) -> None:
    named: dict[str, list[Direction]] = {"one": ["minimize"], "two": ["maximize", "minimize"]}
    for name, directions in named.items():
        study = optuna.create_study(study_name=name, directions=directions, storage=place.storage)
        fill(study)
    address = address_of(place.url)
    refresh(address)
    file = mirror_path(address)
    copy = copied(place.storage, ["one", "two"], tmp_path / "copy.db")
    assert tables_of(file) == tables_of(copy)
    for name in ("one", "two"):
        assert_same_arrays(arrays_of(file, name), arrays_of(copy, name))
    if place.kind != "redis":
        alone = address.with_study("two")
        refresh(alone)
        assert studies_in(mirror_path(alone)) == studies_in(copy)[1:]
        assert main(["show", f"{place.url}#two", "1"]) == 0
        assert main(["show", f"{place.url}#three"]) == 2


def test_a_server_that_is_killed_and_comes_back_goes_on(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    if place.kind == "redis":
        pytest.skip("without persistence Redis comes back empty")
    study = optuna.create_study(study_name="a", storage=place.storage)
    study.tell(study.ask(), 1.0)
    address = address_of(place.url)
    file = mirror_path(address)
    with writing(file):
        writer = MirrorWriter(address, file)
        writer.step()
        before = studies_in(place.storage)
        place.server.kill()
        with pytest.raises(HptuiError):
            writer.step()
        with pytest.raises(HptuiError) as caught:
            writer.step()
        assert writer.state.is_stale
        assert studies_in(file) == before
        place.restart()
        study.tell(study.ask(), 2.0)
        writer.step()
        assert not writer.state.trouble
        assert studies_in(file) == studies_in(place.storage)
        writer.close()
    written = [each.read_text(errors="replace") for each in mirrors_folder().iterdir()]
    said = f"{caught.value} {caught.value.hint} {written} {capfd.readouterr()}"
    assert "sesame" not in said


def test_a_server_that_ends_in_the_middle_of_a_reading_leaves_whole_trials(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind == "redis":
        pytest.skip("its entries are read in one piece here")
    monkeypatch.setattr(server_module, "_TRIALS_A_CHUNK", 5)
    study = optuna.create_study(study_name="a", storage=place.storage)
    for number in range(20):
        study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), number)
    address = address_of(place.url)
    file = mirror_path(address)
    between, n_read = server_module.ServerSource._between, 0

    def ends_soon(self: Any, *given: Any) -> Any:
        nonlocal n_read
        n_read += 1
        if n_read == 9:
            place.server.kill()
        return between(self, *given)

    monkeypatch.setattr(server_module.ServerSource, "_between", ends_soon)
    with pytest.raises(HptuiError):
        refresh(address)
    with StudyReader(file, "a") as reader:
        reader.refresh()
        assert len(reader.trials) == 5
        assert not reader.damaged
        assert all(reader.trials.params["x"].has(row) for row in range(5))
    place.restart()
    refresh(address)
    assert studies_in(file) == studies_in(place.storage)


def test_what_others_write_to_trials_that_have_ended_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.kind == "redis":
        pytest.skip("a journal takes nothing for trials that have ended")
    study = optuna.create_study(study_name="a", storage=place.storage)
    for number in range(3):
        trial = study.ask()
        trial.set_user_attr("hptui:tags", ["a"])
        study.tell(trial, number)
    address = address_of(place.url)
    file = mirror_path(address)
    with writing(file):
        writer = MirrorWriter(address, file)
        writer.step()
        monkeypatch.setattr(server_module, "SWEEP_S", 0.0)
        monkeypatch.setattr(server_module, "_SWEEP_COST", 0.0)
        writer.step()
        place.execute("UPDATE trial_user_attributes SET value_json = '[\"b\"]'")
        writer.step()
        assert studies_in(file) == studies_in(place.storage)
        place.execute("DELETE FROM trial_user_attributes")
        writer.step()
        assert tables_of(file)["trial_user_attributes"] == []
        # And trials that are taken away, or brought in with lower ids.
        place.execute("DELETE FROM trial_values WHERE objective = 0")
        place.execute("DELETE FROM trials WHERE number = 1")
        writer.step()
        assert [each[1] for each in tables_of(file)["trials"]] == [0, 2]
        writer.close()


def test_a_hostile_server_costs_neither_memory_nor_sense(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if place.kind == "redis":
        pytest.skip("tests of journals have that")
    study = optuna.create_study(study_name="a", storage=place.storage)
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    trial.set_user_attr("big", 1)
    trial.set_user_attr("\x1b[2Jkey", 1)
    study.tell(trial, 1.0)
    if place.kind == "postgresql":
        # A hundred megabytes, of which none comes here.
        place.execute(
            "UPDATE trial_user_attributes SET value_json = repeat('x', 100000000) WHERE key = 'big'"
        )
        place.execute("UPDATE trial_params SET distribution_json = '{\"name\": ]'")
        place.execute("UPDATE trials SET datetime_start = 'infinity'")
        place.execute("UPDATE studies SET study_name = E'a\\x1b]0;evil\\x07'")
    else:
        monkeypatch.setattr(server_module, "MAX_TEXT_CHARS", 1_000)
        place.execute(
            "UPDATE trial_user_attributes SET value_json = repeat('x', 60000) WHERE `key` = 'big'"
        )
        place.execute("UPDATE trial_params SET distribution_json = '{\"name\": ]'")
        place.execute("UPDATE studies SET study_name = 'a\x1b]0;evil\x07'")
    address = address_of(place.url)
    refresh(address)
    file = mirror_path(address)
    with closing(sqlite3.connect(file)) as connection:
        ((name,),) = connection.execute("SELECT study_name FROM studies").fetchall()
        texts = [
            row[0] for row in connection.execute("SELECT value_json FROM trial_user_attributes")
        ]
    assert max(map(len, texts)) < 100
    with StudyReader(file, name) as reader:
        reader.refresh()
        assert len(reader.damaged) > 0
    capfd.readouterr()
    assert main(["ls", place.url]) == 0
    assert main(["show", place.url]) == 0
    said = capfd.readouterr()
    assert "\x1b" not in said.out + said.err
    place.execute("DROP TABLE trial_heartbeats")
    place.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
    with pytest.raises(HptuiError, match="tables of a newer Optuna"):
        raise_trouble(refresh(address).trouble)
    place.execute("DROP TABLE alembic_version")
    with pytest.raises(HptuiError, match="tables of an older Optuna"):
        raise_trouble(refresh(address).trouble)


def raise_trouble(trouble: str) -> None:
    """Raise what a mirror says of its source, as a first reading would."""
    if trouble:
        raise HptuiError(trouble)


def test_a_database_without_studies_and_a_wrong_password_are_told(place: Place) -> None:
    if place.kind == "redis":
        assert not refresh(address_of(place.url)).trouble
        return
    place.execute("CREATE DATABASE bare", place.server.address)
    own = "mysql" if place.kind == "mariadb" else "postgres"
    bare = place.server.address.replace(f"/{own}?", "/bare?")
    with pytest.raises(HptuiError, match="is a database without Optuna's tables"):
        refresh(address_of(bare))
    if place.kind == "mariadb":
        wrong = bare.replace("root@", "root:sesame@")
        with pytest.raises(PasswordError) as caught:
            refresh(address_of(wrong))
        assert "sesame" not in f"{caught.value}{caught.value.hint}"


def test_a_journal_in_redis_that_was_flushed_is_read_anew(place: Place) -> None:
    if place.kind != "redis":
        pytest.skip("of Redis alone")
    address = address_of(place.url)
    rng = random.Random(1)
    study_id = write_study(place.storage, rng, "a")
    add_trials(place.storage, study_id, rng, 5)
    refresh(address)
    assert studies_in(mirror_path(address)) == studies_in(place.storage)
    client = pytest.importorskip("redis").Redis.from_url(place.server.address)
    client.flushall()
    client.set("p1:snapshot", b"cos\nsystem\n(S'false'\ntR.")
    place.anew()
    client.close()
    again = address_of(place.url)
    write_study(place.storage, rng, "b")
    refresh(again)
    assert studies_in(mirror_path(again)) == studies_in(place.storage)
    # At the old prefix there is nothing but a pickle, which nobody loads.
    refresh(address)
    assert studies_in(mirror_path(address)) == []
