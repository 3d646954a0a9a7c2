"""Where pruners end trials is where Optuna's pruners decide so."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from tests.storage.study_file import StudyFile

from hptui.analysis.pruning.curves import Curve
from hptui.analysis.pruning.rungs import RungValues
from hptui.analysis.pruning.step_reports import CompleteReports
from hptui.analysis.pruning.thresholds import (
    JudgedTrial,
    PrunerSight,
    Pruning,
    needs_reports,
    pruning_of,
)
from hptui.cli.main import main
from hptui.domain.methods.asked_methods import parse_pruner
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.read_only_storage import study_holding
from hptui.figures.thresholds import read_pruning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.domain.objective import Direction

# NumPy's, of what Optuna hands to it: infinite values, and none at all.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

STEPS = (0, 1, 2, 4, 6, 9, 12)
N_TRIALS = 9
RUNG = "completed_rung_"


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


def curve_of(trial: optuna.trial.FrozenTrial) -> Curve:
    reports = sorted(trial.intermediate_values.items())
    steps, values = [step for step, _ in reports], [value for _, value in reports]
    return Curve(np.array(steps, np.int64), np.array(values, np.float64))


def sight_of(
    trials: Sequence[optuna.trial.FrozenTrial],
    direction: Direction = "minimize",
    judged: optuna.trial.FrozenTrial | None = None,
    *,
    name: str = "",
) -> PrunerSight:
    complete = [each for each in trials if each.state.name == "COMPLETE"]
    rows = [(each.number, *pair) for each in complete for pair in each.intermediate_values.items()]
    rungs = [
        (each.number, int(key.removeprefix(RUNG)), value)
        for each in trials
        for key, value in each.system_attrs.items()
        if key.startswith(RUNG)
    ]
    return PrunerSight(
        name,
        direction,
        CompleteReports(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
            len(complete),
        ),
        RungValues(
            np.array([row[0] for row in rungs], np.int64),
            np.array([row[1] for row in rungs], np.int64),
            np.array([row[2] for row in rungs], np.float64),
        ),
        None
        if judged is None
        else JudgedTrial(judged.number, curve_of(judged), judged.state.name == "COMPLETE"),
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
    found = pruning_of(sight_of(trials, direction), parse_pruner(spec))
    assert bool(found.thresholds) != bool(found.why_none)

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
            for each in found.thresholds
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


def is_beyond(found: Pruning, trial: optuna.trial.FrozenTrial, direction: Direction) -> bool:
    """What the thresholds of a trial say of its last report."""
    step = max(trial.intermediate_values)
    own = trial.intermediate_values[step]
    values = [each for each in trial.intermediate_values.values() if not math.isnan(each)]
    for each in found.thresholds:
        is_best = "median" in each.name or "percentile" in each.name
        value = (min if direction == "minimize" else max)(values) if is_best and values else own
        if each.is_rungs:
            n_reached = sum(key.startswith(RUNG) for key in trial.system_attrs)
            levels = each.curve.values[n_reached:][each.curve.steps[n_reached:] <= step]
        else:
            levels = each.curve.values[each.curve.steps == step]
        if any((value > level) if each.is_upper else (value < level) for level in levels):
            return True
        if len(levels) and math.isnan(value):
            return True
    return False


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "spec",
    [
        "median",
        "percentile:percentile=70,n_warmup_steps=2,interval_steps=3",
        "threshold:lower=-4,upper=4",
        "sha",
        "sha:min_resource=2,reduction_factor=2",
        "sha:min_resource=1,reduction_factor=3,min_early_stopping_rate=1,bootstrap_count=4",
        "hyperband:max_resource=16,reduction_factor=2",
        "hyperband:min_resource=2,reduction_factor=2",
        "hyperband:max_resource=16,bootstrap_count=3",
        "patient:patience=2",
        "patient:patience=0,min_delta=0.5",
        "patient:patience=3,min_delta=0.1",
    ],
)
def test_every_decision_of_a_pruner_is_what_the_thresholds_of_the_trial_say(
    spec: str, direction: Direction
):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(5)
    name = "a study"
    study = optuna.create_study(
        study_name=name, direction=direction, pruner=build_pruner(parse_pruner(spec))
    )
    n_pruned = n_asked = 0
    for number in range(40):
        trial = study.ask()
        quality = rng.normal()
        pruned = False
        # As after a restart or a callback, one stops early; and one says nothing for a while.
        for step in range(1, 17) if number != 30 else (1, 2, 9, 16):
            value = math.nan if rng.random() < 0.02 else float(quality + rng.normal(0, 0.5))
            trial.report(value, step)
            others = study.get_trials(deepcopy=False)
            judged = others[number]
            found = pruning_of(sight_of(others, direction, judged, name=name), parse_pruner(spec))
            said = is_beyond(found, judged, direction)
            pruned = trial.should_prune()
            n_asked += 1
            if not math.isnan(value):
                assert said == pruned, (number, step)
            elif said and not spec.startswith("patient"):
                # Where there is something to compare with, NaN is never good enough.
                assert pruned, (number, step)
            if pruned:
                n_pruned += 1
                break
        state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
        study.tell(trial, None if pruned else quality, state=state)
    assert 5 < n_pruned < n_asked / 2


def test_a_complete_trial_is_not_compared_with_itself():
    trials = complete_trials()
    for number in (1, 2, 5):
        others = [each for each in trials if each.number != number]
        for spec in ("median", "percentile:percentile=30,n_min_trials=3"):
            found = pruning_of(sight_of(trials, judged=trials[number]), parse_pruner(spec))
            (expected,) = pruning_of(sight_of(others), parse_pruner(spec)).thresholds
            (own,) = found.thresholds
            seen = np.isin(expected.curve.steps, own.curve.steps)
            np.testing.assert_array_equal(expected.curve.values[seen], own.curve.values)
            assert set(own.curve.steps) >= set(trials[number].intermediate_values) & set(
                expected.curve.steps.tolist()
            )


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("none", ""),
        ("wilcoxon", "wilcoxon compares whole curves"),
        ("patient:patience=3", "patient judges each trial by itself"),
        ("median:n_startup_trials=10", "9 of 10 complete"),
        ("median:n_min_trials=10", "too few reports to compare with"),
        ("sha", "no trial has reached a rung"),
        ("hyperband:max_resource=9223372036854775807", "the number of hyperband"),
        ("hyperband:max_resource=81", "no trial has reached a rung"),
        ("hyperband:min_resource=50", "hyperband has no bracket for such short trials"),
        ("sha:min_resource=1,min_early_stopping_rate=99999999999", "no trial has reached a rung"),
        ("median:n_warmup_steps=99999999999999999999", "too few reports to compare with"),
    ],
)
def test_where_no_threshold_can_be_told_it_is_said_why(spec: str, why: str):
    found = pruning_of(sight_of(complete_trials()), parse_pruner(spec))
    assert found.thresholds == ()
    assert found.why_none.startswith(why)


def test_a_first_rung_that_optuna_chose_is_told_only_where_all_trials_agree():
    rungs = RungValues(np.array([1, 2]), np.array([0, 0]), np.array([3.0, 4.0]))
    for last_steps, expected in (((150, 199), [1]), ((150, 950), None)):
        steps = np.array(last_steps)
        reports = CompleteReports(np.array([1, 2]), steps, np.array([1.0, 2.0]), 2)
        found = pruning_of(
            PrunerSight("", "minimize", reports, rungs), parse_pruner("sha:reduction_factor=2")
        )
        told = [each.curve.steps.tolist() for each in found.thresholds]
        assert told == ([] if expected is None else [expected])
        assert (found.why_none == "the first rung is unknown") == (expected is None)


def test_very_many_reports_take_no_time_a_step():
    steps = np.repeat(np.arange(50_000), 2)
    values = np.arange(100_000.0)
    reports = CompleteReports(np.tile([1, 2], 50_000), steps, values, 9)
    no_rungs = RungValues(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    sight = PrunerSight("", "minimize", reports, no_rungs)
    (found,) = pruning_of(sight, parse_pruner("median")).thresholds
    assert (found.curve.values == values.reshape(-1, 2).mean(axis=1)).all()


def test_only_what_a_pruner_goes_by_is_read():
    asked = ["sha:min_resource=1", "hyperband:max_resource=9", "wilcoxon", "none", "sha", "median"]
    asked += ["patient:patience=1", "patient:patience=1,wrapped=median"]
    needed = [needs_reports(parse_pruner(spec)) for spec in asked]
    assert needed == [False] * 4 + [True] * 2 + [False, True]


def a_run_with(file: StudyFile, study: int, pruner: str) -> None:
    file.run(
        "INSERT OR REPLACE INTO study_system_attributes (study_id, key, value_json) "
        "VALUES (?, 'hptui:runs', ?)",
        study,
        json.dumps([{"id": "1", "pruner": pruner}]),
    )


def test_it_is_drawn_whatever_the_filter(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        a_run_with(file, file.add_study("a"), "median:n_startup_trials=2,n_warmup_steps=1")
        for value in (1.0, 2.0, 6.0):
            file.add_trial(value, reports=dict.fromkeys(range(4), value))
    assert main(["plot", str(path), "intermediate", "--width", "90"]) == 0
    assert "⠒ pruned above: median" in capsys.readouterr().out
    filtered = ["--filter", "value>3"]
    assert main(["plot", str(path), "intermediate", "--width", "90", *filtered]) == 0
    # The threshold is that of all trials, 2; here only values from 3 to 9 are seen.
    assert "pruned above: median, out of sight" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pruner", "legend"),
    [
        ("sha:min_resource=1,reduction_factor=2", "▼ pruned above: rung of successive halving"),
        ("hyperband:max_resource=4,reduction_factor=2", "012 pruned above: rung of hyperband's"),
        ("sha:min_resource=1,bootstrap_count=99", "▼ all pruned, too few at the rung of"),
        ("wilcoxon", "no threshold: wilcoxon compares whole curves"),
        ("a new one", "no threshold: hptui does not know its pruner"),
        ("", "no threshold: no pruner is recorded"),
    ],
)
def test_rungs_are_marked_and_what_cannot_be_told_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pruner: str, legend: str
):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        study = file.add_study("a")
        if pruner:
            a_run_with(file, study, pruner)
        for number in range(12):
            rungs = {f"{RUNG}{rung}": float(number + rung) for rung in range(3)}
            rungs[f"{RUNG}x"] = 1
            reports = {step: float(number + step) for step in range(1, 5)}
            file.add_trial(float(number), reports=reports, attributes=rungs)
    assert main(["plot", str(path), "intermediate", "--width", "120"]) == 0
    assert legend in capsys.readouterr().out


def test_what_is_read_is_kept_and_grows_with_the_study(tmp_path: Path):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        study = file.add_study("a")
        a_run_with(file, study, "median:n_startup_trials=1")
        levels: list[float] = []
        for value in (4.0, 8.0, 16.0, 6.0):
            file.add_trial(value, reports={0: value})
            file.add_trial(None, state="RUNNING", reports={0: -100.0})
            (found,) = read_pruning(path, "a").thresholds
            levels.append(float(found.curve.values[0]))
        assert levels == [4.0, 6.0, 8.0, 7.0]
        trial = JudgedTrial(0, Curve(np.array([0]), np.array([4.0])), is_complete=True)
        (found,) = read_pruning(path, "a", trial).thresholds
        assert found.curve.values.tolist() == [8.0]
        # Another study takes the place of this one.
        for table in ("trial_values", "trial_intermediate_values", "trials"):
            file.run(f"DELETE FROM {table}")
        file.add_trial(1.0, reports={0: 1.0}, start="2027-01-01 00:00:00.000000")
        (found,) = read_pruning(path, "a").thresholds
        assert found.curve.values.tolist() == [1.0]
