"""Programs that misbehave: true states and reasons, and no process of theirs left behind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import psutil
import pytest
from tests.zoo import misbehaving_programs
from tests.zoo.test_zoo import nothing_is_left, reason

from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.registry.commands.command import CommandSpec

if TYPE_CHECKING:
    from hptui.engine.workers.worker_kinds import Backend

assert nothing_is_left, "a fixture of this module, too"

FILE = str(Path(misbehaving_programs.__file__))
PROGRAM = (sys.executable, "-I", "-S", FILE)
BACKENDS: tuple[Backend, ...] = ("loky", "threading")
VALUES = {
    "prints_once": 0.5,
    "trains": 1 / 3,
    "draws_progress": 3.5,
    "prints_json": 0.25,
    "writes_reports": 0.5,
    "shows_its_surroundings": 1.0,
    "prints_infinity": float("inf"),
    "prints_no_text": 0.75,
    "prints_a_megabyte_without_an_end": 0.5,
    "floods": 0.5,
    "floods_with_values": 10_499.0,
    "closes_its_output_and_goes_on": 0.5,
    "leaves_children": 0.5,
    "leaves_a_daemon": 0.5,
    "leaves_a_daemon_that_will_not_end": 0.5,
}
REASONS = {
    "prints_another_name": "value: the command printed no val_loss; it printed accuracy, loss",
    "prints_nothing": "value: the command printed no val_loss; it printed nothing",
    "prints_a_unit": "value: the command printed no number as val_loss, but '12.3ms'",
    "prints_nan_at_last": "value: val_loss is NaN at the end",
    "fails": "died: exit code 1 no such layer",
    "kills_itself": "died: SIGSEGV val_loss=0.1",
}
STEPS = {
    "prints_once": {},
    "trains": {1: 1.0, 2: 1 / 2, 3: 1 / 3},
    "draws_progress": {1: 1.5, 2: 2.5, 3: 3.5},
    "prints_json": {1: 0.25},
    "writes_reports": {1: 0.25, 2: 0.5},
}


OF_THREADS = [
    "trains",
    "writes_reports",
    "shows_its_surroundings",
    "leaves_children",
    "leaves_a_daemon",
    "leaves_a_daemon_that_will_not_end",
    "prints_nothing",
    "fails",
]


def _of(expected: dict[str, Any], names: list[str]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in expected.items() if name in names]


def run(folder: Path, names: list[str], *, pruner: str = "none", **options: Any) -> list[Any]:
    """Run a program for each name, in this order, and return the trials by name."""
    spec = CommandSpec(
        words=(*PROGRAM, f"{{how={'|'.join(dict.fromkeys(names))}}}"),
        metrics=("val_loss",),
        grace_s=options.pop("grace_s", 0.5),
        cwd=str(folder),
    )
    plan = RunPlan(
        ref=spec.to_ref(),
        study_file=folder / "zoo.db",
        study="zoo",
        sampler="random",
        pruner=pruner,
        enqueue=tuple({"how": name} for name in names),
        budget=Budget(
            n_trials=len(names),
            trial_timeout_s=options.pop("trial_timeout_s", None),
            force_after_s=spec.grace_s + 2,
        ),
        n_workers=options.pop("n_workers", 1),
        backend=options.pop("backend", "loky"),
        **options,
    )
    Engine(plan, Silent()).run()
    return optuna.load_study(study_name="zoo", storage=f"sqlite:///{folder / 'zoo.db'}").trials


def of_programs(folder: Path) -> list[psutil.Process]:
    """Return the processes that still run a program of these."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        about = process.info
        if FILE in (about["cmdline"] or ()) and about["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return [each for each in found if each.info["cwd"] == str(folder)]


def log_of(folder: Path, number: int) -> bytes:
    return (folder / f"zoo.hptui/logs/trial-{number:06d}.log").read_bytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_program_ends_in_its_true_state_with_its_reason(
    backend: Backend, tmp_path: Path
) -> None:
    # What threads have in common with processes is tried once.
    names = [*VALUES, *REASONS] if backend == "loky" else OF_THREADS
    trials = run(tmp_path, names, backend=backend, n_workers=1 if backend == "loky" else 3)
    by_name = {each.params["how"]: each for each in trials}
    assert of_programs(tmp_path) == []
    for name, value in _of(VALUES, names):
        trial = by_name[name]
        assert trial.state.name == "COMPLETE", (name, trial.system_attrs)
        assert trial.value == value, name
    for name, text in _of(REASONS, names):
        assert by_name[name].state.name == "FAIL", name
        assert reason(by_name[name]) == text, name
    for name, steps in _of(STEPS, names):
        assert by_name[name].intermediate_values == steps, name
    assert "val_loss=0.1" in by_name["fails"].system_attrs["hptui:error"]["traceback"]

    number = by_name["shows_its_surroundings"].number
    scratch = tmp_path / f"zoo.hptui/scratch/{number:06d}"
    seen = json.loads((scratch / "seen.json").read_text())
    report = seen.pop("HPTUI_REPORT")
    assert not os.path.exists(report)
    assert seen.pop("HPTUI_SEED").isdigit()
    assert seen.pop("HPTUI_WORKER").isalnum()
    assert seen.pop("descriptors")[:3] == [0, 1, 2]
    assert seen == {
        "HPTUI_TRIAL_DIR": str(scratch),
        "HPTUI_TRIAL_NUMBER": str(number),
        "HPTUI_STUDY": "zoo",
        "HPTUI_PARAMS": '{"how": "shows_its_surroundings"}',
        "unbuffered": "1",
        "argv": ["shows_its_surroundings"],
        "cwd": str(tmp_path),
        "input": "",
        "group": True,
        "interrupts": True,
    }
    log = log_of(tmp_path, by_name["trains"].number).decode()
    assert log.splitlines()[0] == f"$ {' '.join(PROGRAM)} trains"
    assert log.count("val_loss") == 6
    if backend == "loky":
        number = by_name["closes_its_output_and_goes_on"].number
        assert (tmp_path / f"zoo.hptui/scratch/{number:06d}/went-on").exists()
        assert len(by_name["floods_with_values"].intermediate_values) == 10_000
        assert log_of(tmp_path, by_name["prints_no_text"].number).count(b"\xff") == 2


def test_a_pruned_program_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    good = ["trains"] * 2
    bad = [
        "is_bad_and_ends_well",
        "is_bad_and_ignores_the_request",
        "is_bad_and_has_children",
    ]
    trials = run(
        tmp_path, [*good, *bad], pruner="median:n_startup_trials=2,n_warmup_steps=2", grace_s=0.3
    )
    assert [each.state.name for each in trials] == ["COMPLETE"] * 2 + ["PRUNED"] * 3
    assert of_programs(tmp_path) == []
    for trial in trials[2:4]:
        assert trial.intermediate_values == {1: 101.0, 2: 102.0}
    # What it prints at its end is in its log, and does not count.
    assert log_of(tmp_path, 2).endswith(b"val_loss=0\n")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trial_that_is_out_of_time_ends_its_program(backend: Backend, tmp_path: Path) -> None:
    trials = run(
        tmp_path, ["hangs", "prints_once"], trial_timeout_s=3.0, grace_s=0.3, backend=backend
    )
    assert [each.state.name for each in trials] == ["FAIL", "COMPLETE"]
    assert reason(trials[0]) == "timeout: The trial's time limit of 3 s had passed."
    assert of_programs(tmp_path) == []
