"""However the application ends, the terminal is as it was before.

It is forked from a process that has its modules, but for one test.
"""

from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.forked_runs import Starter
from tests.e2e.programs import OBJECTIVES, finish, start, wait_until
from tests.ui.pty_program import PtyProgram, modes_left_on
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.client import running_engine

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator

ROOT = Path(__file__).parents[2]
HARMFUL = "tests.ui.terminal_program"


@pytest.fixture(scope="module")
def starter() -> Generator[Starter]:
    with Starter("hptui.ui") as made:
        yield made


@pytest.fixture
def program(starter: Starter, tmp_path: Path) -> Generator[PtyProgram]:
    running = open_harmful(starter, tmp_path)
    with contextlib.closing(running):
        running.wait_for("the screen is up")
        running.wait_for("quit")
        yield running


def open_harmful(starter: Starter, folder: Path, *, is_controlling: bool = True) -> PtyProgram:
    state = {"XDG_STATE_HOME": str(folder)}
    return PtyProgram(HARMFUL, starter=starter, cwd=ROOT, env=state, is_controlling=is_controlling)


def is_restored(program: PtyProgram) -> bool:
    assert modes_left_on(program.written) == set()
    return program.settings_after() == program.settings_before


def test_the_modes_are_on_while_it_runs(program: PtyProgram) -> None:
    assert {"1049", "1000", "2004", "cursor"} <= modes_left_on(program.written)
    assert program.settings_after() != program.settings_before


def test_after_quitting(program: PtyProgram) -> None:
    program.press("q")
    assert program.finish() == 0
    assert is_restored(program)


def test_after_the_mouse_was_told_in_pixels(program: PtyProgram) -> None:
    program.wait_for("\x1b[?1016h")
    program.press("q")
    assert program.finish() == 0
    assert b"\x1b[?1016l" in program.written


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGQUIT, 131),
        (signal.SIGINT, 130),
    ],
)
def test_after_a_signal(program: PtyProgram, number: signal.Signals, code: int) -> None:
    program.process.send_signal(number)
    assert program.finish() == code
    assert is_restored(program)


def test_after_a_defect_of_its_own(program: PtyProgram, tmp_path: Path) -> None:
    program.press("n")
    assert program.finish() == 1
    assert is_restored(program)
    after = program.written.split(b"\x1b[?1049l")[-1]
    assert b"The application failed: ZeroDivisionError: a defect of 7" in after
    assert b"Traceback" not in after
    (report,) = (tmp_path / "hptui" / "log").glob("failure-*.txt")
    text = report.read_text("utf-8")
    assert "do_new_study" in text
    assert "hunter2" not in text.replace('secret = "hunter2"', "")
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("is_controlling", [True, False])
def test_after_the_terminal_is_gone(is_controlling: bool, starter: Starter, tmp_path: Path) -> None:
    gone = open_harmful(starter, tmp_path, is_controlling=is_controlling)
    with contextlib.closing(gone):
        gone.wait_for("the screen is up")
        gone.hang_up()
        assert gone.finish() == 129


@pytest.mark.parametrize("is_controlling", [True, False])
def test_after_the_terminal_is_gone_while_it_draws(
    is_controlling: bool, starter: Starter, tmp_path: Path
) -> None:
    """No frame that the terminal takes no longer keeps the program from its end."""
    gone = open_harmful(starter, tmp_path, is_controlling=is_controlling)
    with contextlib.closing(gone):
        gone.wait_for("the screen is up")
        gone.press("d")
        gone.wait_for("frame")
        gone.hang_up()
        assert gone.finish() == 129


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP, "q"])
def test_while_the_terminal_reads_nothing(
    end: signal.Signals | str, program: PtyProgram, tmp_path: Path
) -> None:
    """Frames are dropped, and neither these nor those that wait keep the program from its end."""
    program.press("d")
    program.wait_for("frame")
    program.stop_reading()
    wait_until((tmp_path / "drawn").exists, "all frames drawn")
    if isinstance(end, str):
        program.press(end)
    else:
        program.process.send_signal(end)
    assert program.process.wait(DEADLINE_S) == (0 if isinstance(end, str) else 128 + end)


