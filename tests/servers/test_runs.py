"""Runs of studies on real servers: what is stored, what others see, and what dies with what."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from tests.servers.test_servers import KINDS, Place
from tests.storage.mirroring import address_of, studies_in
from tests.waiting import wait_until

from hptui.cli.main import main
from hptui.domain.attribute_keys import ENGINE_PREFIX, RUN_KEY, RUNS_KEY
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run import commits
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import HptuiError, StudyBusyError
from hptui.storage.files.leases import Lease
from hptui.storage.mirror.mirrors import mirror_path
from hptui.storage.server import study_server
from hptui.storage.server.study_server import StudyServer
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from hptui.engine.run.study_trials import TrialRecord

pytestmark = [
    pytest.mark.servers,
    # Optuna's storages, and connections to servers that were killed, are closed by nobody.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]
LONG = pytest.mark.skipif("LONG" not in os.environ, reason="takes minutes: LONG=1")
OBJECTIVE = """
import time, os

def objective(trial):
    x = trial.suggest_float("x", -5, 5)
    kind = trial.suggest_categorical("kind", ["a", None, 0.5])
    trial.set_user_attr("told", {"x": x, "long": "é" * 3000})
    for step in range(4):
        trial.report(float("inf") if step == 2 else x * x + step, step)
    if trial.number % 7 == 3:
        raise ValueError("on purpose")
    if trial.number % 5 == 4:
        import optuna
        raise optuna.TrialPruned
    return x * x


def slow(trial):
    path = os.environ["GO_ON"]
    trial.suggest_float("x", 0, 1)
    while not os.path.exists(path):
        time.sleep(0.02)
    return 1.0
