"""Heat maps have the values, ranks and axes that Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna
import optuna.visualization._contour as contour_reference
import optuna.visualization._rank as rank_reference
import pytest
from tests.analysis.plain_studies import MIXED_CHOICES, made, many, tuned
from tests.figures.looks import LOOKS
from tests.made_trials import param_of

from hptui.cli.main import main
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.figures.heat import HeatKind, best_in_cells, build_pair, draw_heat, rank_shares

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from hptui.figures.canvas.picture import Look

# pyright: reportPrivateUsage=false


def test_the_best_values_agree_with_optuna(tmp_path: Path):
    study = tuned(tmp_path / "a.db", n_trials=90)
    info = contour_reference._get_contour_info(study.study, ["kind", "width"])
    ((theirs,),) = info.sub_plot_infos
    pair = build_pair(study.trials, "kind", "width", 0)
    assert pair.x.choices is not None
    columns, rows = pair.x.values.astype(np.int64), pair.y.values.astype(np.int64)
    grid = best_in_cells(columns, rows, pair.values, (9, len(MIXED_CHOICES)))
    found = {
        (str(pair.x.choices[column]), float(row)): grid.values[row, column]
        for row, column in np.argwhere(~np.isnan(grid.values)).tolist()
    }
    # Optuna pads the axis of numbers by one place at each end.
    expected = {
        (str(theirs.xaxis.indices[x]), theirs.yaxis.indices[y]): value
        for (x, y), value in theirs.z_values.items()
    }
    assert found == expected
    assert len(found) > 20


def test_the_ranks_agree_with_optuna(tmp_path: Path):
    study = tuned(tmp_path / "a.db")
    trials = [
        trial
        for trial in study.study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        if trial.value is not None and math.isfinite(trial.value)
    ]
    values = np.array([trial.value for trial in trials])
    expected = rank_reference._get_order_with_same_order_averaging(values) / (len(values) - 1)
    pair = build_pair(study.trials, "lr", "momentum", 0)
    have_both = [index for index, trial in enumerate(trials) if "momentum" in trial.params]
    assert pair.ranks.tolist() == pytest.approx(expected[have_both].tolist())
    assert pair.numbers.tolist() == [trials[index].number for index in have_both]
    assert pair.x.values.tolist() == [trials[index].params["lr"] for index in have_both]
    assert pair.n_without == len(trials) - len(have_both) > 0


def test_where_all_values_are_equal_no_cell_is_worse():
    xs, ys = ([((at * step) % 30) / 30 for at in range(30)] for step in (1, 7))
    params = {"x": param_of("x", FloatParam(0, 1), xs), "y": param_of("y", FloatParam(0, 1), ys)}
    pair = build_pair(made([3.3] * 30, params=params), "x", "y", 0)
    *chart, _ = draw_heat(pair, "contour", width=60, height=20).picture.plain().split("\n")
    assert "█" in "".join(chart)
    assert not set("".join(chart)) & set("▓▒░·")


def test_equal_values_share_their_rank():
    assert rank_shares(np.array([3.0, 1.0, 1.0, 2.0, 9.0])).tolist() == [0.75, 0.125, 0.125, 0.5, 1]
    assert rank_shares(np.array([7.0])).tolist() == [0.5]


def test_empty_cells_are_between_those_around_them():
    values = np.full((5, 7), np.nan)
    values[0, 0], values[4, 6] = 0.0, 8.0
    filled = best_in_cells(
        np.array([0, 6]), np.array([0, 4]), np.array([0.0, 8.0]), (5, 7)
    ).filled()
    assert (filled[0, 0], filled[4, 6]) == (0.0, 8.0)
    assert filled[2, 3] == pytest.approx(4.0)
    assert (np.diff(filled, axis=1) >= 0).all()


PAIR_PARAMS = {
    "x\x1b[m": param_of("x\x1b[m", IntParam(0, 4), [0, 1, 2, 3, 4, 2]),
    "y": param_of("y", ChoiceParam(("a", "b\x1b")), [0, 0, 0, 1, 1, math.nan]),
}


@pytest.mark.parametrize("kind", ["contour", "rank"])
def test_it_shows_where_the_best_are(kind: HeatKind):
    trials = made([1, 2, 3, 4, 5, 9], ["maximize"], params=PAIR_PARAMS, infeasible=[4])
    pair = build_pair(trials, "x\x1b[m", "y", 0)
    assert pair.best == 5
    figure = draw_heat(pair, kind, width=130, height=12, selected=0)
    text = figure.picture.plain()
    assert "\x1b" not in text
    assert "1 infeasible" in text
    assert "1 without one of them" in text
    assert text.count("◆") == 1
    shades = sum(text.count(shade) for shade in "▓▒░")
    # A contour fills the field, ranks stand at the trials alone.
    assert (shades > 300) == (kind == "contour")
    assert figure.number_at(129, 0) == 4


@pytest.mark.parametrize("kind", ["contour", "rank"])
@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(kind: HeatKind, size: tuple[int, int], look: Look):
    params = {
        "x": param_of("x", FloatParam(0, 1), [0.5, 0.5, 0.5]),
        "c": param_of("c", ChoiceParam(MIXED_CHOICES), [0, 4, 4]),
    }
    for infeasible in ((), (0, 1, 2)):
        trials = made([1e308, -1e308, 2], params=params, infeasible=infeasible)
        pair = build_pair(trials, "x", "c", 0)
        figure = draw_heat(pair, kind, width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


def test_nothing_to_draw_is_a_sentence():
    apart = {
        "x": param_of("x", FloatParam(0, 1), [0.5, math.nan]),
        "y": param_of("y", FloatParam(0, 1), [math.nan, 0.5]),
    }
    for values, sentence in (
        ([1, 2], "No complete trial has both parameters, x and y."),
        ([math.inf, math.inf], "No value is finite, so there is nothing to draw."),
        ([math.nan, math.nan], "No trial has completed yet."),
    ):
        pair = build_pair(made(values, params=apart), "x", "y", 0)
        assert draw_heat(pair, "contour", width=60, height=9).sentence == sentence


@pytest.mark.parametrize("kind", ["contour", "rank"])
def test_very_many_trials_are_drawn(kind: HeatKind):
    pair = build_pair(many(), "x", "y", 0)
    text = draw_heat(pair, kind, width=100, height=24).picture.plain()
    assert "█" in text
    assert "★" in text


def test_pairs_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = str(tuned(tmp_path / "a.db", n_trials=20).path)
    assert main(["plot", path, "contour", "--width", "70"]) == 0
    title = capsys.readouterr().out.split("\n")[0]
    assert title == "plain: value by lr and kind (of 4 parameters, --param chooses)"
    three = ["--param", "lr", "--param", "kind", "--param", "width"]
    assert main(["plot", path, "rank", *three, "--width", "70"]) == 0
    titles = [line for line in capsys.readouterr().out.split("\n") if line.startswith("plain")]
    assert titles == [
        f"plain: rank of value by {pair}"
        for pair in ("lr and kind", "lr and width", "kind and width")
    ]
    assert main(["plot", path, "rank", "--param", "lr"]) == 2
    assert "A heat map needs two --param" in capsys.readouterr().err


def test_in_colours_no_cell_is_a_stain_among_those_around_it():
    values = np.full((20, 20), np.nan)
    values[::4, ::4] = np.arange(5)[:, None] + np.zeros(5)
    values[8, 8] = 9.0
    grid = best_in_cells(*_cells_of(values))
    assert grid.filled()[8, 8] == 9.0
    soft = grid.filled(0.1)
    assert 2.0 < soft[8, 8] < 8.0
    assert (soft >= 0.0).all()
    assert (soft <= 9.0).all()
    assert np.abs(np.diff(soft, axis=1)).max() < np.abs(np.diff(grid.filled(), axis=1)).max() / 1.5


def _cells_of(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], tuple[int, int]]:
    rows, columns = np.nonzero(~np.isnan(values))
    return columns, rows, values[rows, columns], (values.shape[0], values.shape[1])
