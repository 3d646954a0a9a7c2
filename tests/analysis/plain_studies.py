"""Studies made by plain Optuna, and the columns that hptui reads of them; and made-up trials."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import optuna
import sqlalchemy.event

from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.domain.trial_states import COMPLETE
from hptui.storage.read.columns import StudyColumns
from hptui.storage.read.param_columns import ParamColumn

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray
    from hptui.domain.objective import Direction
    from hptui.domain.spaces.space import ParamSpec

MIXED_CHOICES = (None, True, 1.5, "relu", "\x1b[2J")


@dataclass(frozen=True, slots=True, eq=False)
class PlainStudy:
    """A study and what hptui reads of it."""

    study: optuna.Study
    path: Path
    trials: StudyColumns


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

    It is tuned in memory: in a file each parameter and report costs Optuna a transaction.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    in_memory = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed),
        directions=directions or _minimize(n_objectives),
    )
    if n_objectives == 1:
        in_memory.optimize(mixed, n_trials, catch=(ValueError,))
    else:
        in_memory.optimize(lambda trial: several(trial, n_objectives), n_trials)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    # Nobody needs these files after a power cut, and the disk may be slow.
    sqlalchemy.event.listen(storage.engine, "connect", _wait_for_no_disk)
    study = optuna.create_study(
        study_name=name, storage=storage, directions=in_memory.directions, sampler=in_memory.sampler
    )
    study.add_trials(in_memory.get_trials(deepcopy=False))
    with StudyColumns(path, name) as columns:
        columns.refresh()
    return PlainStudy(study, path, columns)


def _wait_for_no_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


@dataclass(frozen=True, slots=True, eq=False)
class MadeTrials:
    """Trials from arrays alone."""

    numbers: IntArray
    states: npt.NDArray[np.int8]
    starts_s: FloatArray
    completes_s: FloatArray
    values: FloatArray
    is_feasible: BoolArray
    params: Mapping[str, ParamColumn] = field(default_factory=dict[str, ParamColumn])
    directions: tuple[Direction, ...] = ("minimize",)


def made(
    values: Sequence[float] | Sequence[Sequence[float]] | FloatArray,
    directions: Sequence[Direction] = ("minimize",),
    *,
    states: Sequence[int] | None = None,
    infeasible: Sequence[int] = (),
    params: Mapping[str, ParamColumn] | None = None,
) -> MadeTrials:
    """Trials 0, 1, 2 ... of 2 s each, one a second."""
    given = np.array(values, np.float64).reshape(-1, len(directions))
    numbers = np.arange(len(given))
    state = np.full(len(given), COMPLETE) if states is None else np.array(states)
    return MadeTrials(
        numbers,
        state.astype(np.int8),
        numbers.astype(np.float64),
        numbers.astype(np.float64) + 2,
        given,
        ~np.isin(numbers, infeasible),
        dict(params or {}),
        tuple(directions),
    )


def _minimize(n_objectives: int) -> list[Direction]:
    return ["minimize"] * n_objectives


def param(
    name: str, spec: ParamSpec, values: Sequence[float] | FloatArray | IntArray
) -> ParamColumn:
    """A parameter of trials 0, 1, 2 ...; NaN where a trial does not have it."""
    column = ParamColumn(name, 0)
    column.specs.append(spec)
    given = np.array(values, np.float64)
    column.grow_to(len(given))
    rows = np.flatnonzero(~np.isnan(given))
    column.put(rows, given[rows], np.zeros(len(rows), np.int32))
    return column


def many(n_objectives: int = 1, n_trials: int = 100_000) -> MadeTrials:
    """A study of very many trials, with two parameters."""
    rng = np.random.default_rng(0)
    x = rng.random(n_trials)
    values = (x[:, None] - np.linspace(0.2, 0.8, n_objectives)) ** 2
    values += rng.random((n_trials, n_objectives)) / 10
    params = {
        "x": param("x", FloatParam(0.0, 1.0), x),
        "y": param("y", FloatParam(1e-5, 1.0, log=True), 10 ** (-5 * rng.random(n_trials))),
        "kind": param("kind", ChoiceParam(MIXED_CHOICES), rng.integers(0, 5, n_trials)),
    }
    return made(values, _minimize(n_objectives), params=params)
