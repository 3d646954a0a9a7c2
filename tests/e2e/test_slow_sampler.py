"""A run whose sampler thinks for ever: commands and screen work, and it ends when told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import TrialState
from tests.e2e.programs import load, places_in, wait_until
from tests.ui.driving import drive
from tests.waiting import DEADLINE_S

from hptui.cli.main import main
from hptui.engine.ipc.client import ask_engine
from hptui.errors import HptuiError
from hptui.ui.application.settings import Settings
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    import pytest

PROGRAM = Path(__file__).with_name("slow_sampler.py")
OBJECTIVE = f"{Path(__file__).with_name('objectives_for_runs.py')}:quick_then_slow"


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    search = ["--sampler", "random", "--study", "slow", *options]
    return subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM), "run", OBJECTIVE, *search],
        cwd=folder,
        env={**os.environ, **places_in(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_commands_and_screen_work_while_the_sampler_thinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in places_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "slow.db"

    def is_answering() -> bool:
        try:
            ask_engine(path, "slow", {"op": "status"})
        except HptuiError:
            return False
        return True

    def says(command: str, *options: str) -> str:
        code = main([command, "slow", *options])
        told = capsys.readouterr()
        assert code == 0, told.err
        return told.out

    process = start(tmp_path, "--jobs", "2", "--trials", "6")
    try:
        wait_until(is_answering, "the run")
        # Trial 0 gets its only parameter; one and two are in its thoughts.
        wait_until(lambda: "sampler thinking, " in says("status"), "that the sampler thinks")
        status = json.loads(says("status", "--json"))
        assert status["thinking_s"] >= 1
        assert [slot["trial"] for slot in status["slots"]] in ([1, 2], [2, 1])
        assert all(slot["thinking_s"] > 0 for slot in status["slots"])
        assert status["counts"]["complete"] == 1
        wait_until(
            lambda: says("status").count("sampler thinking, ") == 3,
            "the run and both workers to say so",
        )
        drive(
            """
            wait "sampler thinking, "
            expect-not "elsewhere"
            expect "▶ running"
            press space
            wait "Paused; 2 trials still running."
            wait "‖ paused"
            press g j x
            wait "Kill trial 1?"
            press x
            wait "Ending trial 1."
            wait "Failed 1"
            press S
            wait "Stop the run?"
            press s
            wait "Stopping; 1 trial still running."
            expect-not "did not answer"
            """,
            settings=Settings(),
            home=lambda: StudyScreen(path, "slow"),
            size="120x36",
        )
        assert "Ending at once" in says("stop", "--now")
        _, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert "The sampler was still busy after " in err
    assert process.returncode == 0
    states = [trial.state for trial in load(tmp_path, "slow").trials]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.FAIL]


def test_a_second_interrupt_ends_a_thinking_sampler(tmp_path: Path):
    process = start(tmp_path, "--jobs", "1", "--trials", "6", "--json")
    try:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [each["event"] for each in told] == ["started", "trial"]
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    finished = json.loads(out.splitlines()[-1])
    assert finished["reason"] == "interrupted"
    assert [trial.state for trial in load(tmp_path, "slow").trials] == [
        TrialState.COMPLETE,
        TrialState.FAIL,
    ]
