"""Each winner that the quick TPE finds, against Optuna's own mixtures."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from tests.engine.tpe.cases import SPACES, Case, outcome, past

from hptui.engine.sampling.tpe.sampler import QuickTPESampler

if TYPE_CHECKING:
    from collections.abc import Generator

    from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

    from hptui.engine.sampling.tpe.winner import Judge
    from hptui.trials import BoolArray, FloatArray

KINDS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    *(
        (name, 1, {})
        for name in (
            "floats",
            "logs",
            "ints",
            "mixed",
            "steps",
            "log-ints",
            "one",
            "one-int",
            "choices",
            "one-choice",
            "many-choices",
            "long-ints",
            "one-long-int",
            "far-off",
        )
    ),
    ("mixed", 1, {"multivariate": False}),
    ("floats", 2, {}),
    ("mixed", 2, {"multivariate": True}),
)


@dataclass(slots=True)
class Checked:
    """What was checked of one study."""

    winners: int = 0
    wrong: int = 0
    ties: int = 0
    """Winners that are ahead by less than 1e-11."""


class CheckedSampler(QuickTPESampler):
    """Compares each winner with the one by Optuna's own mixtures."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.checked = Checked()

    def _best(
        self,
        judge: Judge,
        others: BoolArray,
        candidates: dict[str, FloatArray],
        mixture: _ParzenEstimator,
    ) -> int:
        winner = judge.winner(others, candidates, mixture)
        of_others = self._mixture(judge.columns, np.flatnonzero(others), is_even=False)
        exact = mixture.log_pdf(candidates) - of_others.log_pdf(candidates)
        best = int(np.argmax(exact))
        if winner is not None:
            self.checked.winners += 1
            self.checked.wrong += winner != best
            if len(exact) > 1:
                second, first = np.sort(exact)[-2:]
                self.checked.ties += bool(first - second < 1e-11)
        return best


def check(name: str, m: int, options: dict[str, Any], n_trials: int, seed: int) -> Checked:
    """Have TPE make a study from 180 trials on, with six workers, and check its winners."""
    case = Case(SPACES[name], n_objectives=m)
    sampler = CheckedSampler(seed=seed, **options)
    study = optuna.create_study(sampler=sampler, directions=[StudyDirection.MINIMIZE] * m)
    study.add_trials(past(case, 180, seed))
    random = np.random.RandomState(seed)
    live: list[optuna.Trial] = []
    for _ in range(n_trials):
        live.append(study.ask(case.space))
        while len(live) > 5:
            trial = live.pop(random.randint(len(live)))
            study.tell(trial, outcome(case, trial.number, trial.params).values)
    return sampler.checked


def checks(n_winners: int, seed: int) -> Generator[tuple[str, Checked]]:
    """Check that many winners, in studies of 500 trials, each kind with one seed after the other.

    Short studies are cheap, and what a long one adds is tried by few of them.
    """
    n_checked = 0
    while n_checked < n_winners:
        for name, m, options in KINDS:
            n_trials = 3000 if seed % 10 == 9 and m == 1 else 500
            done = check(name, m, options, n_trials, seed)
            n_checked += done.winners
            yield f"{name} {m} {options} seed {seed}", done
            if n_checked >= n_winners:
                return
        seed += 1
