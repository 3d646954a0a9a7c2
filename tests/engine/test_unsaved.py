"""Trials that a study file did not take: left once, found again, stored once."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from tests.e2e.programs import OBJECTIVES, rest_of, start, wait_until

from hptui.engine.recovery.lease import folder_of
from hptui.engine.recovery.unsaved_trials import Spool, find_spools, leave, use_up
from hptui.errors import HptuiError
from hptui.storage.files.spooled_trials import Origin, Replayed, spell_trial
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

RUN = "0badcafe"


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study `s` with trial 0 running, as a run of hptui has left it."""
    file = tmp_path / "studies" / "s.db"
    file.parent.mkdir()
    with contextlib.closing(SqliteStorage(file, create=True)) as storage:
        study_id = storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], "s")
        storage.set_study_system_attr(study_id, "hptui:study", {"token": "t"})
        trial_id = storage.create_new_trial(study_id)
        storage.set_trial_system_attr(trial_id, "hptui:run", RUN)
    return file


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def end_trials(storage: SqliteStorage) -> None:
    """End trial 0 with everything that a trial can have, a waiting one, and one in vain."""
    storage.set_trial_param(1, "x", 0.25, FloatDistribution(0, 1))
    storage.set_trial_param(1, "n", 3.0, IntDistribution(1, 9))
    storage.set_trial_param(1, "k", 1.0, CategoricalDistribution(("a", None, 2.5)))
    storage.set_trial_intermediate_value(1, 0, float("nan"))
    storage.set_trial_intermediate_value(1, 7, float("inf"))
    storage.set_trial_user_attr(1, "mine", {"a": [1, None]})
    storage.set_trial_system_attr(1, "hptui:pruned", {"step": 7})
    storage.set_trial_state_values(1, TrialState.COMPLETE, [float("-inf")])


def unsaved_lines(path: Path) -> tuple[list[str], FrozenTrial]:
    """End trial 0 while another program locks the file; the lines, and the trial as it was."""
    storage = SqliteStorage(path)
    storage.grouped = True
    with locked(path):
        end_trials(storage)
        assert not storage.close(0.0)
        trials = storage.unsaved()
        storage.discard()
    origin = Origin(str(path.resolve()), "s", "t", RUN)
    return [spell_trial(origin, trial) for trial in trials], trials[0]


def stored(path: Path) -> list[FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    return optuna.load_study(study_name="s", storage=storage).trials


def spelled(trial: FrozenTrial) -> str:
    """Everything of a trial; NaN is not equal to itself, but spelled alike."""
    data = json.loads(spell_trial(Origin("", "", None, ""), trial))
    return json.dumps(data, sort_keys=True)


def spool_of(path: Path, lines: list[str]) -> Spool:
    assert leave(folder_of(path, "s"), RUN, lines) is not None
    (spool,) = find_spools(path, "s", "t")
    assert not spool.problem
    return spool


def test_nothing_is_unsaved_when_the_file_takes_all(path: Path):
    storage = SqliteStorage(path)
    storage.grouped = True
    storage.set_trial_user_attr(1, "of a running trial", 1)
    assert storage.unsaved() == []
    end_trials(storage)
    assert [trial.number for trial in storage.unsaved()] == [0]
    assert storage.flush()
    assert storage.unsaved() == []
    assert storage.close()


def test_a_trial_is_stored_as_it_would_have_been_and_once(path: Path):
    folder_of(path, "s").mkdir()
    lines, trial = unsaved_lines(path)
    assert stored(path)[0].state is TrialState.RUNNING
    spool = spool_of(path, lines)
    copy = spool.path.read_bytes()
    assert use_up(path, "s", spool) == Replayed(1, 0)
    assert not spool.path.exists()
    (found,) = stored(path)
    assert spelled(found) == spelled(trial)
    spool.path.write_bytes(copy)
    assert use_up(path, "s", spool_of_existing(path)) == Replayed(0, 1)
    assert spelled(stored(path)[0]) == spelled(trial)


def spool_of_existing(path: Path) -> Spool:
    (spool,) = find_spools(path, "s", "t")
    return spool


def test_a_trial_that_was_taken_for_dead_gets_its_end(path: Path):
    lines, trial = unsaved_lines(path)
    with contextlib.closing(SqliteStorage(path)) as storage:
        error = {"kind": "died", "type": "", "message": "gone", "traceback": ""}
        storage.set_trial_system_attr(1, "hptui:error", error)
        storage.set_trial_state_values(1, TrialState.FAIL)
    # There is no folder: it is found by the file that it tells of, as one in a shared place.
    spool = spool_of(path, lines)
    assert folder_of(path, "s") not in spool.path.parents
    assert use_up(path, "s", spool) == Replayed(1, 0)
    assert spelled(stored(path)[0]) == spelled(trial)


def test_a_trial_whose_number_another_one_has_gets_its_own_and_once(path: Path):
    lines, trial = unsaved_lines(path)
    data = json.loads(lines[0])
    spool = spool_of(path, [json.dumps({**data, "run": "another"})])
    copy = spool.path.read_bytes()
    for counts in (Replayed(1, 0), Replayed(0, 1)):
        assert use_up(path, "s", spool_of_existing(path)) == counts
        spool.path.write_bytes(copy)
    first, second = stored(path)
    assert (first.state, second.number) == (TrialState.RUNNING, 1)
    assert (second.params, second.values) == (trial.params, trial.values)
    assert second.system_attrs["hptui:replayed"] == "another:0"


def test_a_trial_that_somebody_enqueued_meanwhile_is_not_overwritten(path: Path):
    lines, trial = unsaved_lines(path)
    data = json.loads(lines[0])
    with contextlib.closing(SqliteStorage(path)) as storage:
        for value in (0.75, 0.5):
            optuna.Study(study_name="s", storage=storage).enqueue_trial({"x": value})
    popped = {**data, "number": 2, "start": None, "system_attrs": {"fixed_params": {"x": 0.5}}}
    fresh = {**data, "number": 1}
    spool_of(path, [json.dumps(fresh), json.dumps(popped)])
    assert use_up(path, "s", spool_of_existing(path)) == Replayed(2, 0)
    states = [each.state.name for each in stored(path)]
    # The second one was taken up by the run, as its parameters tell; the first one was not.
    assert states == ["RUNNING", "WAITING", "COMPLETE", "COMPLETE"]
    assert stored(path)[1].system_attrs == {"fixed_params": {"x": 0.75}}
    assert stored(path)[3].system_attrs["hptui:replayed"] == f"{RUN}:1"
    assert stored(path)[3].values == trial.values


def test_no_number_is_left_out_when_trials_before_it_are_lost(path: Path):
    lines, _ = unsaved_lines(path)
    data = json.loads(lines[0])
    spool = spool_of(path, [json.dumps({**data, "number": number}) for number in (7, 9)])
    copy = spool.path.read_bytes()
    for counts in (Replayed(2, 0), Replayed(0, 2)):
        assert use_up(path, "s", spool_of_existing(path)) == counts
        spool.path.write_bytes(copy)
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{path}")
    study.tell(study.ask(), 1.0)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]


