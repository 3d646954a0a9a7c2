"""The value by each parameter is what Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._slice as reference
import pytest
from tests.analysis.plain_studies import MIXED_CHOICES, made, many, tuned
from tests.figures.looks import LOOKS
from tests.made_trials import param_of

from hptui.analysis.param_axis import build_param
from hptui.cli.main import main
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.figures.canvas.picture import ASCII, FINE
from hptui.figures.slice import build_slices, draw_slices, slices_that_fit

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look


def test_it_agrees_with_optuna(tmp_path: Path):
    plain = tuned(tmp_path / "a.db")
    info = reference._get_slice_plot_info(plain.study, None, None, "value")  # pyright: ignore[reportPrivateUsage]
    slices = build_slices(plain.trials, [each.param_name for each in info.subplots], 0)
    assert [each.param_name for each in info.subplots] == ["kind", "lr", "momentum", "width"]
    for ours, theirs in zip(slices.slices, info.subplots, strict=True):
        assert ours.numbers.tolist() == theirs.trial_numbers
        assert ours.values.tolist() == theirs.y
        assert ours.is_feasible.tolist() == theirs.constraints
        assert ours.param.is_log == theirs.is_log
        assert (ours.param.choices is None) == theirs.is_numerical
        assert ours.param.choices == theirs.x_labels
        values = ours.param.values.tolist()
        choices = ours.param.choices
        assert theirs.x == (values if choices is None else [choices[int(each)] for each in values])
    assert slices.n_infinite > 0
    assert slices.best == next(
        trial.number for trial in plain.study.trials if trial == plain.study.best_trial
    )


def test_choices_of_grown_lists_are_one_axis():
    specs = ChoiceParam((1, "a")), ChoiceParam((True, 1.0, "a", 1)), FloatParam(0, 1)
    column = param_of("c", specs, [0, 1, 3, 0, 0.5], [0, 0, 1, 1, 2])
    axis = build_param(column, np.arange(5))
    assert axis.choices is not None
    assert list(map(repr, axis.choices)) == ["1", "'a'", "True", "1.0"]
    assert axis.values[:4].tolist() == [0, 1, 0, 2]
    assert axis.has.tolist() == [True, True, True, True, False]


def test_a_log_parameter_that_was_once_linear_is_drawn_linear():
    specs = FloatParam(1e-3, 1, log=True), FloatParam(-1, 1)
    column = param_of("x", specs, [0.1, -1.0], [0, 1])
    axis = build_param(column, np.arange(2))
    assert not axis.is_log
    assert axis.place(axis.values).tolist() == [1.0, 0.0]


def test_the_last_choice_and_the_last_number_are_told_in_low_charts_too():
    params = {
        "kernel": param_of("kernel", ChoiceParam(("relu", "tanh", "logistic")), [0, 1, 2]),
        "layers": param_of("layers", IntParam(1, 3), [1, 2, 3]),
    }
    slices = build_slices(made([1, 2, 3], params=params), list(params), 0)
    for width, last in ((70, "logistic┬"), (60, "logi…┬")):
        axis = draw_slices(slices, width=width, height=10).picture.plain().splitlines()[-2]
        for label in ("relu", "tanh", last, "2", "3┬"):
            assert label in axis


def test_names_and_choices_are_never_obeyed():
    params = {
        "\x1b[2J日": param_of("\x1b[2J日", ChoiceParam(MIXED_CHOICES), [0, 1, 2, 3, 4]),
        "n": param_of("n", IntParam(1, 3), [1, 2, 3, 1, 2]),
    }
    trials = made([1, 2, 3, 4, math.inf], params=params, infeasible=[0])
    figure = draw_slices(build_slices(trials, list(params), 0), width=100, height=12)
    text = figure.picture.plain()
    assert "\x1b" not in text
    assert text.split("\n")[0] == r" \x1b[2J日                                         n"
    assert "⠛ 4 complete   ⊘ infeasible   ★ #1   1 infinite, not drawn" in text
    assert text.count("★") == 3
    assert figure.number_at(99, 5) == 2


def test_of_very_many_parameters_those_with_room_are_shown():
    params = {
        f"p{index}": param_of(f"p{index}", FloatParam(0, 1), [0.1, 0.9]) for index in range(1_000)
    }
    n_shown = slices_that_fit(1_000, 120, 24)
    slices = build_slices(made([1, 2], params=params), list(params)[:n_shown], 0)
    text = draw_slices(slices, width=120, height=24, n_params=1_000).picture.plain()
    assert n_shown == 8
    assert "p7" in text
    assert "8 of 1,000 parameters" in text


def test_nothing_to_draw_is_a_sentence():
    column = {"x": param_of("x", FloatParam(0, 1), [0.5])}
    for values, params, sentence in (
        ([], {}, "No trial has completed yet."),
        ([math.inf], column, "No value is finite, so there is nothing to draw."),
        ([-1.0], column, "No value is above 0, so a log axis shows none."),
        ([1.0], {}, "The complete trials have no parameters."),
    ):
        slices = build_slices(made(values, params=params), list(params), 0)
        assert draw_slices(slices, width=60, height=9, is_log=True).sentence == sentence


@pytest.mark.parametrize("size", [(1, 1), (16, 5), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("is_log", [True, False])
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look, is_log: bool):
    params = {
        "x": param_of("x", FloatParam(0, 1), [0.5, math.nan, 0.5]),
        "c": param_of("c", ChoiceParam(("é",)), [0, 0, 0]),
    }
    slices = build_slices(made([1.0, 1.0, -1.0], params=params), ["x", "c"], 0)
    figure = draw_slices(
        slices, width=size[0], height=size[1], look=look, is_log=is_log, selected=1
    )
    lines = figure.picture.plain().split("\n")
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert look.unicode or "\n".join(lines).isascii()


def test_very_many_trials_are_drawn():
    slices = build_slices(many(), ["x", "y", "kind"], 0)
    text = draw_slices(slices, width=90, height=12).picture.plain()
    assert "100000 complete" in text
    assert "y, log" in text


def test_the_parameters_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(tuned(tmp_path / "a.db", n_trials=12).path)
    assert main(["plot", path, "slice", "--param", "lr", "--width", "70"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("plain: value by parameter\n lr, log")
    assert "width" not in text
    assert main(["plot", path, "slice", "--param", "l\x1br"]) == 2
    error = capsys.readouterr().err
    assert "has a parameter 'l\\\\x1br'." in error
    assert "Parameters: lr." in error


@pytest.mark.parametrize(("direction", "marks"), [("minimize", "▴^"), ("maximize", "▾v")])
def test_a_few_values_far_worse_than_most_stand_at_the_edge(direction: Direction, marks: str):
    sign = 1.0 if direction == "minimize" else -1.0
    values = [sign * value for value in (500.0, *range(1, 12), 90.0, 3.0)]
    params = {"x": param_of("x", FloatParam(0, 1), np.linspace(0, 1, 14))}
    slices = build_slices(made(values, [direction], params=params), ["x"], 0)
    for look, mark in ((FINE, marks[0]), (ASCII, marks[1])):
        figure = draw_slices(slices, width=70, height=16, look=look)
        rows = figure.picture.plain().split("\n")
        edge = 1 if direction == "minimize" else 12
        assert rows[edge].count(mark) == 2
        assert f"{mark} 2 far {'above' if sign > 0 else 'below'}" in rows[-1]
        assert figure.number_at(rows[edge].index(mark), edge) == 0
        assert "500" not in figure.picture.plain()
