"""What a trial costs TPE with a history: Optuna's sampler and hptui's, in turns on one study."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import StudyDirection
from tests.engine.tpe.cases import MIXED, SPACES, Case, past

from hptui.domain.methods.asked_methods import parse_sampler
from hptui.engine.run.background import one_blas_thread
from hptui.engine.sampling.samplers import build_sampler

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.engine.tpe.cases import Space

_SPACES: Final[dict[str, Space]] = {
    "5 floats": SPACES["floats"],
    "5 mixed": MIXED,
    "20 floats": SPACES["floats20"],
    "20 mixed": SPACES["mixed20"],
}
_RUNS: Final = (
    ("5 floats", 100, None),
    ("5 mixed", 100, None),
    ("5 floats", 10_000, 10),
    ("5 mixed", 10_000, 10),
    ("20 floats", 10_000, 10),
    ("20 mixed", 10_000, 10),
    ("5 floats", 100_000, 40),
    ("5 mixed", 100_000, 40),
)
_OF_TWO: Final = (("5 floats", 10_000), ("5 floats", 100_000))
"""What is measured with two objectives."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Median milliseconds of CPU time of an ask with all its suggestions."""

    optuna: float
    hptui: float


def cost(name: str, n_trials: int, n_objectives: int = 1) -> Cost:
    """Measure after `n_trials`; the two take turns, so that a busy machine slows both."""
    space = _SPACES[name]
    # With one seed they would draw the same values into one study, where none are equal else.
    quick = build_sampler(
        parse_sampler("tpe"), seed=2, space={}, fixed={}, n_objectives=n_objectives
    )
    samplers: list[BaseSampler] = [TPESampler(seed=1), quick]
    study = optuna.create_study(directions=[StudyDirection.MINIMIZE] * n_objectives)
    study.add_trials(past(Case(space, n_objectives=n_objectives), n_trials, seed=1))
    times: list[list[float]] = [[], []]
    with one_blas_thread():
        for _ in range(8 if n_trials > 1000 else 30):
            for sampler, its_times in zip(samplers, times, strict=True):
                study.sampler = sampler
                began = time.process_time()
                trial = study.ask(space)
                its_times.append(1000 * (time.process_time() - began))
                random = np.random.default_rng(trial.number)
                study.tell(trial, random.random(n_objectives).tolist())
    # The first one reads the history.
    of_optuna, of_hptui = (statistics.median(each[1:]) for each in times)
    return Cost(of_optuna, of_hptui)


def rows() -> Generator[tuple[str, str, str, str]]:
    """Measure, and yield a row of `make bench` for each history."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name, n_trials, goal in _RUNS:
        found = cost(name, n_trials)
        aim = "" if goal is None else f" (goal {goal})"
        yield (
            f"(e) TPE, ask after {n_trials:,} trials, {name}",
            f"{found.optuna:.1f} ms",
            f"{found.hptui:.1f} ms",
            f"{found.optuna / found.hptui:.1f} times{aim}",
        )
    for name, n_trials in _OF_TWO:
        found = cost(name, n_trials, 2)
        yield (
            f"(e) TPE, ask after {n_trials:,} trials, {name}, 2 objectives",
            f"{found.optuna:.1f} ms",
            f"{found.hptui:.1f} ms",
            f"{found.optuna / found.hptui:.1f} times",
        )
    optuna.logging.set_verbosity(verbosity)


if __name__ == "__main__":
    for row in rows():
        print("| " + " | ".join(row) + " |", flush=True)
