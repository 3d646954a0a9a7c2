"""The study screen on real engines, on files that plain Optuna fills, and on files gone wrong."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from tests.e2e.programs import finish, load, start, wait_until
from tests.ui.driving import drive
from tests.waiting import DEADLINE_S, wait_for_stored

from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.ui.application.settings import Settings
from hptui.ui.driving.screen_text import screen_text
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.ui.application.app import HptuiApp

pytestmark = pytest.mark.usefixtures("clones_programs")

OBJECTIVES = Path(__file__).with_name("objectives_to_watch.py")
WATCHED = f"{OBJECTIVES}:watched"


def watch(script: str, path: Path, study: str = "w", *, size: str = "120x36") -> HptuiApp:
    return drive(script, size=size, settings=Settings(), home=lambda: StudyScreen(path, study))


@contextmanager
def a_run(folder: Path, *more: str) -> Generator[Path]:
    """Run `watched` until two trials wait for the file `go`: numbers 0 and 3."""
    options = ["--study", "w", "--jobs", "2", "--trials", "6", "--seed", "1", *more]
    process = start("run", WATCHED, *options, cwd=folder)
    try:
        wait_until(lambda: (folder / "started-3").exists(), "the fourth trial")
        wait_for_stored(folder / "w.db", 2, "the trials before")
        yield folder / "w.db"
    finally:
        (folder / "go").touch()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        finish(process)


def a_file(folder: Path, *trials: optuna.trial.FrozenTrial, directions: int = 1) -> Path:
    path = folder / "w.db"
    study = optuna.create_study(
        study_name="w",
        storage=f"sqlite:///{path}",
        directions=[optuna.study.StudyDirection.MINIMIZE] * directions,
    )
    study.add_trials(trials)
    return path


def a_trial(
    state: TrialState, value: float | None = None, **more: object
) -> optuna.trial.FrozenTrial:
    return create_trial(
        state=state,
        value=value,
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        **more,  # pyright: ignore[reportArgumentType]
    )


def test_a_live_run_is_watched_and_steered(tmp_path: Path) -> None:
    with a_run(tmp_path, "--target=-1") as path:
        watch(
            """
            wait "running"
            wait "target -1, out of sight"
            wait "2/6"
            wait "Running 2"
            expect "Failed 1"
            expect "Pruned 1"
            expect "workers"
            expect "#0"
            expect "step 2"
            press space
            wait "Paused; 2 trials still running."
            wait "‖ paused"
            expect "space resume"
            press space
            wait "▶ running"
            expect "space pause"
            press +
            wait "Now using 3 workers."
            wait "#4"
            press -
            wait "Now using 2 workers."
            press b
            wait "6 trials now. How many more?"
            press backspace
            expect "How many more trials?"
            type 9
            press enter
            wait "This run now has 15 trials."
            press b
            wait "-20 takes 20 away"
            type -5
            press enter
            wait "This run now has 10 trials."
            press T
            wait "none for no limit"
            press backspace
            wait "is not a duration"
            type 90m
            press enter
            wait "The run ends in 1 h 30 m at the latest."
            press T
            wait "none for no limit"
            type none
            press enter
            wait "The run has no time limit."
            wait "2/10"
            press B
            wait "enter fixes"
            press enter shift+left shift+left shift+left shift+left shift+left shift+up enter
            wait "bounds of the space"
            press b
            wait "set aside once applied."
            press escape l
            press f
            wait "failures of w"
            press r
            wait "retry them"
            press r
            wait "1 failed trial will be retried."
            press escape
            wait "Waiting 1"
            """,
            path,
        )


def test_views_follow_a_run(tmp_path: Path) -> None:
    gates = {"No trial has completed": tmp_path / "go", "4 complete": tmp_path / "go-on"}

    def observe(app: HptuiApp) -> None:
        for text, gate in gates.items():
            if text in screen_text(app):
                gate.touch()

    options = ["--study", "w", "--jobs", "2", "--trials", "8", "--seed", "1"]
    process = start("run", f"{OBJECTIVES}:gated", *options, cwd=tmp_path)
    try:
        wait_until(lambda: (tmp_path / "w.db").exists(), "the study")
        drive(
            """
            wait "Running 2"
            press 3
            wait "No trial has completed"
            wait "─ importance for value, PED-ANOVA" 30s
            press 4
            wait "4 complete"
            expect "─ value by parameter"
            wait "8 complete"
            expect "─ value by parameter"
            """,
            settings=Settings(),
            home=lambda: StudyScreen(tmp_path / "w.db", "w"),
            observe=observe,
        )
    finally:
        for gate in gates.values():
            gate.touch()
        finish(process)


def test_a_running_trial_is_killed_after_asking(tmp_path: Path) -> None:
    with a_run(tmp_path, "--trials", "4") as path:
        watch(
            """
            wait "Running 2"
            press g x
            wait "Kill trial 0?"
            press n
            wait-not "Kill trial 0?"
            press x x
            wait "Ending trial 0."
            wait "Failed 2"
            press x
            wait "Trial 0 is not running."
            """,
            path,
        )


def test_stopping_asks_and_lets_running_trials_end(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        watch(
            """
            wait "Running 2"
            press S
            wait "2 trials are running."
            press escape
            wait-not "Stop the run?"
            expect "▶ running"
            press S
            wait "running trials end first"
            press s
            wait "Stopping; 2 trials still running."
            wait "stopping"
            press +
            wait "The run is stopping."
            expect "S end now"
            press S
            wait "End the running trials?"
            expect "n  wait for them"
            expect-not "running trials end first"
            press n
            wait-not "End the running trials?"
            press S x
            wait "Ending at once"
            wait "not running" 20s
            wait "Stopped by you. It took"
            expect "no best value   1 pruned, 3 failed   esc hides this"
            press escape
            wait-not "Stopped by you."
            expect "not running"
            """,
            path,
        )
    states = [trial.state for trial in load(tmp_path, "w").trials]
    assert states.count(TrialState.FAIL) == 3


def test_a_trial_is_enqueued_by_hand(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        watch(
            """
            wait "Running 2"
            press a
            wait "Enqueue a trial"
            expect "-5.0..5.0"
            expect "a, [b]b[/b]"
            expect "2 left to the sampler"
            type 7
            wait "cannot be 7"
            press enter
            expect "Enqueue a trial"
            press backspace
            type 0.25
            press down ctrl+n
            expect "a   "
            press enter
            wait "Trial 4 waits for a worker."
            wait "Waiting 1"
            press a
            wait "Enqueue a trial"
            type 0.5
            press enter
            wait "Trial 5 waits for a worker."
            press a
            wait "Enqueue a trial"
            type 0.75
            press enter
            wait "Waiting 3"
            press U
            wait "3 trials wait."
            expect "x 0.25  kind a"
            press shift+down
            wait "Moved trial 4."
            press G f
            wait "Moved trial 6."
            press G x
            wait "Cancelled trial 4; it is stored as failed."
            press escape
            wait "Waiting 2"
            """,
            path,
        )
        trials = load(tmp_path, "w").trials
        assert trials[4].state is TrialState.FAIL
        assert trials[4].system_attrs["fixed_params"] == {"x": 0.25, "kind": "a"}
        (tmp_path / "go").touch()
        wait_for_stored(tmp_path / "w.db", 6, "the trials that waited")
    begun = [trial.datetime_start for trial in load(tmp_path, "w").trials]
    assert begun[6] is not None
    assert begun[5] is not None
    assert begun[6] < begun[5]


def test_a_copy_of_the_selected_trial_is_enqueued(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        watch(
            """
            wait "Running 2"
            press g j
            press A
            wait "Enqueue a copy of trial 1"
            type 0.5
            press down up
            type 0.125
            press enter
            wait "Trial 4 waits for a worker."
            wait "Waiting 1"
            """,
            path,
        )
        study = load(tmp_path, "w")
        copied = {**study.trials[1].params, "x": 0.125}
        assert study.trials[4].system_attrs["fixed_params"] == copied


def test_leaving_asks_and_the_run_goes_on(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        app = watch(
            """
            wait "Running 2"
            press q
            wait "Leave hptui?"
            press n
            wait-not "Leave hptui?"
            press q l
            """,
            path,
        )
        assert app.return_code == 0
        assert ask_engine(path, "w", {"op": "status"})["state"] == "running"
        again = watch('wait "Running 2"\nwait "▶ running"\npress q s', path)
        wait_until(lambda: again.return_code == 0, "the application's end")
        assert ask_engine(path, "w", {"op": "status"})["state"] == "stopping"


def test_an_engine_that_dies_is_seen(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        lease = running_engine(path, "w")
        assert lease is not None
        seen = tmp_path / "seen.txt"
        script = f"until [ -e {seen} ]; do sleep 0.01; done; kill -9 {lease.pid}"
        killer = subprocess.Popen(["/bin/sh", "-c", script])
        watch(
            f"""
            wait "▶ running"
            screenshot {seen}
            wait "not running" 20s
            wait "has died; 2 trials are stale."
            wait "The run has ended without a word."
            expect "Stale 2"
            press space
            wait "This study is not running; r sets up its next run."
            """,
            path,
        )
        assert killer.wait(DEADLINE_S) == 0


def test_a_file_that_plain_optuna_fills_is_followed(tmp_path: Path) -> None:
    program = tmp_path / "plain.py"
    program.write_text(
        "import optuna, time, pathlib\n"
        "optuna.logging.disable_default_handler()\n"
        "study = optuna.create_study(study_name='w', storage='sqlite:///w.db')\n"
        "study.optimize(lambda t: t.suggest_float('x', -1, 1) ** 2, n_trials=3)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.005)\n"
        "study.optimize(lambda t: t.suggest_float('x', -1, 1) ** 2, n_trials=4)\n"
        "pathlib.Path('done').touch()\n"
    )
    process = subprocess.Popen([sys.executable, str(program)], cwd=tmp_path)
    try:
        path = tmp_path / "w.db"
        wait_until(
            lambda: path.exists() and _n_complete(path) == 3,
            "three trials",
        )
        (tmp_path / "go").touch()
        watch(
            """
            wait "Completed 7" 30s
            expect "★"
            press x
            wait "This study is not running"
            """,
            path,
        )
    finally:
        process.wait(DEADLINE_S)


def _n_complete(path: Path) -> int:
    from hptui.storage.read.studies import list_studies

    found = [each for each in list_studies(path) if each.name == "w" and not each.problem]
    return found[0].counts.get("COMPLETE", 0) if found else 0


def test_all_parts_are_there_at_every_size(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        script = ['wait "2/6"']
        for size in ("80x24", "120x36", "160x48", "200x60"):
            script += [f"size {size}", 'wait "▶ running"', 'wait "2/6"', 'wait "step 2"']
            script += [f'expect "{part}"' for part in ("history", "trials", "All 4", "#0", "#3")]
        script += ['wait "trial 3 prints at step 2"', 'expect "-5 ▁"', 'expect "workers"']
        watch("\n".join(script).replace('"All 4"', '"ll 4"'), path)


def test_a_click_on_a_slot_or_a_point_selects_its_trial(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        watch(
            """
            wait "2/6"
            wait "─ #3 ─"
            click 6 33
            wait "─ #0 ─"
            click 6 34
            wait "─ #3 ─"
            """,
            path,
        )


def test_the_second_plot_has_the_place_of_the_first_on_a_narrow_screen(tmp_path: Path) -> None:
    path = a_file(tmp_path, a_trial(TrialState.COMPLETE, 1.0, intermediate_values={0: 2.0, 1: 1.0}))
    watch(
        """
        wait "history"
        press v
        wait-not "history"
        wait "#0"
        press v
        wait "history"
        """,
        path,
        size="80x24",
    )


def test_zoom_and_log_axis_work_without_a_run(tmp_path: Path) -> None:
    trials = [a_trial(TrialState.COMPLETE, 1.0 + number) for number in range(40)]
    watch(
        """
        wait "Completed 40"
        wait "┬0"
        press >
        wait "┬20"
        press >
        wait "┬30"
        expect "history, #30 to #39"
        expect "★ 1"
        press < <
        wait "┬0"
        press tab z
        wait-not "Completed 40"
        expect " 35 "
        press z shift+tab
        wait "Completed 40"
        expect-not "log axis"
        press l
        wait "log axis"
        press l
        wait-not "log axis"
        press z
        wait-not "history"
        press z
        wait "history"
        press y
        wait "Copied the parameters of trial 39 as Python."
        """,
        a_file(tmp_path, *trials),
    )


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ([], "This study has no trials yet; r runs it."),
        ([a_trial(TrialState.FAIL)], "Failed 1"),
        ([a_trial(TrialState.PRUNED, 0.5, intermediate_values={1: 0.5})], "Pruned 1"),
        ([a_trial(TrialState.COMPLETE, 0.25)], "★ 0.25 (#0)"),
        ([a_trial(TrialState.COMPLETE, float("inf"))], "inf"),
        ([a_trial(TrialState.WAITING)], "Waiting 1"),
    ],
)
def test_studies_with_little_in_them_have_a_face(
    trials: list[optuna.trial.FrozenTrial], sentence: str, tmp_path: Path
) -> None:
    watch(f'wait "{sentence}"\nwait "not running"', a_file(tmp_path, *trials))


def test_several_objectives_show_the_front(tmp_path: Path) -> None:
    trials = [
        create_trial(state=TrialState.COMPLETE, values=[float(number), 3.0 - number])
        for number in range(3)
    ]
    watch('wait "3 on the Pareto front"', a_file(tmp_path, *trials, directions=2))


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(50), b"no database"])
def test_a_file_that_is_no_study_is_told_of(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    path.write_bytes(content)
    watch('wait "cannot be read"\nexpect "w.db"', path)


def test_a_file_that_is_locked_replaced_damaged_and_deleted_while_it_is_open(
    tmp_path: Path,
) -> None:
    path = a_file(tmp_path, a_trial(TrialState.COMPLETE, 0.25))
    (tmp_path / "other").mkdir()
    other = a_file(tmp_path / "other", *[a_trial(TrialState.COMPLETE, 0.5)] * 3)
    good = other.read_bytes()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def lock() -> None:
        connection.execute("BEGIN EXCLUSIVE")

    def free() -> None:
        connection.execute("COMMIT")
        connection.close()

    def put(content: bytes) -> None:
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").replace(path)

    acts = (
        lock,
        free,
        lambda: other.replace(path),
        lambda: path.write_bytes(b"\0garbage" * 3_000),
        lambda: put(good),
        path.unlink,
        lambda: put(good),
    )
    seen = [tmp_path / f"seen-{number}.txt" for number in range(len(acts))]

    def act() -> None:
        for file, do in zip(seen, acts, strict=True):
            wait_until(file.exists, file.name)
            do()

    thread = threading.Thread(target=act)
    thread.start()
    watch(
        f"""
        wait "Completed 1"
        screenshot {seen[0]}
        wait "locked by another program" 20s
        expect "Last read"
        expect "Completed 1"
        screenshot {seen[1]}
        wait-not "Last read" 20s
        screenshot {seen[2]}
        wait "Completed 3" 20s
        screenshot {seen[3]}
        wait "Last read" 20s
        expect "w.db"
        expect "Completed 3"
        press enter
        wait "#2"
        wait "w.db" 20s
        press escape
        screenshot {seen[4]}
        wait-not "Last read" 20s
        screenshot {seen[5]}
        wait "Last read" 20s
        expect "Completed 3"
        press x space enter
        wait "#2"
        press escape
        screenshot {seen[6]}
        wait-not "Last read" 20s
        expect "Completed 3"
        """,
        path,
        # Wide enough for sentences with the file's path in one line.
        size="240x40",
    )
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_leaving_hptui_when_nobody_runs_the_study_does_not_ask(tmp_path: Path) -> None:
    app = watch('wait "Completed 1"\npress q', a_file(tmp_path, a_trial(TrialState.COMPLETE, 1.0)))
    assert app.return_code == 0
    assert os.path.exists(tmp_path / "w.db")
