"""With one worker, a script leaves in hptui's study what it leaves in its own in plain Python."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent, Started
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")

END = """
if __name__ == "__main__":
    main(*sys.argv[1:])
"""
SCRIPTS = {
    "everything": """
        import sys, optuna
        from optuna.distributions import FloatDistribution, CategoricalDistribution
        from optuna.trial import create_trial

        def limits(trial):
            return (trial.user_attrs["x"] - 1, -trial.params["x"] - 3)

        def main(storage):
            rows = [0.5, 1.5]
            def objective(trial):
                x = trial.suggest_float("x", -4, 4)
                kind = trial.suggest_categorical("kind", ["a", 1, None])
                trial.set_user_attr("x", x)
                if trial.number == 5:
                    raise ValueError("once")
                for step, row in enumerate(rows):
                    trial.report((x - row) ** 2 + step, step)
                    if trial.should_prune():
                        raise optuna.TrialPruned
                return sum((x - row) ** 2 for row in rows) + (kind == "a") + len(study.trials) / 99
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=4, seed=11, constraints_func=limits)
            study = optuna.create_study(
                study_name="mine", storage=storage, sampler=sampler,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
            study.set_user_attr("data", {"rows": rows})
            study.set_metric_names(["loss"])
            study.enqueue_trial({"x": 1.25, "kind": None}, user_attrs={"memo": "default"})
            study.add_trial(create_trial(
                params={"x": 0.5}, distributions={"x": FloatDistribution(-4, 4)}, value=3.5,
                user_attrs={"from": "before"}, intermediate_values={0: 9.0}))
            study.enqueue_trial({"x": -1.0})
            study.optimize(objective, n_trials=14, catch=ValueError)
        """,
    "grid and two goals": """
        import sys, optuna

        def main(storage):
            space = {"x": [-3.0, 0.25, 2.0], "kind": ["b", "a"]}
            study = optuna.create_study(
                study_name="mine", storage=storage, directions=["minimize", "maximize"],
                sampler=optuna.samplers.GridSampler(space, seed=3))
            def objective(trial):
                kind = trial.suggest_categorical("kind", ["a", "b"])
                return trial.suggest_float("x", -4, 4), len(kind)
            study.optimize(objective)
        """,
    "callbacks": """
        import sys, optuna
        from optuna.study import MaxTrialsCallback

        def main(storage):
            study = optuna.create_study(
                study_name="mine", storage=storage, sampler=optuna.samplers.TPESampler(seed=4))
            seen = []
            def objective(trial):
                x = trial.suggest_float("x", -4, 4)
                if trial.number == 3:
                    raise ValueError("once")
                return x * x + len(study.user_attrs)
            def keep(given, trial):
                assert given is study
                seen.append((trial.number, trial.state.name, trial.value, study.best_value))
                trial.set_user_attr("lost", 1)
                study.set_user_attr("seen", seen)
                study.set_user_attr(f"n {trial.number % 4}", len(study.trials))
                if trial.number == 6:
                    study.enqueue_trial({"x": 1.5})
            study.optimize(objective, callbacks=[keep, MaxTrialsCallback(11)], catch=ValueError)
        """,
    "evolution with a fixed value": """
        import sys, optuna

        class Objective:
            def __init__(self, width): self.width = width
            def __call__(self, trial):
                x, y = (trial.suggest_float(name, -self.width, self.width) for name in "xy")
                return (x - 1) ** 2 + y ** 2 + trial.suggest_int("n", 1, 9)

        def main(storage):
            base = optuna.samplers.CmaEsSampler(seed=2, popsize=5)
            sampler = optuna.samplers.PartialFixedSampler({"n": 4}, base)
            study = optuna.create_study(
                study_name="mine", storage=storage, direction="maximize", sampler=sampler)
            study.optimize(Objective(3.0), n_trials=12)
        """,
}


def what_counts(study: optuna.Study) -> list[tuple[Any, ...]]:
    own = ("constraints", "fixed_params")
    return [
        (
            *(trial.number, trial.state, trial.values, trial.params, trial.distributions),
            *(trial.intermediate_values, trial.user_attrs, trial.constraints),
            {key: value for key, value in trial.system_attrs.items() if key in own},
        )
        for trial in study.get_trials(deepcopy=False)
    ]


class Heard(Silent):
    """Keeps what is said at the start."""

    notes: tuple[str, ...] = ()

    def started(self, event: Started) -> None:
        self.notes = event.notes


def run_plainly(path: Path, *argv: str) -> None:
    """Run a script as the main program in a fork, which has the modules already."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            optuna.logging.set_verbosity(optuna.logging.CRITICAL)
            sys.argv = [str(path), *argv]
            runpy.run_path(str(path), run_name="__main__")
            code = 0
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_leaves_the_same_study_as_in_plain_python(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tune.py"
    path.write_text(dedent(SCRIPTS[name]) + END)
    address = f"sqlite:///{tmp_path}/plain.db"
    run_plainly(path, address)
    plain = optuna.load_study(study_name="mine", storage=address)
    n_before = len(plain.trials)
    observer = Heard()
    # In another storage of its own, which must not be made.
    argv = (f"sqlite:///{tmp_path}/own.db",)
    plan = RunPlan(
        ref=ObjectiveRef("script", str(path), "", "tune.py", argv),
        study_file=tmp_path / "ours.db",
        study="ours",
        n_workers=1,
    )
    Engine(plan, observer).run()
    ours = optuna.load_study(study_name="ours", storage=f"sqlite:///{tmp_path}/ours.db")
    assert what_counts(ours) == what_counts(plain)
    assert ours.directions == plain.directions
    assert ours.metric_names == plain.metric_names
    assert ours.user_attrs == plain.user_attrs
    assert not os.path.exists(tmp_path / "own.db")
    taken, left = observer.notes
    assert "Taken over from tune.py (line " in taken
    assert f"its storage {argv[0]} (--storage {tmp_path}/own.db --study mine goes on there)" in left
    assert len(plain.trials) == n_before
    if name != "everything":
        return
    assert {"constraints", "2 enqueued trials", "1 added trial", "seed 11"} <= set(
        taken.rstrip(".").split(", ")
    )
    assert {each.state.name for each in plain.trials} == {"COMPLETE", "PRUNED", "FAIL"}
    # Another direction than the study's is refused.
    path.write_text(path.read_text().replace("pruner=", "direction='maximize', pruner="))
    with pytest.raises(UsageError, match="says maximize, but the study ours has the dir"):
        Engine(plan, observer).run()
