"""The list of studies as a table, and what stands beside the preview."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.domain.study_name import file_name_for
from hptui.storage.read.studies import BestTrial
from hptui.ui.forms.fields import ends_in, is_there, place_problem
from hptui.ui.studies import study_actions
from hptui.ui.studies.preview_lines import preview_lines, preview_title
from hptui.ui.studies.studies_model import StudiesModel, engine_text, first_order, study_key
from hptui.ui.studies.studies_rules import StudiesState, disabled_reason
from hptui.ui.studies.study_row import StudyRow
from hptui.ui.study.snapshot import EngineState, StudySnapshot, WorkerStatus
from hptui.ui.widgets.table_model import Sort

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW_S = 1_800_000_000.0
COUNTS = {"RUNNING": 0, "COMPLETE": 0, "PRUNED": 0, "FAIL": 0, "WAITING": 0}


def row(name: str, best: float | None = None, **fields: Any) -> StudyRow:
    fields.setdefault("counts", COUNTS)
    fields.setdefault("directions", ("minimize",))
    found = None if best is None else BestTrial(0, best)
    return StudyRow(Path(f"/studies/{name}.db"), name, best=found, **fields)


def names(rows: Sequence[StudyRow], **options: Any) -> list[str]:
    return [each.name for each in StudiesModel(rows, now_s=NOW_S, **options).rows]


def engine(**fields: Any) -> EngineState:
    worker = WorkerStatus(0, 1, 2.0, None, None, is_ending=False)
    known: dict[str, Any] = {
        **{"state": "running", "n_complete": 32, "n_pruned": 30, "n_failed": 2},
        **{"n_trials": 100, "rate": 3.0, "eta_s": 25.0, "elapsed_s": 9.0, "sampler": "tpe"},
        **{"pruner": "", "sampler_ms_a_trial": None, "backend": "loky", "trouble": ""},
        "workers": (worker, worker),
    }
    return EngineState(**{**known, **fields})


@pytest.mark.parametrize("is_reversed", [False, True])
def test_what_is_missing_comes_last_and_equals_stay_by_name(is_reversed: bool):
    rows = [row("c", 1.0), row("b"), row("a", math.inf), row("d", 1.0), row("e", -math.inf)]
    expected = ["a", "c", "d", "e", "b"] if is_reversed else ["e", "c", "d", "a", "b"]
    assert names(rows, sort=Sort("best", is_reversed=is_reversed)) == expected


def test_a_study_that_runs_stands_before_all_others():
    rows = [row("old", last_activity_s=1.0), row("new", last_activity_s=NOW_S)]
    rows.append(row("live", engine=engine()))
    assert names(rows) == ["live", "new", "old"]


@pytest.mark.parametrize("key", ["study", "objective", "goal", "complete", "pruned", "failed"])
def test_every_column_orders(key: str):
    ref = ObjectiveRef("module", "m", "f", "zebra")
    counts = {**COUNTS, "COMPLETE": 3, "PRUNED": 3, "FAIL": 3}
    last = row("z", objective=ref, counts=counts, directions=("minimize", "minimize"))
    first = row("b", objective=ObjectiveRef("module", "m", "f", "ant"))
    assert names([last, first], sort=Sort(key)) == ["b", "z"]
    assert names([first, last], sort=Sort(key, is_reversed=True)) == ["z", "b"]


def test_the_trend_orders_by_what_was_gained_lately():
    """The last quarter counts, as a share: values of other studies have other units."""
    trends = {
        "all-late": (900.0, 900.0, 900.0, 100.0),
        "half-late": (3.0, 2.0, 2.0, 1.0),
        "early": (9.0, 1.0, 1.0, 1.0),
        "from-inf": (math.inf, math.inf, math.inf, 1.0),
        "one": (5.0,),
        "at-inf": (1.0, math.inf, math.inf, math.inf),
        "none": (),
    }
    rows = [row(name, trend=trend) for name, trend in trends.items()]
    expected = ["all-late", "from-inf", "half-late", "at-inf", "early", "one", "none"]
    order = first_order("trend", Sort("study"))
    assert names(rows, sort=order) == expected
    model, seen = StudiesModel(rows, now_s=NOW_S), set[str]()
    for _ in model.columns:
        seen.add(model.next_sort_key())
        model = StudiesModel(rows, now_s=NOW_S, sort=Sort(model.next_sort_key()))
    assert seen == {column.key for column in model.columns}


def test_a_column_is_chosen_in_its_natural_order_and_reversed_when_chosen_again():
    once = first_order("best", Sort("study"))
    assert once == Sort("best", is_reversed=True)
    assert first_order("best", once) == Sort("best")
    assert first_order("study", once) == Sort("study")


def test_all_words_of_the_filter_must_be_there():
    rows = [row("wine"), row("beer", objective=ObjectiveRef("module", "m", "f", "Wine-Tuner"))]
    assert names(rows, filter_text="WINE") == ["beer", "wine"]
    assert names(rows, filter_text=" wine tuner ") == ["beer"]
    assert names(rows, filter_text="wine ale") == []


@pytest.mark.parametrize("width", [40, 80, 99, 100, 120, 200])
def test_the_columns_fit_where_there_is_room(width: int):
    rows = [row("a-name-that-goes-on-and-on" * 4, 1e300, engine=engine(), counts=COUNTS)]
    model = StudiesModel(rows, now_s=NOW_S, width=width)
    used = 1 + sum(column.width + 2 for column in model.columns)
    assert used <= max(width, 72)
    if width >= 120:
        assert model.columns[-1].width >= len("2 workers  64 %  eta ~25 s")
    assert ("objective" in {column.key for column in model.columns}) == (width >= 100)


def test_rows_are_found_by_their_key():
    rows = [row("b"), row("a")]
    model = StudiesModel(rows, now_s=NOW_S)
    assert [model.row_of_key(model.key_of(at)) for at in range(len(model))] == [0, 1]
    assert model.study_of(study_key(Path("/studies/a.db"), "a")) == rows[1]
    assert model.study_of("none") is None
    assert model.study_of(None) is None


def cells(one: StudyRow, **options: Any) -> dict[str, str]:
    model = StudiesModel([one], now_s=NOW_S, **options)
    return {column.key: model.cell(0, at).text for at, column in enumerate(model.columns)}


@pytest.mark.parametrize(
    ("fields", "mark", "activity"),
    [
        ({"engine": engine()}, "▶", "2 workers  64 %  eta ~25 s"),
        ({"engine": engine(state="paused")}, "‖", "paused  64 %"),
        ({"engine": engine(n_trials=None, eta_s=None)}, "▶", "2 workers  64 done"),
        ({"counts": {**COUNTS, "STALE": 3}}, "!", "3 stale trials: f fixes"),
        ({"problem": "/studies/s.db is damaged."}, "!", "is damaged."),
        ({"last_activity_s": NOW_S - 90.0}, " ", "1 m ago"),
        ({"last_activity_s": NOW_S - 7_500.0}, " ", "2 h ago"),
        ({"last_activity_s": NOW_S - 0.2}, " ", "0.0 s ago"),
        ({}, " ", ""),
    ],
)
def test_what_goes_on_is_told_by_mark_and_words(fields: dict[str, Any], mark: str, activity: str):
    told = cells(row("s", **fields))
    assert told["study"] == f"{mark} s"
    assert told["activity"] == activity


def test_tags_stand_by_name_and_several_objectives_with_the_best_of_each():
    both = ("minimize", "maximize")
    told = cells(row("s", directions=both, bests=(0.25, 120.5), tags=("good", "late\x1b[2J")))
    assert told["study"] == "  s #good #late\\x1b[2J"
    assert (told["goal"], told["best"]) == ("min/max", "0.25/120.5")
    assert cells(row("s", tags=("a" * 40,)))["study"].endswith("aaa…")
    three = cells(row("s", directions=("minimize",) * 3, bests=(1.0, 2.0, 3.0)))
    assert three["best"] == "3 values"


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_what_is_to_be_done_is_told_to_its_end(width: int):
    stale = row("a long name of a study that was given by hand", counts={**COUNTS, "STALE": 12})
    (*_, activity) = StudiesModel([stale], now_s=NOW_S, width=width).columns
    used = sum(each.width + 2 for each in StudiesModel([stale], now_s=NOW_S, width=width).columns)
    assert activity.width >= len("12 stale trials: f fixes")
    assert used <= width


def test_an_engine_of_which_nothing_is_known_is_not_described():
    unknown = {"workers": (), "n_complete": 0, "n_pruned": 0, "n_failed": 0, "n_trials": None}
    assert engine_text(engine(state="on otherhost", **unknown)) == "runs on otherhost"
    assert engine_text(engine(state="busy", **unknown)) == "busy"


def test_nothing_of_a_file_reaches_the_table_raw():
    odd = "\x1b[2J\n\u202e" * 50
    ref = ObjectiveRef("module", "m", "f", odd)
    told = cells(row(odd, objective=ref), has_unicode=False)
    told |= cells(row(odd, problem=odd))
    texts = [*told.values(), *(text for line in preview_lines(row(odd), None) for text in line)]
    texts.append(preview_title(row(odd)))
    assert not [text for text in texts if not text.isprintable()]


def test_the_preview_tells_what_there_is():
    one = row("s", 0.5, last_activity_s=NOW_S, size_bytes=2_000)
    told = {label: text for label, text, _ in preview_lines(one, None)}
    assert told["best"] == "0.5  trial 0"
    assert told["file"] == "s.db, 2 kB"
    snapshot = StudySnapshot(one.path, one.name, sampler="tpe:n=3", pruner="median")
    told = {label: text for label, text, _ in preview_lines(one, snapshot)}
    assert (told["sampler"], told["pruner"]) == ("tpe", "median")
    broken = row("s", problem="It is damaged.", hint="Do this.")
    assert preview_lines(broken, None) == [("", "Do this.", "")]
    assert preview_title(broken) == "s"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wine", "wine.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("\x1b[2J", "_2J.csv"),
        ("...", "study.csv"),
        ("a" * 300, "a" * 100 + ".csv"),
        ("研" * 300, "研" * 66 + ".csv"),
    ],
)
def test_an_export_is_called_like_its_study_where_that_can_be(name: str, expected: str):
    assert file_name_for(name, ".csv") == expected


def test_where_an_export_can_go(tmp_path: Path):
    csv = ends_in(".csv")
    (tmp_path / "there.csv").touch()
    (tmp_path / "there.db").touch()
    (tmp_path / "folder.csv").mkdir()
    for wrong in ("", "  ", "a\0.csv", "out.txt", "out", f"{tmp_path}/folder.csv", "/none/x.csv"):
        assert place_problem(wrong, csv)
    assert place_problem("x" * 5_000 + ".csv", csv)
    assert place_problem("x.pdf", ends_in(".html", ".htm")) == "Use a name that ends in .html."
    assert not place_problem(f"{tmp_path}/new.HTM", ends_in(".html", ".htm"))
    assert not place_problem(f" {tmp_path}/new.CSV ", csv)
    assert not place_problem(f"{tmp_path}/there.csv", csv)
    there = place_problem(f"{tmp_path}/there.db", ends_in(".db"), can_replace=False)
    assert there == "there.db already exists."
    assert is_there(f"{tmp_path}/there.csv")
    assert not is_there("a\0.csv")


def test_which_names_a_study_can_get(tmp_path: Path):
    (tmp_path / "taken.db").touch()
    for wrong in ("", "own", "taken", "../up", "a\nb", "x" * 101):
        assert study_actions.name_problem(tmp_path, "own", wrong)
    assert study_actions.name_problem(tmp_path, "own", "free") is None


BROKEN = row("b", problem="It is no study.")
RUNNING = row("r", engine=engine())
AT_REST = row("a")


@pytest.mark.parametrize(
    ("command_id", "study", "changes", "reason"),
    [
        ("fork-study", AT_REST, {}, None),
        ("fork-study", None, {}, "There is no study under the cursor."),
        ("edit-note", BROKEN, {}, "b cannot be read; enter says why."),
        ("mark-study", BROKEN, {}, "b cannot be read; enter says why."),
        ("delete-study", BROKEN, {}, None),
        ("delete-study", RUNNING, {}, "r runs now; open and stop it first."),
        ("duplicate-study", RUNNING, {}, None),
        ("open-study", BROKEN, {"is_managing": True}, None),
        ("open-study", None, {}, "There is nothing under the cursor."),
        ("open-study", None, {"is_on_objective": True}, None),
        ("undo", None, {}, None),
        ("undo", None, {"is_trash_empty": True}, "Nothing in the trash."),
        ("undo", None, {"is_managing": True}, "Still working on the last command; please wait."),
        ("sort", None, {"is_first": True}, "There is no study yet."),
        ("sort", None, {}, None),
        ("compare-studies", AT_REST, {}, None),
        ("compare-studies", None, {"count_marked": lambda: 2}, None),
        ("compare-studies", None, {}, "There is no study under the cursor."),
        (
            "compare-studies",
            AT_REST,
            {"listed": (AT_REST, BROKEN)},
            "A comparison needs two studie",
        ),
    ],
)
def test_why_a_command_of_the_list_is_not_given(
    command_id: str, study: StudyRow | None, changes: dict[str, Any], reason: str | None
):
    state = StudiesState(
        study=study,
        is_on_objective=False,
        is_first=False,
        listed=(AT_REST, RUNNING),
        count_marked=lambda: 0,
        is_managing=False,
        is_trash_empty=False,
    )
    told = disabled_reason(command_id, replace(state, **changes))
    assert told is None if reason is None else (told or "").startswith(reason)
