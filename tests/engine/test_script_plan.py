"""What a script sets goes into the plan of a run where nothing is typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from hptui.domain.objective import ObjectiveRef
from hptui.domain.script_study import ScriptStudy
from hptui.domain.texts.run_text import DEFAULT_TRIALS
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.run.start.script_plan import begin_like_script, with_script
from hptui.errors import UsageError
from hptui.storage.sqlite.sent_trials import spell_sent

SCRIPT = ScriptStudy(
    directions=("maximize",),
    function="objective",
    line=7,
    sampler="random",
    pruner="sha",
    seed=31,
    n_trials=17,
    timeout_s=90.5,
)


def plan(script: ScriptStudy = SCRIPT, **typed: Any) -> RunPlan:
    ref = ObjectiveRef("script", "/lab/tune.py", "", "lab/tune.py")
    bare = RunPlan(ref=ref, study_file=Path("tune.db"), study="tune", n_workers=1, **typed)
    return with_script(bare, {"script": script.to_json()})


def test_an_objective_that_is_no_script_leaves_the_plan_as_it_is() -> None:
    bare = plan()
    assert with_script(bare, {"name": "x"}) is bare


def test_all_that_a_script_says_is_taken_and_told() -> None:
    made = plan()
    assert (made.sampler, made.pruner, made.seed) == ("random", "sha", 31)
    assert (made.budget.n_trials, made.budget.timeout_s) == (17, 90.5)
    assert made.notes == (
        "Taken over from tune.py (line 7): objective(), maximize, sampler random, seed 31, "
        "pruner sha, 17 trials, 90.5 s.",
    )


def test_what_is_typed_counts_more() -> None:
    typed: dict[str, Any] = {"sampler": "tpe", "pruner": "none", "seed": 0}
    made = plan(**typed, budget=Budget(target=0.5), directions=("minimize",))
    assert (made.sampler, made.pruner, made.seed) == ("tpe", "none", 0)
    assert made.budget == Budget(target=0.5)
    assert made.notes == ("Taken over from tune.py (line 7): objective().",)


@pytest.mark.parametrize(
    ("sampler", "n_trials"),
    [("tpe", DEFAULT_TRIALS), ("", DEFAULT_TRIALS), ("grid", None), ("bruteforce", None)],
)
def test_a_script_without_an_end_gets_one_where_its_sampler_has_none(
    sampler: str, n_trials: int | None
) -> None:
    made = plan(ScriptStudy(directions=("minimize",), sampler=sampler, pruner="median"))
    assert made.budget == Budget(n_trials=n_trials)


def test_no_pruner_is_given_to_several_objectives() -> None:
    two = ScriptStudy(directions=("minimize", "maximize"), sampler="nsgaii", pruner="median")
    assert plan(two).pruner is None
    with pytest.raises(UsageError, match="has 2 objectives"):
        plan(two, directions=("minimize",))


def test_its_own_storage_is_named_unless_the_run_goes_on_there() -> None:
    def notes(**kept: Any) -> tuple[str, ...]:
        return plan(replace(SCRIPT, **kept)).notes[1:]

    assert notes(storage="sqlite:///a b.db", name="mine", n_stored=3) == (
        "Not taken over from tune.py: its storage sqlite:///a b.db with 3 trials "
        "(--storage 'a b.db' --study mine goes on there).",
    )
    assert notes(storage="JournalStorage", name="mine") == (
        "Not taken over from tune.py: its storage JournalStorage.",
    )
    assert notes(storage="sqlite:///tune.db", name="tune") == ()


def test_trials_are_added_once() -> None:
    kind = CategoricalDistribution(["a", 1, 1.5, None])
    space: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "kind": kind}
    study = optuna.create_study()
    study.enqueue_trial({"x": 0.5, "kind": 1.5}, user_attrs={"memo": "default"})
    study.enqueue_trial({"x": 0.5, "kind": 1.5})
    params: dict[str, Any] = {"x": 0.25, "kind": None}
    for state, value in ((TrialState.COMPLETE, 2.0), (TrialState.FAIL, None)):
        study.add_trial(create_trial(state=state, value=value, params=params, distributions=space))
    sent = tuple(spell_sent(each) for each in study.get_trials(deepcopy=False))
    script = ScriptStudy(directions=("minimize",), trials=sent, user_attrs={"data": {"n": 3}})
    assert (script.n_waiting, script.n_added) == (2, 2)
    ours = optuna.create_study()
    for _ in range(2):
        begin_like_script(ours, script)
        assert ours.user_attrs == {"data": {"n": 3}}
        assert [
            (each.state, each.values, each.params, each.user_attrs, each.system_attrs)
            for each in ours.trials
        ] == [
            (each.state, each.values, each.params, each.user_attrs, each.system_attrs)
            for each in study.trials
        ]
