"""The header and the workers of a study: what they say; nothing in them jumps or is cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from tests.made_trials import trials_of

from hptui.trials import Trials
from hptui.ui.study.run_header_lines import HeaderLayout
from hptui.ui.study.run_summary import empty_face, notice, show_rate, summarize_run
from hptui.ui.study.snapshot import EngineState, StudySnapshot, WorkerLoad, WorkerStatus
from hptui.ui.study.worker_lines import arrange_workers, cell_width, full_width, rows_needed

ENGINE = EngineState(
    state="running",
    n_complete=90,
    n_pruned=50,
    n_failed=2,
    n_trials=220,
    rate=3.14,
    eta_s=25.0,
    elapsed_s=45.0,
    sampler="tpe:n_startup_trials=5",
    pruner="median",
    sampler_ms_a_trial=6.0,
    backend="loky",
    trouble="",
    workers=(),
)
STUDY = StudySnapshot(
    Path("digits.db"),
    "digits-mlp",
    trials=Trials(("maximize",)),
    best_number=117,
    best_value=0.98222,
    engine=ENGINE,
)


def header(snapshot: StudySnapshot, width: int, layout: HeaderLayout | None = None) -> list[str]:
    lines = (layout or HeaderLayout()).lines(summarize_run(snapshot), width)
    return ["".join(text for text, _ in line) for line in lines]


def test_a_wide_header_says_all_in_one_line() -> None:
    (line,) = header(STUDY, 120)
    for part in ("digits-mlp", "▶ running", "142/220", "3.1/s", "eta ~25 s", "★ 0.9822 (#117)"):
        assert part in line
    assert line.rstrip().endswith("tpe, median")
    assert cell_len(line) == 120


def test_before_the_first_reading_nothing_is_said_of_a_run() -> None:
    (line,) = header(StudySnapshot(Path("digits.db"), "digits-mlp"), 120)
    assert "loading" in line
    assert "not running" not in line


def test_a_narrow_header_says_it_in_two() -> None:
    first, second = header(STUDY, 80)
    assert first.split()[:3] == ["digits-mlp", "▶", "running"]
    assert first.rstrip().endswith("142/220")
    assert "eta ~25 s" in second
    assert "★ 0.9822 (#117)" in second


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_a_header_is_never_wider_than_its_place(width: int) -> None:
    wide = replace(STUDY, name="漢字" * 40, sampler="s" * 300)
    assert all(cell_len(line) <= width for line in header(wide, width))


def test_parts_keep_their_places_while_numbers_change() -> None:
    layout = HeaderLayout()
    moments = [
        replace(STUDY, engine=replace(ENGINE, n_complete=n, rate=rate, eta_s=eta))
        for n, rate, eta in ((90, 12.5, 90.0), (91, 3.0, 8.0), (99, 0.5, None), (170, 99.0, 0.2))
    ]
    lines = [header(moment, 120, layout)[0] for moment in moments]
    assert len({line.index("/220") for line in lines}) == 1
    assert len({line.index("★") for line in lines}) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engine": replace(ENGINE, state="paused")}, "‖ paused"),
        ({"engine": replace(ENGINE, state="stopping")}, "▶ stopping"),
        ({"engine": replace(ENGINE, state="waiting")}, "! waits for the file"),
        ({"engine": None}, "■ not running"),
        ({"engine": None, "is_filled": True, "runner": "x"}, "▷ run elsewhere"),
        ({"engine": None, "trouble": "It is locked."}, "! cannot be read"),
        ({"loading": (5, 10)}, "… loading"),
    ],
)
def test_every_state_has_a_mark_and_a_word(change: dict[str, object], words: str) -> None:
    snapshot = replace(STUDY, **change)  # pyright: ignore[reportArgumentType]
    assert words in header(snapshot, 120)[0]
    plain = HeaderLayout(unicode=False).lines(summarize_run(snapshot), 120)[0]
    assert "".join(text for text, _ in plain).isascii()


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "-/s"), (float("nan"), "-/s"), (0.1, "0.1/s"), (0.05, "3.0/min"), (0.001, "3.6/h")],
)
def test_rates_are_shown_in_a_unit_that_suits_them(rate: float, text: str) -> None:
    assert show_rate(rate) == text


def test_a_paused_run_promises_no_end() -> None:
    assert "eta" not in header(replace(STUDY, engine=replace(ENGINE, state="paused")), 120)[0]


def test_what_is_stale_says_since_when() -> None:
    stale = replace(STUDY, engine=None, trouble="The file is locked.", read_at_s=100.0)
    assert notice(stale, 112.0) == "Last read 12 s ago: The file is locked."
    assert notice(replace(stale, read_at_s=0.0), 112.0) == "The file is locked."
    assert notice(STUDY, 112.0) == ""


def test_a_study_with_nothing_in_it_says_so() -> None:
    assert empty_face(replace(STUDY, loading=(40, 100))) == "Reading 100 trials; 40 so far."
    assert empty_face(STUDY) == "The first trial is about to start."
    assert "r runs it" in empty_face(replace(STUDY, engine=None))
    one = replace(STUDY, trials=trials_of([0.5], ("maximize",)))
    assert empty_face(one) == ""


def workers(count: int, value: float = 0.951) -> EngineState:
    return replace(
        ENGINE, workers=tuple(WorkerStatus(i, 200 + i, 2.0, 17, value, False) for i in range(count))
    )


def test_workers_say_trial_time_step_and_report() -> None:
    (row,) = arrange_workers(workers(2), 118, 1).rows
    text = "".join(part for part, _ in row[0].spans)
    assert text.split() == ["1", "●", "#200", "2.0", "s", "step", "17", "0.951"]
    assert row[1].trial == 201


def test_a_sampler_that_thinks_is_told_in_header_and_workers() -> None:
    first, second = workers(2).workers
    thinking = (replace(first, thinking_s=4.2), replace(second, thinking_s=0.4))
    engine = replace(ENGINE, thinking_s=125.0, workers=thinking)
    for width, part in ((120, "sampler thinking, 2 m 5 s"), (80, "sampler thinking, 2 m 5 s")):
        assert part in "".join(header(replace(STUDY, engine=engine), width))
    assert "thinking" not in "".join(
        header(replace(STUDY, engine=replace(engine, thinking_s=0.9)), 120)
    )
    (row,) = arrange_workers(engine, 118, 1).rows
    texts = ["".join(part for part, _ in cell.spans) for cell in row]
    assert texts[0].strip() == "1 ● #200  sampler thinking, 4 s"
    assert "thinking" not in texts[1]


def test_an_engine_of_this_machine_is_never_elsewhere() -> None:
    mute = replace(STUDY, engine=None, is_filled=True, is_here=True)
    assert "run here" in "".join(header(mute, 120))
    assert "run elsewhere" in "".join(header(replace(mute, is_here=False), 120))


def test_workers_say_their_place_where_there_is_room() -> None:
    engine = workers(2)
    places = ("GPU 0", "GPU MIG-c7384736-a75d-5afc-978f-d2f1294409fd, cores 0-3")
    engine = replace(
        engine,
        workers=tuple(replace(s, place=p) for s, p in zip(engine.workers, places, strict=True)),
    )
    cell = full_width(engine)
    for width, rows, shown in ((2 * cell, 1, True), (cell, 2, True), (2 * cell - 1, 1, False)):
        arranged = arrange_workers(engine, width, rows)
        assert len(arranged.rows) <= rows
        cells = [each for row in arranged.rows for each in row]
        texts = ["".join(text for text, _ in each.spans) for each in cells]
        assert [len(text) for text in texts] == [each.width for each in cells]
        assert ["GPU 0 " in texts[0], "GPU MIG-c7384736-a7~" in texts[1]] == [shown] * 2
        assert all("0.951" in text for text in texts)
    assert rows_needed(engine, cell, 3) == 2


def test_workers_say_what_they_load_as_far_as_there_is_room() -> None:
    cpu, memory, gpu = tuple(range(10, 110, 10)), (1 << 30, 3 << 29), (0, 95)
    one, two, *_ = workers(3).workers
    engine = replace(
        ENGINE,
        workers=(
            replace(one, load=WorkerLoad(cpu, memory, gpu)),
            replace(two, load=WorkerLoad((), (1 << 20,))),
            replace(two, index=2),
        ),
    )

    def texts(width: int, rows: int, *, unicode: bool = True) -> list[str]:
        arranged = arrange_workers(engine, width, rows, unicode=unicode)
        assert rows_needed(engine, width, rows) == len(arranged.rows)
        found = ["".join(text for text, _ in each.spans) for row in arranged.rows for each in row]
        assert {len(text) for text in found} == {cell_width(engine, width, rows)}
        return found

    told, starting, unknown = texts(118, 3)
    assert told.split("0.951")[1].split() == (
        ["cpu", "▃▃▄▅▅▆▆▇", "100%", "mem", "▅▇", "1.5", "GB", "gpu", "▁▇", "95%"]
    )
    assert "mem" not in starting + unknown
    told, *_ = texts(2 * 64, 2)
    assert told.split("0.951")[1].split() == ["100%", "1.5", "GB", "gpu", "95%"]
    assert "%" not in "".join(texts(118, 1))
    assert "".join(texts(118, 3, unicode=False)).replace("R", "").isascii()


@pytest.mark.parametrize("value", [0.951, -1.23456e-05, float("nan"), 12345678.0])
@pytest.mark.parametrize(("count", "width", "rows"), [(1, 78, 1), (10, 78, 1), (256, 118, 2)])
def test_workers_fit_their_place_and_no_value_is_cut(
    count: int, width: int, rows: int, value: float
) -> None:
    arranged = arrange_workers(workers(count, value), width, rows)
    assert len(arranged.rows) <= rows
    assert sum(map(len, arranged.rows)) + arranged.n_hidden == count
    for row in arranged.rows:
        assert sum(len(text) for cell in row for text, _ in cell.spans) <= width
        shown = [cell.spans[-2][0].strip() for cell in row]
        assert all(text in ("", f"{value:.4g}") for text in shown)


def test_rows_for_workers_are_as_few_as_hold_them() -> None:
    assert [rows_needed(workers(count), 118, 2) for count in (0, 1, 3, 4, 99)] == [1, 1, 1, 2, 2]
