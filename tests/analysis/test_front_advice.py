"""Advice on a front: calibrated on a function whose front is known and on random numbers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.analysis.plain_studies import made, many
from tests.storage.study_file import StudyFile

from hptui.analysis.objectives.hypervolume import worst_values
from hptui.analysis.objectives.pareto import pareto_front
from hptui.analysis.stopping.advice_text import front_sentences
from hptui.analysis.stopping.front_advice import build_front_advice
from hptui.cli.main import main
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED
from hptui.figures.advice import draw_told
from hptui.figures.canvas.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.trials import FloatArray

BOTH = ("minimize", "minimize")


def of_line(points: FloatArray) -> FloatArray:
    """Two objectives that are best where all but the first parameter are a half."""
    away = ((points[:, 1:] - 0.5) ** 2).sum(axis=1)
    return np.column_stack([points[:, 0] + away, 1 - points[:, 0] + away])


def searched(n_trials: int, seed: int) -> FloatArray:
    """Values of trials that are near those of the front so far."""
    rng = np.random.default_rng(seed)
    points = rng.random((n_trials, 4))
    values = of_line(points)
    for row in range(20, n_trials):
        if rng.random() < 0.85:
            front = np.flatnonzero(pareto_front(values[:row], BOTH))
            moved = rng.random(4) < 0.3
            step = rng.normal(0, 0.25 * (row / 10) ** -0.5, 4) * moved
            points[row] = np.clip(points[rng.choice(front)] + step, 0, 1)
        values[row] = of_line(points[row : row + 1])[0]
    return values


def all_there_is(reference: Sequence[float]) -> float:
    best = np.full((2_000, 4), 0.5)
    best[:, 0] = np.linspace(0, 1, len(best))
    return build_front_advice(made(of_line(best), BOTH), reference).volume


def test_it_says_go_on_while_much_is_left_and_slowing_when_little_is():
    for seed in range(3):
        values = searched(800, seed)
        reference = worst_values(made(values, BOTH))
        early, middle, late = (
            build_front_advice(made(values[:count], BOTH), reference) for count in (40, 400, 800)
        )
        assert early.verdict == "go on"
        assert front_sentences(early)[0].startswith("Still growing: ")
        assert 1 - early.volume / all_there_is(reference) > 0.1
        assert middle.verdict in ("slowing", "stop")
        assert 1 - middle.volume / all_there_is(reference) < 0.1
        # As many again added about what the later half had, or less.
        assert late.volume / middle.volume - 1 < 1.5 * middle.grown_later


def test_of_random_numbers_it_promises_nothing():
    for seed in range(3):
        values = np.random.default_rng(seed).random((500, 2))
        trials = made(values, BOTH)
        advice = build_front_advice(trials, worst_values(trials))
        assert advice.verdict == "stop"
        assert 1 - advice.volume < 0.03
        assert front_sentences(advice)[0].startswith("Enough, at this rate: ")


def test_every_number_is_what_a_walk_over_the_trials_finds():
    rng = np.random.default_rng(4)
    values = rng.integers(0, 30, (120, 2)).astype(float)
    states = rng.choice([COMPLETE, COMPLETE, COMPLETE, PRUNED, FAIL], 120).tolist()
    directions = ("minimize", "maximize")
    trials = made(values, directions, states=states, infeasible=range(0, 120, 9))
    advice = build_front_advice(trials, (29.0, 0.0))
    tried = [row for row in range(120) if states[row] in (COMPLETE, PRUNED)]
    entered: list[int] = []
    good: list[tuple[float, float]] = []
    for at, row in enumerate(tried):
        loss = (float(values[row, 0]), -float(values[row, 1]))
        is_counted = states[row] == COMPLETE and row % 9 and loss[0] < 29 and loss[1] < 0
        if is_counted and not any(one[0] <= loss[0] and one[1] <= loss[1] for one in good):
            entered.append(at)
        if is_counted:
            good.append(loss)
    assert advice.n_trials == len(tried)
    assert advice.n_recent == 20
    assert advice.n_entered == sum(at >= len(tried) - 20 for at in entered)
    assert advice.n_since == len(tried) - 1 - entered[-1]

    def volume_after(count: int) -> float:
        stop = tried[count - 1] + 1
        begun = made(values[:stop], directions, states=states[:stop], infeasible=range(0, stop, 9))
        return build_front_advice(begun, (29.0, 0.0)).volume

    half = volume_after(len(tried) // 2)
    assert advice.grown_later == pytest.approx(1 - half / advice.volume)
    enough = [volume_after(count) >= 0.99 * advice.volume for count in range(1, len(tried) + 1)]
    assert advice.n_to_plateau == enough.index(True) + 1


@pytest.mark.parametrize(
    ("values", "verdict", "start"),
    [
        ([], "too early", "Too early to say: 0 trials ended, advice begins at 20."),
        ([[1.0, 1.0]] * 30, "unclear", "None of 30 trials is better than the reference"),
        ([[math.inf, 0.0]] * 30, "unclear", "None of 30 trials is better than the reference"),
        ([[1e308, -1e308], [-1e308, 1e308], [0, 0]] * 9, "unclear", "The hypervolume is too large"),
        ([[0.0, 0.0], *[[1.0, 1.0]] * 150], "stop", "Enough, at this rate: none of the last 30"),
    ],
)
def test_odd_histories_are_told(values: list[list[float]], verdict: str, start: str):
    trials = made(values, BOTH)
    advice = build_front_advice(trials, worst_values(trials))
    assert advice.verdict == verdict
    assert front_sentences(advice)[0].startswith(start)


@pytest.mark.parametrize("size", [(1, 1), (16, 5), (40, 12), (130, 40)])
def test_any_size_gives_a_picture(size: tuple[int, int]):
    trials = made(searched(40, 0), BOTH)
    advice = build_front_advice(trials, worst_values(trials))

    def below(lines: int) -> Figure:
        return Figure.saying("the chart", size[0], lines)

    figure = draw_told(front_sentences(advice), below, width=size[0], height=size[1])
    lines = figure.picture.plain().split("\n")
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert ("the chart" in figure.picture.plain()) == (size[1] == 40)


def test_very_many_trials_are_judged():
    trials = many(2)
    advice = build_front_advice(trials, worst_values(trials))
    assert (advice.n_trials, advice.verdict) == (100_000, "stop")


def test_it_comes_before_the_advice_on_each_objective(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        file.add_study("a", ("MINIMIZE", "MAXIMIZE"))
        for row in range(30):
            file.add_trial((5.0 - row / 10, float(row % 5)))
    assert main(["plot", str(path), "advice", "--width", "90"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("a: advice on the front\n Still growing: ")
    assert "a: advice on value 0\n" in text
    assert main(["plot", str(path), "advice", "--json", "--reference", "3,1"]) == 0
    front, first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (front["name"], front["objective"], front["reference"]) == ("front", None, [3.0, 1.0])
    assert front["n_trials"] == 30
    assert front["sentences"][0].startswith("Still growing")
    assert (first["objective"], second["objective"]) == (0, 1)
    assert main(["plot", str(path), "advice", "--objective", "0", "--reference", "3,1"]) == 2
    assert "--reference has no effect on one objective" in capsys.readouterr().err
    assert main(["report", str(path), "--text"]) == 0
    assert "The front: Still growing" in capsys.readouterr().out
