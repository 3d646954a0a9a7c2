"""The trial screen: a trial in full, following it while it runs; logs, lines and pages below it."""

from __future__ import annotations

import sqlite3
import subprocess
from queue import Queue
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial
from tests.storage.study_file import StudyFile
from tests.ui.driving import drive
from tests.ui.test_study_screen import a_run
from tests.waiting import DEADLINE_S

from hptui.storage.read.trial_detail import read_trial
from hptui.ui.application.settings import Settings
from hptui.ui.trial.log_tail import (
    MAX_BYTES,
    MAX_LINE_CHARS,
    LogTail,
    read_to_copy,
)
from hptui.ui.trial.trial_lines import sections
from hptui.ui.trial.trial_page import MAX_FILES, TrialFeed, TrialPage, list_files
from hptui.ui.trial.trial_screen import TrialScreen
from hptui.ui.trial.trial_why_lines import why_lines, why_text
from hptui.ui.widgets.wrapped_lines import wrap_lines

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.app import HptuiApp
    from hptui.ui.trial.trial_lines import Line


def look(script: str, path: Path, number: int, *, size: str = "120x36") -> HptuiApp:
    return drive(
        script, size=size, settings=Settings(), home=lambda: TrialScreen(path, "w", number)
    )


def a_file(folder: Path, *trials: optuna.trial.FrozenTrial) -> Path:
    path = folder / "w.db"
    study = optuna.create_study(study_name="w", storage=f"sqlite:///{path}")
    study.add_trials(trials)
    return path


