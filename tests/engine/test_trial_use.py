"""A trial is what Optuna's is: for threads and children of an objective, and for integrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from tests.engine import objectives_for_trial_use

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.workers.worker_kinds import Backend

pytestmark = pytest.mark.usefixtures("clones_programs")

BACKENDS: tuple[Backend, ...] = ("loky", "threading")
both_backends = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(
    folder: Path,
    name: str,
    n: int,
    *,
    backend: Backend = "loky",
    n_workers: int = 1,
    sampler: str = "random",
    pruner: str = "none",
    may_fail: bool = False,
) -> list[optuna.trial.FrozenTrial]:
    plan = RunPlan(
        ref=ObjectiveRef("file", objectives_for_trial_use.__file__, name, name),
        study_file=folder / "use.db",
        study="use",
        sampler=sampler,
        pruner=pruner,
        budget=Budget(n_trials=n, trial_timeout_s=300.0),
        n_workers=n_workers,
        seed=1,
        backend=backend,
    )
    Engine(plan, Silent()).run()
    trials = optuna.load_study(study_name="use", storage=f"sqlite:///{folder / 'use.db'}").trials
    failed = [trial.system_attrs["hptui:error"] for trial in trials if trial.state.name == "FAIL"]
    assert may_fail or failed == []
    return trials


@both_backends
def test_threads_of_a_trial_get_their_own_answers(backend: Backend, tmp_path: Path) -> None:
    trials = run(tmp_path, "suggests_in_threads", 3, backend=backend)
    assert [trial.value for trial in trials] == [0.0] * 3
    for trial in trials:
        assert trial.user_attrs == trial.params
        assert len(trial.params) == 40


@both_backends
def test_threads_report_suggest_and_ask_the_pruner_at_once(
    backend: Backend, tmp_path: Path
) -> None:
    trials = run(tmp_path, "reports_in_threads", 2, backend=backend, n_workers=2, pruner="median")
    for trial in trials:
        assert trial.value == 0.0
        assert trial.intermediate_values == {step: float(step) for step in range(50)}
        assert len(trial.params) == 150


@both_backends
def test_a_thread_that_outlives_its_trial_is_refused_and_harms_no_other(
    backend: Backend, tmp_path: Path
) -> None:
    trials = run(tmp_path, "outlives_its_trial", 6, backend=backend)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert all(trial.values[0] >= 1 for trial in trials[1:])
    assert trials[4].user_attrs["refused"] == (
        "Trial#0 has already finished and can not be updated."
    )
    assert all(trial.intermediate_values == {} for trial in trials[1:])
    study = optuna.load_study(study_name="use", storage=f"sqlite:///{tmp_path / 'use.db'}")
    assert study.user_attrs == {"while it runs": 0}


@both_backends
def test_copies_pickles_and_forks_of_a_trial_are_that_trial(
    backend: Backend, tmp_path: Path
) -> None:
    for trial in run(tmp_path, "is_copied_and_shared", 2, backend=backend):
        assert set(trial.params) == {"copied", "forked", "pickled", "spawned"}
        assert trial.value == pytest.approx(sum(trial.params.values()))
        assert {"copied", "forked", "pickled"} <= set(trial.system_attrs)
        assert trial.user_attrs["spawned"] is True
        assert len({trial.user_attrs[name] for name in ("copied", "forked", "pickled")}) == 3
        assert set(trial.intermediate_values) == {1, len("copied"), len("pickled")}


def test_a_child_that_outlives_its_trial_is_refused(tmp_path: Path) -> None:
    trials = run(tmp_path, "leaves_a_child", 3)
    assert trials[1].user_attrs["told"] == "Trial#0 has already finished and can not be updated."
    assert "late" not in trials[0].params


@both_backends
def test_a_trial_sees_the_trials_of_its_study(backend: Backend, tmp_path: Path) -> None:
    trials = run(tmp_path, "repeats_known_points", 6, backend=backend)
    assert all(trial.value == trial.params["x"] for trial in trials)
    repeated = [trial for trial in trials if "seen" in trial.user_attrs]
    assert len(repeated) == 4


@both_backends
def test_a_trials_study_is_an_optuna_study(backend: Backend, tmp_path: Path) -> None:
    trials = run(
        tmp_path,
        "looks_around",
        6,
        backend=backend,
        sampler="tpe:n_startup_trials=3",
        pruner="percentile:percentile=30",
    )
    # One of the seven was added.
    assert len(trials) == 7
    assert trials[1].params == {"x": 0.5, "kind": None}
    study = optuna.load_study(study_name="use", storage=f"sqlite:///{tmp_path / 'use.db'}")
    assert study.metric_names == ["loss"]
    assert study.user_attrs["array"] == [0, 1, 2]


def test_optunas_own_way_to_suggest_is_there(tmp_path: Path) -> None:
    for trial in run(tmp_path, "private_suggest", 3):
        assert trial.value == sum(trial.params.values())
        assert trial.distributions == {
            "f": optuna.distributions.FloatDistribution(0.5, 1, log=True),
            "i": optuna.distributions.IntDistribution(2, 8, step=2),
            "c": optuna.distributions.CategoricalDistribution([1, 2]),
        }


def test_an_attribute_that_json_cannot_hold_is_kept_as_its_text(tmp_path: Path) -> None:
    (trial,) = run(tmp_path, "sets_odd_attributes", 1)
    attrs = trial.user_attrs
    assert (attrs["float32"], attrs["int64"], attrs["bool"]) == (0.5, 3, True)
    assert attrs["array"] == [[1.0, 2.0]]
    assert attrs["nested"] == {"a": [1, {"b": 2.0}], "7": [1]}
    assert attrs["path"] == "x/y"
    assert attrs["model"].startswith("<object object at")
    assert attrs["odd"] == "<Odd>"
    assert len(attrs["large"]) <= 1_000
    assert attrs["itself"] == "[[...]]"
    assert len(attrs["warned"]) == 6
    assert attrs["warned"][0] == (
        "The user attribute 'path' of trial 0 holds a PosixPath, which is not JSON; its text is "
        "stored instead."
    )
    log = (tmp_path / "use.hptui" / "logs" / "trial-000000.log").read_text()
    assert "The user attribute 'again' of trial 0 holds a PosixPath" in log


def test_artifacts_and_scores_are_attached_to_trial_and_study(tmp_path: Path) -> None:
    trials = run(tmp_path, "uploads", 2)
    for trial in trials:
        assert f"artifacts:{trial.user_attrs['artifact']}" in trial.system_attrs
        assert trial.system_attrs["terminator:cv_scores"] == [0.5, 1.5]
    study = optuna.load_study(study_name="use", storage=f"sqlite:///{tmp_path / 'use.db'}")
    assert len(optuna.artifacts.get_all_artifact_meta(study)) == 2


def test_what_mlflow_and_lightning_ask_of_a_storage_is_there(tmp_path: Path) -> None:
    for trial in run(tmp_path, "tracks_like_mlflow", 2):
        assert trial.system_attrs["mlflow_run_id"] == f"run {trial.number}"
    lightning = tmp_path / "lightning"
    lightning.mkdir()
    for trial in run(lightning, "prunes_like_lightning", 2):
        assert trial.state.name == "PRUNED"
        assert trial.intermediate_values == {0: 1.0, 1: 2.0, 2: 3.0}
        assert trial.user_attrs["seen"] == '{"0": 1.0, "1": 2.0, "2": 3.0}'


def test_odd_constraint_attributes_break_their_trial_and_no_run(tmp_path: Path) -> None:
    trials = run(tmp_path, "sets_odd_constraints", 8, sampler="tpe:n_startup_trials=2")
    assert [trial.value for trial in trials] == [0.0, 0.0, *map(float, range(2, 9))]
    # The history of the next run begins with an attribute that is no constraint.
    trials = run(tmp_path, "sets_odd_constraints", 1)
    assert len(trials) == 10


@both_backends
def test_what_no_study_can_hold_ends_no_run(backend: Backend, tmp_path: Path) -> None:
    n_told, n_ended = len(objectives_for_trial_use.TOLD), len(objectives_for_trial_use.ENDED)
    trials = run(tmp_path, "sends_what_no_study_holds", 15, backend=backend, may_fail=True)
    assert len(trials) == n_told + n_ended + 1 == 15
    assert [trial.state.name for trial in trials] == [
        *["COMPLETE"] * n_told,
        *["FAIL"] * n_ended,
        "COMPLETE",
    ]
    told = [trial.user_attrs["told"] for trial in trials[:n_told]]
    assert told[0] == told[1].replace(str(2**64), str(2**70))
    assert told[0].startswith("OverflowError: `step=")
    assert told[2].startswith("AttributeError: 'list' object")
    assert told[3].startswith("RuntimeError: A trial cannot start another trial")
    assert told[4] == "ValueError: The added trial has 2 values, the study has 1 objective."
    assert told[5].startswith("ValueError: The value 7.0 of parameter 'x' isn't contained")
    assert told[6] == "RuntimeError: Only the worker of a trial can end it."
    why = [trial.system_attrs["hptui:error"]["message"] for trial in trials[n_told:-1]]
    refused = "The study cannot hold what the trial sent. OverflowError: "
    assert all(each.startswith(refused) for each in why[:3])
    assert all(each.startswith("The worker's last message tells no end") for each in why[3:])


def test_what_no_message_holds_is_refused_and_the_trial_goes_on(tmp_path: Path) -> None:
    (trial,) = run(tmp_path, "reads_what_no_message_holds", 1)
    assert trial.user_attrs["read"].startswith("ValueError: ")
    assert "bytes are too long" in trial.user_attrs["read"]
