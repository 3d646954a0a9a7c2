"""Misbehaving objectives: true states and reasons, neighbours unharmed, nothing left behind.

Those that hang or take their process along have many workers, which are cloned; others have one
that Python starts.
"""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import psutil
import pytest
from tests.e2e.programs import wait_until
from tests.zoo import misbehaving

if TYPE_CHECKING:
    from collections.abc import Generator

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.engine.workers.machine.processes import tracker_pids

if TYPE_CHECKING:
    from hptui.engine.workers.worker_kinds import Backend

COMPLETE = ("COMPLETE", "", "")
ENDS = {
    "raises": ("FAIL", "exception", "ValueError a plain error"),
    "raises_unpicklable": ("FAIL", "exception", "Unpicklable needs two"),
    "raises_wordless": ("FAIL", "exception", "Wordless"),
    "raises_leaving": ("FAIL", "exception", "Leaving"),
    "raises_group": ("FAIL", "exception", "several (2 sub-exceptions)"),
    "recurses": ("FAIL", "exception", "RecursionError"),
    "leaves": ("FAIL", "exception", "SystemExit 3"),
    "leaves_with_text": ("FAIL", "exception", "SystemExit an explanation"),
    "interrupts_itself": ("FAIL", "exception", "KeyboardInterrupt"),
    "returns_none": ("FAIL", "value", "returned None"),
    "returns_text": ("FAIL", "value", "'1.5'"),
    "returns_bytes": ("FAIL", "value", "bytes"),
    "returns_bool": COMPLETE,
    "returns_a_bool_of_numpy": COMPLETE,
    "returns_complex": ("FAIL", "value", "complex"),
    "returns_dict": ("FAIL", "value", "dict"),
    "returns_generator": ("FAIL", "value", "generator"),
    "returns_function": ("FAIL", "value", "function"),
    "returns_trial": ("FAIL", "value", "WorkerTrial"),
    "returns_interrupting": ("FAIL", "exception", "KeyboardInterrupt"),
    "returns_nan": ("FAIL", "value", "NaN"),
    "returns_huge": ("FAIL", "value", "no float"),
    "returns_two": ("FAIL", "value", "returned 2 values"),
    "returns_array_of_two": ("FAIL", "value", "no float"),
    "returns_many": ("FAIL", "value", "returned 200,000 values"),
    "returns_scalar_array": COMPLETE,
    "returns_infinity": COMPLETE,
    "reports_nan_then_completes": COMPLETE,
    "reports_before_zero": ("FAIL", "exception", "non-negative"),
    "names_what_no_file_holds": ("FAIL", "exception", "surrogates not allowed"),
    "names_the_study_so": ("FAIL", "exception", "surrogates not allowed"),
    "nests_deeply": ("FAIL", "exception", "RecursionError"),
    "says_too_much": ("FAIL", "exception", "too long"),
    "reads_input": ("FAIL", "exception", "EOF"),
    "reads_all_input": COMPLETE,
    "prints_binary": COMPLETE,
    "closes_descriptors": COMPLETE,
    "closes_every_descriptor": COMPLETE,
    "closes_streams": ("FAIL", "exception", "without streams"),
    "closes_standard_descriptors": ("FAIL", "exception", "without standard descriptors"),
    "uses_up_descriptors": COMPLETE,
    "opens_as_many_as_it_should_have": COMPLETE,
    "changes_surroundings": COMPLETE,
    "sees_what_was_left": COMPLETE,
    "prunes_with_files": ("PRUNED", "", ""),
    "fails_with_locked_files": ("FAIL", "exception", "with files"),
    "completes_with_files": COMPLETE,
    "forks_and_comes_back": COMPLETE,
    "forks_and_raises": COMPLETE,
    "forks_and_uses_the_trial": COMPLETE,
    "leaves_a_forked_child": COMPLETE,
    "leaves_a_process": COMPLETE,
    "leaves_a_daemon": COMPLETE,
    "leaves_semaphores": COMPLETE,
    "leaves_a_thread": COMPLETE,
}
DEATHS = {
    "vanishes": "exit code 0",
    "vanishes_from_its_child": "exit code 5",
    "kills_itself": "SIGKILL",
    "segfaults": "SIGSEGV",
    "aborts": "SIGABRT",
    "writes_into_sockets": "wrote into its worker's connection",
}
BACKENDS: tuple[Backend, ...] = ("loky", "threading")
cloned = pytest.mark.usefixtures("clones_programs")


def run(
    folder: Path,
    name: str,
    n: int,
    *,
    backend: Backend,
    n_workers: int = 1,
    trial_timeout_s: float | None = None,
) -> list[optuna.trial.FrozenTrial]:
    plan = RunPlan(
        ref=ObjectiveRef("file", misbehaving.__file__, name, name),
        study_file=folder / "zoo.db",
        study="zoo",
        sampler="random",
        pruner="none",
        budget=Budget(n_trials=n, trial_timeout_s=trial_timeout_s),
        n_workers=n_workers,
        backend=backend,
    )
    Engine(plan, Silent()).run()
    storage = f"sqlite:///{folder / 'zoo.db'}"
    return optuna.load_study(study_name="zoo", storage=storage).trials


def reason(trial: optuna.trial.FrozenTrial) -> str:
    error = trial.system_attrs["hptui:error"]
    return f"{error['kind']}: {error['type']} {error['message']}".replace("  ", " ")


