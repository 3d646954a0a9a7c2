"""Services that are told of trials: what they get, and that nothing of theirs harms a run.

A library is stood in for here; `tests/integration/test_trackers.py` has the real ones.
"""

from __future__ import annotations

import argparse
import json
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.test_hooks import Told

from hptui.cli.options.run_following import add_following, following_of
from hptui.domain.following import Following, Tracking, read_log_to, read_notify
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.run.observer import Finished

pytestmark = pytest.mark.usefixtures("clones_programs")

SECRET = "geheim"
OBJECTIVE = """
def objective(trial):
    trial.suggest_float("x", 0, 1)
    return float(-trial.number)
"""
APPRISE = """
import json, os, time

class Apprise:
    def add(self, address):
        self.address = address
        return not address.startswith("unknown")

    def notify(self, title, body):
        print("sends to", self.address)
        if self.address.startswith("bad"):
            raise OSError(f"cannot reach {self.address} now")
        if self.address.startswith("hangs") and "-2" in title:
            time.sleep(1000)
        if self.address.startswith("dies") and "-2" in title:
            os._exit(7)
        with open("sent.jsonl", "a") as file:
            file.write(json.dumps([title, body]) + "\\n")
        return True
"""


def run(folder: Path, *addresses: str, timeout_s: float = 60.0) -> tuple[Finished, list[str]]:
    (folder / "train.py").write_text(dedent(OBJECTIVE))
    told = Told()
    plan = RunPlan(
        ref=ObjectiveRef("file", str(folder / "train.py"), "objective", "train.py"),
        study_file=folder / "s.db",
        study="s",
        budget=Budget(n_trials=5),
        n_workers=1,
        following=Following(
            tracking=tuple(
                Tracking(kind="notify", address=each, tells_best=True) for each in addresses
            ),
            timeout_s=timeout_s,
        ),
    )
    return Engine(plan, told).run(), told.notes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "apprise.py").write_text(dedent(APPRISE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "libraries"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sent(folder: Path) -> list[tuple[str, str]]:
    return [tuple(json.loads(line)) for line in (folder / "sent.jsonl").read_text().splitlines()]


def test_services_are_told_in_order_and_one_that_fails_is_told_of(folder: Path) -> None:
    finished, notes = run(folder, f"bad://me:{SECRET}@host/x", "good://me@host")
    assert finished.counts.complete == 5
    messages = sent(folder)
    assert [title for title, _ in messages] == [
        *(f"s: new best {'-' if number else ''}{number}" for number in range(5)),
        "s: ended",
    ]
    assert messages[2][1].startswith("Trial 2: x 0.")
    end = messages[-1][1].splitlines()
    assert end[:2] == ["All trials of this run have ended.", "5 complete, 0 pruned, 0 failed."]
    assert end[2].startswith("Best -4.0, trial 4: x 0.")
    sentence = "--notify bad failed for trial {}: OSError: cannot reach *** now."
    assert notes == [
        *(sentence.format(number) for number in range(3)),
        "--notify bad failed 5 times in all.",
    ]
    # What libraries print has the address, and is not kept.
    stored = [each for each in folder.rglob("*") if each.is_file()]
    assert not [each for each in stored if SECRET.encode() in each.read_bytes()]


BROKEN = [
    ("hangs", "--notify hangs, for trial 2, took longer than 1.0 s."),
    ("dies", "--notify dies, for trial 2, ended its process (exit code 7)."),
]


@pytest.mark.parametrize(("scheme", "sentence"), BROKEN)
def test_a_service_that_hangs_or_dies_does_not_hold_up_the_run(
    scheme: str, sentence: str, folder: Path
) -> None:
    finished, notes = run(folder, f"{scheme}://host", timeout_s=1.0 if scheme == "hangs" else 60.0)
    assert (finished.reason, finished.counts.complete) == ("trials", 5)
    assert notes == [f"{sentence} Nothing more is logged or sent."]
    assert len(sent(folder)) == 2


def test_an_address_that_cannot_be_used_is_refused_before_anything_is_written(
    folder: Path,
) -> None:
    with pytest.raises(UsageError, match="unknown cannot be used: apprise does not know this"):
        run(folder, f"unknown://me:{SECRET}@host")
    assert not list(folder.glob("s.*"))


def options(*typed: str) -> Following:
    parser = argparse.ArgumentParser()
    add_following(parser)
    return following_of(parser.parse_args(typed))


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("mlflow", "mlflow", ""),
        ("mlflow:http://me:pw@host:5000", "mlflow", "http://me:pw@host:5000"),
        ("wandb:team/project", "wandb", "team/project"),
    ],
)
def test_what_trials_are_logged_to_is_read(text: str, kind: str, address: str) -> None:
    found = read_log_to(text)
    assert (found.kind, found.address) == (kind, address)
    assert found.shown == f"--log-to {kind}"
    assert Tracking.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert "pw" not in repr(found)


REFUSED: list[tuple[Any, str]] = [
    *((read_log_to, text) for text in ("", "neptune:x", f"http://me:{SECRET}@h", "mlflow:a\nb")),
    *((read_notify, text) for text in ("", "mail", "://x", "json://", f"json//me:{SECRET}@h")),
]


@pytest.mark.parametrize(("read", "text"), REFUSED)
def test_what_is_no_service_is_refused_without_its_password(read: Any, text: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(text)
    assert SECRET not in raised.value.message + raised.value.hint


def test_options_that_lack_something_say_what(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> None:
        assert name in ("wandb", "apprise")

    monkeypatch.setattr("hptui.cli.options.run_following.find_spec", no_library)
    with pytest.raises(MissingExtraError, match=r"needs the package wandb: .*'hptui\[wandb\]'"):
        options("--log-to", "wandb")
    with pytest.raises(
        MissingExtraError, match=r"--notify json needs .*'hptui\[notify\]'"
    ) as raised:
        options("--notify", f"json://me:{SECRET}@host")
    assert SECRET not in raised.value.message
    with pytest.raises(UsageError, match="--notify-best needs --notify"):
        options("--notify-best")
    monkeypatch.setattr("hptui.cli.options.run_following.find_spec", lambda _name: 1)  # pyright: ignore
    (found,) = options("--notify", "json://host", "--notify-best").tracking
    assert found.tells_best