def test_trials_belong_to_the_original_and_not_to_a_copy_of_it(path: Path):
    lines, _ = unsaved_lines(path)
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    spool_of(path, lines)
    assert find_spools(copy, "s", "t") == []
    path.rename(path.with_name("moved.db"))
    assert len(find_spools(path.with_name("moved.db"), "s", "t")) == 1


def test_what_does_not_belong_or_cannot_be_read_stays_where_it_is(path: Path):
    lines, _ = unsaved_lines(path)
    before = repr(stored(path))
    data = json.loads(lines[0])
    wrong = {
        "an earlier study": [json.dumps({**data, "token": "other"})],
        "no JSON": ["{"],
        "another format": [json.dumps({"number": 0, "state": "complete", "values": [1]})],
        "a running trial": [json.dumps({**data, "state": "running"})],
        "a wrong time": [*lines, json.dumps({**data, "start": "noon"})],
        "a study that Optuna made": [json.dumps({**data, "token": None})],
        "too many values": [json.dumps({**data, "values": [1.0, 2.0]})],
        "no value": [json.dumps({**data, "values": None})],
        "no number": [json.dumps({**data, "number": -1})],
        "a huge number": [json.dumps({**data, "number": 10**30})],
        "a huge step": [*lines, json.dumps({**data, "number": 1, "reports": [[10**30, 1.0]]})],
        "half a character": [json.dumps({**data, "user_attrs": {"\ud800": 1}})],
    }
    folder = folder_of(path, "s")
    folder.mkdir()
    for what, bad in wrong.items():
        left = leave(folder, RUN, bad)
        assert left is not None, what
        (spool,) = find_spools(path, "s", "t")
        with pytest.raises(HptuiError):
            use_up(path, "s", spool)
        assert left.exists(), what
        left.unlink()
    (folder / "unsaved-link.jsonl").symlink_to("/etc/passwd")
    assert find_spools(path, "s", "t") == []
    assert repr(stored(path)) == before


def test_what_belongs_to_nothing_any_more_is_left_in_the_users_own_folder(tmp_path: Path):
    folder, elsewhere = tmp_path / "studies", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir(exist_ok=True)
    file = folder / "r.db"
    arguments = ["run", f"{OBJECTIVES}:waiting", "--storage", str(file), "--jobs", "2"]
    process = start(*arguments, "--quiet", cwd=elsewhere)
    wait_until(lambda: (elsewhere / "started-1").exists(), "two running trials")
    shutil.rmtree(folder)
    # Trials that begin meanwhile would make the folder again, for their own files.
    folder.touch()
    (elsewhere / "go").touch()
    assert process.stderr is not None
    assert "moved or deleted" in process.stderr.readline()
    # Two of a kind may arrive as one.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = rest_of(process)
    assert process.returncode == 1, err
    (left,) = tmp_path.rglob("unsaved-*.jsonl")
    assert left.parent == elsewhere / ".state" / "hptui" / "unsaved"
    assert f"are in {left}" in err
    assert {json.loads(line)["state"] for line in left.read_text().splitlines()} <= {
        "complete",
        "fail",
    }
