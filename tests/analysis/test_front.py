"""The Pareto front of a figure is the one that Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._pareto_front as reference
import pytest
from tests.analysis.plain_studies import made, many, tuned
from tests.figures.looks import LOOKS

from hptui.analysis.objectives.front import build_front
from hptui.analysis.objectives.pareto import pareto_front
from hptui.cli.main import main
from hptui.figures.pareto import draw_front

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look


@pytest.mark.parametrize("n_objectives", [2, 3])
def test_it_agrees_with_optuna(tmp_path: Path, n_objectives: int):
    directions: list[Direction] = ["minimize", "maximize", "minimize"]
    made_by_optuna = tuned(
        tmp_path / "a.db", n_objectives=n_objectives, directions=directions[:n_objectives]
    )
    info = reference._get_pareto_front_info(made_by_optuna.study)  # pyright: ignore[reportPrivateUsage]
    front = build_front(made_by_optuna.trials, range(n_objectives))
    groups = (
        (info.best_trials_with_values, front.on_front),
        (info.non_best_trials_with_values, front.is_feasible & ~front.on_front),
        (info.infeasible_trials_with_values, ~front.is_feasible),
    )
    for theirs, chosen in groups:
        ours = front.where(chosen)
        found = {trial.number: values for trial, values in theirs}
        assert found
        assert found == dict(zip(ours.numbers.tolist(), ours.values.tolist(), strict=True))


def test_more_objectives_than_axes_have_one_front():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 4, (1_500, 4)).astype(np.float64)
    directions: list[Direction] = ["minimize"] * 4
    front = pareto_front(values, directions)
    beats = (values[:, None] <= values).all(axis=2) & (values[:, None] != values).any(axis=2)
    assert front.tolist() == (~beats.any(axis=0)).tolist()
    trials = made(values, directions)
    assert build_front(trials, (3, 1)).on_front.tolist() == front.tolist()


def test_each_trial_is_seen_where_it_is_found():
    trials = made([[0, 3], [3, 0], [3, 3], [1, 1]], ["minimize", "minimize"], infeasible=[3])
    figure = draw_front(build_front(trials, (0, 1)), ["a\x1b[m", "b"], width=60, height=14)
    text = figure.picture.plain()
    assert "● 2 on the front   ⠛ 1 beaten   ⊘ 1 infeasible" in text
    for number in range(4):
        row = int(np.flatnonzero(figure.spots.numbers == number)[0])
        x, y = int(figure.spots.columns[row]), int(figure.spots.rows[row])
        assert text.split("\n")[y][x] in ("●", "●", "⠛⠶⣤", "⊘")[number]
        assert figure.number_at(x, y) == number


def test_the_third_objective_is_told_by_marks():
    values = [[index, 9 - index, float(index)] for index in range(9)]
    front = build_front(made(values, ["minimize", "minimize", "maximize"]), (0, 1, 2))
    text = draw_front(front, ["a", "b", "c"], width=80, height=14, selected=0).picture.plain()
    chart = "\n".join(text.split("\n")[:-1])
    assert [chart.count(mark) for mark in "●◉○◆"] == [3, 3, 2, 1]
    assert "●◉○ c 8 to 0" in text


def test_what_cannot_be_drawn_is_said():
    directions: list[Direction] = ["minimize", "minimize"]
    front = build_front(made([[1, math.inf], [1, 1], [-1, 2], [-2, math.nan]], directions), (0, 1))
    text = draw_front(front, ["a", "b"], width=120, height=12, is_log=True).picture.plain()
    assert "1 infinite, not drawn   1 not above 0, not drawn" in text
    for values, sentence in (
        ([], "No trial has completed yet."),
        ([[1, math.inf]], "No trial has finite values only, so there is nothing to draw."),
        ([[-1, 1]], "No trial has both values above 0, so log axes show none."),
    ):
        front = build_front(made(values, directions), (0, 1))
        assert draw_front(front, ["a", "b"], width=70, height=9, is_log=True).sentence == sentence


@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    for values in ([[1, 1]], [[1, 1]] * 3, [[-1e308, 1e308], [1e308, -1e308]]):
        front = build_front(made(values, ["minimize", "maximize"]), (0, 1))
        figure = draw_front(front, ["a", "b"], width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


@pytest.mark.parametrize("n_objectives", [2, 3])
def test_very_many_trials_have_a_front(n_objectives: int):
    front = build_front(many(n_objectives), range(n_objectives))
    figure = draw_front(front, ["a", "b", "c"], width=80, height=24)
    assert f"{front.on_front.sum()} on the front" in figure.picture.plain()


def test_the_axes_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(tuned(tmp_path / "a.db", n_objectives=3, n_trials=8).path)
    assert main(["plot", path, "pareto", "--axes", "2,0", "--width", "70"]) == 0
    assert capsys.readouterr().out.startswith("plain: value 0 (minimize) by value 2 (minimize)\n")
    for axes in ("0", "0,0", "0,3", "0,1,2,1"):
        assert main(["plot", path, "pareto", "--axes", axes]) == 2
        assert f"--axes is {axes}, but must be" in capsys.readouterr().err
    assert main(["plot", path, "history", "--axes", "0,1"]) == 2
    assert "--axes has no effect on history." in capsys.readouterr().err
