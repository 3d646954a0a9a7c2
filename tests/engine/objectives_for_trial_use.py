"""Objectives that use a trial as people's own code does: in threads, children and integrations."""

# pyright: basic

import contextlib
import copy
import importlib.util
import json
import multiprocessing
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.terminator import report_cross_validation_scores
from optuna.trial import TrialState

from hptui.engine.workers.trial_messages import spell_trial

DEADLINE_S = 60.0


# -- threads


def suggests_in_threads(trial):
    """Return how many parameters are outside their own range."""

    def fold(at):
        drawn = {}
        for each in range(10):
            low = at * 100 + each
            drawn[low] = trial.suggest_float(f"p{at}_{each}", low, low + 0.5)
            trial.set_user_attr(f"p{at}_{each}", drawn[low])
        return drawn

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(fold, range(4)))
    assert len(trial.params) == 40
    return float(sum(not low <= got <= low + 0.5 for part in parts for low, got in part.items()))


def reports_in_threads(trial):
    """Threads report the same steps, ask the pruner and suggest at once."""
    wrong = []

    def report(at):
        for step in range(50):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial.report(float(step), step)
            trial.set_constraint(f"c{step}", -1.0)
            if not isinstance(trial.should_prune(), bool):
                wrong.append(at)

    def suggest(at):
        for each in range(50):
            if not isinstance(trial.suggest_int(f"n{at}_{each}", 0, 9), int):
                wrong.append(at)

    threads = [threading.Thread(target=report, args=(at,)) for at in range(3)]
    threads += [threading.Thread(target=suggest, args=(at,)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return float(len(wrong))


_began = threading.Event()
_go_on = threading.Event()
_refused = []


def outlives_its_trial(trial):
    """A thread of the first trial goes on while the others run."""
    if trial.number == 0:
        study = trial.study
        study.set_user_attr("while it runs", 0)

        def use_its_study():
            for act in (lambda: study.set_user_attr("late", 1), study.stop):
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                    act()

        def monitor():
            step = 0
            while not _go_on.is_set():
                step += 1
                try:
                    trial.report(float(step), step)
                    trial.should_prune()
                except optuna.exceptions.UpdateFinishedTrialError as error:
                    _refused.append(str(error))
                    _began.set()
                    use_its_study()

        threading.Thread(target=monitor, daemon=True).start()
        return 0.0
    assert _began.wait(DEADLINE_S)
    value = trial.suggest_float("x", 1, 2)
    if trial.number == 4:
        _go_on.set()
        trial.set_user_attr("refused", _refused[0])
    return value


# -- copies and children


def _use(trial, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trial.report(float(len(name)), len(name))
    trial.set_user_attr(name, os.getpid())
    trial.storage.set_trial_system_attr(trial._trial_id, name, "child")
    assert trial.should_prune() is False
    return trial.suggest_float(name, 0, 1)


def _in_child(data, name):
    _use(pickle.loads(data), name)


def is_copied_and_shared(trial):
    """Return the sum of what copies, a fork and a fresh process have suggested."""
    trial.set_user_attr("lock", threading.Lock())
    copied = copy.deepcopy(trial)
    assert _use(copied, "copied") == trial.suggest_float("copied", 0, 1)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            _use(trial, "forked")
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    data = pickle.dumps(trial)
    # As `python FILE` would: what a spawned child imports is not the subject here.
    code = f"import sys, pickle; trial = pickle.loads(bytes.fromhex({data.hex()!r}))\n" + (
        "trial.report(0.5, 1); trial.set_user_attr('spawned', True); "
        "assert not trial.should_prune(); trial.suggest_float('spawned', 0, 1); "
        "assert len(trial.study.trials) == trial.number + 1"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
    process = multiprocessing.get_context("fork").Process(target=_in_child, args=(data, "pickled"))
    process.start()
    process.join()
    assert process.exitcode == 0
    names = ("copied", "forked", "pickled", "spawned")
    return sum(trial.suggest_float(name, 0, 1) for name in names)


def leaves_a_child(trial):
    """The first trial's child uses it when it is over."""
    told = Path(f"told-{os.getpid()}")
    if trial.number == 0:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.read(reader, 1)
            try:
                trial.suggest_float("late", 0, 1)
            except optuna.exceptions.UpdateFinishedTrialError as error:
                told.with_suffix(".tmp").write_text(str(error))
                told.with_suffix(".tmp").rename(told)
            os._exit(0)
        leaves_a_child.writer = writer
        return 0.0
    if trial.number == 1:
        os.write(leaves_a_child.writer, b"!")
        waiting = threading.Event()
        while not told.exists():
            waiting.wait(0.01)
        trial.set_user_attr("told", told.read_text())
    return trial.suggest_float("x", 0, 1)


# -- what Optuna's trial and study have


def repeats_known_points(trial):
    """The recipe of Optuna's FAQ on duplicated samples."""
    x = trial.suggest_int("x", 0, 1)
    study = trial.study
    assert isinstance(trial, optuna.Trial)
    assert isinstance(study, optuna.Study)
    trials = study.get_trials(deepcopy=False)
    assert [each.number for each in trials] == list(range(trial.number + 1))
    own = trials[trial.number]
    assert own.state is TrialState.RUNNING
    assert (own._trial_id, own.params) == (trial._trial_id, trial.params)
    for past in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if past.params == trial.params:
            trial.set_user_attr("seen", past.number)
            return past.value
    return float(x)


def looks_around(trial):
    """All that a study tells and a trial may write, checked against Optuna's own storage."""
    study = trial.study
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["a", None, 3])
    trial.set_constraint("size", x - 2)
    if trial.number == 0:
        study.set_user_attr("array", np.arange(3))
        study.set_user_attr("model", threading.Lock())
        study.set_metric_names(["loss"])
        study.enqueue_trial({"x": 0.5, "kind": None}, user_attrs={"by": "trial"})
        study.add_trial(
            optuna.create_trial(
                params={"x": 0.25},
                distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
                intermediate_values={0: float("inf"), 1: 2.0},
                value=0.25,
            )
        )
    if trial.number == 1:
        assert (x, kind, trial.user_attrs) == (0.5, None, {"by": "trial"})
        assert trial._fixed_params == {"x": 0.5, "kind": None}
    plain = optuna.load_study(study_name=study.study_name, storage=study._storage._backend.url)
    assert study.user_attrs["array"] == [0, 1, 2]
    assert "lock" in study.user_attrs["model"]
    assert study.metric_names == ["loss"]
    assert study.direction is study.directions[0] is optuna.study.StudyDirection.MINIMIZE
    assert not study._is_multi_objective()
    assert study._study_id == plain._study_id
    assert isinstance(study.sampler, optuna.samplers.TPESampler)
    assert study.sampler._n_startup_trials == 3
    assert isinstance(study.pruner, optuna.pruners.PercentilePruner)
    if importlib.util.find_spec("pandas") is not None:
        assert len(study.trials_dataframe()) == len(study.trials)
    added = next(each for each in study.trials if each.params == {"x": 0.25})
    assert (added.value, added.intermediate_values[1]) == (0.25, 2.0)
    if trial.number > 2:
        assert study.best_value == min(each.value for each in study.trials if each.value)
        assert study.best_trial in study.best_trials
        # The last ones may not be committed yet.
        in_file = [each for each in plain.trials if each.state.is_finished()]
        assert in_file
        seen = {each.number: each for each in study.trials}
        assert [each for each in in_file if each != seen[each.number]] == []
    assert trial.relative_params.keys() == trial.relative_search_space.keys()
    for forbidden in (
        lambda: study.ask(),
        lambda: study.tell(0, 1.0),
        lambda: study.optimize(lambda _: 1.0),
        lambda: study._storage.delete_study(study._study_id),
        lambda: study._storage.set_trial_user_attr(added._trial_id, "a", 1),
        lambda: study._storage.set_study_system_attr(study._study_id, "hptui:runs", []),
        lambda: optuna.create_study(storage=study._storage, study_name="another"),
    ):
        try:
            forbidden()
        except (RuntimeError, ValueError) as error:
            trial.set_user_attr("no", str(error))
        else:
            raise AssertionError("it was not refused")
    return x


def private_suggest(trial):
    study = optuna.distributions
    return (
        trial._suggest("f", study.FloatDistribution(0.5, 1, log=True))
        + trial._suggest("i", study.IntDistribution(2, 8, step=2))
        + trial._suggest("c", study.CategoricalDistribution([1, 2]))
    )


class Odd:
    def __repr__(self):
        raise ValueError("no text")


def sets_odd_attributes(trial):
    values = {
        "float32": np.float32(0.5),
        "int64": np.int64(3),
        "bool": np.bool_(True),
        "array": np.array([[1.0, 2.0]], dtype=np.float32),
        "nested": {"a": [np.int32(1), {"b": np.float64(2)}], np.int64(7): (1,)},
        "path": Path("x/y"),
        "model": object(),
        "odd": Odd(),
        "large": np.zeros(1_000_000),
        "lock": threading.Lock(),
    }
    itself = []
    itself.append(itself)
    values["itself"] = itself
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for key, value in values.items():
            trial.set_user_attr(key, value)
    for key in ("path", "model", "odd", "large", "lock", "itself"):
        assert trial.user_attrs[key] is values[key], key
    assert trial.user_attrs["nested"] == values["nested"]
    trial.set_user_attr("warned", [str(each.message) for each in caught])
    trial.set_user_attr("again", Path("z"))
    return 1.0


# -- integrations, by the calls that they make


def uploads(trial):
    Path("artifacts").mkdir(exist_ok=True)
    store = FileSystemArtifactStore("artifacts")
    path = Path(f"file-{trial.number}.txt")
    path.write_text("content")
    own = upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)
    common = upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial.study)
    assert [each.artifact_id for each in get_all_artifact_meta(trial)] == [own]
    assert common in [each.artifact_id for each in get_all_artifact_meta(trial.study)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report_cross_validation_scores(trial, [0.5, 1.5])
    trial.set_user_attr("artifact", own)
    return 1.0


def tracks_like_mlflow(trial):
    assert trial.study.study_name
    assert trial.study.user_attrs == {}
    trial.storage.set_trial_system_attr(trial._trial_id, "mlflow_run_id", f"run {trial.number}")
    return trial.suggest_float("x", 0, 1)


def prunes_like_lightning(trial):
    """What the pruning callback of Lightning does where processes train together."""
    storage = trial.study._storage
    assert isinstance(storage, _CachedStorage)
    assert isinstance(storage._backend, RDBStorage)
    trial.storage.set_trial_system_attr(trial._trial_id, "ddp_pl:intermediate_value", {})
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            for epoch in range(3):
                trial.report(1.0 + epoch, step=epoch)
                stop = trial.should_prune()
                seen = trial.study._storage.get_trial_system_attrs(trial._trial_id)
                values = {**seen["ddp_pl:intermediate_value"], epoch: 1.0 + epoch}
                trial.storage.set_trial_system_attr(
                    trial._trial_id, "ddp_pl:intermediate_value", values
                )
                assert stop is False
            trial.storage.set_trial_system_attr(trial._trial_id, "ddp_pl:pruned", True)
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    attrs = storage._backend.get_trial_system_attrs(trial._trial_id)
    values = attrs["ddp_pl:intermediate_value"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step, value in values.items():
            trial.report(value, step=int(step))
    trial.set_user_attr("seen", json.dumps(values))
    if attrs["ddp_pl:pruned"]:
        raise optuna.TrialPruned("as told by a child")
    return 1.0


# -- what a trial should not write


def sets_odd_constraints(trial):
    if trial.number == 0:
        note = {"constraints_note": "none"}
        trial.study.add_trial(optuna.create_trial(value=0.0, system_attrs=note))
    odd = ("abc", {"a": "b"}, None, 5, [1, "x"], [None], [[1]], True)
    trial.storage.set_trial_system_attr(
        trial._trial_id, "constraints", odd[min(trial.number, len(odd) - 1)]
    )
    if trial.number % 2:
        trial.storage.set_trial_system_attr(trial._trial_id, "constraints:a", "abc")
    return float(trial.number)


def _add(trial, **fields):
    template = optuna.create_trial(**fields)
    trial.storage.create_new_trial(trial.study._study_id, template)


def _add_forged(trial, **changes):
    study_id = trial.study._study_id
    template = {**spell_trial(optuna.create_trial(value=1.0)), **changes}
    trial._link.ask({"op": "storage", "call": "add_trial", "study": study_id, "template": template})


def _add_outside(trial):
    template = optuna.create_trial(
        value=1.0,
        params={"x": 0.5},
        distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
    )
    spelled = spell_trial(template)
    _add_forged(trial, params={"x": (7.0, spelled["params"]["x"][1])})


def _end_from_a_guest(trial):
    guest = pickle.loads(pickle.dumps(trial._link))
    guest.ask({"op": "done", "state": "complete", "values": [5.0]})


TOLD: tuple[Callable[[Any], object], ...] = (
    lambda trial: _add(trial, value=1.0, intermediate_values={2**70: 1.0}),
    lambda trial: trial.storage.set_trial_intermediate_value(trial._trial_id, 2**64, 1.0),
    lambda trial: _add_forged(trial, params=[1]),
    lambda trial: _add_forged(trial, state="RUNNING", values=None, complete=None),
    lambda trial: _add(trial, values=[1.0, 2.0]),
    _add_outside,
    _end_from_a_guest,
)
ENDED: tuple[dict[str, object], ...] = (
    {"op": "report", "value": 1.0, "step": float("inf")},
    {"op": "report", "value": 1.0, "step": 2**70},
    {"op": "constraint", "key": "a", "value": 10**400},
    {"op": "done"},
    {"op": "done", "state": "failed", "error": {"kind": [1], "other": 2}},
    {"op": "done", "state": "complete", "values": ["a"]},
    {"op": "done", "n": None, "state": "complete", "values": [1.0, 2.0]},
)


def sends_what_no_study_holds(trial):
    if trial.number < len(TOLD):
        try:
            TOLD[trial.number](trial)
        except Exception as error:  # noqa: BLE001 - what it raises is looked at
            trial.set_user_attr("told", f"{type(error).__name__}: {error}")
    elif trial.number < len(TOLD) + len(ENDED):
        message = ENDED[trial.number - len(TOLD)]
        trial._link._connection.send({"n": trial.number, **message})
    return float(trial.number)


def reads_what_no_message_holds(trial):
    for at in range(4):
        trial.set_user_attr(f"long{at}", "x" * 20_000_000)
    try:
        trial.storage.get_trial(trial._trial_id)
    except ValueError as error:
        trial.set_user_attr("read", f"{type(error).__name__}: {error}")
    return trial.suggest_float("x", 0, 1)
