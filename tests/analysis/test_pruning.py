"""Where pruners end trials is where Optuna's pruners decide so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from tests.storage.study_file import StudyFile

from hptui.analysis.pruning import CompleteReports, pruning_thresholds
from hptui.cli.main import main
from hptui.domain.sampling import parse_pruner
from hptui.engine.given_trials import study_holding
from hptui.engine.pruners import build_pruner

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction

# NumPy's, of what Optuna hands to it: infinite values, and none at all.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

STEPS = (0, 1, 2, 4, 6, 9, 12)
N_TRIALS = 9


def complete_trials() -> list[optuna.trial.FrozenTrial]:
    """Trials that reported at some of the steps, some not a number, some infinite."""
    rng = np.random.default_rng(3)
    trials: list[optuna.trial.FrozenTrial] = []
    for number in range(N_TRIALS):
        reports = {step: float(rng.normal(10 - step, 2)) for step in STEPS if rng.random() < 0.8}
        if number == 0:
            reports = {}
        if number == 1:
            reports[2] = math.nan
        if number == 2:
            reports[4] = math.inf
        trial = optuna.trial.create_trial(value=1.0, intermediate_values=reports)
        trial.number = trial._trial_id = number  # pyright: ignore[reportPrivateUsage]
        trials.append(trial)
    return trials


def reports_of(trials: list[optuna.trial.FrozenTrial]) -> CompleteReports:
    pairs = [pair for trial in trials for pair in trial.intermediate_values.items()]
    return CompleteReports(
        np.array([step for step, _ in pairs], np.int64),
        np.array([value for _, value in pairs], np.float64),
        len(trials),
    )


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "spec",
    [
        "median",
        "median:n_startup_trials=10",
        "median:n_startup_trials=9,n_warmup_steps=2",
        "median:interval_steps=4",
        "median:n_warmup_steps=1,interval_steps=3,n_min_trials=7",
        "percentile:percentile=20",
        "percentile:percentile=85,n_min_trials=8",
        "threshold:upper=9",
        "threshold:lower=3,upper=8,n_warmup_steps=3,interval_steps=5",
        "patient:patience=0,wrapped=median",
    ],
)
def test_a_trial_is_pruned_exactly_beyond_a_threshold(spec: str, direction: Direction):
    trials = complete_trials()
    study = study_holding(trials, [direction])
    pruner = build_pruner(parse_pruner(spec))
    found = pruning_thresholds(reports_of(trials), parse_pruner(spec), direction)

    def is_pruned(step: int, value: float) -> bool:
        before = {known: value for known in STEPS if known < step}
        if "patient" in spec:
            # It looks only at what has stopped to improve; the best so far stays what it was.
            value += 1 if direction == "minimize" else -1
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING, intermediate_values={**before, step: value}
        )
        return pruner.prune(study, trial)

    least = 1 if "patient" in spec else 0
    for step in STEPS[least:]:
        levels = {
            each.is_upper: float(each.curve.values[each.curve.steps == step][0])
            for each in found
            if step in each.curve.steps
        }
        for is_upper in (True, False):
            outside = 1e9 if is_upper else -1e9
            assert is_pruned(step, outside) == (is_upper in levels)
        for is_upper, level in levels.items():
            if math.isfinite(level):
                little = 1e-9 if is_upper else -1e-9
                assert is_pruned(step, level + little)
                assert not is_pruned(step, level - little)


@pytest.mark.parametrize("spec", ["hyperband", "sha", "wilcoxon", "none", "patient:patience=3"])
def test_of_other_pruners_no_threshold_is_told(spec: str):
    reports = reports_of(complete_trials())
    assert pruning_thresholds(reports, parse_pruner(spec), "minimize") == ()


def test_very_many_reports_take_no_time_a_step():
    steps = np.repeat(np.arange(50_000), 2)
    values = np.arange(100_000.0)
    (found,) = pruning_thresholds(
        CompleteReports(steps, values, 9), parse_pruner("median"), "minimize"
    )
    assert (found.curve.values == values.reshape(-1, 2).mean(axis=1)).all()


def test_it_is_drawn_whatever_the_filter(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        study = file.add_study("a")
        runs = '[{"id": "1", "pruner": "median:n_startup_trials=2,n_warmup_steps=1"}]'
        file.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
            study,
            "hptui:runs",
            runs,
        )
        for value in (1.0, 2.0, 6.0):
            file.add_trial(value, reports=dict.fromkeys(range(4), value))
    assert main(["plot", str(path), "intermediate", "--width", "90"]) == 0
    assert "⠒ pruned above: median" in capsys.readouterr().out
    filtered = ["--filter", "value>3"]
    assert main(["plot", str(path), "intermediate", "--width", "90", *filtered]) == 0
    # The threshold is that of all trials, 2; here only values from 3 to 9 are seen.
    assert "pruned above: median, out of sight" in capsys.readouterr().out
