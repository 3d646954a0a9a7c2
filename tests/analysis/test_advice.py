"""Advice on more trials: calibrated on known functions, honest about luck, and about what is not
known.
"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.analysis.plain_studies import made, many
from tests.figures.looks import LOOKS
from tests.made_trials import param_of
from tests.storage.study_file import StudyFile

from hptui.analysis.history import history_of
from hptui.analysis.stopping.advice import Advice, build_advice
from hptui.analysis.stopping.advice_text import advice_sentences
from hptui.analysis.stopping.dependence import follows
from hptui.analysis.stopping.gaussian_process import GaussianProcess
from hptui.cli.main import main
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED
from hptui.figures.advice import draw_advice
from hptui_objectives import hartmann6

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hptui.figures.canvas.picture import Look
    from hptui.trials import FloatArray

    Function = Callable[[FloatArray], FloatArray]


def of_branin(points: FloatArray) -> FloatArray:
    x1, x2 = 15 * points[:, 0] - 5, 15 * points[:, 1]
    curve = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * np.cos(x1) + 10


def of_hartmann6(points: FloatArray) -> FloatArray:
    values = np.zeros(len(points))
    for depth, narrowness, centre in hartmann6.WELLS:
        values -= depth * np.exp(-((points - centre) ** 2) @ np.array(narrowness))
    return values


def searched(
    function: Function, n_params: int, n_trials: int, seed: int, *, learns: bool
) -> Advice:
    """Advice on trials drawn at random, or mostly near the best ones, nearer and nearer."""
    rng = np.random.default_rng(seed)
    points = rng.random((n_trials, n_params))
    values = function(points)
    for row in range(20, n_trials if learns else 0):
        if rng.random() < 0.8:
            best = np.argsort(values[:row])[: max(3, row // 10)]
            step = rng.normal(0, 0.25 * (row / 10) ** -0.5, n_params)
            points[row] = np.clip(points[rng.choice(best)] + step, 0, 1)
        values[row] = function(points[row : row + 1])[0]
    names = [f"x{index}" for index in range(n_params)]
    params = {
        name: param_of(name, FloatParam(0, 1), points[:, index]) for index, name in enumerate(names)
    }
    return build_advice(made(values, params=params), 0)


@pytest.mark.parametrize(("learns", "n_late"), [(False, 400), (True, 600)])
def test_of_branin_it_says_go_on_early_and_stop_late(learns: bool, n_late: int):
    early = [searched(of_branin, 2, 40, seed, learns=learns) for seed in range(4)]
    assert {advice.verdict for advice in early} == {"go on"}
    late = [searched(of_branin, 2, n_late, seed, learns=learns) for seed in range(3)]
    assert sum(advice.verdict in ("stop", "slowing") for advice in late) >= 2
    for advice in (*early, *late):
        # The true optimum is no farther away than what may be left.
        assert advice.may_reach is not None
        assert advice.may_reach <= 0.397888


def test_of_hartmann6_it_stops_only_a_search_that_has_learned():
    assert searched(of_hartmann6, 6, 60, 0, learns=True).verdict == "go on"
    assert searched(of_hartmann6, 6, 400, 0, learns=True).verdict in ("stop", "slowing")
    # Random search is far from the optimum even then.
    assert searched(of_hartmann6, 6, 400, 0, learns=False).verdict in ("go on", "stuck")


def test_of_random_numbers_it_promises_nothing():
    rng = np.random.default_rng(1)
    for seed in range(3):
        advice = searched(lambda points: rng.random(len(points)), 3, 150, seed, learns=False)
        assert advice.verdict == "stop"
        assert advice.regret.scatter > 0.1
        assert "the best may be luck" in advice_sentences(advice)[-1]


@pytest.mark.parametrize("draw", ["random", "standard_normal", "standard_exponential"])
def test_of_very_many_random_numbers_it_says_that_they_do_not_follow_the_parameters(draw: str):
    rng = np.random.default_rng(1)
    for seed, count in ((0, 400), (1, 1_000), (2, 4_000)):
        advice = searched(
            lambda points: getattr(rng, draw)(len(points)), 3, count, seed, learns=False
        )
        assert advice.regret.is_luck
        assert advice.verdict in ("stop", "slowing")
        if advice.verdict == "stop":
            assert "do not seem to follow the parameters" in advice_sentences(advice)[0]


def test_that_values_follow_one_weak_parameter_among_many_is_seen():
    rng = np.random.default_rng(2)
    is_choice = np.array([False] * 8 + [True] * 2)
    for each in range(10):
        points = np.hstack([rng.random((300, 8)), rng.integers(0, 4, (300, 2)).astype(float)])
        noise = rng.standard_normal(300)
        assert follows(points, is_choice, points[:, each] + noise / 2, rng)
        assert not follows(points, is_choice, noise, rng)
        assert not follows(points, is_choice, np.zeros(300), rng)


def test_the_waiting_time_is_that_of_records():
    rng = np.random.default_rng(0)
    n_seen, came = 100, 0
    waits: list[float] = []
    for _ in range(400):
        values = rng.random(20 * n_seen)
        advice = build_advice(made(values[:n_seen]), 0)
        waits.append(min(advice.n_to_next, 19 * n_seen))
        until = n_seen + math.ceil(waits[-1])
        came += bool(values[n_seen:until].min() < values[:n_seen].min())
    # Within the time that is told a better one came in about half of the cases.
    assert 0.4 < came / len(waits) < 0.75


def test_a_trial_counts_as_better_only_by_more_than_next_to_nothing():
    values = [10.0 - row / 10 for row in range(40)] + [6.0 - row * 1e-9 for row in range(60)]
    advice = build_advice(made(values), 0)
    assert (advice.n_since, advice.n_better) == (59, 0)
    growing = build_advice(made([-value for value in values[:45]], ["maximize"]), 0)
    assert (growing.verdict, growing.direction) == ("go on", "maximize")
    assert advice_sentences(growing)[0].startswith(
        "Still improving: 16 better in the last 20 trials"
    )
    assert growing.gained_recently == pytest.approx(1.6)


def test_pruned_trials_were_tried_and_infeasible_ones_gained_nothing():
    values = [5.0, 4.0, 1.0, 4.5, math.nan, 4.2, math.inf, math.nan]
    states = [COMPLETE] * 4 + [PRUNED, COMPLETE, COMPLETE, FAIL]
    advice = build_advice(made(values, states=states, infeasible=[2]), 0)
    assert (advice.n_trials, advice.best, advice.best_number, advice.n_since) == (7, 4.0, 1, 5)
    assert advice_sentences(advice) == ("Too early to say: 7 trials ended, advice begins at 20.",)


def test_a_value_that_stands_for_a_failure_may_be_as_great_as_it_likes():
    rng = np.random.default_rng(1)
    xs = rng.random(40).tolist()
    told: list[Advice] = []
    for failure in (1e6, sys.float_info.max):
        values = [failure if at % 9 == 0 else (x - 0.3) ** 2 / 100 for at, x in enumerate(xs)]
        trials = made(values, params={"x": param_of("x", FloatParam(0, 1), xs)})
        told.append(build_advice(trials, 0))
    assert told[0] == told[1]
    assert told[0].verdict == "stop"
    assert told[0].regret.left is not None
    assert told[0].regret.left < 5 * told[0].gained


def test_the_model_knows_integers_choices_and_log_scales_of_parameters_in_common():
    rng = np.random.default_rng(0)
    kinds, whole = rng.integers(0, 3, 80), rng.integers(1, 5, 80)
    lr = 10 ** rng.uniform(-5, 0, 80)
    sometimes = np.where(kinds == 0, rng.random(80), math.nan)
    values = kinds + whole + np.log10(lr) ** 2 / 10
    params = {
        "kind": param_of("kind", ChoiceParam(("a", None, 3)), kinds),
        "whole": param_of("whole", IntParam(1, 4), whole),
        "lr": param_of("lr", FloatParam(1e-5, 1, log=True), lr),
        "sometimes": param_of("sometimes", FloatParam(0, 1), sometimes),
        "fixed": param_of("fixed", FloatParam(2, 2), np.full(80, 2.0)),
    }
    advice = build_advice(made(values, params=params), 0)
    assert advice.regret.params == ("kind", "whole", "lr")
    assert advice.regret.left is not None
    # The best choices were tried; only lr between trials is left.
    assert advice.regret.left < 0.1
    assert advice.verdict in ("stop", "slowing")


@pytest.mark.parametrize(
    ("values", "verdict", "start"),
    [
        ([], "too early", "Too early to say: 0 trials ended"),
        ([2.0] * 30, "unclear", "All trials have the same value, 2: nothing to go by."),
        ([-math.inf, *[1.0] * 30], "stop", "The best value is -inf: no trial can be better."),
        ([math.inf] * 30, "unclear", "None of 30 trials has a feasible value yet."),
        ([1e308, -1e308] * 20, "unclear", "Not clear yet: no better trial for 38 of 40."),
        ([0.0, *range(1, 120)], "stop", "Enough, it seems: no better trial for 119 of 120."),
    ],
)
def test_odd_histories_are_told(values: Sequence[float], verdict: str, start: str):
    advice = build_advice(made(values), 0)
    assert advice.verdict == verdict
    sentences = advice_sentences(advice)
    assert sentences[0].startswith(start)
    if verdict != "too early" and advice.gained > 0 and math.isfinite(advice.best):
        assert sentences[-1].endswith("is unknown: the trials have no parameters in common.")


def test_the_process_goes_through_what_it_was_fitted_to():
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.random(30), rng.integers(0, 2, 30).astype(float)])
    values = np.sin(6 * points[:, 0]) + points[:, 1]
    model = GaussianProcess.fitted(
        points, (values - values.mean()) / values.std(), np.array([False, True])
    )
    mean, deviation = model.at(points)
    assert np.abs(mean * values.std() + values.mean() - values).max() < 0.01
    away, unsure = model.at(np.array([[3.0, 0.0]]))
    assert abs(away[0]) < 0.5
    assert unsure[0] > 5 * deviation.max()


@pytest.mark.parametrize("size", [(1, 1), (16, 5), (40, 12), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    trials = made([5.0, *[float(row % 7) for row in range(40)]])
    history = history_of(trials, 0)
    figure = draw_advice(
        build_advice(trials, 0), history, width=size[0], height=size[1], look=look, selected=3
    )
    lines = figure.picture.plain().split("\n")
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert look.unicode or "\n".join(lines).isascii()
    if size == (130, 40):
        assert figure.number_at(0, 39) is not None


def test_very_many_trials_are_judged():
    advice = build_advice(many(), 0)
    assert advice.n_trials == 100_000
    assert advice.regret.n_points == 200


def test_it_is_printed_and_scripts_get_the_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        file.add_study("a", ("MINIMIZE", "MAXIMIZE"))
        for row in range(30):
            file.add_trial((5.0 - row / 10, float(row % 5)))
    assert main(["plot", str(path), "advice", "--width", "90", "--objective", "0"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        "a: advice on value 0\n Still improving: 20 better in the last 20 trials"
    )
    assert main(["plot", str(path), "advice", "--json"]) == 0
    _, first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["verdict"], first["best"], first["n_since"]) == ("go on", 2.1, 0)
    assert (second["objective"], second["verdict"], second["may_reach"]) == (1, "unclear", None)
    assert second["sentences"][0] == "Not clear yet: no better trial for 25 of 30."