@pytest.fixture(autouse=True)
def nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Generator[None]:
    """Each run leaves no process, thread, descriptor, semaphore or temporary file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    start_trackers()
    before = left_over()
    yield
    # What pytest keeps of a logged exception holds on to the engine.
    caplog.get_records("call").clear()
    monkeypatch.setattr(tempfile, "tempdir", None)
    wait_until(lambda: left_over() <= before, "all was cleared up", lambda: left_over() - before)
    assert list(temporary.iterdir()) == []


def start_trackers() -> None:
    # They live as long as this process, and so do their pipes.
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import (  # pyright: ignore[reportMissingTypeStubs]
        resource_tracker as loky_tracker,
    )

    resource_tracker.ensure_running()
    loky_tracker.ensure_running()


def left_over() -> set[str]:
    gc.collect()
    processes = psutil.Process().children(recursive=True)
    found = {f"process {each.pid}" for each in processes if each.pid not in tracker_pids()}
    found |= {f"thread {each.name}" for each in threading.enumerate()}
    found |= {f"semaphore {each.name}" for each in Path("/dev/shm").glob(f"*-{os.getpid()}-*")}
    for entry in Path("/proc/self/fd").iterdir():
        # The one that lists the folder is closed by now.
        with contextlib.suppress(OSError):
            found.add(f"descriptor {entry.name} {entry.readlink()}")
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_misbehaviour_ends_in_its_true_state_with_its_reason(
    backend: Backend, tmp_path: Path
) -> None:
    trials = run(tmp_path, "harmless", len(misbehaving.HARMLESS), backend=backend)
    ended = {f.__name__: t for f, t in zip(misbehaving.HARMLESS, trials, strict=True)}
    assert set(ended) == set(ENDS)
    for name, (state, kind, message) in ENDS.items():
        trial = ended[name]
        assert trial.state.name == state, (name, trial.system_attrs)
        if kind:
            assert reason(trial).startswith(f"{kind}: "), name
            assert message in reason(trial), name
    assert ended["prunes_with_files"].system_attrs["hptui:pruned"]["step"] == 3

    kept = [path.name for path in (tmp_path / "zoo.hptui" / "scratch").iterdir()]
    assert kept == [f"{ended['completes_with_files'].number:06d}"]
    log = tmp_path / "zoo.hptui" / "logs" / f"trial-{ended['sees_what_was_left'].number:06d}.log"
    assert log.read_text() == "the stream is back\n"
    if backend == "loky":
        log = log.with_name(f"trial-{ended['prints_binary'].number:06d}.log")
        assert b"from a child" in log.read_bytes()


@cloned
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_worker_that_dies_takes_only_its_own_trial_along(
    backend: Backend, tmp_path: Path
) -> None:
    n_workers = 2 if backend == "loky" else 1
    n = 2 * len(misbehaving.DEADLY)
    trials = run(tmp_path, "deadly", n, backend=backend, n_workers=n_workers)
    assert [t.state.name for t in trials[::2]] == ["COMPLETE"] * len(misbehaving.DEADLY)
    for deadly, trial in zip(misbehaving.DEADLY, trials[1::2], strict=True):
        assert trial.state.name == "FAIL"
        assert reason(trial).startswith("died: "), deadly.__name__
        assert DEATHS[deadly.__name__] in reason(trial), deadly.__name__
    assert not list((tmp_path / "zoo.hptui").glob("scratch/*"))


@cloned
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_hangs_is_ended_in_native_code_too(backend: Backend, tmp_path: Path) -> None:
    n_workers = 2 if backend == "loky" else 1
    n = 2 * len(misbehaving.ENDLESS)
    trials = run(tmp_path, "endless", n, backend=backend, n_workers=n_workers, trial_timeout_s=2.0)
    assert [t.state.name for t in trials[::2]] == ["COMPLETE"] * len(misbehaving.ENDLESS)
    for trial in trials[1::2]:
        assert trial.state.name == "FAIL"
        assert reason(trial) == "timeout: The trial's time limit of 2 s had passed."
    assert not list((tmp_path / "zoo.hptui").glob("scratch/*"))


@cloned
def test_threads_that_share_a_process_say_so_when_it_dies(tmp_path: Path) -> None:
    trials = run(tmp_path, "dies_beside_a_neighbour", 6, backend="threading", n_workers=2)
    assert [t.state.name for t in trials] == ["FAIL"] * 2 + ["COMPLETE"] * 4
    for trial in trials[:2]:
        assert reason(trial) == (
            "died: The worker process ended (exit code 5); 2 trials were running in it, "
            "and any of them may have caused it."
        )


@cloned
def test_a_thread_that_hangs_is_given_up_and_its_neighbours_go_on(tmp_path: Path) -> None:
    trials = run(
        tmp_path,
        "hangs_beside_neighbours",
        20,
        backend="threading",
        n_workers=2,
        trial_timeout_s=2.0,
    )
    assert [t.state.name for t in trials] == ["FAIL"] + ["COMPLETE"] * 19
    assert "time limit" in reason(trials[0])


@cloned
@pytest.mark.parametrize("backend", BACKENDS)
def test_trials_side_by_side_have_folders_of_their_own(backend: Backend, tmp_path: Path) -> None:
    trials = run(tmp_path, "keeps_to_its_folder", 4, backend=backend, n_workers=2)
    assert [t.state.name for t in trials] == ["COMPLETE"] * 2 + ["FAIL"] * 2, [
        t.system_attrs for t in trials
    ]
    scratch = tmp_path / "zoo.hptui" / "scratch"
    kept = sorted(str(path.relative_to(scratch)) for path in scratch.glob("*/*"))
    assert kept == ["000000/model-0", "000001/model-1"]
    for trial in trials[2:]:
        named = "not set" if backend == "threading" else str(scratch / f"{trial.number:06d}")
        assert named in reason(trial)