def test_a_running_trial_is_followed_to_its_end(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        go = tmp_path / "go"
        look(
            """
            wait "● running"
            wait "running for"
            wait "last report"
            expect "-5.0..5.0"
            expect "a, [b]b[/b]"
            expect "reports"
            press t
            wait "trial 0 prints at step 2"
            expect-not "the last line"
            """,
            path,
            0,
        )
        seen = tmp_path / "seen.txt"
        opener = f"until [ -e {seen} ]; do sleep 0.01; done; touch {go}"
        process = subprocess.Popen(["/bin/sh", "-c", opener])
        look(
            f"""
            wait "● running"
            press t
            wait "prints at step 2"
            screenshot {seen}
            wait "the last line" 20s
            wait "✓ complete"
            wait "ended"
            expect-not "running for"
            press t
            wait "model.bin"
            expect "1.5 kB"
            """,
            path,
            0,
        )
        assert process.wait(DEADLINE_S) == 0


def test_failed_and_pruned_trials_say_why(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        app = look(
            r"""
            wait "✗ failed"
            wait "ValueError: [bold]no[/bold] \\x1b]52;c;aGk=\\x07 good"
            wait "raised in watched"
            wait "▸ traceback"
            expect-not "Traceback"
            press enter
            wait "Traceback (most recent call last)"
            expect "enter fold"
            press y
            wait "Copied the pane."
            click 120 7
            wait-not "Traceback (most"
            press tab enter
            wait "Traceback (most recent call last)"
            press enter
            wait-not "Traceback (most"
            press [
            wait "#0"
            press ] ]
            wait "◐ pruned"
            wait "The objective itself pruned"
            press enter
            wait "Trial 2 has no traceback."
            press ]
            wait "#3"
            """,
            path,
            1,
            # Wide enough for the place in the objective's file in one line, whatever its folder.
            size="240x36",
        )
    assert app.clipboard.startswith(
        "ValueError: [bold]no[/bold] \\x1b]52;c;aGk=\\x07 good\n\nTrace"
    )


def test_a_running_trial_is_killed_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    with a_run(tmp_path, "--trials", "4") as path:
        look(
            """
            wait "● running"
            press x
            wait "Kill trial 3?"
            press x
            wait "Ending trial 3."
            wait "✗ failed" 20s
            press x
            wait "Trial 3 is not running."
            press A
            wait "Enqueue a copy of trial 3"
            press escape
            press q
            wait "Leave hptui?"
            """,
            path,
            3,
        )


def test_a_log_is_searched_and_copied(tmp_path: Path) -> None:
    with a_run(tmp_path) as path:
        app = look(
            """
            wait "● running"
            press /
            wait "Search the log"
            type STEP 1
            press enter
            wait "1 line with 'STEP 1'."
            press y
            wait "Copied the log."
            """,
            path,
            0,
        )
    assert app.clipboard.splitlines()[:3] == [
        "trial 0 prints at step 0",
        "trial 0 prints at step 1",
        "trial 0 prints at step 2",
    ]


ADDRESS = "mysql://me:secret@host/" + "long" * 3_000


def test_a_trial_of_plain_optuna_has_no_log_and_its_attributes(tmp_path: Path) -> None:
    trial = create_trial(
        value=float("inf"),
        params={"x": 0.25, "at": ADDRESS},
        distributions={
            "x": FloatDistribution(0, 1),
            "at": CategoricalDistribution([ADDRESS]),
        },
        user_attrs={"note": "[b]mine[/b]", "list": [1, None]},
        system_attrs={"constraints": [1.0]},
    )
    app = look(
        """
        wait "✓ complete"
        expect "inf"
        expect "[b]mine[/b]"
        expect "mysql://me:***@host"
        expect "[1, null]"
        expect "broken"
        expect "There is no log of it."
        press y
        wait "Copied the parameters as Python."
        press x
        wait "No engine runs this study now."
        """,
        a_file(tmp_path, trial),
        0,
    )
    assert app.clipboard == f"{{'x': 0.25, 'at': '{ADDRESS}'}}"


@pytest.mark.parametrize("size", ["80x24", "200x60"])
def test_a_trial_is_there_at_every_size(size: str, tmp_path: Path) -> None:
    trial = create_trial(
        state=TrialState.PRUNED,
        params={"x": 0.25},
        distributions={"x": FloatDistribution(0, 1)},
        intermediate_values={1: 0.5, 2: float("nan")},
    )
    look(
        """
        wait "◐ pruned"
        wait "It was pruned after step 2"
        expect "parameters"
        expect "0.25"
        wait "reports"
        expect "2  nan"
        expect "1  0.5"
        expect "step"
        """,
        a_file(tmp_path, trial),
        0,
        size=size,
    )


def test_a_waiting_trial_shows_what_it_was_enqueued_with(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    study = optuna.load_study(study_name="w", storage=f"sqlite:///{path}")
    study.enqueue_trial({"x": 0.25, "[b]k[/b]": "a"})
    look(
        """
        wait "○ waiting"
        wait "enqueued with"
        expect "0.25"
        expect "[b]k[/b]"
        """,
        path,
        0,
    )


def test_values_are_called_as_in_the_table(tmp_path: Path) -> None:
    directions = ("MINIMIZE", "MAXIMIZE")
    with StudyFile(tmp_path / "w.db") as file:
        file.add_study("plain", directions)
        file.add_study("named", directions)
        for study_id in (1, 2):
            file.add_trial((1.0, 2.0), study_id=study_id)
        file.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (2, ?, ?)",
            "study:metric_names",
            '["loss", "\\u001bsize"]',
        )
    for name, expected in (("plain", ["value 0", "value 1"]), ("named", ["loss", "\\x1bsize"])):
        found = sections(read_trial(tmp_path / "w.db", name, 0), 0.0)
        assert [each.name for each in found[0].fields][:2] == expected


def test_a_trial_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    look('wait "There is no trial 7"', a_file(tmp_path, create_trial(value=1.0)), 7)


def test_a_long_traceback_is_whole_and_a_short_one_is_folded_too(tmp_path: Path) -> None:
    frames = [f'  File "a.py", line {number}, in f\n    f()\n' for number in range(1000)]
    error = {"type": "E", "message": "one\n[b]two[/b]", "traceback": "".join(frames)}
    trial = create_trial(state=TrialState.FAIL, system_attrs={"hptui:error": error})
    path = a_file(tmp_path, trial)
    detail = read_trial(path, "w", 0)

    def texts(lines: list[Line]) -> list[str]:
        return ["".join(part for part, _ in line) for line in lines]

    folded = texts(why_lines(detail))
    assert folded[:3] == ["E: one", "[b]two[/b]", "raised in f, a.py, line 999"]
    assert folded[4:] == ["▸ traceback, 2,000 lines   enter unfolds it"]
    assert texts(why_lines(detail, is_unfolded=True))[5:] == "".join(frames).splitlines()
    assert why_text(detail).count("\n") == 2002


def test_what_is_copied_is_whole_but_for_passwords_and_spells_out_control_characters(
    tmp_path: Path,
) -> None:
    address = "mysql://me:secret@host/" + "long" * 1_000
    told = address.replace("secret", "***")
    error = {"type": "E", "message": address, "traceback": f"\tin {address}\x1b[2J\n"}
    trial = create_trial(state=TrialState.FAIL, system_attrs={"hptui:error": error})
    detail = read_trial(a_file(tmp_path, trial), "w", 0)
    assert why_text(detail) == f"E: {told}\n\n\tin {told}\\x1b[2J"
    log = tmp_path / "log"
    log.write_bytes(f"10 %\r20 %\r\n\x1b[31m{address}\x1b[0m\x1b]52;c;aGk=\x07\n".encode())
    assert read_to_copy(log) == (f"20 %\n{told}\\x1b]52;c;aGk=\\x07\n", True)
    log.write_bytes(b"x" * (MAX_BYTES + 1))
    assert read_to_copy(log) == ("x" * MAX_BYTES, False)


def test_the_output_of_a_trial_that_died_is_not_called_its_traceback(tmp_path: Path) -> None:
    output = 'Current thread:\n  File "a.py", line 3 in f\n'
    error = {"kind": "died", "type": "", "message": "It died.", "traceback": output}
    trial = create_trial(state=TrialState.FAIL, system_attrs={"hptui:error": error})
    detail = read_trial(a_file(tmp_path, trial), "w", 0)
    folded = ["".join(part for part, _ in line) for line in why_lines(detail)]
    assert folded == ["It died.", "", "▸ last output, 2 lines   enter unfolds it"]


def test_a_log_is_read_as_it_grows_and_anew_when_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = LogTail(path)
    assert not tail.read().exists
    path.write_bytes("one\ntw\u00fc".encode()[:-1])
    assert tail.read().texts == ["one", "tw"]
    with path.open("ab") as stream:
        stream.write(b"\xbc\nbar 10 %\rbar 90 %\r\n")
    assert tail.read().texts == ["one", "tw\u00fc", "bar 90 %"]
    assert tail.read() is tail.read()
    path.write_bytes(b"new\n")
    assert tail.read().texts == ["new"]
    path.unlink()
    assert not tail.read().exists


def test_of_a_long_log_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %07d\n" % number for number in range(MAX_BYTES // 8)))
    tail = LogTail(path)
    log = tail.read()
    assert log.is_cut
    assert log.texts[-1] == f"line {MAX_BYTES // 8 - 1:07d}"
    assert all(line.startswith("line ") for line in log.texts)
    path.write_bytes(b"x" * (3 * MAX_BYTES))
    assert len(tail.read().texts[-1]) <= MAX_LINE_CHARS


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"\x1b[31mred\x1b[0m\n", "red"),
        (b"\x1b]52;c;aGk=\x07\n", "\\x1b]52;c;aGk=\\x07"),
        (b"\xff\xfe\n", "\\xff\\xfe"),
        (b"\x1b[2J\x9b1m\n", "\\x1b[2J\\x9b1m"),
        (b"a\tb\n", "a       b"),
        ("\u202eevil\n".encode(), "\\u202eevil"),
        (b"\x00\n", "\\x00"),
    ],
)
def test_nothing_of_a_log_reaches_the_terminal_unseen(
    written: bytes, shown: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_bytes(written)
    assert LogTail(path).read().texts == [shown]


def test_files_are_listed_without_following_links(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    (folder / "deep").mkdir(parents=True)
    (folder / "a\x1bb").write_text("12")
    (folder / "deep" / "c").touch()
    (folder / "out").symlink_to("/etc")
    names = [each.name for each in list_files(folder).found]
    assert names[:2] == ["a\\x1bb", "deep/c"]
    assert not any(name.startswith("out/") for name in names)
    for number in range(MAX_FILES):
        (folder / f"n{number}").touch()
    assert list_files(folder).has_more
    assert list_files(tmp_path / "none").folder is None


def test_a_page_is_posted_when_something_has_changed(tmp_path: Path) -> None:
    path = a_file(tmp_path, create_trial(value=1.0), create_trial(value=2.0))
    pages: Queue[TrialPage] = Queue()
    feed = TrialFeed(path, "w", pages.put)
    feed.show(0)
    first = pages.get(timeout=DEADLINE_S)
    assert first.detail is not None
    assert first.detail.values == (1.0,)
    feed.show(1)
    second = pages.get(timeout=DEADLINE_S)
    assert (second.number, second.detail is not None) == (1, True)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE trial_values SET value = 7.0 WHERE trial_id = 2")
    feed.nudge()
    third = pages.get(timeout=DEADLINE_S)
    assert third.detail is not None
    assert third.detail.values == (7.0,)
    feed.stop()


def test_lines_break_at_spaces_and_hang() -> None:
    text = "one two three four"
    assert wrap_lines([[(text, "r")]], 9, hang=2) == [
        [("one two", "r")],
        [("  ", ""), ("three", "r")],
        [("  ", ""), ("four", "r")],
    ]
    long = wrap_lines([[("name  ", "n"), ("x" * 25, "")]], 10)
    assert ["".join(part for part, _ in line) for line in long][-2:] == ["x" * 10, "x" * 5]
    assert wrap_lines([[], [("漢字漢字", "")]], 4) == [[], [("漢字", "")], [("漢字", "")]]