def test_a_terminal_that_reads_again_shows_what_is_drawn_by_then(
    program: PtyProgram, tmp_path: Path
) -> None:
    program.press("d")
    program.wait_for("frame")
    program.stop_reading()
    wait_until((tmp_path / "drawn").exists, "all frames drawn")
    program.read()
    wait_until(lambda: re.search(rb"frame ([3-9]|\d\d)\d\d\D", program.written), "a late frame")
    program.press("q")
    assert program.finish() == 0
    assert is_restored(program)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_event_loop_stands_still(
    number: signal.Signals, program: PtyProgram, tmp_path: Path
) -> None:
    program.press("x")
    wait_until((tmp_path / "hangs").exists, "it hangs")
    program.process.send_signal(number)
    assert program.finish() == 128 + number
    assert is_restored(program)


def test_the_terminal_is_gone_while_the_event_loop_stands_still(
    starter: Starter, tmp_path: Path
) -> None:
    gone = open_harmful(starter, tmp_path, is_controlling=False)
    with contextlib.closing(gone):
        gone.wait_for("the screen is up")
        gone.press("x")
        wait_until((tmp_path / "hangs").exists, "it hangs")
        gone.hang_up()
        assert gone.finish() == 129


def test_a_thread_that_never_ends(program: PtyProgram, tmp_path: Path) -> None:
    program.press("R")
    wait_until((tmp_path / "hangs").exists, "it hangs")
    program.press("q")
    assert program.finish() == 0
    assert is_restored(program)


def test_nothing_that_is_printed_reaches_the_screen(program: PtyProgram) -> None:
    program.press("E")
    program.wait_for("all printed")
    program.press("q")
    assert program.finish() == 0
    assert b"stray" not in program.written


def test_nothing_that_an_objective_prints_reaches_the_screen(tmp_path: Path) -> None:
    """Neither while it is probed, nor while the run that was started here goes on.

    The application is one that Python has started, as a person's is.
    """
    objective = Path(__file__).with_name("objectives_that_print.py")
    state = str(tmp_path / "state")
    running = PtyProgram(
        "hptui",
        ".",
        cwd=tmp_path,
        env={"XDG_STATE_HOME": state, "HPTUI_STUDIES": str(tmp_path)},
    )
    with contextlib.closing(running), contextlib.ExitStack() as after:
        running.wait_for("new")
        running.press("n")
        running.wait_for("Choose an objective")
        running.press(f"{objective}:printing\r")
        running.wait_for("found by")
        running.press("\x1b[15~")
        after.callback((tmp_path / "go").touch)
        wait_until(lambda: any(tmp_path.glob("*.hptui/logs/*3.log")), "the fourth trial")
        running.wait_for(" history ")
        running.press("q")
        running.wait_for("Leave hptui?")
        running.press("s")
        (tmp_path / "go").touch()
        assert running.finish() == 0
        assert is_restored(running)
        assert b"stray" not in running.written
    (log, *_) = sorted(tmp_path.glob("*.hptui/logs/*.log"))
    assert log.read_text("utf-8").count("stray") >= 8


def start_run(folder: Path) -> subprocess.Popen[str]:
    """Start a run of the study `w` whose trials wait, and wait until it has begun."""
    objective = f"{OBJECTIVES}:waiting"
    engine = start("run", objective, "--study", "w", "--jobs", "1", cwd=folder)
    study_file = folder / "w.db"
    wait_until(lambda: study_file.exists() and running_engine(study_file, "w") is not None, "a run")
    return engine


def watch(starter: Starter, folder: Path, *, is_controlling: bool = True) -> PtyProgram:
    state = {"XDG_STATE_HOME": str(folder / "state")}
    return PtyProgram(
        "hptui", "w.db", starter=starter, cwd=folder, env=state, is_controlling=is_controlling
    )


def test_after_the_terminal_is_gone_while_a_run_is_watched(
    starter: Starter, tmp_path: Path
) -> None:
    engine = start_run(tmp_path)
    watching = watch(starter, tmp_path, is_controlling=False)
    with contextlib.closing(watching):
        watching.wait_for("running")
        watching.hang_up()
        assert watching.finish() == 129
    assert engine.poll() is None
    (tmp_path / "go").touch()
    engine.send_signal(signal.SIGINT)
    finish(engine)


def test_after_the_engine_that_it_watches_is_killed(starter: Starter, tmp_path: Path) -> None:
    engine = start_run(tmp_path)
    watching = watch(starter, tmp_path)
    with contextlib.closing(watching):
        watching.wait_for("running")
        engine.kill()
        finish(engine)
        watching.wait_for("not running")
        watching.press("q")
        assert watching.finish() == 0
        assert is_restored(watching)
