"""Following runs: how they end, lists of what runs, and the screen of `hptui watch`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.study_file import StudyFile

from hptui.cli.commands.following.watch import progress_line, screen_lines
from hptui.cli.commands.reading.ls import RunNow
from hptui.cli.main import main
from hptui.cli.output.run_end import end_of_run
from hptui.domain.study_ref import StudyRef
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from pathlib import Path


def a_study(path: Path, *runs: dict[str, Any], complete: int = 0) -> StudyRef:
    """Make a study with these runs, and complete trials of the last one."""
    with StudyFile(path) as built:
        built.add_study(path.stem, hptui_runs=list(runs))
        for number in range(complete):
            built.add_trial(float(number), attributes={"hptui:run": runs[-1]["id"]})
    return StudyRef(path, path.stem)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("reason", "complete", "code"),
    [
        ("trials", 1, 0),
        ("trials", 0, 3),
        ("target", 2, 0),
        ("stopped", 0, 3),
        ("failing", 0, 3),
        ("interrupted", 1, 130),
        ("error", 1, 1),
        ("objective", 1, 2),
        (None, 1, 1),
        ("of another version", 1, 0),
    ],
)
def test_the_end_of_a_run_has_the_exit_code_of_the_run(
    reason: str | None, complete: int, code: int, tmp_path: Path
) -> None:
    place = a_study(tmp_path / "s.db", {"id": "r", "reason": reason}, complete=complete)
    end = end_of_run(place)
    assert end is not None
    assert (end.exit_code, end.reason, end.counts["complete"]) == (code, reason, complete)
    assert main(["wait", "s"]) == code
    assert end_of_run(place, "another") is None


def test_several_are_waited_for_and_the_greatest_code_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_study(tmp_path / "a.db", {"id": "r", "reason": "trials"}, complete=2)
    a_study(tmp_path / "b.db", {"id": "r", "reason": "error", "error": "The disk\x1b is full."})
    a_study(tmp_path / "c.db")
    assert main(["wait", "a", "b", "a"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "a: All trials of this run have ended. 2 complete, 0 pruned, 0 failed.",
        "b: The run could not continue. 0 complete, 0 pruned, 0 failed. The disk\\x1b is full.",
    ]
    assert main(["wait", "c"]) == 2
    assert "hptui has not run c yet." in capsys.readouterr().err
    for options, said in ((["--timeout", "-1"], "duration"), (["--timeout", "x"], "duration")):
        assert main(["wait", "a", *options]) == 2
        assert said in capsys.readouterr().err


def test_a_list_says_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {
        "a": RunNow("running", 7, "here", 3, 40, 2, 90.0),
        "b": RunNow("paused", 8, "here", 3, None, 1, None),
        "c": RunNow("unknown", None, "there\x07"),
    }
    for name in ("a", "b", "c", "d"):
        a_study(tmp_path / f"{name}.db")

    def run_of(_: Path, name: str) -> RunNow | None:
        return runs.get(name)

    monkeypatch.setattr("hptui.cli.commands.reading.ls.run_now", run_of)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["ls"]) == 0
    lines = sorted(capsys.readouterr().out.splitlines())
    told = ("running 3/40, 2 workers, eta ~1 m 30 s", "paused 3, 1 worker", "runs on there\\x07")
    assert all(text in line for text, line in zip(told, lines, strict=False))
    assert len(lines) == 5
    assert main(["ls", "--running", "--json"]) == 0
    listed = {each["name"]: each["run"] for each in json.loads(capsys.readouterr().out)}
    assert listed.keys() == {"a", "b", "c"}
    assert listed["a"] == {
        "state": "running",
        "pid": 7,
        "host": "here",
        "ended": 3,
        "n_trials": 40,
        "workers": 2,
        "eta_s": 90.0,
    }
    runs.clear()
    assert main(["ls", "--running"]) == 0
    assert capsys.readouterr().out == f"No study in {tmp_path} is running.\n"
    assert main(["ls"]) == 0
    assert " run " not in capsys.readouterr().out


A_STATUS: dict[str, Any] = {
    "study": "s",
    "state": "running",
    "counts": {"complete": 3, "pruned": 1, "fail": 0},
    "trials": {"complete": 3},
    "running": 2,
    "waiting": 0,
    "n_trials": 40,
    "rate": 1.234,
    "eta_s": 30.0,
    "elapsed_s": 3.0,
    "pid": 7,
    "sampler": "tpe",
    "sampler_ms_a_trial": None,
    "pruner": "none",
    "backend": "loky",
    "threads_per_slot": 1,
    "slots": [],
    "best": {"number": 2, "value": 0.123456},
    "trouble": "",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "4/40   3 complete, 1 pruned, 0 failed   2 running   1.23/s   eta ~30 s   "
            "best 0.1235 (trial 2)",
        ),
        (
            {"state": "paused", "n_trials": None, "rate": 0.0, "eta_s": None, "best": None},
            "paused   4 trials   3 complete, 1 pruned, 0 failed   2 running",
        ),
    ],
)
def test_a_run_in_a_line(changes: dict[str, Any], line: str) -> None:
    assert progress_line(A_STATUS | changes) == line


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (20, 3), (200, 60)])
def test_a_screen_has_room_for_all_of_it(width: int, height: int, tmp_path: Path) -> None:
    place = a_study(tmp_path / "s.db", {"id": "r"}, complete=3)
    with StudyReader(place.path, place.study_name) as reader:
        lines = screen_lines(reader, A_STATUS, width=width, height=height, has_unicode=True)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("s: running, 4/40"[: width - 1])
    assert any("trial" in line and "0" in line for line in lines[6:]) is (height >= 24)


def test_a_study_at_rest_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_study(tmp_path / "s.db", {"id": "r", "reason": "trials"}, complete=1)
    assert main(["watch", "s"]) == 0
    text = "Not running. The last run of s: All trials of this run have ended. 1 complete, "
    assert capsys.readouterr().out.startswith(text)
    a_study(tmp_path / "none.db")
    assert main(["watch", "none"]) == 0
    assert capsys.readouterr().out == "none: not running, 0 trials\n"


def test_logs_at_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_study(tmp_path / "s.db", {"id": "r"}, complete=3)
    assert main(["logs", "s"]) == 0
    assert capsys.readouterr() == ("", "No trial of s has printed anything.\n")
    folder = tmp_path / "s.hptui" / "logs"
    folder.mkdir(parents=True)
    (folder / "trial-000000.log").write_text("zero\n")
    (folder / "trial-000001.log").write_text("one\ntwo\x1b[2J\nthree\nfour")
    for words, said in (
        ([], "1 | one\n1 | two\\x1b[2J\n1 | three\n1 | four\n"),
        (["-f", "-n", "1"], "1 | three\n1 | four\n"),
        (["0"], "zero\n"),
        (["0", "-f"], "zero\n"),
    ):
        assert main(["logs", "s", *words]) == 0
        assert capsys.readouterr().out == said
    assert main(["logs", "s", "2"]) == 0
    assert capsys.readouterr() == ("", "Trial 2 of s has printed nothing.\n")
    for words, said in (
        (["7"], "There is no trial 7"),
        (["1", "--engine"], "Omit TRIAL"),
        (["-n", "0"], "above 0"),
    ):
        assert main(["logs", "s", *words]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "s.hptui" / "logs").rename(tmp_path / "elsewhere")
    (tmp_path / "s.hptui" / "logs").symlink_to(tmp_path / "elsewhere")
    assert main(["logs", "s", "0"]) == 2
    assert "is a link" in capsys.readouterr().err
