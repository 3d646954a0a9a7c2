"""Studies made by plain Optuna, and the columns that hptui reads of them; and made-up trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import optuna
import sqlalchemy.event
from tests.made_trials import param_of, trials_of

from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from hptui.domain.objective import Direction
    from hptui.trials import FloatArray, ParamColumn, Trials

MIXED_CHOICES = (None, True, 1.5, "relu", "\x1b[2J")


@dataclass(frozen=True, slots=True, eq=False)
class PlainStudy:
    """A study and what hptui reads of it."""

    study: optuna.Study
    path: Path
    trials: Trials


def mixed(trial: optuna.Trial) -> float:
    """An objective with every kind of parameter, trial and value."""
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    width = trial.suggest_int("width", 1, 8)
    kind = trial.suggest_categorical("kind", MIXED_CHOICES)
    if width > 4:
        trial.suggest_float("momentum", 0.0, 1.0)
    trial.set_constraint("size", width - 7)
    for step in range(4):
        trial.report(lr * (4 - step) + width, step * 2)
    if trial.number % 7 == 3:
        raise optuna.TrialPruned
    if trial.number % 11 == 5:
        raise ValueError("failed")
    if trial.number % 13 == 6:
        return math.inf
    return math.log10(lr) ** 2 + width + (0.5 if kind is None else 0.0)


def several(trial: optuna.Trial, n_objectives: int) -> tuple[float, ...]:
    """An objective with several values, some trials infeasible and some equal."""
    x = [trial.suggest_int(f"x{index}", 0, 5) for index in range(n_objectives)]
    trial.set_constraint("sum", 10.0 - sum(x) - trial.number)
    return tuple(float(each) ** 2 - sum(x) for each in x)


def tuned(
    path: Path,
    name: str = "plain",
    *,
    n_objectives: int = 1,
    n_trials: int = 45,
    seed: int = 1,
    directions: Sequence[Direction] | None = None,
) -> PlainStudy:
    """Make a study with plain Optuna in a file.

    It is made once in a process, and copied: to write a trial takes Optuna 20 ms.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ways = tuple(directions or _minimize(n_objectives))
    path.write_bytes(_tuned_file(name, n_objectives, n_trials, seed, ways))
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    # Nobody needs these files after a power cut, and the disk may be slow.
    sqlalchemy.event.listen(storage.engine, "connect", _wait_for_no_disk)
    study = optuna.load_study(
        study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler(seed)
    )
    with StudyReader(path, name) as reader:
        reader.refresh()
    return PlainStudy(study, path, reader.trials)


@cache
def _tuned_file(
    name: str, n_objectives: int, n_trials: int, seed: int, directions: tuple[Direction, ...]
) -> bytes:
    """Return the content of the file of such a study.

    It is tuned in memory: in a file each parameter and report costs Optuna a transaction.
    """
    in_memory = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed), directions=directions
    )
    if n_objectives == 1:
        in_memory.optimize(mixed, n_trials, catch=(ValueError,))
    else:
        in_memory.optimize(lambda trial: several(trial, n_objectives), n_trials)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tuned.db"
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        sqlalchemy.event.listen(storage.engine, "connect", _wait_for_no_disk)
        study = optuna.create_study(study_name=name, storage=storage, directions=directions)
        study.add_trials(in_memory.get_trials(deepcopy=False))
        storage.remove_session()
        storage.engine.dispose()
        return path.read_bytes()


def _wait_for_no_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def made(
    values: Sequence[float] | Sequence[Sequence[float]] | FloatArray,
    directions: Sequence[Direction] = ("minimize",),
    *,
    states: Sequence[int] | None = None,
    infeasible: Sequence[int] = (),
    params: Mapping[str, ParamColumn] | None = None,
) -> Trials:
    """Trials 0, 1, 2 ... of 2 s each, one a second."""
    begins = np.arange(len(np.array(values, np.float64).reshape(-1, len(directions)))).astype(float)
    return trials_of(
        values,
        directions,
        states=states,
        starts_s=begins,
        completes_s=begins + 2,
        is_feasible=~np.isin(begins, infeasible),
        params=params,
    )


def _minimize(n_objectives: int) -> list[Direction]:
    return ["minimize"] * n_objectives


def many(n_objectives: int = 1, n_trials: int = 100_000) -> Trials:
    """A study of very many trials, with two parameters."""
    rng = np.random.default_rng(0)
    x = rng.random(n_trials)
    values = (x[:, None] - np.linspace(0.2, 0.8, n_objectives)) ** 2
    values += rng.random((n_trials, n_objectives)) / 10
    params = {
        "x": param_of("x", FloatParam(0.0, 1.0), x),
        "y": param_of("y", FloatParam(1e-5, 1.0, log=True), 10 ** (-5 * rng.random(n_trials))),
        "kind": param_of("kind", ChoiceParam(MIXED_CHOICES), rng.integers(0, 5, n_trials)),
    }
    return made(values, _minimize(n_objectives), params=params)
