"""Trials as a study of Optuna's own: the same as the one that made them, and fast."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.analysis.plain_studies import PlainStudy, tuned
from tests.storage.study_file import CHOICE, FLOAT, StudyFile

from hptui.engine.sampling.to_optuna import to_optuna_study
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.read.study_reports import read_reports

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> PlainStudy:
    return tuned(tmp_path_factory.mktemp("plain") / "a.db")


def told(trial: optuna.trial.FrozenTrial) -> tuple[object, ...]:
    """What of a trial can be compared."""
    return (
        trial.number,
        trial.state,
        trial.values,
        trial.params,
        trial.distributions,
        # Those of failed trials are not read.
        {} if trial.state is optuna.trial.TrialState.FAIL else trial.intermediate_values,
        None if trial.datetime_start is None else trial.datetime_start.timestamp(),
        None if trial.datetime_complete is None else trial.datetime_complete.timestamp(),
        any(value > 0 for value in trial.constraints.values()),
    )


def test_it_is_the_study_that_was_read(plain: PlainStudy, caplog: pytest.LogCaptureFixture):
    reports = read_reports(plain.path, "plain")
    study = to_optuna_study("new\nname", plain.trials, metric_names=("loss",), reports=reports)
    for ours, theirs in zip(study.trials, plain.study.trials, strict=True):
        for one, other in zip(told(ours), told(theirs), strict=True):
            assert one == (pytest.approx(other) if isinstance(other, float) else other)
    assert study.directions == plain.study.directions
    assert study.metric_names == ["loss"]
    assert study.best_trial.number == plain.study.best_trial.number
    importance = optuna.importance.PedAnovaImportanceEvaluator()
    assert optuna.importance.get_param_importances(
        study, evaluator=importance
    ) == optuna.importance.get_param_importances(plain.study, evaluator=importance)
    assert not caplog.records


def test_some_trials_keep_their_numbers(plain: PlainStudy):
    chosen = plain.trials.select(plain.trials.numbers % 3 == 1)
    trials = to_optuna_study("some", chosen, reports=read_reports(plain.path, "plain")).trials
    assert [each.number for each in trials] == list(range(1, 45, 3))
    everything = plain.study.trials
    for each in trials:
        assert told(each)[:6] == told(everything[each.number])[:6]


def test_damage_is_left_out_and_names_are_spelled(tmp_path: Path):
    path = tmp_path / "odd.db"
    with StudyFile(path) as file:
        file.add_study("odd")
        file.add_trial(1.0, params={"<b>": (0.5, FLOAT), "kind": (1, CHOICE)})
        file.add_trial(None)
        file.add_trial(2.0, state="ODD")
        file.add_trial(3.0, number=None)
        file.add_trial(math.inf, params={"kind": (2, CHOICE)})
        file.add_trial(None, state="RUNNING")
    with StudyReader(path, "odd") as reader:
        reader.refresh()
    study = to_optuna_study("odd", reader.trials, spell=lambda text: html.escape(f"<{text}>"))
    assert [(each.number, each.state.name) for each in study.trials] == [
        (0, "COMPLETE"),
        (4, "COMPLETE"),
        (5, "RUNNING"),
    ]
    assert study.trials[0].params == {"&lt;&lt;b&gt;&gt;": 0.5, "&lt;kind&gt;": "&lt;b&gt;"}
    assert study.trials[1].params == {"&lt;kind&gt;": None}
    assert study.trials[1].value == math.inf
    assert study.trials[0].constraints == {}
