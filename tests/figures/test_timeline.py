"""The timeline has the bars that Optuna draws, in workers that fit."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import optuna
import optuna.visualization._timeline as reference
import pytest
from tests.analysis.plain_studies import made, many, tuned
from tests.figures.looks import LOOKS
from tests.storage.study_file import START_S, StudyFile, text_of
from tests.ui.feeding import snapshot_of

from hptui.cli.main import main
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, STALE, WAITING
from hptui.figures.canvas.picture import ASCII, Look
from hptui.figures.request import FigureRequest, Frame
from hptui.figures.timeline import (
    Timeline,
    build_timeline,
    draw_timeline,
    figures_of,
    time_ticks,
)
from hptui.ui.plots.shown_trials import ShownTrials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def timeline_of(
    *spans: tuple[float, float],
    states: Sequence[int] = (),
    now_s: float = 100.0,
    hosts: Mapping[int, str] | None = None,
) -> Timeline:
    trials = made([0.0] * len(spans), states=states or None)
    starts, ends = np.array(spans, np.float64).reshape(-1, 2).T
    return build_timeline(
        replace(trials, starts_s=starts, completes_s=ends),
        now_s,
        hosts=hosts or {},
    )


def test_it_agrees_with_optuna(tmp_path: Path):
    plain = tuned(tmp_path / "a.db")
    info = reference._get_timeline_info(plain.study)  # pyright: ignore[reportPrivateUsage]
    ours = build_timeline(plain.trials, now_s=0.0)
    found = {
        int(number): (start, end, state, is_feasible)
        for number, start, end, state, is_feasible in zip(
            ours.numbers, ours.starts_s, ours.ends_s, ours.states, ours.is_feasible, strict=True
        )
    }
    assert len(info.bars) == len(found)
    for bar in info.bars:
        start, end, state, is_feasible = found[bar.number]
        assert start == pytest.approx(bar.start.timestamp(), abs=1e-5)
        assert end == pytest.approx(bar.complete.timestamp(), abs=1e-5)
        assert optuna.trial.TrialState(state) == bar.state
        assert is_feasible == (not bar.infeasible)
    assert {bar.infeasible for bar in info.bars} == {True, False}
    assert ours.n_workers == 1


@pytest.mark.parametrize("seed", range(5))
def test_trials_in_a_slot_do_not_overlap_and_no_slot_is_too_many(seed: int):
    rng = random.Random(seed)
    spans: list[tuple[float, float]] = []
    for _ in range(60):
        start = rng.randrange(50)
        spans.append((start, start + rng.randrange(12)))
    line = timeline_of(*spans)
    for worker in range(line.n_workers):
        rows = np.flatnonzero(line.workers == worker)
        assert (line.ends_s[rows][:-1] <= line.starts_s[rows][1:]).all()
    at = np.arange(0, 70, 0.5)[:, None]
    n_at_once = ((line.starts_s <= at) & (at < line.ends_s)).sum(axis=1).max()
    n_short = int((line.starts_s == line.ends_s).sum())
    assert n_at_once <= line.n_workers <= n_at_once + n_short


def test_a_running_trial_lasts_until_now_unless_nobody_runs_it():
    states = [COMPLETE, RUNNING]
    assert timeline_of((0, 10), (5, np.nan), states=states, now_s=30).ends_s.tolist() == [10, 30]
    assert timeline_of((0, 10), (5, np.nan), states=states, now_s=300).ends_s.tolist() == [10, 10]
    assert timeline_of((5, np.nan), states=[RUNNING], now_s=7).ends_s.tolist() == [7]


def test_what_has_not_started_or_ended_before_is_counted():
    line = timeline_of(
        (np.nan, np.nan), (5, 3), (5, np.nan), (8, 10), states=[WAITING, COMPLETE, FAIL, PRUNED]
    )
    assert (line.n_not_started, line.n_reversed) == (1, 1)
    assert line.ends_s.tolist() == [5, 5, 10]
    text = draw_timeline(line, width=100, height=10).picture.plain()
    assert "1 not started   1 ended before its start" in text


def test_idle_time_is_seen():
    line = timeline_of((0, 20), (60, 80), (0, 80), states=[COMPLETE, PRUNED, COMPLETE])
    figure = draw_timeline(line, width=82, height=12)
    lines = figure.picture.plain().split("\n")
    assert lines[0] == "1┤" + "█" * 20 + "·" * 40 + "▒" * 20
    assert lines[2] == "2┤" + "█" * 80
    assert "2 workers, 75% busy   █ 2 complete   ▒ 1 pruned" in lines[-1]
    assert line.busy_share == 0.75
    assert [figure.number_at(x, y) for x, y in ((3, 0), (70, 0), (30, 2))] == [0, 1, 2]


def test_a_break_between_runs_is_not_idle_time():
    starts, ends = np.array([(0, 10), (20, 30), (1000, 1010), (1010, 1020)], np.float64).T
    trials = made([0.0] * 4)
    shown = replace(trials, starts_s=starts, completes_s=ends)
    line = build_timeline(shown, 2000.0, run_starts_s=(0.0, 999.0))
    assert line.breaks_s.tolist() == [0, 0, 970, 0]
    assert (line.span_s, line.busy_share) == (50, 0.8)
    text = draw_timeline(line, width=82, height=12).picture.plain()
    # The break has a cell of its own, and what is idle before it is none of it.
    first, *others = text.split("\n")
    assert first == ("1┤" + "█" * 16 + "·" * 15 + "█" * 16 + "╎░" + "█" * 15 + "▐" + "█" * 15)
    assert [line[49] for line in others[:4]] == ["╎"] * 4
    assert "1 worker, 80% busy" in text
    assert "╎ 1 break between runs left out" in text
    # Of a study that hptui did not run, only a long time without any trial is a break.
    plain = build_timeline(shown, 2000.0)
    assert plain.breaks_s.tolist() == [0, 0, 970, 0]


def test_a_break_of_a_real_study_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with StudyFile(tmp_path / "two.db") as file:
        moments = [START_S, START_S + 30.0]
        runs = [{"started": datetime.fromtimestamp(each, UTC).isoformat()} for each in moments]
        file.add_study("two", hptui_runs=runs)
        for start_s in moments:
            file.add_trial(1.0, start=text_of(start_s + 1), complete=text_of(start_s + 41 / 2))
    path = tmp_path / "two.db"
    assert main(["plot", str(path), "timeline"]) == 0
    assert "100% busy" in capsys.readouterr().out
    shown = ShownTrials(snapshot_of(path, "two")).plotted()
    line = build_timeline(shown.trials, 0.0, shown.run_starts_s)
    assert line.busy_share == 1.0


def test_workers_are_grouped_by_the_machine_they_are_on():
    hosts = {0: "gpu10", 1: "gpu2", 2: "gpu2", 4: "gpu10"}
    line = timeline_of((0, 40), (0, 20), (10, 40), (20, 40), (40, 80), hosts=hosts)
    assert line.hosts == ("", "gpu2", "gpu2", "gpu10")
    assert line.workers.tolist() == [3, 1, 2, 0, 3]
    text = draw_timeline(line, width=88, height=14).picture.plain()
    labels = [each.partition("┤")[0].strip() for each in text.split("\n")[:8:2]]
    assert labels == ["1", "gpu2 1", "gpu2 2", "gpu10 1"]
    assert "4 workers on 3 machines" in text
    (long,) = timeline_of((0, 1), hosts={0: "\x1b[2J" + "x" * 99}).names
    assert "\x1b" not in long
    assert len(long) < 30


def test_machines_of_a_real_study_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with StudyFile(tmp_path / "far.db") as file:
        file.add_study("far", hptui_runs=[{"backend": "ssh"}])
        place = {"hptui:place": {"host": "gpu1"}}
        file.add_trial(1.0, start=text_of(START_S), complete=text_of(START_S + 9), attributes=place)
    assert main(["plot", str(tmp_path / "far.db"), "timeline"]) == 0
    assert "gpu1 1" in capsys.readouterr().out
    request = FigureRequest((ShownTrials(snapshot_of(tmp_path / "far.db", "far")).plotted(),))
    (figure,) = figures_of(request)
    assert "gpu1 1" in figure.draw(Frame(80, 10)).picture.plain()


def test_trials_one_after_the_other_are_told_apart():
    picture = draw_timeline(timeline_of((0, 40), (40, 80)), width=82, height=12).picture
    assert picture.plain().split("\n")[0] == "1┤" + "█" * 40 + "▐" + "█" * 39


def test_stale_trials_are_no_failed_ones():
    line = timeline_of((0, 40), (50, np.nan), states=[COMPLETE, STALE])
    picture = draw_timeline(line, width=82, height=12).picture
    assert "◌ 1 stale" in picture.plain()
    assert "failed" not in {span.role for spans in picture.lines for span in spans}
    assert "S 1 stale" in draw_timeline(line, width=82, height=12, look=ASCII).picture.plain()


def test_more_slots_than_lines_are_counted():
    line = timeline_of(*[(0.0, 10.0)] * 30)
    picture = draw_timeline(line, width=60, height=12).picture
    assert "21 workers out of sight" in picture.plain()
    assert len(picture.lines) <= 12


@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_timeline_at_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    lines = [timeline_of((3, 3)), timeline_of((0, 1e9), (1e9, 1e9)), timeline_of((0, 0.001))]
    lines.append(timeline_of((0, 9), (1, 9), (2, 9), states=[FAIL, RUNNING, PRUNED]))
    for line in lines:
        text = draw_timeline(line, width=size[0], height=size[1], look=look).picture.plain()
        assert len(text.split("\n")) <= size[1]
        assert max(map(len, text.split("\n"))) <= size[0]
        assert look.unicode or text.isascii()


def test_very_many_trials_fill_their_slots():
    line = build_timeline(many(), 0.0)
    assert line.n_workers == 2
    lines = draw_timeline(line, width=80, height=10).picture.plain().split("\n")
    assert lines[0] == "1┤" + "█" * 78
    assert "100000 complete" in lines[-1]


@pytest.mark.parametrize("span_s", [0.0, 1e-4, 3.0, 59.0, 600.0, 90_000.0, 1e7, 1e11])
def test_ticks_are_round_and_few(span_s: float):
    ticks = time_ticks(span_s, 6)
    assert 1 <= len(ticks) <= 14
    assert all(0 <= place <= 1 for place, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_a_study_without_trials_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    tuned(tmp_path / "none.db", n_trials=0)
    assert main(["plot", str(tmp_path / "none.db"), "timeline"]) == 0
    assert capsys.readouterr().out == "plain: trials by worker\nNo trial has started yet.\n"
    assert main(["plot", str(tmp_path / "none.db"), "timeline", "--log"]) == 2
    assert "--log has no effect on timeline." in capsys.readouterr().err


def test_of_very_many_breaks_none_has_a_cell_and_all_are_counted():
    starts = 1_000.0 * np.arange(60)
    shown = replace(made([0.0] * 60), starts_s=starts, completes_s=starts + 10)
    line = build_timeline(shown, 1e6)
    text = draw_timeline(line, width=80, height=9).picture.plain()
    assert "╎ 59 breaks between runs left out" in text
    assert text.count("╎") == 1
    few = draw_timeline(line, width=800, height=9).picture.plain().split("\n")[0]
    assert few.count("╎") == 59
