"""Trials whose parameters were tried get the values of the earlier ones."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from tests.engine.test_hooks import Told

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.run.tried_params import TriedParams

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.workers.worker_kinds import Backend

SPACE: dict[str, Any] = {
    "x": FloatDistribution(0, 1),
    "k": CategoricalDistribution((1, True, "1", None)),
}


def trial(state: TrialState = TrialState.COMPLETE, **params: Any) -> FrozenTrial:
    attrs: dict[str, Any] = {
        key: params.pop(key) for key in list(params) if key in ("run", "answered")
    }
    keys = {"run": "hptui:run", "answered": "hptui:answered_by"}
    return create_trial(
        state=state,
        value=1.0 if state is TrialState.COMPLETE else None,
        params=params,
        distributions={name: SPACE[name] for name in params},
        system_attrs={keys[key]: value for key, value in attrs.items()},
    )


CASES = [
    ([trial(x=0.5)], trial(x=0.5), 0),
    ([trial(x=0.25), trial(x=0.5), trial(x=0.5)], trial(x=0.5), 1),
    ([trial(x=0.5, k="1")], trial(x=0.5), None),
    ([trial(x=0.5)], trial(x=0.5, k="1"), None),
    # Optuna stores the first of equal choices.
    ([trial(k=1)], trial(k=True), 0),
    ([trial(k=1)], trial(k="1"), None),
    ([trial(k=None)], trial(k=None), 0),
    ([trial()], trial(), None),
    ([trial(TrialState.FAIL, x=0.5)], trial(x=0.5), None),
    ([trial(TrialState.PRUNED, x=0.5)], trial(x=0.5), None),
    ([trial(x=0.5, answered=7)], trial(x=0.5), None),
    ([trial(x=0.5, run="of the same code")], trial(x=0.5), 0),
    ([trial(x=0.5, run="of other code")], trial(x=0.5), None),
    ([trial(x=0.5, run="long ago")], trial(x=0.5), 0),
]


@pytest.mark.parametrize(("before", "new", "expected"), CASES)
def test_a_trial_is_found_by_all_of_its_parameters(
    before: list[FrozenTrial], new: FrozenTrial, expected: int | None
) -> None:
    study = optuna.create_study()
    study.add_trials(before)
    runs = [("of the same code", "a"), ("of other code", "b"), ("now", "a")]
    records: Any = [{"id": name, "code_sha": sha} for name, sha in runs]
    study._storage.set_study_system_attr(study._study_id, "hptui:runs", records)
    assert TriedParams(study, "now").find(new) == expected


OBJECTIVE = """
import optuna

def objective(trial):
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    n = trial.suggest_int("n", 1, 3) if kind == "c" else 0
    trial.set_user_attr("ran", trial.number)
    trial.set_constraint("limit", n - 2)
    if trial.number == 0:
        raise ValueError("once")
    if kind == "b" and trial.number < 20:
        trial.report(1.0, 0)
        raise optuna.TrialPruned
    return n + trial.number / 1000
"""


@pytest.mark.usefixtures("clones_programs")
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_what_was_tried_is_not_run_again(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(dedent(OBJECTIVE))
    told = Told()
    plan = RunPlan(
        ref=ObjectiveRef("file", str(path), "objective", "train.py"),
        study_file=tmp_path / "s.db",
        study="s",
        sampler="random",
        budget=Budget(n_trials=40),
        n_workers=1,
        backend=backend,
        seed=5,
        skip_duplicates=True,
    )
    Engine(plan, told).run()
    trials = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s.db").trials
    first: dict[str, FrozenTrial] = {}
    n_answered = 0
    for each in trials:
        known = first.get(str(each.params))
        if known is None:
            assert each.user_attrs == {"ran": each.number}
            if each.state is TrialState.COMPLETE:
                first[str(each.params)] = each
            continue
        n_answered += 1
        assert (each.values, each.user_attrs) == (known.values, known.user_attrs)
        assert each.constraints == known.constraints
        assert each.system_attrs["hptui:answered_by"] == known.number
    assert trials[0].state is TrialState.FAIL
    assert len(first) == 5
    assert told.notes == [
        f"{n_answered} trials reused the values of earlier ones with the same parameters."
    ]
