"""The best value over time is what a plain walk through the trials finds."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.analysis.plain_studies import made, many
from tests.storage.study_file import StudyFile

from hptui.cli.main import main
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING
from hptui.figures.canvas.picture import ASCII
from hptui.figures.progress import draw_progress, progress_of

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.trials import Trials


def studied(seed: int, direction: Direction) -> Trials:
    """Sixty trials on some workers, with a break, without some times, and not all complete."""
    rng = random.Random(seed)
    starts, ends, states = list[float](), list[float](), list[int]()
    for at in range(60):
        start = rng.uniform(0, 50) + (1_000 if at > 30 else 0)
        starts.append(start if rng.random() < 0.95 else np.nan)
        ends.append(start + rng.uniform(-0.2, 5))
        states.append(rng.choice([COMPLETE, COMPLETE, COMPLETE, PRUNED, FAIL, RUNNING]))
        if states[-1] == RUNNING:
            ends[-1] = np.nan
    values = [rng.choice([rng.gauss(0, 1), np.inf]) for _ in range(60)]
    trials = made(values, (direction,), states=states, infeasible=(3, 7))
    return replace(trials, starts_s=np.array(starts), completes_s=np.array(ends))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_a_plain_walk(seed: int, direction: Direction):
    trials = studied(seed, direction)
    spans = [
        (start, end)
        for start, end in zip(trials.starts_s.tolist(), trials.completes_s.tolist(), strict=True)
        if start <= end
    ]

    def running_s(until: float) -> float:
        """How long before a moment any trial ran: second by second of all that changes."""
        moments = sorted({each for span in spans for each in span} | {until})
        return sum(
            after - before
            for before, after in pairwise(moments)
            if after <= until and any(start <= before and after <= end for start, end in spans)
        )

    expected: list[tuple[float, int, float]] = []
    best = None
    rows = [
        row
        for row in range(len(trials))
        if trials.states[row] == COMPLETE
        and row not in (3, 7)
        and trials.starts_s[row] <= trials.completes_s[row]
    ]
    for row in sorted(rows, key=lambda row: float(trials.completes_s[row])):
        value = float(trials.values[row, 0])
        if best is None or (value < best if direction == "minimize" else value > best):
            best = value
        expected.append((running_s(float(trials.completes_s[row])), row, best))

    found = progress_of(trials, 0)
    assert found.numbers.tolist() == [number for _, number, _ in expected]
    assert found.best.tolist() == [best for _, _, best in expected]
    assert found.ends_s == pytest.approx([seconds for seconds, _, _ in expected])
    assert found.total_s == pytest.approx(running_s(2_000.0))
    assert found.total_s < 150
    complete = sum(
        state == COMPLETE and row not in (3, 7) for row, state in enumerate(trials.states.tolist())
    )
    assert found.n_timeless == complete - len(expected)
    assert found.best_row == [best for _, _, best in expected].index(expected[-1][2])


def test_one_study_has_its_trials_on_the_line_and_several_have_letters():
    one = progress_of(made([3.0, 2.0, 2.5, 1.0]), 0, "one")
    figure = draw_progress([one], width=60, height=16, selected=3)
    assert figure.spots.numbers.tolist() == [0, 1, 2, 3]
    text = figure.picture.plain()
    assert "1 after 5.0 s #3" in text
    assert "◆" in text
    assert "time running" in text
    other = progress_of(made([4.0, 0.5]), 0, "other")
    both = draw_progress([one, other], width=80, height=16, look=ASCII, is_log=True)
    assert not len(both.spots.numbers)
    text = both.picture.plain()
    assert "A one 1 after 5.0 s" in text
    assert "B other 0.5 after 3.0 s" in text
    assert text.isascii()


def test_what_cannot_be_drawn_is_said():
    def said(trials: Trials, *, is_log: bool = False) -> str:
        return draw_progress([progress_of(trials, 0)], width=60, height=9, is_log=is_log).sentence

    timeless = replace(made([1.0]), starts_s=np.array([np.nan]))
    assert "not known" in said(timeless)
    assert "has completed" in said(made([]))
    assert "finite" in said(made([np.inf]))
    assert "log axis" in said(made([-1.0]), is_log=True)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20, 5), (200, 50)])
def test_a_hundred_thousand_trials_fit_at_any_size(width: int, height: int):
    figure = draw_progress([progress_of(many(), 0)], width=width, height=height)
    assert len(figure.picture.lines) <= height


def test_the_command_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("a", "b"):
        with StudyFile(tmp_path / f"{name}.db") as file:
            file.add_study(name)
            for value in (0.5, 0.25):
                file.add_trial(value)
    place = ["--studies", str(tmp_path)]
    assert main(["plot", "a", "progress", "--with", "b", *place]) == 0
    assert "B b 0.25 after 5.0 s" in capsys.readouterr().out
