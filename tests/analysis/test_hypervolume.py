"""The hypervolume is the one that Optuna computes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna
import optuna.visualization._hypervolume_history as reference
import pytest
from tests.analysis.plain_studies import made, many, tuned
from tests.figures.looks import LOOKS

from hptui.analysis.objectives.hypervolume import build_hypervolume, worst_values
from hptui.cli.main import main
from hptui.figures.hypervolume import draw_hypervolume

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look

# pyright: reportPrivateUsage=false
DIRECTIONS: list[Direction] = ["minimize", "maximize", "minimize", "maximize"]


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_it_agrees_with_optuna(tmp_path: Path, n_objectives: int):
    plain = tuned(
        tmp_path / "a.db", n_objectives=n_objectives, directions=DIRECTIONS[:n_objectives]
    )
    point = [12.0, -3.0, 11.0, -4.0][:n_objectives]
    theirs = reference._get_hypervolume_history_info(plain.study, np.array(point))
    ours = build_hypervolume(plain.trials, point)
    assert ours.numbers.tolist() == theirs.trial_numbers
    assert ours.volumes.tolist() == pytest.approx(theirs.values)
    assert ours.volumes[0] < ours.volumes[-1]
    assert ours.n_beyond > 0


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_equal_values_add_nothing(n_objectives: int, seed: int):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (60, n_objectives)).astype(np.float64)
    directions = DIRECTIONS[:n_objectives]
    study = optuna.create_study(directions=directions)
    study.add_trials([optuna.trial.create_trial(values=each) for each in values.tolist()])
    point = [5.0 if each == "minimize" else 0.0 for each in directions]
    theirs = reference._get_hypervolume_history_info(study, np.array(point))
    ours = build_hypervolume(made(values, directions), point)
    assert ours.volumes.tolist() == pytest.approx(theirs.values)


def test_the_worst_values_are_the_reference():
    trials = made([[1, 5], [3, 2], [9, math.inf], [7, 0]], ["minimize", "maximize"], infeasible=[3])
    assert worst_values(trials) == (9, 2)
    history = build_hypervolume(trials, worst_values(trials))
    assert history.volumes.tolist() == [24, 24, 24, 24]
    assert history.n_beyond == 1
    figure = draw_hypervolume(history, width=80, height=12, is_worst_seen=True)
    text = figure.picture.plain()
    assert "⠶ 24   to 9, 2, the worst values   1 beyond it" in text
    assert figure.number_at(79, 0) == 3


@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    for values in ([[1, 1]], [[1, 1], [0, 0], [1, 0]]):
        history = build_hypervolume(made(values, ("minimize", "minimize")), [1, 1])
        figure = draw_hypervolume(history, width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


def test_nothing_to_draw_is_a_sentence():
    directions: list[Direction] = ["minimize", "minimize"]
    trials = made(np.zeros((0, 2)), directions)
    assert all(map(math.isnan, worst_values(trials)))
    figure = draw_hypervolume(build_hypervolume(trials, [1, 1]), width=60, height=9)
    assert figure.sentence == "No trial has completed yet."
    with np.errstate(over="ignore"):
        huge = build_hypervolume(made([[-1e308, -1e308]], directions), [1e308, 1e308])
    assert draw_hypervolume(huge, width=70, height=9).sentence.startswith("The volume is too large")


@pytest.mark.parametrize("n_objectives", [2, 3])
def test_very_many_trials_have_a_volume(n_objectives: int):
    trials = many(n_objectives)
    history = build_hypervolume(trials, worst_values(trials))
    assert history.volumes[-1] > history.volumes[0]
    assert len(draw_hypervolume(history, width=80, height=20).picture.lines) == 20


def test_the_reference_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(tuned(tmp_path / "a.db", n_objectives=2, n_trials=12).path)
    command = ["plot", path, "hypervolume", "--width", "70"]
    assert main(command) == 0
    assert "the worst values" in capsys.readouterr().out
    assert main([*command, "--reference=-1,30"]) == 0
    assert "to -1, 30" in capsys.readouterr().out
    for given, complaint in (
        ("1", "--reference has 1 number, but the study has 2 objectives."),
        ("1,inf", "argument --reference: '1,inf' is not a list of numbers"),
        ("1,x", "argument --reference: '1,x' is not a list of numbers"),
    ):
        assert main([*command, "--reference", given]) == 2
        assert complaint in capsys.readouterr().err
