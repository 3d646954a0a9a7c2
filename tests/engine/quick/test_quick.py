"""Quick samplers and pruners do what Optuna's do; `make test-identity` has more of it."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.samplers import NSGAIISampler
from tests.engine.quick import pruners, samplers

from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler
from hptui.engine.pruning.halving import QuickSuccessiveHalvingPruner
from hptui.engine.pruning.percentile import QuickMedianPruner, percentile_of
from hptui.engine.pruning.wilcoxon import BestFeasible, QuickWilcoxonPruner
from hptui.engine.sampling.bruteforce import QuickBruteForceSampler
from hptui.engine.sampling.cmaes import QuickCmaEsSampler
from hptui.engine.sampling.genetic import QuickNSGAIISampler
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.safe_cmaes import SafeCmaEsSampler
from hptui.engine.sampling.samplers import build_sampler
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.samplers import BaseSampler

KINDS = samplers.all_kinds()
SHORT = (
    *("cmaes mixed tied", "cmaes steps with_margin", "cmaes logs consider_pruned_trials"),
    *("cmaes floats infinite", "cmaes marked", "cmaes branching", "cmaes dead"),
    *("nsgaii 1 pruned nan failing", "nsgaii 2 constrained tied failing", "nsgaii 2 marked"),
    *("nsgaii 1 branching", "nsgaiii 3 tied", "nsgaiii 3 marked", "nsgaiii 3 shuffled"),
    *("qmc  pruned failing", "qmc True dynamic", "qmc halton enqueued", "qmc halton True dead"),
    *("grid   0", "grid  pruned failing 20", "grid  dead", "grid  shuffled"),
    *("bruteforce   0", "bruteforce strict pruned failing 20", "bruteforce  enqueued"),
    *("bruteforce  halting", "bruteforce finite  False", "bruteforce finite failing True"),
)
EDITED = (
    *("edited cmaes edited pruned tied", "nsgaii 1 edited", "nsgaiii 3 edited", "qmc  edited"),
)


@pytest.mark.parametrize("name", SHORT)
def test_every_draw_is_optunas(name: str) -> None:
    kind = KINDS[name]
    n_before = kind.case.n_before
    case = replace(kind.case, n_asked=30, n_before=110 if n_before is None else n_before)
    assert samplers.play(replace(kind, case=case), seed=SHORT.index(name)).n_compared >= 20


@pytest.mark.parametrize("name", EDITED)
def test_an_edited_space_is_drawn_from_as_optuna_does(name: str) -> None:
    kind = KINDS[name]
    pair = samplers.play(replace(kind, case=replace(kind.case, n_asked=50, n_before=110)), seed=3)
    assert pair.n_edits


def test_trials_that_come_from_a_file_are_the_same(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "study.db", create=True)
    kind = KINDS["nsgaii 2 "]
    kind = replace(kind, case=replace(kind.case, n_asked=20, n_before=20))
    assert samplers.play(kind, 5, storage).n_compared
    storage.close()
    storage = SqliteStorage(tmp_path / "pruned.db", create=True)
    assert pruners.race("hyperband", "tied", 1, 25, storage).n_pruned
    storage.close()
    storage = SqliteStorage(tmp_path / "constrained.db", create=True)
    kind_of_pruner = "wilcoxon:p_threshold=0.5,n_startup_steps=0"
    assert pruners.race(kind_of_pruner, "constrained", 9, 25, storage).n_pruned
    storage.close()


def test_the_best_feasible_trial_is_optunas() -> None:
    pruner = QuickWilcoxonPruner(p_threshold=0.5, n_startup_steps=0)
    study = optuna.create_study(pruner=pruner)
    for value, violation in ((1.0, 1.0), (3.0, 0.0), (2.0, 0.0), (2.0, -1.0), (0.5, 2.0)):
        trial = study.ask()
        for step in range(4):
            trial.report(value + step / 8, step)
        trial.set_constraint("most", violation)
        study.tell(trial, value)
        feasible = BestFeasible().of(study)
        assert (None if feasible is None else feasible.number) == (
            None if trial.number == 0 else study.best_trial.number
        )
    # It is worse than the best feasible trial, whose number is 2, at each step.
    last = study.ask()
    for step in range(4):
        last.report(2.5 + step / 7, step)
    assert last.should_prune()


@pytest.mark.parametrize("kind", pruners.KINDS)
def test_every_decision_is_optunas(kind: str) -> None:
    seed = list(pruners.KINDS).index(kind)
    # SciPy tries thousands of permutations where reports tie.
    reports = [each for each in pruners.REPORTS if "wilcoxon" not in kind or each != "tied"]
    found = [pruners.race(kind, words, seed, 40) for words in reports]
    assert sum(each.n_compared for each in found) > 200
    assert sum(each.n_pruned for each in found) > 0


def test_a_trial_that_changes_after_its_end_counts_once(tmp_path: Path) -> None:
    pruner = QuickMedianPruner(n_startup_trials=1)
    storage = SqliteStorage(tmp_path / "study.db", create=True)
    study = optuna.create_study(storage=storage, pruner=pruner)
    for value in (1.0, 2.0, 3.0):
        trial = study.ask()
        trial.report(value, 0)
        study.tell(trial, value)
    last = study.ask()
    last.report(2.5, 0)
    assert last.should_prune()
    first = study.get_trials(deepcopy=False)[0]
    storage.set_ended_attrs(study._study_id, {first._trial_id: {"note": 1}})
    assert last.should_prune()
    assert pruner.compared_with(study, 0) == (2.0, 3)
    study.tell(last, state=optuna.trial.TrialState.PRUNED)
    assert pruner.compared_with(study, 0) == (2.0, 3)
    storage.close()
    other = optuna.create_study(pruner=pruner)
    other.add_trial(optuna.create_trial(value=9.0, intermediate_values={0: 9.0}))
    assert pruner.compared_with(other, 0) == (9.0, 1)


@pytest.mark.parametrize("percent", [0.0, 12.5, 50.0, 66.7, 100.0])
def test_a_percentile_is_numpys_to_the_bit(percent: float) -> None:
    random = np.random.RandomState(int(percent))
    for _ in range(200):
        values = random.randn(random.randint(1, 30)) * 10.0 ** random.randint(-9, 9)
        if random.rand() < 0.3:
            values[random.randint(len(values))] = random.choice([math.inf, -math.inf])
        with np.errstate(invalid="ignore"):
            expected = float(np.nanpercentile(values, percent))
        found = percentile_of(sorted(values.tolist()), percent)
        assert found == expected or (math.isnan(found) and math.isnan(expected))


def sampler_of(text: str) -> BaseSampler:
    return build_sampler(parse_sampler(text), seed=1, space={}, fixed={}, n_objectives=1)


def test_another_optuna_gets_its_own_samplers_and_pruners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna, "__version__", "5.99.0")
    with pytest.warns(UserWarning, match=r"median pruner runs at Optuna's own speed.*5\.99\.0"):
        assert not isinstance(build_pruner(parse_pruner("median")), QuickMedianPruner)
    with pytest.warns(UserWarning, match="nsgaii sampler runs at Optuna's own speed"):
        assert type(sampler_of("nsgaii")) is NSGAIISampler
    with pytest.warns(UserWarning, match="cmaes sampler runs at Optuna's own speed"):
        assert type(sampler_of("cmaes")) is SafeCmaEsSampler


def test_this_optuna_gets_the_quick_ones() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(build_pruner(parse_pruner("median")), QuickMedianPruner)
        assert isinstance(sampler_of("nsgaii"), QuickNSGAIISampler)
        assert isinstance(sampler_of("cmaes"), QuickCmaEsSampler)
        assert isinstance(sampler_of("bruteforce"), QuickBruteForceSampler)


def test_a_rung_that_holds_no_number_leaves_the_decisions_to_optuna() -> None:
    pruner = QuickSuccessiveHalvingPruner(min_resource=1)
    study = optuna.create_study(pruner=pruner)
    study.add_trial(optuna.create_trial(value=1.0, system_attrs={"completed_rung_0": math.nan}))
    trial = study.ask()
    trial.report(1.0, 1)
    with pytest.warns(
        UserWarning, match="Successive halving runs at Optuna's own speed from now on"
    ):
        trial.should_prune()
    assert pruner.rungs is None
    assert "completed_rung_0" in study.trials[-1].system_attrs


def test_many_generations_without_stored_parents_are_selected_from_the_first_up() -> None:
    # Optuna ends in a RecursionError here.
    study = optuna.create_study(sampler=QuickNSGAIISampler(population_size=2, seed=1))
    key = "NSGAIISampler:generation"
    study.add_trials(
        optuna.create_trial(
            value=float(number % 7),
            params={"x": number / 1000},
            distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
            system_attrs={key: number // 2},
        )
        for number in range(800)
    )
    trial = study.ask()
    assert 0 <= trial.suggest_float("x", 0, 1) <= 1
    assert study.get_trials(deepcopy=False)[-1].system_attrs[key] == 400
    attrs = study._storage.get_study_system_attrs(study._study_id)
    assert len([each for each in attrs if "parent" in each]) == 400


def test_the_tree_of_a_plain_study_is_kept() -> None:
    sampler = QuickBruteForceSampler(seed=1)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: trial.suggest_int("a", 0, 3) + trial.suggest_int("b", 0, 2))
    assert sorted((each.params["a"], each.params["b"]) for each in study.trials) == [
        (a, b) for a in range(4) for b in range(3)
    ]
    assert not sampler._is_contradictory
    assert sampler._tree.root.n_open == 0
