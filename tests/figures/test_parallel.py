"""Parallel coordinates have the dimensions that Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._parallel_coordinate as reference
import pytest
from tests.analysis.plain_studies import MIXED_CHOICES, made, many, tuned
from tests.figures.looks import LOOKS
from tests.made_trials import param_of

from hptui.cli.main import main
from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.figures.parallel import build_parallel, dimensions_that_fit, draw_parallel

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.figures.canvas.picture import Look

# pyright: reportPrivateUsage=false


def test_it_agrees_with_optuna(tmp_path: Path):
    plain = tuned(tmp_path / "a.db")
    info = reference._get_parallel_coordinate_info(plain.study)
    names = [each.label for each in info.dims_params]
    parallel = build_parallel(plain.trials, names, [0], ["value"])
    value, *params = parallel.dimensions
    assert value.values.tolist() == list(info.dims_objectives[0].values)
    for ours, theirs in zip(params, info.dims_params, strict=True):
        assert (ours.is_log, ours.choices is not None) == (theirs.is_log, theirs.is_cat)
        assert ours.has.all() != theirs.has_missing
        for value_here, value_there in zip(ours.values.tolist(), theirs.values, strict=True):
            if math.isnan(value_here):
                assert value_there == theirs.tickvals[0]
            elif ours.choices is not None:
                text = theirs.ticktext[int(value_there)]
                assert text == str(ours.choices[int(value_here)])
            else:
                expected = math.log10(value_here) if theirs.is_log else value_here
                assert value_there == pytest.approx(expected)


def test_with_several_objectives_the_front_stands_out(tmp_path: Path):
    plain = tuned(tmp_path / "a.db", n_objectives=2)
    info = reference._get_parallel_coordinate_info(plain.study)
    parallel = build_parallel(plain.trials, ["x0", "x1"], [0, 1], ["a", "b"])
    for ours, theirs in zip(
        parallel.dimensions, [*info.dims_objectives, *info.dims_params], strict=True
    ):
        assert ours.values.tolist() == list(theirs.values)
    found = set(parallel.numbers[parallel.is_top].tolist())
    assert found == {trial.number for trial in plain.study.best_trials}
    assert parallel.best is None


PARAMS = {
    "x\x1b[2J": param_of("x\x1b[2J", FloatParam(1e-3, 1, log=True), [0.001, 0.1, 1, math.nan]),
    "kind": param_of("kind", ChoiceParam(MIXED_CHOICES), [4, 1, 2, 3]),
}


def test_what_lacks_a_parameter_passes_below():
    trials = made([1, 2, 3, 4], params=PARAMS, infeasible=[2])
    parallel = build_parallel(trials, list(PARAMS), [0], ["value"])
    figure = draw_parallel(parallel, width=80, height=16, selected=3)
    lines = figure.picture.plain().split("\n")
    assert "\x1b" not in "".join(lines)
    assert lines[0].split() == ["value", r"x\x1b[…,", "log", "kind"]
    assert "without" in lines[14]
    assert lines[-1] == "⠶ #0, the best   ⠒ 1, the best tenth   ⠒ 2 others   · 1 infeasible"
    assert figure.number_at(39, 13) == 3
    assert figure.number_at(39, 2) == 2
    roles = {span.role for line in figure.picture.lines for span in line}
    assert {"best", "selected", "infeasible"} <= roles


def test_of_very_many_parameters_those_with_room_are_shown():
    names = [f"parameter_{each}" for each in range(1_000)]
    params = {name: param_of(name, FloatParam(0, 1), [0.1, 0.9]) for name in names}
    parallel = build_parallel(made([1, 2], params=params), list(params), [0], ["value"])
    assert dimensions_that_fit(1_001, 120) == 8
    text = draw_parallel(parallel, width=120, height=14).picture.plain()
    assert "7 of 1,000 parameters" in text
    # No name covers another one, the last one included.
    assert text.split("\n")[0].split() == ["value", *names[:7]]


@pytest.mark.parametrize("size", [(1, 1), (28, 8), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    for values in ([1, 1, 1, 1], [1e308, -1e308, 0, 1]):
        parallel = build_parallel(made(values, params=PARAMS), list(PARAMS), [0], ["é"])
        figure = draw_parallel(parallel, width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


def test_nothing_to_draw_is_a_sentence():
    for values, sentence in (
        ([], "No trial has completed yet."),
        ([math.inf], "No value is finite, so there is nothing to draw."),
        ([1.0], "The complete trials have no parameters."),
    ):
        parallel = build_parallel(made(values), [], [0], ["value"])
        assert draw_parallel(parallel, width=60, height=12).sentence == sentence


def test_very_many_trials_are_drawn():
    parallel = build_parallel(many(), ["x", "y", "kind"], [0], ["value"], is_log=True)
    assert parallel.dimensions[0].is_log
    assert np.count_nonzero(parallel.is_top) == 10_000
    text = draw_parallel(parallel, width=100, height=24).picture.plain()
    assert "10000, the best tenth   ⠒ 90000 others" in text


def test_it_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(tuned(tmp_path / "a.db", n_trials=12).path)
    assert main(["plot", path, "parallel", "--param", "lr", "--width", "70"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "plain: trials across their parameters"
    assert lines[1].split() == ["value", "lr,", "log"]
