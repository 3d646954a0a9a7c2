"""Failed trials are told by their cause: few lines, however many trials fail."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from hptui.cli.output.run_failures import Failures
from hptui.cli.output.run_output import JsonLines, Lines, Quiet
from hptui.engine.run.observer import Finished, Started
from hptui.engine.run.outcome import TrialError
from hptui.engine.run.study_trials import Best, Counts, TrialRecord

STARTED = Started(
    study="s",
    study_file=Path("/nowhere/s.db"),
    objective="o",
    directions=("minimize",),
    sampler="tpe",
    pruner="median",
    n_slots=1,
    backend="loky",
    n_trials=None,
    n_waiting=0,
    n_stale_trials=0,
)


def failed(number: int, message: str, kind: str = "ValueError") -> TrialRecord:
    error = TrialError("exception", kind, message, "Traceback (most recent call last):")
    return TrialRecord(number, "fail", None, {}, 0.1, error=error)


def ended(n_failed: int, n_complete: int = 1) -> Finished:
    counts = Counts(complete=n_complete, fail=n_failed)
    return Finished("trials", "All trials of this run have ended.", counts, None, {}, 1.0)


def test_thousands_of_alike_failures_take_a_handful_of_lines() -> None:
    err = io.StringIO()
    lines = Lines(err, io.StringIO(), is_live=False, unicode=True)
    lines.started(STARTED)
    for number in range(5_000):
        lines.trial(failed(number, f"lr=0.{number} diverged at 0x{number:x}"))
    lines.finished(ended(5_000))
    said = err.getvalue().splitlines()
    assert said[1:3] == [
        "✗ trial 0 failed: ValueError: lr=0.0 diverged at 0x0",
        "✗ trial 1 failed: ValueError: lr=0.1 diverged at 0x1",
    ]
    assert [line.split()[1] for line in said[3:6]] == ["10", "100", "1,000"]
    assert said[6].startswith("All trials")
    assert said[7] == (
        "✗ 5000 failed: ValueError: lr=0.0 diverged at 0x0 (trials 0, 1, 2 and 4997 more)"
    )
    assert said[8] == "hptui show /nowhere/s.db 0 shows the traceback."
    assert len(said) == 9


def test_the_summary_has_the_most_frequent_cause_first() -> None:
    failures = Failures()
    for number, kind in enumerate(["KeyError", "OSError", "OSError", "OSError"]):
        record = failed(number, "x", kind)
        assert record.error is not None
        failures.add(number, record.error)
    assert failures.summary() == [
        "3 failed: OSError: x (trials 1, 2, 3)",
        "trial 0 failed: KeyError: x",
    ]
    assert failures.example == (1, "traceback")


def test_what_has_no_traceback_is_not_said_to_have_one() -> None:
    failures = Failures()
    failures.add(0, TrialError("interrupted", "", "The run was interrupted."))
    assert failures.example is None
    err = io.StringIO()
    lines = Lines(err, io.StringIO(), is_live=False, unicode=True)
    lines.started(STARTED)
    died = TrialError("died", "", "The worker process ended (exit code 3).", "loading\nepoch 1\n")
    lines.trial(TrialRecord(4, "fail", None, {}, 0.1, error=died))
    lines.finished(ended(1))
    assert "4 shows the last output." in err.getvalue()
    assert "traceback" not in err.getvalue()


def test_thousands_of_different_errors_are_bounded_too() -> None:
    failures = Failures()
    said: list[str] = []
    for number in range(3_000):
        name = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        said += failures.add(number, TrialError("exception", f"{name}Error", "x"))
    assert len(said) == 51
    assert "50 different errors" in said[-1]
    assert failures.summary()[-1] == "2992 failed with other errors"
    assert len(failures.summary()) == 9


def test_what_an_error_says_cannot_reach_the_terminal_raw() -> None:
    err = io.StringIO()
    lines = Lines(err, io.StringIO(), is_live=False, unicode=True)
    lines.started(STARTED)
    for number in range(3):
        lines.trial(failed(number, "\x1b]52;c;x\x07\r\n"))
    lines.finished(ended(3))
    assert "\x1b" not in err.getvalue()
    assert "\x07" not in err.getvalue()


def test_quiet_output_says_what_failed_and_that_nothing_completed() -> None:
    err = io.StringIO()
    quiet = Quiet(err)
    for number in range(10):
        quiet.trial(failed(number, "always"))
    quiet.finished(ended(10, n_complete=0))
    assert err.getvalue().splitlines() == [
        "hptui: 10 failed: ValueError: always (trials 0, 1, 2 and 7 more)",
        "hptui: No trial completed. All trials of this run have ended.",
    ]


def test_quiet_output_of_a_good_run_is_empty() -> None:
    err = io.StringIO()
    Quiet(err).finished(ended(0))
    assert err.getvalue() == ""


def test_json_output_has_each_note_once() -> None:
    out, err = io.StringIO(), io.StringIO()
    lines = JsonLines(out, err)
    lines.started(replace(STARTED, notes=("known at the start",)))
    lines.note("came up later")
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["event"], each.get("notes"), each.get("text")) for each in events] == [
        ("started", ["known at the start"], None),
        ("note", None, "came up later"),
    ]
    assert err.getvalue() == "hptui: known at the start\nhptui: came up later\n"


def test_json_output_has_every_failed_trial() -> None:
    out = io.StringIO()
    lines = JsonLines(out, io.StringIO())
    for number in range(100):
        lines.trial(failed(number, "always"))
    assert len(out.getvalue().splitlines()) == 100


def test_the_best_trial_takes_one_line_however_many_parameters_it_has() -> None:
    for n_params, end in [(0, "trial 0"), (2, "p0 0  p1 1"), (500, "p29 29  and 470 more")]:
        out = io.StringIO()
        lines = Lines(io.StringIO(), out, is_live=False, unicode=True)
        lines.started(STARTED)
        params = {f"p{number}": number for number in range(n_params)}
        lines.finished(replace(ended(0), best=Best(0, 0.5), best_params=params))
        assert out.getvalue().startswith("best 0.5  trial 0")
        assert out.getvalue().endswith(f"{end}\n")
