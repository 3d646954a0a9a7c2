"""The distribution of values is the one that Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._edf as reference
import pytest
from tests.analysis.plain_studies import PlainStudy, made, many, tuned
from tests.figures.looks import LOOKS

from hptui.analysis.compare.comparison import build_edf
from hptui.domain.trial_states import FAIL
from hptui.figures.edf import NamedEdf, draw_edf

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.figures.canvas.picture import Look


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[PlainStudy]:
    folder: Path = tmp_path_factory.mktemp("edf")
    return [tuned(folder / f"{name}.db", name, seed=seed) for seed, name in enumerate("ab")]


def test_it_agrees_with_optuna(studies: list[PlainStudy]):
    info = reference._get_edf_info([each.study for each in studies])  # pyright: ignore[reportPrivateUsage]
    assert len(info.lines) == 2
    for each, line in zip(studies, info.lines, strict=True):
        shares = build_edf(each.trials, 0).share_at(info.x_values)
        np.testing.assert_allclose(shares, line.y_values, atol=1e-12)
        assert shares[0] < shares[50] < shares[-1] == 1


def test_what_is_left_out_is_said():
    trials = made([1.0, math.inf, -2.0, math.nan, 3.0], states=[1, 1, 1, 1, FAIL])
    edf = build_edf(trials, 0)
    assert edf.values.tolist() == [-2.0, 1.0]
    figure = draw_edf([NamedEdf("a", edf)], width=90, height=10, is_log=True)
    assert "1 infinite, left out   1 not above 0, left out" in figure.picture.plain()
    assert edf.value_at(0.5) == -2.0
    assert edf.value_at(0.51) == 1.0


def test_several_studies_have_letters_and_no_name_is_obeyed():
    edfs = [
        NamedEdf(name, build_edf(made(values), 0))
        for name, values in (
            ("good\x1b[2J", [0.1, 0.2, 0.3]),
            ("日本", [0.2, 0.9]),
            ("none", []),
        )
    ]
    text = draw_edf(edfs, width=80, height=14).picture.plain()
    assert "\x1b" not in text
    assert r"A good\x1b[2J (3)   B 日本 (2)   C none (0)" in text
    chart = "\n".join(text.split("\n")[:-1])
    assert (chart.count("A"), chart.count("B"), chart.count("C")) == (1, 1, 0)


@pytest.mark.parametrize(
    ("values", "is_log", "sentence"),
    [
        ([], False, "No trial has completed yet."),
        ([math.inf], False, "No value is finite, so there is nothing to draw."),
        ([-1.0], True, "No value is above 0, so a log axis shows none."),
    ],
)
def test_nothing_to_draw_is_a_sentence(values: list[float], is_log: bool, sentence: str):
    edf = NamedEdf("a", build_edf(made(values), 0))
    assert draw_edf([edf], width=60, height=10, is_log=is_log).sentence == sentence


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [-1e308, 1e308], [5e-324, 1.0]])
@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_values_at_any_size_give_a_picture(
    values: list[float], size: tuple[int, int], look: Look
):
    edf = NamedEdf("a", build_edf(made(values), 0))
    figure = draw_edf([edf], width=size[0], height=size[1], look=look)
    lines = figure.picture.plain().split("\n")
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert look.unicode or "\n".join(lines).isascii()


def test_very_many_trials_look_like_their_distribution():
    text = draw_edf([NamedEdf("a", build_edf(many(), 0))], width=60, height=13).picture.plain()
    assert "100000 complete" in text
    assert text.split("\n")[0].rstrip()[-1] in map(chr, range(0x2801, 0x2900))
