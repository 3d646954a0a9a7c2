"""The feed of a folder: studies that come, go, change, and cannot be read."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any

from tests.storage.study_file import StudyFile
from tests.ui.feeding import following_all
from tests.ui.test_study_feed import write_lease
from tests.waiting import DEADLINE_S

from hptui.storage.files.journal import JOURNAL, begin_journal
from hptui.ui.studies import catalogue_feed
from hptui.ui.studies.catalogue_feed import Catalogue, CatalogueFeed, StudyRow

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def write_study(path: Path, *values: float, **attributes: Any) -> StudyFile:
    file = StudyFile(path)
    file.add_study(path.stem, **attributes)
    for value in values:
        file.add_trial(value)
    return file


def rows_of(place: Path) -> tuple[StudyRow, ...]:
    with following_all(place) as feed:
        return feed.wait_for(lambda seen: seen.loading is None).rows


def test_a_folder_that_does_not_exist_is_empty_until_it_does(tmp_path: Path):
    place = tmp_path / "studies"
    with following_all(place) as feed:
        seen = feed.wait_for(lambda seen: seen.loading is None)
        assert (seen.rows, seen.trouble) == ((), "")
        place.mkdir()
        with write_study(place / "one.db", 1.0):
            feed.wait_for(lambda seen: [row.name for row in seen.rows] == ["one"])


def test_a_change_that_a_kill_cut_off_is_gone_on_with(tmp_path: Path):
    write_study(tmp_path / "old.db", 1.0).connection.close()
    names = {"file": "old.db", "study": "old", "new_file": "new.db", "new_study": "new"}
    with begin_journal(tmp_path, {"kind": "rename", **names}):
        (tmp_path / "old.db").rename(tmp_path / "new.db")
    (row,) = rows_of(tmp_path)
    assert (row.path.name, row.name) == ("new.db", "new")
    (tmp_path / JOURNAL).write_text("mine")
    with following_all(tmp_path) as feed:
        feed.wait_for(lambda seen: "cannot be continued" in seen.trouble and len(seen.rows) == 1)


def test_studies_come_change_and_go(tmp_path: Path):
    with write_study(tmp_path / "b.db", 3.0, 2.0) as file, following_all(tmp_path) as feed:
        (row,) = feed.wait_for(lambda seen: len(seen.rows) == 1).rows
        assert row.best is not None
        assert (row.n_trials, row.best.value, row.trend) == (2, 2.0, (3.0,) * 8 + (2.0,))
        file.add_trial(1.0)
        feed.wait_for(lambda seen: seen.rows[0].n_trials == 3)
        write_study(tmp_path / "a.db", 1.0).connection.close()
        seen = feed.wait_for(lambda seen: len(seen.rows) == 2)
        assert [row.name for row in seen.rows] == ["a", "b"]
        (tmp_path / "a.db").unlink()
        seen = feed.wait_for(lambda seen: len(seen.rows) == 1)
        revisions = [each.revision for each in feed.posted]
        assert revisions == sorted(set(revisions))


def test_files_that_do_not_change_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    original = catalogue_feed.read_rows

    def note(path: Path, *, is_known: bool) -> tuple[StudyRow, ...]:
        read.append(f"{path.stem} {is_known}")
        return original(path, is_known=is_known)

    monkeypatch.setattr(catalogue_feed, "read_rows", note)
    with (
        write_study(tmp_path / "still.db", 1.0),
        write_study(tmp_path / "busy.db", 1.0) as busy,
        following_all(tmp_path, period_s=0.001) as feed,
    ):
        feed.wait_for(lambda seen: len(seen.rows) == 2)
        busy.add_trial(0.5)
        feed.wait_for(lambda seen: seen.rows[0].n_trials == 2)
    assert read.count("still False") == 1
    assert "still True" not in read
    assert "busy True" in read


def test_all_studies_of_one_file_are_listed(tmp_path: Path):
    with StudyFile(tmp_path / "many.db") as file:
        file.add_study("one")
        file.add_study("two", ("MAXIMIZE", "MINIMIZE"))
        file.add_trial([1.0, 2.0], study_id=2)
    rows = rows_of(file.path)
    assert [(row.name, row.n_trials, row.trend) for row in rows] == [("one", 0, ()), ("two", 1, ())]


def test_files_that_cannot_be_read_are_rows_with_a_problem(tmp_path: Path):
    (tmp_path / "empty.db").write_bytes(b"")
    StudyFile(tmp_path / "bare.db").connection.close()
    (tmp_path / "text.db").write_text("hello")
    (tmp_path / "folder.db").mkdir()
    (tmp_path / ".hidden.db").write_text("")
    (tmp_path / "ev\x1b[31mil.db").write_text("")
    write_study(tmp_path / "good.db", 1.0).connection.close()
    rows = {row.path.name: row for row in rows_of(tmp_path)}
    assert len(rows) == 6
    assert not rows["good.db"].problem
    for name in ("bare.db", "empty.db", "text.db", "folder.db", "ev\x1b[31mil.db"):
        assert rows[name].problem
        assert "\x1b" not in rows[name].problem


def test_a_damaged_file_that_is_mended_is_read_again(tmp_path: Path):
    path = tmp_path / "study.db"
    path.write_text("garbage")
    with following_all(tmp_path) as feed:
        feed.wait_for(lambda seen: bool(seen.rows and seen.rows[0].problem))
        write_study(tmp_path / "new", 1.0).connection.close()
        os.replace(tmp_path / "new", path)
        feed.wait_for(lambda seen: bool(seen.rows and not seen.rows[0].problem))


def test_an_unforeseen_error_of_one_file_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("bad", "good"):
        write_study(tmp_path / f"{name}.db", 1.0).connection.close()
    original = catalogue_feed.read_rows

    def fail(path: Path, *, is_known: bool) -> tuple[StudyRow, ...]:
        if path.stem == "bad":
            raise RecursionError("deep")
        return original(path, is_known=is_known)

    monkeypatch.setattr(catalogue_feed, "read_rows", fail)
    rows = rows_of(tmp_path)
    assert ["RecursionError: deep" in row.problem for row in rows] == [True, False]


def test_trends_follow_the_best_feasible_value(tmp_path: Path):
    with StudyFile(tmp_path / "up.db") as file:
        file.add_study("up", ("MAXIMIZE",))
        file.add_trial(state="FAIL")
        file.add_trial(1.0)
        file.add_trial(9.0, attributes={"constraints:c": 0.5})
        file.add_trial(0.5, attributes={"constraints:c": -0.5})
        for number in range(60):
            file.add_trial(float(number == 50) * 3)
    (row,) = rows_of(file.path)
    assert len(row.trend) <= 16
    assert (row.trend[:1], row.trend[-1:]) == ((1.0,), (3.0,))
    assert list(row.trend) == sorted(row.trend)


def test_infinite_values_and_no_values_have_a_trend_too(tmp_path: Path):
    write_study(tmp_path / "inf.db", float("inf"), float("-inf")).connection.close()
    with write_study(tmp_path / "none.db") as file:
        file.add_trial(state="FAIL")
    inf, none = rows_of(tmp_path)
    assert inf.trend[-1] == float("-inf")
    assert none.trend == ()


def test_trials_that_a_dead_engine_left_are_counted_and_others_not(tmp_path: Path):
    path = tmp_path / "study.db"
    runs = [{"id": "r1", "host": socket.gethostname()}, {"id": "r2", "host": "elsewhere"}]
    with write_study(path, 1.0, hptui_runs=runs) as file:
        file.add_trial(state="RUNNING", attributes={"hptui:run": "r1"})
        file.add_trial(state="RUNNING", attributes={"hptui:run": "r2"})
        file.add_trial(state="RUNNING")
        file.add_trial(state="RUNNING", attributes={"hptui:run": ["odd"]})
    write_lease(path, pid=os.getpid(), started="another time")
    (row,) = rows_of(path)
    assert (row.counts["STALE"], row.counts["RUNNING"], row.engine) == (1, 3, None)


def test_an_engine_that_runs_elsewhere_or_does_not_answer_is_still_one(tmp_path: Path):
    path = tmp_path / "study.db"
    write_study(path, 1.0).connection.close()
    write_lease(path, pid=7, started="1", host="far\x1baway")
    (row,) = rows_of(path)
    assert row.engine is not None
    assert row.engine.state == "on far\\x1baway"


def test_a_closed_event_loop_ends_the_feed(tmp_path: Path):
    def refuse(_: Catalogue) -> None:
        raise RuntimeError("Event loop is closed")

    feed = CatalogueFeed(tmp_path, refuse)
    feed.start()
    assert feed.join(DEADLINE_S)


def test_broken_attributes_of_runs_are_no_reason_to_fail(tmp_path: Path):
    with write_study(tmp_path / "odd.db", 1.0, hptui_runs=[1, {"id": 5}, None]) as file:
        file.add_trial(state="RUNNING", attributes={"hptui:run": json.dumps("x")})
    (row,) = rows_of(file.path)
    assert (row.problem, row.n_stale) == ("", 0)