"""
SCRIPT = """
import sys, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(study_name="s", storage=optuna.storages.RDBStorage(sys.argv[1]))
study.optimize(lambda t: t.suggest_float("x", -5, 5) ** 2, n_trials=int(sys.argv[2]))
"""


@pytest.fixture(scope="module", params=("postgresql", "mariadb"))
def whole(request: pytest.FixtureRequest) -> Generator[Place]:
    with KINDS[request.param]() as (server, is_up):
        yield Place(request.param, server, is_up)


@pytest.fixture
def place(whole: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("GO_ON", str(tmp_path / "go-on"))
    (tmp_path / "work.py").write_text(OBJECTIVE)
    monkeypatch.chdir(tmp_path)
    whole.anew()
    return whole


class Told(Silent):
    """What a run announces."""

    def __init__(self) -> None:
        self.records: list[TrialRecord] = []
        self.notes: list[str] = []

    def trial(self, record: TrialRecord) -> None:
        self.records.append(record)

    def note(self, text: str) -> None:
        self.notes.append(text)


def plan_of(place: Place, objective: str = "objective", **fields: Any) -> RunPlan:
    """A plan of 20 trials of two threads, which cost less than processes."""
    address = address_of(f"{place.url}#s")
    file = os.path.abspath("work.py")
    plan = RunPlan(
        ref=ObjectiveRef("file", file, objective, objective),
        study_file=mirror_path(address),
        study="s",
        server=address,
        sampler="random",
        budget=Budget(n_trials=20),
        n_workers=2,
        backend="threading",
        seed=1,
    )
    return replace(plan, **fields)


def run(plan: RunPlan) -> Told:
    told = Told()
    Engine(plan, told).run()
    return told


def loaded(place: Place) -> optuna.Study:
    # Connections to a server that was killed are no good any more.
    place.storage = RDBStorage(place.driven(place.url))
    return optuna.load_study(study_name="s", storage=place.storage)


def query(place: Place, statement: str) -> list[Any]:
    engine = create_engine(place.driven(place.url), poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def engines_of(place: Place) -> list[str]:
    """The keys of the engines that say they run a study."""
    keys = query(place, "SELECT * FROM study_system_attributes")
    return [row[2] for row in keys if row[2].startswith(ENGINE_PREFIX)]


def test_what_a_run_stores_is_optunas_own(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    waiting = loaded_new(place)
    waiting.enqueue_trial({"x": 0.25, "kind": None})
    told = run(plan_of(place))
    study = loaded(place)
    assert [each.number for each in study.trials] == list(range(20))
    assert study.trials[0].params == {"x": 0.25, "kind": None}
    states = Counter(each.state for each in study.trials)
    assert {state.name: n for state, n in states.items()} == dict(
        Counter(each.state.upper() for each in told.records)
    )
    assert states[TrialState.FAIL] == 3
    assert all(each.user_attrs["told"]["long"] == "é" * 3000 for each in study.trials)
    assert study.trials[0].intermediate_values == {0: 0.0625, 1: 1.0625, 2: float("inf"), 3: 3.0625}
    # The mirror is as the server at the end, and nobody runs the study any more.
    assert studies_in(mirror_path(address_of(f"{place.url}#s"))) == studies_in(place.storage)
    assert engines_of(place) == []
    ((n_beats,),) = query(place, "SELECT COUNT(*) FROM trial_heartbeats")
    assert n_beats == 20
    # The command line goes on with it, and names no file.
    capfd.readouterr()
    words = ["work.py:objective", "--storage", f"{place.url}#s", "--trials", "2", "--workers", "1"]
    assert main(["run", *words]) in (0, 3)
    said = capfd.readouterr()
    assert "->  postgresql://me@/" in said.err or "->  mysql://root@localhost/" in said.err, said
    assert "mirrors" not in said.out + said.err, said
    assert "sesame" not in said.out + said.err
    runs = place.storage.get_study_system_attrs(1)[RUNS_KEY]
    assert [each["reason"] for each in runs] == ["trials", "trials"]


def loaded_new(place: Place) -> optuna.Study:
    return optuna.create_study(study_name="s", storage=place.storage)


def test_tables_and_study_are_made_where_there_are_none(place: Place) -> None:
    place.execute("CREATE DATABASE bare2", place.server.address)
    own = "mysql" if place.kind == "mariadb" else "postgres"
    bare = place.server.address.replace(f"/{own}?", "/bare2?")
    refused = ["run", "work.py:nothing", "--storage", f"{bare}#s"]
    assert main(refused) == 2
    storage = ["--storage", f"{bare}#s", "--workers", "1", "--backend", "threading"]
    assert main(["run", "work.py:objective", *storage, "--trials", "3", "--quiet"]) == 0
    study = optuna.load_study(study_name="s", storage=RDBStorage(place.driven(bare)))
    assert [each.number for each in study.trials] == [0, 1, 2]
    place.execute("DROP DATABASE bare2", place.server.address)


@contextmanager
def running_engine(place: Place, *options: str, cache: str = "cache") -> Generator[Any]:
    """A run in a process of its own, with a mirror of its own."""
    command = [sys.executable, "-P", "-m", "hptui", "run", *options, "--storage", f"{place.url}#s"]
    environment = {**os.environ, "XDG_CACHE_HOME": os.path.abspath(cache)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_another_engine_is_refused_unless_it_joins_and_one_that_dies_is_known(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    slow = ("work.py:slow", "--trials", "9", "--workers", "2", "--quiet", "--any-objective")
    with running_engine(place, *slow, cache="other") as other:
        wait_until(lambda: len(query_running(place)) == 2, "two trials that run")
        with pytest.raises(StudyBusyError, match="is being run by process") as caught:
            run(plan_of(place, any_objective=True))
        assert "--join" in caught.value.hint
        assert str(other.pid) in caught.value.message
        told = run(plan_of(place, join=True, budget=Budget(n_trials=4), any_objective=True))
        assert sorted(each.number for each in told.records) == [2, 3, 4, 5]
        assert len(query_running(place)) == 2
        # Commands reach it by the mirror, which it keeps in step.
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
        capfd.readouterr()
        assert main(["status", f"{place.url}#s", "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["pid"] == other.pid
        assert main(["pause", f"{place.url}#s"]) == 0
        other.kill()
        other.wait()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(engines_of(place)) == 1
    # Plain programs' trials, and those without a heartbeat, are let be.
    foreign = loaded(place).ask()
    told = run(plan_of(place, budget=Budget(n_trials=1), any_objective=True))
    study = loaded(place)
    assert [each.state.name for each in study.trials[:2]] == ["FAIL", "FAIL"]
    assert study.trials[foreign.number].state is TrialState.RUNNING
    assert engines_of(place) == []
    ids = [each["id"] for each in place.storage.get_study_system_attrs(1)[RUNS_KEY]]
    assert len(ids) == len(set(ids)) == 3


def query_running(place: Place) -> list[Any]:
    return query(
        place,
        "SELECT trial_id FROM trials JOIN trial_heartbeats USING (trial_id)"
        " WHERE state = 'RUNNING'",
    )


def together(place: Place, n_each: int, n_waiting: int) -> None:
    """Let two engines and a plain script fill one study, and look at every trial."""
    study = loaded_new(place)
    for number in range(n_waiting):
        study.enqueue_trial({"x": number / n_waiting}, user_attrs={"waited": number})
    quick = ("work.py:objective", "--trials", str(n_each), "--workers", "2", "--quiet", "--join")
    quick += ("--backend", "threading", "--sampler", "random")
    arguments = [sys.executable, "-c", SCRIPT, place.driven(place.url), str(n_each)]
    with (
        running_engine(place, *quick, cache="one") as one,
        running_engine(place, *quick, cache="two") as two,
        subprocess.Popen(arguments) as script,
    ):
        assert [each.wait() for each in (one, two, script)] == [0, 0, 0]
    trials = loaded(place).trials
    assert [each.number for each in trials] == list(range(3 * n_each))
    assert all(each.state.is_finished() for each in trials)
    waited = Counter(each.user_attrs.get("waited", -1) for each in trials)
    assert all(waited[number] == 1 for number in range(n_waiting))
    runs = Counter(each.system_attrs.get(RUN_KEY) for each in trials)
    assert sorted(runs.values()) == [n_each] * 3
    # Whose trial it is, it was run by: what an enqueued trial asks for is what it got.
    assert all(
        each.params["x"] == each.user_attrs["waited"] / n_waiting
        for each in trials
        if "waited" in each.user_attrs
    )


@pytest.mark.parametrize("n_each", [200, pytest.param(3_400, marks=LONG)], ids=["short", "long"])
def test_two_engines_and_a_script_share_a_study(place: Place, n_each: int) -> None:
    together(place, n_each, n_waiting=60)


@contextmanager
def opened(place: Place) -> Generator[SqliteStorage]:
    """A study on the server, as an engine has it that runs it."""
    server = StudyServer(address_of(f"{place.url}#s"))
    server.look(60.0)
    storage = SqliteStorage(server.path, server=server)
    study_id = storage.get_study_id_from_name("s")
    server.claim(study_id, Lease.of_this_process("s", "run", Path()), join=False)
    storage.read_back(60.0)
    storage.grouped = True
    yield storage
    storage.discard()


def again(place: Place, act: Callable[[], Any]) -> Any:
    """Do something as often as the server refuses it, which is started again."""
    done: list[Any] = []

    def is_done() -> bool:
        with suppress(StudyBusyError):
            done.append(act())
        if not done and place.server.has_ended:
            place.restart()
        return bool(done)

    wait_until(is_done, "the server to take it")
    return done[0]


def test_a_server_that_dies_in_mid_commit_loses_and_doubles_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded_new(place).enqueue_trial({"x": 0.5})
    written, n_writes = study_server.write_rows, 0

    def dies(*arguments: Any) -> None:
        nonlocal n_writes
        written(*arguments)
        n_writes += 1
        if n_writes % 4 == 0:
            # What was written in this transaction is gone with it.
            place.server.kill()

    monkeypatch.setattr(study_server, "write_rows", dies)
    with opened(place) as storage:
        study = optuna.Study(study_name="s", storage=storage)
        for number in range(6):
            trial = again(place, study.ask)
            assert trial.number == number
            trial.suggest_float("x", 0, 1)
            study.tell(trial, number)

            def flush() -> bool:
                if not storage.flush():
                    assert "sesame" not in (storage.trouble or "")
                    raise StudyBusyError(storage.trouble or "")
                return True

            again(place, flush)
        assert n_writes > 8
        trials = loaded(place).trials
        assert [(each.number, each.value) for each in trials] == [(n, n) for n in range(6)]
        assert storage.take_conflicts() == []


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "lost"])
def test_a_commit_without_an_answer_is_asked_after(
    place: Place, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    made, n_commits = study_server._engine_of, 0

    def engine_of(address: Any) -> Any:
        engine: Any = made(address)
        ends = engine.dialect.do_commit

        def commit(connection: Any) -> None:
            nonlocal n_commits
            n_commits += 1
            # The first ones are of connecting and of taking the study.
            if n_commits < 8 or n_commits % 5:
                ends(connection)
                return
            if is_committed:
                ends(connection)
            connection.close()
            raise OperationalError("COMMIT", None, Exception("the connection was lost"))

        engine.dialect.do_commit = commit
        return engine

    monkeypatch.setattr(study_server, "_engine_of", engine_of)
    address = address_of(f"{place.url}#s")
    loaded_new(place)
    told = run(plan_of(place))
    trials = loaded(place).trials
    assert n_commits > 10
    finished = [each.number for each in trials if each.state.is_finished()]
    assert finished == list(range(len(trials))), address
    assert sorted(each.number for each in told.records) == finished == list(range(20))
    # On a busy machine it may say that it waits.
    assert not any("by another program" in note for note in told.notes), told.notes


def test_a_run_whose_server_stays_away_ends_and_what_it_lacks_is_stored_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "LIMIT_S", 1.0)
    monkeypatch.setattr(study_server, "_LAST_S", 0.2)

    class Kills(Told):
        def trial(self, record: TrialRecord) -> None:
            super().trial(record)
            if len(self.records) == 5:
                place.server.kill()

    told = Kills()
    with pytest.raises(HptuiError) as caught:
        Engine(plan_of(place), told).run()
    said = f"{caught.value} {caught.value.hint}"
    assert "could not be written" in said
    assert "sesame" not in said
    place.restart()
    announced = {each.number for each in told.records}
    ended = {each.number for each in loaded(place).trials if each.state.is_finished()}
    assert announced <= ended
    again = run(plan_of(place, budget=Budget(n_trials=1)))
    trials = loaded(place).trials
    assert [each.number for each in trials] == list(range(len(trials)))
    assert all(each.state.is_finished() for each in trials)
    assert len(again.records) == 1


def test_a_trial_that_others_fail_stays_so_and_a_deleted_study_ends_the_run(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meddles(Told):
        def __init__(self) -> None:
            super().__init__()
            self.failed = -1

        def progress(self, progress: Any) -> None:
            running = query_running(place)
            if running and self.failed < 0:
                (self.failed,) = running[0]
                place.execute(f"UPDATE trials SET state = 'FAIL' WHERE trial_id = {self.failed}")
                (tmp_path / "go-on").touch()

    told = Meddles()
    Engine(plan_of(place, "slow", budget=Budget(n_trials=3)), told).run()
    trials = loaded(place).trials
    states = {each._trial_id: each.state.name for each in trials}
    assert states[told.failed] == "FAIL"
    assert Counter(states.values()) == {"FAIL": 1, "COMPLETE": 2}
    assert any("by another program" in note for note in told.notes), told.notes

    class Deletes(Told):
        def trial(self, record: TrialRecord) -> None:
            super().trial(record)
            if len(self.records) == 2:
                place.storage.delete_study(1)

    with pytest.raises(HptuiError, match="was deleted"):
        Engine(plan_of(place, any_objective=True, budget=Budget(n_trials=200)), Deletes()).run()
