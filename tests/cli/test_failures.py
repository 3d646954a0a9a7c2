"""`hptui failures` and `hptui retry` on studies that nobody runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from tests.storage.study_file import CHOICE, FLOAT, StudyFile

from hptui.cli.main import main
from hptui.engine.recovery.lease import Lease, take_lease

if TYPE_CHECKING:
    from pathlib import Path

TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3\n    f()\nMemoryError'


def error(kind: str, name: str, message: str, traceback: str = "") -> dict[str, object]:
    told = {"kind": kind, "type": name, "message": message, "traceback": traceback}
    return {"hptui:error": told}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with StudyFile(tmp_path / "s.db") as file:
        file.add_study("s")
        file.add_trial(1.0)
        for number in range(1, 8):
            name, message = "MemoryError", f"out of memory at {number * 64:#x}"
            if number % 3 == 0:
                name, message = "OSError", f"No such file: '/data/{number}/x.csv'"
            file.add_trial(
                state="FAIL",
                params={"x": (number / 8, FLOAT), "kind": (number % 3, CHOICE)},
                attributes=error("exception", name, message, TRACEBACK),
                user_attributes={"fold": number},
            )
        file.add_trial(state="FAIL", params={"x": (1.0, FLOAT)})
        file.add_trial(state="FAIL", attributes={"hptui:error": ["odd"]})
        file.add_trial(state="FAIL")
        # Trial 1 has been tried again.
        file.add_trial(2.0, attributes={"hptui:retry_of": 1})
        other = file.add_study("other")
        file.add_trial(study_id=other, state="FAIL", attributes=error("died", "", "gone"))
    return tmp_path / "s.db"


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_causes_are_listed_with_counts_and_the_newest_traceback(
    path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["failures", f"{path}:s"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1  5 failed: MemoryError: out of memory at #",
        "   trials 1 to 7, 1 retried",
        "     Traceback (most recent call last):",
        '       File "train.py", line 3',
        "         f()",
        "     MemoryError",
        "2  3 failed: no reason was recorded",
        "   trials 8 to 10",
        "3  2 failed: OSError: No such file: '#'",
        "   trials 3 to 6",
        "     Traceback (most recent call last):",
        '       File "train.py", line 3',
        "         f()",
        "     MemoryError",
    ]
    first, second, third = as_json(capsys, "failures", f"{path}:s")
    assert (first["n"], first["count"], first["cause"]) == (
        1,
        5,
        "exception MemoryError: out of memory at #",
    )
    assert (first["trials"], first["retriable"]) == ([1, 2, 4, 5, 7], [2, 4, 5, 7])
    assert first["example"] == {
        "number": 7,
        "message": "out of memory at 0x1c0",
        "traceback": TRACEBACK,
    }
    assert (second["cause"], second["trials"], second["example"]) == (None, [8, 9, 10], None)
    found = as_json(capsys, "failures", f"{path}:s", "--filter", "number>4 has:x")
    assert [each["trials"] for each in found] == [[5, 7], [6], [8]]
    assert main(["failures", f"{path}:s", "--filter", "state:complete"]) == 0
    assert capsys.readouterr().out == "None of these trials has failed.\n"
    # The cause that is listed means the same trials in a filter.
    text = f'cause="{third["cause"]}"'
    assert main(["trials", f"{path}:s", "--json", "--filter", text]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == third["trials"]


def test_an_error_that_cannot_be_read_is_no_reason(path: Path, capsys: pytest.CaptureFixture[str]):
    with StudyFile(path) as file:
        for text in ("{broken", '"' + "x" * 200_000 + '"', b"\xff", None, '{"kind": "\\ud800"}'):
            file.set_attribute(file.add_trial(state="FAIL"), "hptui:error", text)
    found = as_json(capsys, "failures", f"{path}:s")
    assert [(each["kind"], each["count"]) for each in found if each["type"] is None] == [
        (None, 7),
        ("\ufffd\ufffd\ufffd", 1),
    ]


def waiting(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The trials that wait: which one each repeats, and its parameters."""
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{path}")
    return [
        (trial.system_attrs["hptui:retry_of"], trial.system_attrs["fixed_params"])
        for trial in study.trials
        if trial.state is optuna.trial.TrialState.WAITING
    ]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--cause", "1"], [2, 4, 5, 7]),
        (["--cause", "OUT OF MEM"], [2, 4, 5, 7]),
        (["--cause", "3"], [3, 6]),
        (["--cause", "no reason was recorded"], [8, 9, 10]),
        (["4", "6", "--cause", "1"], [4]),
        (["--cause", "1", "--filter", "x<0.6"], [2, 4]),
        (["6", "7", "9", "--filter", "has:x"], [6, 7]),
        (["3", "1", "0"], [3]),
        ([], [2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ],
)
def test_failed_trials_wait_for_the_next_run(
    path: Path, arguments: list[str], numbers: list[int], capsys: pytest.CaptureFixture[str]
):
    answer = as_json(capsys, "retry", f"{path}:s", *arguments)
    assert answer["trials"] == numbers
    assert f"{len(numbers)} failed trial" in answer["text"]
    kinds = {0: "a", 1: "b", 2: None}
    assert waiting(path) == [
        (
            number,
            {"x": number / 8, "kind": kinds[number % 3]}
            if number < 8
            else ({"x": 1.0} if number == 8 else {}),
        )
        for number in numbers
    ]
    assert main(["retry", f"{path}:s", *arguments]) == 2
    assert "There is no failed trial left to retry." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cause", "4"], "There is no cause number 4: the study has 3 causes."),
        (["--cause", "0"], "There is no cause number 0"),
        (["--cause", "\x1b[2J"], "No trial failed with a cause like '\\\\x1b[2J'."),
        (["--cause", "o"], "3 causes match 'o': 1: MemoryError: out of memory at #; 2: no"),
        (["--cause", "1", "--filter", "xx<1"], "There is no column 'xx'"),
        (["0"], "There is no failed trial left to retry."),
    ],
)
def test_what_cannot_be_retried_changes_nothing(
    path: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["retry", f"{path}:s", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert waiting(path) == []


def test_a_study_that_somebody_keeps_is_left_alone(path: Path, capsys: pytest.CaptureFixture[str]):
    lease = Lease.of_this_process("s", "test", path.parent / "no-socket")
    hold = take_lease(path, lease)
    try:
        assert main(["retry", f"{path}:s"]) == 1
        assert "cannot be reached" in capsys.readouterr().err
    finally:
        hold.release()
    assert waiting(path) == []
