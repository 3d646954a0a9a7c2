"""What a run on a server needs no server for: marks of engines, errands, groups of rows."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial
from tests.storage.mirroring import address_of, journal
from tests.waiting import DEADLINE_S, wait_until

from hptui.domain.attribute_keys import RUN_KEY
from hptui.engine.recovery.lease import folder_of, take_lease
from hptui.errors import StudyBusyError
from hptui.storage.files.leases import Lease, living_runs, read_lease
from hptui.storage.mirror.following import engine_writing, follow, is_engines, writing
from hptui.storage.mirror.mirrors import MirrorState, mirror_path, tell_state
from hptui.storage.server.engines import (
    DEAD_AFTER_S,
    MAX_RUNS,
    EngineMark,
    abandoned,
    merged_runs,
    read_mark,
    require_alone,
)
from hptui.storage.server.errands import Errands
from hptui.storage.server.statements import Dialect
from hptui.storage.sqlite.connection import StorageBusyError
from hptui.storage.sqlite.creation import create_study_file
from hptui.storage.sqlite.write_buffer import WriteBuffer

HERE = Lease.of_this_process("s", "run", Path("/x"))
FAR = replace(HERE, host="elsewhere", boot="other", namespace="1", pid=7)


@pytest.mark.parametrize(
    ("lease", "silent_s", "is_alive"),
    [
        (FAR, 0.0, True),
        (FAR, DEAD_AFTER_S - 1, True),
        (FAR, DEAD_AFTER_S + 1, False),
        # An earlier run of this process, and one of a process that is gone.
        (HERE, 0.0, False),
        (replace(HERE, pid=os.getppid(), started="0"), 0.0, False),
    ],
)
def test_an_engine_is_alive_while_it_writes(lease: Lease, silent_s: float, is_alive: bool) -> None:
    mark = read_mark(EngineMark(lease, 1_000.0, 3).spell())
    assert mark is not None
    assert mark == EngineMark(lease, 1_000.0, 3)
    now_s = 1_000.0 + silent_s
    assert mark.is_alive(now_s) is is_alive
    if not is_alive:
        require_alone([mark], "s", now_s)
        return
    with pytest.raises(StudyBusyError, match="process 7 on elsewhere, which wrote") as caught:
        require_alone([mark], "s", now_s)
    assert "--join" in caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"beat": 1}', "null"])
def test_a_damaged_mark_is_none(text: str) -> None:
    assert read_mark(text) is None


def test_only_trials_with_a_heartbeat_of_a_dead_run_are_abandoned() -> None:
    def trial(trial_id: int, run: str | None) -> object:
        made = create_trial(
            state=TrialState.RUNNING, system_attrs={} if run is None else {RUN_KEY: run}
        )
        made._trial_id = trial_id
        return made

    running = [trial(1, "dead"), trial(2, "living"), trial(3, "dead"), trial(4, None)]
    beats = {1: 100.0, 2: 100.0, 4: 1e9}
    assert abandoned(running, {"living"}, beats) == [running[0]]  # pyright: ignore[reportArgumentType]


def test_runs_that_others_have_begun_are_kept() -> None:
    def runs(*ids: str, reason: str | None = None) -> str:
        return json.dumps([{"id": each, "reason": reason} for each in ids])

    def merged(stored: str | None, own: str, max_bytes: int = 10**6) -> list[tuple[str, object]]:
        found = json.loads(merged_runs(stored, own, "mine", max_bytes))
        return [(each["id"], each["reason"]) for each in found]

    assert merged(None, runs("a", "mine")) == [("a", None), ("mine", None)]
    assert merged(runs("a", "other"), runs("a", "mine")) == [
        ("a", None),
        ("other", None),
        ("mine", None),
    ]
    assert merged(runs("mine", "other"), runs("mine", reason="trials")) == [
        ("mine", "trials"),
        ("other", None),
    ]
    many = [str(number) for number in range(2 * MAX_RUNS)]
    assert len(merged(runs(*many), runs("mine"))) == MAX_RUNS
    short = merged(runs(*many), runs("mine"), max_bytes=200)
    assert 1 < len(short) < 10
    assert short[-1] == ("mine", None)


def test_an_errand_that_takes_long_is_finished_and_its_result_kept() -> None:
    go_on, idle = threading.Event(), threading.Event()

    def idly() -> float:
        idle.set()
        return 60.0

    errands = Errands("lab", idly)
    asked: list[str] = []

    def slow() -> str:
        asked.append("slow")
        go_on.wait(DEADLINE_S)
        return "done"

    def fails() -> str:
        raise ValueError("on purpose")

    with pytest.raises(StorageBusyError, match="lab does not answer"):
        errands.do("a", slow, 0.0)
    assert errands.is_busy
    with pytest.raises(StorageBusyError):
        errands.do("b", lambda: "other", 0.0)
    go_on.set()
    assert errands.do("b", lambda: "other", DEADLINE_S) == "other"
    assert errands.unclaimed == {"a": "done"}
    assert errands.do("a", slow, DEADLINE_S) == "done"
    assert asked == ["slow"]
    with pytest.raises(ValueError, match="on purpose"):
        errands.do("a", fails, DEADLINE_S)
    # What has failed while nobody waited is asked for again.
    go_on.clear()
    with pytest.raises(StorageBusyError):
        errands.do("c", lambda: go_on.wait(DEADLINE_S) and fails(), 0.0)
    go_on.set()
    assert errands.do("d", lambda: 4, DEADLINE_S) == 4
    assert errands.do("c", lambda: 3, DEADLINE_S) == 3
    errands.keep("e", 5)
    assert errands.do("e", fails, DEADLINE_S) == 5
    wait_until(idle.is_set, "idle")
    errands.forget("e")
    assert errands.end(DEADLINE_S)


def test_rows_that_change_while_they_are_written_stay() -> None:
    rows = WriteBuffer()
    rows.set_report(1, 0, 0.5)
    rows.set_trial_attribute("user", 1, "a", "1")
    rows.change_trial(2, TrialState.COMPLETE, None, "2026-01-01 00:00:00")
    written = rows.copied()
    rows.set_trial_attribute("user", 1, "a", "2")
    rows.set_report(1, 1, 0.25)
    rows.forget(written)
    assert rows.attributes("trial", "user") == [(1, "a", "2")]
    assert [row[:3] for row in rows.reports] == [(1, 1, 0.25)]
    assert not rows.changed_trials
    assert written.changed_ids() == {1, 2}


@pytest.mark.parametrize(
    ("is_mysql", "key", "text", "step", "is_taken"),
    [
        (False, "a" * 512, "x" * 70_000, 2**31 - 1, True),
        (True, "a" * 512, "x" * 65_535, -(2**31) + 1, True),
        (True, "a", "é" * 40_000, 0, False),
        (False, "a" * 513, "x", 0, False),
        (False, "a\0", "x", 0, False),
        (False, "a", "x", 2**31, False),
    ],
)
def test_what_a_server_would_refuse_is_refused_before(
    is_mysql: bool, key: str, text: str, step: int, is_taken: bool
) -> None:
    rows = WriteBuffer(Dialect(is_mysql).limits)

    def gather() -> None:
        rows.set_trial_attribute("user", 1, key, text)
        rows.set_report(1, step, 0.0)

    if is_taken:
        gather()
        return
    with pytest.raises((ValueError, OverflowError)):
        gather()


def test_who_follows_a_mirror_gives_way_to_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    journal(tmp_path / "journal.log").create_new_study([], "s")
    address = address_of(tmp_path / "journal.log")
    path, over = mirror_path(address), threading.Event()
    follower = threading.Thread(target=follow, args=(address, over.wait))
    follower.start()
    try:

        def is_followed() -> bool:
            with writing(path) as is_free:
                return not is_free

        wait_until(is_followed, "the mirror is followed")
        assert not is_engines(path)
        with engine_writing(path) as is_held:
            assert is_held
            assert is_engines(path)
            with engine_writing(path) as again:
                assert not again
        wait_until(is_followed, "the mirror is followed again")
    finally:
        over.set()
        follower.join()


def test_a_study_is_found_running_in_the_mirror_of_its_whole_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    address = address_of("postgresql://me@lab/db")
    whole, own = mirror_path(address), mirror_path(address.with_study("s"))
    whole.parent.mkdir(parents=True)
    for path, study in ((whole, None), (own, "s")):
        create_study_file(path)
        tell_state(path, MirrorState(address.shown, study, 1.0))
    assert read_lease(whole, "s") is None
    with engine_writing(own):
        hold = take_lease(own, HERE)
        found = read_lease(whole, "s")
        assert found is not None
        assert (found.run, read_lease(whole, "t")) == ("run", None)
        assert living_runs(whole).runs == {"run"}
        assert folder_of(whole, "s") == folder_of(own, "s")
        hold.release()
    assert living_runs(whole).runs == frozenset()
