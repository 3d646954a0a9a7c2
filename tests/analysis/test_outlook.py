"""What is expected of more trials is what more trials then bring, in eight of ten cases."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.analysis.plain_studies import made
from tests.figures.looks import LOOKS
from tests.made_trials import param_of

from hptui.analysis.history import history_of
from hptui.analysis.stopping.advice import build_advice
from hptui.analysis.stopping.advice_text import advice_sentences
from hptui.analysis.stopping.outlook import outlook
from hptui.domain.spaces.space import FloatParam
from hptui.figures.advice import draw_advice

if TYPE_CHECKING:
    from hptui.analysis.stopping.advice import Advice
    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look
    from hptui.trials import Trials


def searched(n_trials: int, seed: int, direction: Direction = "minimize") -> Trials:
    """Trials of a bowl in three parameters, ever nearer to the best ones."""
    rng = np.random.default_rng(seed)
    points = rng.random((n_trials, 3))
    losses = np.zeros(n_trials)
    for row in range(n_trials):
        if row > 20 and rng.random() < 0.5:
            near = points[np.argmin(losses[:row])]
            points[row] = np.clip(near + rng.normal(0, 0.2, 3), 0, 1)
        losses[row] = ((points[row] - 0.37) ** 2).sum() + 1
    params = {
        name: param_of(name, FloatParam(0, 1), points[:, at]) for at, name in enumerate("xyz")
    }
    values = losses if direction == "minimize" else -losses
    return made(values.tolist(), [direction], params=params)


@lru_cache
def advised(direction: Direction = "minimize") -> Advice:
    """Advice on forty of them."""
    return build_advice(searched(40, 1, direction), 0)


def test_what_comes_is_mostly_within_the_band() -> None:
    found: list[str] = []
    for seed in range(7):
        trials = searched(120, seed)
        ahead = build_advice(trials, 0, until=59).outlook(60)
        assert ahead is not None
        best = float(trials.values[:, 0].min())
        good, bad = float(ahead.good[-1]), float(ahead.bad[-1])
        found.append("better" if best < good else "within" if best <= bad else "worse")
    assert found.count("within") >= 5


@pytest.mark.parametrize("steps", [(), (0.5, 1.0), (2.0,) * 9])
@pytest.mark.parametrize("n_trials", [1, 20, 1_000])
def test_a_band_begins_at_the_best_and_opens_towards_what_may_be_reached(
    steps: tuple[float, ...], n_trials: int
) -> None:
    ahead = outlook(3.0, 1.0, steps, n_trials // 4, n_trials, 500)
    assert ahead is not None
    assert (ahead.n_more[0], ahead.n_more[-1], len(ahead.n_more)) == (0, 500, 60)
    for line in (ahead.good, ahead.expected, ahead.bad):
        assert line[0] == pytest.approx(3.0)
        assert (np.diff(line) <= 1e-12).all()
        assert line.min() >= 1.0
    assert (ahead.good <= ahead.bad).all()


def test_how_many_better_ones_come_is_a_mixture_of_poisson_counts() -> None:
    """Its mean and quantiles are those of counts that are drawn so."""
    rng = np.random.default_rng(0)
    steps, n_trials, n_more = (0.7, 0.3, 0.5), 100, 150
    ahead = outlook(1.0, 0.0, steps, 25, n_trials, n_more)
    assert ahead is not None
    rates = rng.gamma(1 + len(steps), 1 / (1 + math.log(4)), 200_000)
    counts = rng.poisson(rates * math.log(1 + n_more / n_trials))
    left = np.exp(-(sum(steps) + 0.5) / 4 * counts)
    assert ahead.expected[-1] == pytest.approx(left.mean(), rel=0.01)
    # Between counts the band goes evenly, so that it is off by less than one of them.
    step = math.exp((sum(steps) + 0.5) / 4)
    for end, part in ((ahead.good[-1], 0.1), (ahead.bad[-1], 0.9)):
        assert np.quantile(left, part) * 0.999 <= end < np.quantile(left, part) * step


@pytest.mark.parametrize("floor", [math.nan, 4.0, -math.inf])
def test_of_what_cannot_be_told_there_is_none(floor: float) -> None:
    assert outlook(3.0, floor, (), 5, 20, 50) is None
    assert outlook(3.0, 1.0, (), 5, 20, 0) is None


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_is_drawn_behind_the_last_trial_and_said(direction: Direction) -> None:
    trials = searched(40, 1, direction)
    advice = advised(direction)
    ahead = advice.outlook(40)
    assert ahead is not None
    assert "After 40 more trials, expect a best of ~" in advice_sentences(advice, ahead)[-1]
    history = history_of(trials, 0)
    figure = draw_advice(advice, history, width=110, height=30, n_more=40)
    *chart, legend = figure.picture.plain().split("\n")
    assert "░ expected, 8 of 10 cases" in legend
    first = min(line.index("░") for line in chart if "░" in line)
    assert 57 <= first < 75, "the last trial stands at 57"
    assert figure.number_at(first - 2, 20) is not None


def test_in_a_low_place_the_chart_stays_and_what_it_rests_on_goes() -> None:
    advice, history = advised(), history_of(searched(40, 1), 0)
    high = draw_advice(advice, history, width=78, height=30).picture.plain()
    low = draw_advice(advice, history, width=78, height=13).picture.plain()
    assert "What may be left" in high
    assert "What may be left" not in low
    assert "8 of 10 cases" in low
    assert "★" in low
    assert "★" not in draw_advice(advice, history, width=78, height=8).picture.plain()


@pytest.mark.parametrize("size", [(16, 8), (40, 14), (80, 24), (200, 60)])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("is_log", [False, True])
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look, is_log: bool) -> None:
    trials, (width, height) = searched(40, 1), size
    figure = draw_advice(
        advised(), history_of(trials, 0), width=width, height=height, look=look, is_log=is_log
    )
    lines = figure.picture.plain().split("\n")
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert look.unicode or "\n".join(lines).isascii()


def test_what_is_better_by_less_than_repetitions_differ_is_not_clearly_better() -> None:
    values = [*np.linspace(2.0, 1.0, 40).tolist(), *[0.999 - at / 10_000 for at in range(60)]]
    trials = made(values)
    assert "clearly" not in advice_sentences(build_advice(trials, 0))[0]
    advice = build_advice(trials, 0, noise=0.05)
    assert (advice.n_unclear, advice.verdict) == (61, "unclear")
    assert advice_sentences(advice)[0] == (
        "Not clear yet: no clearly better trial for 61 of 100 (61 are better by less than "
        "repetitions differ, ~0.05)."
    )
