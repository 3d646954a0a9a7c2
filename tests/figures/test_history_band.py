"""The history of several studies has the means and deviations that Optuna draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._optimization_history as reference
import pytest
from tests.analysis.plain_studies import made, many, tuned
from tests.figures.looks import LOOKS

from hptui.analysis.history import History, history_of
from hptui.cli.main import main
from hptui.figures.history_band import build_band, draw_band

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look

# pyright: reportPrivateUsage=false


def histories(*values: Sequence[float], direction: Direction = "minimize") -> list[History]:
    return [history_of(made(each, [direction]), 0) for each in values]


# Optuna takes the mean of no values where the only ones are infinite.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_it_agrees_with_optuna(tmp_path: Path):
    plain = [
        tuned(tmp_path / f"{seed}.db", str(seed), seed=seed, n_trials=20 + 10 * seed)
        for seed in range(3)
    ]
    band = build_band([history_of(each.trials, 0) for each in plain])
    (theirs,) = reference._get_optimization_history_info_list(
        [each.study for each in plain], None, "value", error_bar=True
    )
    assert band.numbers.tolist() == theirs.trial_numbers
    assert theirs.best_values_info is not None
    for ours, expected in (
        (band.means, theirs.values_info.values),
        (band.deviations, theirs.values_info.stds),
        (band.best_means, theirs.best_values_info.values),
        (band.best_deviations, theirs.best_values_info.stds),
    ):
        np.testing.assert_allclose(ours, np.array(expected), atol=1e-12)
    assert band.n_studies == 3


def test_studies_of_other_lengths_count_where_they_have_trials():
    band = build_band(histories([4, 2, 3], [8], [], direction="maximize"))
    assert band.numbers.tolist() == [0, 1, 2]
    assert band.means.tolist() == [6, 2, 3]
    assert band.deviations.tolist() == [2, 0, 0]
    assert band.best_means.tolist() == [6, 4, 4]
    assert band.n_studies == 2


def test_a_damaged_number_takes_no_room():
    numbers = np.array([0, 1, 2**40])
    odd = history_of(replace(made([3.0, 2.0, 1.0]), numbers=numbers), 0)
    band = build_band([odd, *histories([5.0, 4.0])])
    assert band.numbers.tolist() == [0, 1, 2**40]
    assert band.best_means.tolist() == pytest.approx([4.0, 3.0, 1.0])


def test_what_stands_out_does_not_squash_the_band():
    values = [5.0] * 50
    values[3] = 1e6
    text = draw_band(build_band(histories(values, values)), width=90, height=14).picture.plain()
    assert "1 out of sight" in text
    assert "mean best of 2: 5 ± 0" in text


def test_the_band_is_as_high_as_the_studies_are_apart():
    band = build_band(histories([10.0] * 30, [0.0] * 30))
    figure = draw_band(band, width=60, height=13)
    lines = figure.picture.plain().split("\n")
    assert lines[0].count("░") == lines[9].count("░") > 50
    middle = "".join(lines[4:7])
    assert "⣤" in middle


@pytest.mark.parametrize(
    ("values", "is_log", "sentence"),
    [
        ([], False, "No feasible trial has completed yet."),
        ([math.inf], False, "No value is finite, so there is nothing to draw."),
        ([-1.0], True, "No mean is above 0, so a log axis shows none."),
    ],
)
def test_nothing_to_draw_is_a_sentence(values: list[float], is_log: bool, sentence: str):
    band = build_band(histories(values, values))
    assert draw_band(band, width=70, height=10, is_log=is_log).sentence == sentence


@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("is_log", [True, False])
def test_any_values_at_any_size_give_a_picture(size: tuple[int, int], look: Look, is_log: bool):
    for values in ([[1.0], [1.0]], [[1e308, 3], [-1e308, 2]], [[5e-324, 9], [1.0, math.inf]]):
        band = build_band(histories(*values))
        figure = draw_band(band, width=size[0], height=size[1], look=look, is_log=is_log)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1] or figure.sentence
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


def test_very_many_trials_are_drawn():
    band = build_band([history_of(many(), 0), history_of(many(), 0)])
    assert "mean best of 2" in draw_band(band, width=80, height=20).picture.plain()


def test_studies_are_given_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    a = str(tuned(tmp_path / "a.db", "a", n_trials=6).path)
    b = str(tuned(tmp_path / "b.db", "b", n_trials=6, seed=2).path)
    two = str(tuned(tmp_path / "two.db", "two", n_trials=2, n_objectives=2).path)
    assert main(["plot", a, "--with", b, "--width", "70"]) == 0
    assert capsys.readouterr().out.startswith("a, b: value\n")
    assert main(["plot", a, "edf", "--with", b, "--width", "70"]) == 0
    assert capsys.readouterr().out.startswith("a, b: trials by value\n")
    assert main(["plot", a, "--with", two]) == 2
    assert "a and two have different objectives" in capsys.readouterr().err
    assert main(["plot", a, *["--with", b] * 6]) == 2
    assert "Give at most 6 studies, not 7" in capsys.readouterr().err
    assert main(["plot", a, "slice", "--with", b]) == 2
    assert "--with has no effect on slice." in capsys.readouterr().err
