"""What is told of a run at its end."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.made_trials import trials_of

from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED
from hptui.storage.read.study_detail import RunRecord
from hptui.ui.application.settings import read_settings
from hptui.ui.application.terminal import shows_progress
from hptui.ui.study.run_end import run_end_lines
from hptui.ui.study.snapshot import StudySnapshot

RUN = RunRecord(100.0, 172.0, "tpe", "none", 4, 1, "loky", None, "trials", "r", "h")
STATES = [COMPLETE, COMPLETE, PRUNED, FAIL, COMPLETE]
TRIALS = trials_of(
    [3.0, 2.0, 9.0, math.nan, 1.0],
    states=STATES,
    starts_s=np.array([1.0, 2.0, 101.0, 102.0, 103.0]),
    completes_s=np.array([2.0, 3.0, 104.0, 105.0, 106.0]),
)
SNAPSHOT = StudySnapshot(
    Path("a.db"), "a", runs=(RUN,), trials=TRIALS, best_number=4, best_value=1.0
)
COUNTS = "1 complete, 1 pruned, 1 failed"


@pytest.mark.parametrize(
    ("snapshot", "why", "gain"),
    [
        (SNAPSHOT, "All trials of this run have ended. It took 1 m 12 s.", "best 2 → 1 (#4)"),
        (
            replace(SNAPSHOT, best_value=2.0, best_number=1),
            "All trials of this run have ended.",
            "best 2 (#1), as before",
        ),
        (
            replace(SNAPSHOT, runs=(replace(RUN, started_s=0.0),)),
            "It took 2 m 52 s.",
            "best 1 (#4)",
        ),
        (replace(SNAPSHOT, best_value=None), "ended", "no best value"),
        (
            replace(SNAPSHOT, runs=(replace(RUN, ended_s=None, reason=""),), runner="It died."),
            "without a word",
            "best 2 → 1 (#4)",
        ),
        (replace(SNAPSHOT, runs=(replace(RUN, reason="a\x1bb"),)), "a\\x1bb", "best 2 → 1 (#4)"),
    ],
)
def test_why_it_ended_and_what_it_gained(snapshot: StudySnapshot, why: str, gain: str) -> None:
    first, second = run_end_lines(snapshot)
    assert why in first
    assert second.startswith(gain)
    assert second.endswith(COUNTS) or snapshot.runs[0].started_s == 0


def test_a_front_and_a_study_without_runs() -> None:
    two = trials_of(
        [[1, 2], [2, 1], [3, 3]], ("minimize",) * 2, starts_s=np.array([1.0, 101.0, 102.0])
    )
    snapshot = replace(SNAPSHOT, trials=two, front=np.array([0, 1]))
    assert run_end_lines(snapshot)[1] == "1 new trial of 2 on the Pareto front   2 complete"
    assert run_end_lines(replace(SNAPSHOT, runs=())) == ()


@pytest.mark.parametrize(
    ("environment", "is_known"),
    [
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"WT_SESSION": "x"}, True),
        ({"TERM_PROGRAM": "iTerm.app"}, False),
        ({"TERM_PROGRAM": "ghostty", "TMUX": "x"}, False),
        ({}, False),
    ],
)
def test_a_taskbar_is_known(environment: dict[str, str], is_known: bool) -> None:
    assert shows_progress(environment) == is_known


@pytest.mark.parametrize(
    ("value", "taken"), [("never", "never"), ("always", "always"), (1, "auto")]
)
def test_the_setting_of_the_taskbar(value: object, taken: str) -> None:
    settings = read_settings({"taskbar": value}, Path("settings.toml"))
    assert settings.taskbar == taken
    assert ("taskbar" in settings.trouble) == (value != taken)
