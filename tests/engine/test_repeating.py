"""One configuration run several times in a trial: seeds, means, and what ends early."""

from __future__ import annotations

import math
import statistics
from textwrap import dedent
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent, Started
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.storage.read.trial_detail import read_trial

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVE = """
import random
import numpy
import optuna

calls = []

def one(trial):
    x = trial.suggest_float("x", 0, 8)
    first = not calls or calls[-1] != trial.number
    calls.append(trial.number)
    for step in range(3):
        trial.report(99.0, step)
        assert not trial.should_prune()
    trial.set_user_attr("x", x)
    trial.set_constraint("c", x - 100)
    if trial.number == 2 and not first:
        raise ValueError("the second time")
    return x + random.random() / 10 + numpy.random.rand() / 10

def two(trial):
    x = trial.suggest_float("x", 0, 8)
    return x, random.choice([float("inf"), 1.0])
"""


class Heard(Silent):
    pruner = ""

    def started(self, event: Started) -> None:
        self.pruner = event.pruner


def run(
    folder: Path, name: str, n_trials: int, *, repeat: int | None = 6, pruner: str | None = None
) -> tuple[list[FrozenTrial], str]:
    path = folder / "train.py"
    path.write_text(dedent(OBJECTIVE))
    heard = Heard()
    plan = RunPlan(
        ref=ObjectiveRef("file", str(path), name, "train.py"),
        study_file=folder / "s.db",
        study="s",
        directions=("minimize",) * (2 if name == "two" else 1),
        sampler="random",
        pruner=pruner,
        budget=Budget(n_trials=n_trials),
        n_workers=1,
        seed=3,
        repeat=repeat,
    )
    Engine(plan, heard).run()
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{folder}/s.db")
    return study.trials, heard.pruner


@pytest.mark.usefixtures("clones_programs")
def test_a_trial_has_the_mean_of_its_repetitions_and_ends_early_where_it_is_worse(
    tmp_path: Path,
) -> None:
    trials, pruner = run(tmp_path, "one", 8)
    assert pruner == "wilcoxon"
    assert {each.state for each in trials} == {
        TrialState.COMPLETE,
        TrialState.PRUNED,
        TrialState.FAIL,
    }
    for each in trials:
        reports = list(each.intermediate_values.values())
        assert list(each.intermediate_values) == list(range(len(reports)))
        # The seeds are those of all trials.
        noise = [value - each.params["x"] for value in reports]
        first = [value - trials[0].params["x"] for value in trials[0].intermediate_values.values()]
        assert noise == pytest.approx(first[: len(noise)])
        if each.state is TrialState.COMPLETE:
            assert len(set(noise)) == 6
            assert each.value == pytest.approx(statistics.fmean(reports))
        elif each.state is TrialState.PRUNED:
            assert 2 < len(reports) < 6
            assert each.system_attrs["hptui:pruned"]["by"] == "wilcoxon"
        if each.state is not TrialState.FAIL:
            stored = each.system_attrs["hptui:repeats"]
            assert stored["values"] == [[value] for value in reports]
            assert stored["std"] == [pytest.approx(statistics.stdev(reports))]
    assert len(trials[2].intermediate_values) == 1
    detail = read_trial(tmp_path / "s.db", "s", 0)
    assert detail.repeats is not None
    assert len(detail.repeats.values) == 6
    # The next run repeats, too; one that is told not to has the objective's pruner again.
    more, pruner = run(tmp_path, "one", 1, repeat=None)
    assert (pruner, len(more[-1].system_attrs["hptui:repeats"]["values"]) > 1) == ("wilcoxon", True)
    more, pruner = run(tmp_path, "one", 1, repeat=1)
    assert (pruner, "hptui:repeats" in more[-1].system_attrs) == ("median", False)
    assert more[-1].intermediate_values == dict.fromkeys(range(3), 99.0)


@pytest.mark.usefixtures("clones_programs")
def test_several_objectives_are_repeated_without_a_pruner(tmp_path: Path) -> None:
    trials, pruner = run(tmp_path, "two", 2, repeat=4)
    assert pruner == "none"
    for each in trials:
        rows = each.system_attrs["hptui:repeats"]["values"]
        assert len(rows) == 4
        assert each.values == [pytest.approx(each.params["x"]), math.inf]
