"""What hptui writes Optuna reads the same, field by field, and the other way round."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.comparison import content_of, plain_optuna
from tests.storage.random_studies import add_trials, write_study

from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = range(4)
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")
in_zones = pytest.mark.parametrize(
    ("seed", "_time_zone"), [(seed, ZONES[seed % 3]) for seed in range(6)], indirect=["_time_zone"]
)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def _time_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    from hptui.storage.sqlite import timestamps

    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    timestamps._offsets.clear()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
    timestamps._offsets.clear()


@pytest.mark.usefixtures("_time_zone")
@pytest.mark.parametrize("grouped", [False, True])
@in_zones
def test_optuna_reads_what_hptui_wrote(tmp_path: Path, seed: int, grouped: bool) -> None:
    rng = random.Random(seed)
    with SqliteStorage(tmp_path / "a.db", create=True) as storage:
        storage.grouped = grouped
        for index in range(2):
            write_study(storage, rng, f"study {index}")
            if rng.random() < 0.5:
                storage.flush()
        storage.flush()
        written = content_of(storage)
        assert content_of(tmp_path / "a.db") == written
    assert content_of(tmp_path / "a.db") == written


@pytest.mark.usefixtures("_time_zone")
@in_zones
def test_hptui_reads_what_optuna_wrote(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    theirs = plain_optuna(tmp_path / "a.db")
    for _ in range(2):
        write_study(theirs, rng)
    theirs.engine.dispose()

    with SqliteStorage(tmp_path / "a.db") as ours:
        assert content_of(ours) == content_of(tmp_path / "a.db")


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_both_can_take_turns_on_open_connections(tmp_path: Path, seed: int, grouped: bool) -> None:
    rng = random.Random(seed)
    with SqliteStorage(tmp_path / "a.db", create=True) as ours:
        theirs = plain_optuna(tmp_path / "a.db")
        ours.grouped = grouped
        study_id = write_study(ours, rng, "shared")
        for _ in range(3):
            assert ours.flush()
            add_trials(theirs, study_id, rng, 3)
            theirs.set_study_user_attr(study_id, "turn", rng.random())
            if rng.random() < 0.3:
                write_study(theirs, rng)
            ours.refresh()
            add_trials(ours, study_id, rng, 3)
        assert ours.flush()
        assert ours.take_conflicts() == []
        theirs.engine.dispose()
        assert content_of(ours) == content_of(tmp_path / "a.db")


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_a_study_goes_on_the_same_whichever_program_continues_it(tmp_path: Path, name: str) -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -3, 3)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        trial.report(x, 0)
        return x**2 + (kind == "a")

    def sampler() -> optuna.samplers.BaseSampler:
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=3, n_startup_trials=4)
        return optuna.samplers.RandomSampler(seed=3)

    histories: list[list[tuple[object, ...]]] = []
    for order in (("ours", "theirs", "ours"), ("theirs", "theirs", "theirs")):
        path = tmp_path / f"{'-'.join(order)}.db"
        SqliteStorage(path, create=True).close()
        for who in order:
            storage = SqliteStorage(path) if who == "ours" else plain_optuna(path)
            study = optuna.create_study(
                storage=storage, sampler=sampler(), study_name="s", load_if_exists=True
            )
            study.optimize(objective, n_trials=6)
            if isinstance(storage, SqliteStorage):
                storage.close()
            else:
                storage.engine.dispose()
        with SqliteStorage(path) as storage:
            study = optuna.load_study(study_name="s", storage=storage)
            histories.append(
                [(t.number, t.params, t.values, t.intermediate_values) for t in study.trials]
            )
    assert len(histories[0]) == 18
    assert histories[0] == histories[1]
