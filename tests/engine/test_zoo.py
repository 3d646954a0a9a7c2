"""Misbehaving objectives: true states and reasons, neighbours unharmed, nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import psutil
import pytest
from tests.zoo import misbehaving

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

from hptui.domain.objective import ObjectiveRef
from hptui.engine.engine import Engine
from hptui.engine.plan import RunPlan
from hptui.engine.processes import tracker_pids
from hptui.engine.report import Silent
from hptui.engine.rules import Budget

if TYPE_CHECKING:
    from hptui.engine.pool import Backend

ENDS = {
    "raises": ("FAIL", "exception", "a plain error"),
    "raises_unpicklable": ("FAIL", "exception", "needs two"),
    "raises_wordless": ("FAIL", "exception", ""),
    "leaves": ("FAIL", "exception", "3"),
    "interrupts_itself": ("FAIL", "exception", "KeyboardInterrupt"),
    "returns_none": ("FAIL", "value", "returned None"),
    "returns_text": ("FAIL", "value", "'1.5'"),
    "returns_bytes": ("FAIL", "value", "bytes"),
    "returns_nan": ("FAIL", "value", "NaN"),
    "returns_huge": ("FAIL", "value", "no float"),
    "returns_two": ("FAIL", "value", "returned 2 values"),
    "reports_nan_then_completes": ("COMPLETE", "", ""),
    "reports_before_zero": ("FAIL", "exception", "non-negative"),
    "reads_input": ("FAIL", "exception", "EOF"),
    "prints_binary": ("COMPLETE", "", ""),
    "closes_descriptors": ("COMPLETE", "", ""),
    "changes_surroundings": ("COMPLETE", "", ""),
    "sees_what_was_left": ("COMPLETE", "", ""),
    "prunes_with_files": ("PRUNED", "", ""),
    "completes_with_files": ("COMPLETE", "", ""),
    "forks_and_comes_back": ("COMPLETE", "", ""),
    "leaves_a_process": ("COMPLETE", "", ""),
}


def run(
    folder: Path, name: str, n: int, *, backend: Backend, n_slots: int
) -> list[optuna.trial.FrozenTrial]:
    plan = RunPlan(
        ref=ObjectiveRef("file", misbehaving.__file__, name, name),
        study_file=folder / "zoo.db",
        study="zoo",
        sampler="random",
        pruner="none",
        budget=Budget(n_trials=n, trial_timeout_s=4.0 if name == "deadly" else None),
        n_slots=n_slots,
        backend=backend,
    )
    Engine(plan, Silent()).run()
    storage = f"sqlite:///{folder / 'zoo.db'}"
    return optuna.load_study(study_name="zoo", storage=storage).trials


@pytest.fixture(autouse=True)
def nothing_is_left() -> Generator[None]:
    # What tests of other files have left to this process is not the zoo's.
    before = psutil.Process().children(recursive=True)
    yield
    known = {each.pid for each in before} | tracker_pids()
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in known]
    assert left == []


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_each_misbehaviour_ends_in_its_true_state_with_its_reason(
    backend: Backend, tmp_path: Path
) -> None:
    trials = run(tmp_path, "harmless", len(misbehaving.HARMLESS), backend=backend, n_slots=1)
    ended = {f.__name__: t for f, t in zip(misbehaving.HARMLESS, trials, strict=True)}
    threads = backend == "threading"
    for name, (state, kind, message) in ENDS.items():
        if threads and name in (
            "changes_surroundings",
            "sees_what_was_left",
            "prunes_with_files",
            "completes_with_files",
        ):
            continue  # threads share their process's surroundings
        trial = ended[name]
        assert trial.state.name == state, (name, trial.system_attrs)
        if kind:
            error = trial.system_attrs["hptui:error"]
            assert error["kind"] == kind, (name, error)
            assert message in f"{error['type']} {error['message']}", (name, error)
    if not threads:
        assert ended["prunes_with_files"].system_attrs["hptui:pruned"]["step"] == 3
        kept = [path.name for path in (tmp_path / "zoo.hptui" / "scratch").iterdir()]
        assert kept == [f"{ended['completes_with_files'].number:06d}"]
        log = tmp_path / "zoo.hptui" / "logs" / f"trial-{ended['prints_binary'].number:06d}.log"
        assert b"from a child" in log.read_bytes()


def test_a_worker_that_dies_or_hangs_takes_only_its_own_trial_along(tmp_path: Path) -> None:
    trials = run(tmp_path, "deadly", 8, backend="loky", n_slots=2)
    assert [t.state.name for t in trials[::2]] == ["COMPLETE"] * 4
    errors = [t.system_attrs["hptui:error"] for t in trials[1::2]]
    assert [each["kind"] for each in errors] == ["died", "died", "died", "timeout"]
    for error, part in zip(
        errors, ("exit code 0", "SIGKILL", "SIGSEGV", "time limit"), strict=True
    ):
        assert part in error["message"]
    assert not list((tmp_path / "zoo.hptui").glob("scratch/*"))
