"""What the engine sends to the process of callbacks, and when what has ended is committed."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import optuna

from hptui.engine.following import follower_process
from hptui.engine.following.follower import Follower
from hptui.engine.run.commits import FINISH_COMMIT_S, Commits
from hptui.engine.workers.trial_messages import read_trial
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from hptui.errors import HptuiError

AHEAD = 8


def _ignore(_: object) -> None: ...


def _live(number: int) -> Any:
    return SimpleNamespace(_trial_id=number)


class Ordered:
    """A follower with a process that only notes what it is sent."""

    def __init__(self) -> None:
        study = optuna.create_study()
        for _ in range(20):
            study.add_trial(optuna.trial.create_trial(value=1.0))
        self.sent: list[dict[str, Any]] = []
        self.followed: list[int] = []
        self.failed: list[HptuiError] = []
        connections: Any = SimpleNamespace(watch_writes=_ignore)
        unused: Any = None
        self.follower = Follower(
            "The callbacks",
            "The callback ",
            connections,
            unused,
            unused,
            60.0,
            self.followed.append,
            self.failed.append,
            unused,
        )
        self.follower._channel = cast("Any", SimpleNamespace(send=self.sent.append))
        storage = study._storage
        run: Any = SimpleNamespace(
            study=study,
            storage=storage,
            trials=SimpleNamespace(directions=["minimize"]),
            trial_of=_live,
        )
        self.follower.begin(run, cast("Any", "log"))

    def numbers(self) -> list[int]:
        return [each["n"] for each in self.sent if each["op"] == "trial"]


def test_the_next_trials_are_sent_while_one_is_followed() -> None:
    ordered = Ordered()
    for number in range(12):
        ordered.follower.follow(number)
    assert ordered.numbers() == list(range(AHEAD))
    assert read_trial(ordered.sent[1]["trial"]).value == 1.0
    for number in range(3):
        assert ordered.follower.take({"op": "followed", "n": number})
    assert ordered.followed == [0, 1, 2]
    assert ordered.numbers() == list(range(AHEAD + 3))
    assert ordered.follower.n_waiting == 9
    error = {"type": "ValueError", "message": "no", "traceback": ""}
    ordered.follower.take({"op": "calling", "name": "f"})
    ordered.follower.take({"op": "raised", "error": error})
    ordered.follower.follow(12)
    ordered.follower.take({"op": "followed", "n": 4})
    assert [each.message for each in ordered.failed] == [
        "The callback f, for trial 3, raised ValueError: no."
    ]
    assert (ordered.followed, ordered.follower.n_waiting) == ([0, 1, 2], 0)


def test_what_waits_for_callbacks_is_committed_at_once_where_no_other_trial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_s = 100.0
    monkeypatch.setattr("hptui.engine.run.commits.now", lambda: time_s)
    unused: Any = None
    with SqliteStorage(tmp_path / "s.db", create=True) as storage:
        study = optuna.create_study(study_name="s", storage=storage)
        storage.grouped = True
        commits = Commits(storage, unused, unused, unused, unused)
        study.add_trial(optuna.trial.create_trial(value=1.0))
        commits.touch()
        commits.unannounced.append(unused)
        runs = True
        commits.may_gather = lambda: runs
        assert commits.due_s() == time_s + FINISH_COMMIT_S
        runs = False
        assert commits.due_s() == time_s
        commits.unannounced.clear()


class Study:
    """Stands for the study of callbacks, which these do not look at."""

    def __init__(self, *_: object) -> None: ...


def test_after_one_that_raises_what_was_sent_ahead_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders: list[dict[str, Any]] = [{"op": "begin", "log": "/dev/null"}]
    orders += [{"op": "trial", "n": number} for number in range(3)]
    sent: list[dict[str, Any]] = []
    link = SimpleNamespace(
        next_order=lambda: orders.pop(0) if orders else {"op": "exit"},
        send=sent.append,
        close=lambda: None,
    )

    def connect(*_: object, **__: object) -> Any:
        return link

    process = "hptui.engine.following.follower_process"
    for name in ("WorkerLink", "TrialLink", "write_to"):
        monkeypatch.setattr(f"{process}.{name}", connect)
    for name in ("RemoteStorage", "RemoteStudy"):
        monkeypatch.setattr(f"{process}.{name}", Study)
    ends = iter(("followed", "raised", "followed"))

    def follow(*_: object) -> dict[str, Any]:
        return {"op": next(ends)}

    follows: Any = SimpleNamespace(trial=follow)
    follower_process._serve(cast("Any", "socket"), "token", follows, None)
    assert sent == [{"n": 0, "op": "followed"}, {"n": 1, "op": "raised"}]
