"""Optuna's pruners and the quick ones in lockstep: the same decisions, and the same is stored.

Workers are interleaved, some reports tie, are infinite or no numbers, steps come out of order, and
trials of other programs appear with whatever values and rungs.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from optuna.trial import TrialState

from hptui.domain.methods.asked_methods import parse_pruner
from hptui.engine.sampling.pruners import build_pruner

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

p = optuna.pruners
KINDS: Final[dict[str, Callable[[], BasePruner]]] = {
    "median": p.MedianPruner,
    "median:n_startup_trials=0,n_min_trials=3": lambda: p.MedianPruner(0, n_min_trials=3),
    "median:n_warmup_steps=2,interval_steps=3": lambda: p.MedianPruner(5, 2, 3),
    "percentile:percentile=25": lambda: p.PercentilePruner(25.0),
    "percentile:percentile=33.3": lambda: p.PercentilePruner(33.3),
    "percentile:percentile=0": lambda: p.PercentilePruner(0.0),
    "percentile:percentile=100,n_startup_trials=0": lambda: p.PercentilePruner(100.0, 0),
    "sha": p.SuccessiveHalvingPruner,
    "sha:min_resource=1,reduction_factor=2": lambda: p.SuccessiveHalvingPruner(1, 2),
    "sha:min_resource=2,reduction_factor=3,min_early_stopping_rate=1,bootstrap_count=4": (
        lambda: p.SuccessiveHalvingPruner(2, 3, 1, 4)
    ),
    "hyperband": p.HyperbandPruner,
    "hyperband:min_resource=1,max_resource=9,reduction_factor=2,bootstrap_count=2": (
        lambda: p.HyperbandPruner(1, 9, 2, 2)
    ),
    "patient:patience=1,wrapped=median(n_startup_trials=1)": (
        lambda: p.PatientPruner(p.MedianPruner(1), 1)
    ),
    "patient:patience=0,min_delta=0.1,wrapped=hyperband": (
        lambda: p.PatientPruner(p.HyperbandPruner(), 0, 0.1)
    ),
    "patient:patience=1,wrapped=percentile(percentile=40,n_startup_trials=0)": (
        lambda: p.PatientPruner(p.PercentilePruner(40.0, 0), 1)
    ),
    "patient:patience=0,wrapped=sha(min_resource=1,reduction_factor=2)": (
        lambda: p.PatientPruner(p.SuccessiveHalvingPruner(1, 2), 0)
    ),
    "patient:patience=0,wrapped=wilcoxon(p_threshold=0.5)": (
        lambda: p.PatientPruner(p.WilcoxonPruner(p_threshold=0.5), 0)
    ),
    "patient:patience=2": lambda: p.PatientPruner(None, 2),
    "threshold:lower=-1,upper=3,n_warmup_steps=1": lambda: p.ThresholdPruner(-1, 3, 1),
    "wilcoxon:p_threshold=0.3": lambda: p.WilcoxonPruner(p_threshold=0.3),
    "wilcoxon:p_threshold=0.5,n_startup_steps=0": (
        lambda: p.WilcoxonPruner(p_threshold=0.5, n_startup_steps=0)
    ),
}
REPORTS: Final = ("plain", "tied", "nan", "infinite", "nan infinite tied", "constrained equal")
"""What is odd about the trials, as words that `Race` and `_value` read."""


@dataclass(slots=True)
class Race:
    """Two studies with the same trials, the first one pruned by Optuna."""

    studies: list[optuna.Study]
    random: np.random.RandomState
    words: str
    live: list[list[optuna.Trial]] = field(default_factory=list[list[optuna.Trial]])
    n_compared: int = 0
    n_pruned: int = 0

    def run(self, n_trials: int) -> None:
        """Begin that many trials, of up to six workers, and let all end.

        Raises:
            AssertionError: The two differ.
        """
        random = self.random
        n_workers = int(random.choice([1, 2, 6]))
        n_begun = 0
        while n_begun < n_trials or self.live:
            if n_begun < n_trials and len(self.live) < n_workers and random.rand() < 0.4:
                n_begun += 1
                if random.rand() < 0.1:
                    self._add_one_of_another_program()
                self.live.append([study.ask() for study in self.studies])
            elif self.live:
                self._go_on(self.live[random.randint(len(self.live))])
        ended = [study.get_trials(deepcopy=False) for study in self.studies]
        for ours, theirs in zip(*ended, strict=True):
            assert _what_counts(ours) == _what_counts(theirs), ours.number

    def _go_on(self, twins: list[optuna.Trial]) -> None:
        random = self.random
        if random.rand() < 0.1:
            self._end(twins, TrialState.FAIL if random.rand() < 0.3 else TrialState.COMPLETE)
            return
        known = twins[0]._get_latest_trial().intermediate_values
        step = max(known, default=-1) + 1 if random.rand() < 0.9 else int(random.randint(12))
        value = _value(random, step, self.words)
        for trial in twins:
            trial.report(value, step)
        if random.rand() < 0.1:
            return
        decisions = [trial.should_prune() for trial in twins]
        assert decisions[0] == decisions[1], (twins[0].number, step)
        self.n_compared += 1
        if decisions[0] and random.rand() < 0.9:
            self.n_pruned += 1
            self._end(twins, TrialState.PRUNED)

    def _end(self, twins: list[optuna.Trial], state: TrialState) -> None:
        self.live.remove(twins)
        value = float(self.random.rand()) if state is TrialState.COMPLETE else None
        violation = None
        if "constrained" in self.words and value is not None:
            # The better, the less likely is it to be feasible.
            violation = 1 - 2 * value + float(self.random.randn())
        if "equal" in self.words and value is not None:
            value = round(value, 1)
        for trial, study in zip(twins, self.studies, strict=True):
            if violation is not None:
                trial.set_constraint("most", violation)
            study.tell(trial, value, state=state)

    def _add_one_of_another_program(self) -> None:
        random = self.random
        n_steps = int(random.randint(6))
        reports = {step: _value(random, step, self.words) for step in range(n_steps)}
        rungs = {f"completed_rung_{k}": _value(random, k, "tied") for k in range(n_steps // 2)}
        state = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING][random.randint(3)]
        one = optuna.create_trial(
            state=state,
            value=float(random.rand()) if state is TrialState.COMPLETE else None,
            intermediate_values=reports,
            system_attrs=rungs,
        )
        for study in self.studies:
            study.add_trial(one)


def _value(random: np.random.RandomState, step: int, words: str) -> float:
    value = float(random.randn() + 3 / (step + 1))
    if "tied" in words:
        value = float(round(value))
    if "nan" in words and random.rand() < 0.2:
        return math.nan
    if "infinite" in words and random.rand() < 0.25:
        return math.inf if random.rand() < 0.7 else -math.inf
    return value


def _what_counts(trial: optuna.trial.FrozenTrial) -> tuple[Any, ...]:
    values = {step: repr(value) for step, value in trial.intermediate_values.items()}
    return trial.number, trial.state, values, trial.system_attrs


def race(
    kind: str, words: str, seed: int, n_trials: int, storage: BaseStorage | None = None
) -> Race:
    """Have both pruners judge the same trials, the quick one's in `storage`.

    Raises:
        AssertionError: They differ.
    """
    random = np.random.RandomState(seed)
    direction = ("minimize", "maximize")[random.randint(2)]
    with warnings.catch_warnings():
        # NumPy's about NaN and infinities, and Optuna's about trials of others.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*runs at Optuna's own speed")
        studies = [
            optuna.create_study(storage=where, study_name="same", direction=direction, pruner=each)
            for where, each in ((None, KINDS[kind]()), (storage, build_pruner(parse_pruner(kind))))
        ]
        done = Race(studies, random, words)
        done.run(n_trials)
    return done
