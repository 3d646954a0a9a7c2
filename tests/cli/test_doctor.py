"""`hptui doctor`: what it finds, what --fix mends, and what it never touches."""

from __future__ import annotations

import errno
import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.leases import leave_lease
from tests.storage.older_files import make_older_file
from tests.storage.study_file import FLOAT, START_S, StudyFile, text_of

from hptui.cli import main
from hptui.domain.texts.readable import show_moment
from hptui.engine.recovery import stale_trials
from hptui.engine.recovery.lease import Lease, folder_of, hold_study, take_lease
from hptui.engine.workers.scratch import remove_empty
from hptui.storage.files.leases import boot_id
from hptui.storage.files.staging import remove_orphaned_staging
from hptui.storage.read.studies import list_studies

if TYPE_CHECKING:
    from pathlib import Path

Output = pytest.CaptureFixture[str]
SPOOLED: dict[str, Any] = {
    "number": 1,
    "state": "complete",
    "values": [0.125],
    "params": {"x": 0.5},
    "study": "s",
    "file": "elsewhere.db",
    "token": None,
    "run": "mine",
    "start": text_of(START_S + 10),
    "complete": text_of(START_S + 20),
    "stored": {"x": [0.5, FLOAT]},
    "reports": [[0, 1.0]],
    "user_attrs": {},
    "system_attrs": {"hptui:run": "mine"},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studies folder with `s.db`: a complete trial, and running ones of four kinds."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runs = [
        {"id": "mine", "host": socket.gethostname()},
        {"id": "theirs", "host": "elsewhere\x1b[2J"},
    ]
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s", hptui_runs=runs)
        built.add_trial(0.5, params={"x": (0.5, FLOAT)})
        for run in ("mine", "mine", "theirs", None):
            trial_id = built.add_trial(
                state="RUNNING", attributes=None if run is None else {"hptui:run": run}
            )
        built.run(
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, ?)", trial_id, text_of(9)
        )
    return tmp_path


def examined(*words: str, capsys: Output) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["doctor", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def kinds(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["findings"]]


def states(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT state FROM trials ORDER BY number")]


def die(path: Path, *, host: str = "") -> None:
    """Leave the lease of an engine that has died, or of one on another machine."""
    own = Lease.of_this_process("s", "mine", path)
    dead = Lease("s", "mine", own.pid, "1", boot_id(), host or own.host, "")
    leave_lease(path, dead)


def litter(path: Path) -> None:
    """Leave folders and logs that belong to no trial, and some that do."""
    folder = folder_of(path, "s")
    for name in ("000000", "000077", "notes"):
        (folder / "scratch" / name).mkdir(parents=True)
        (folder / "scratch" / name / "model.bin").write_bytes(bytes(1000))
    (folder / "logs").mkdir()
    for name in ("trial-000000.log", "trial-000077.log", "mine.txt"):
        (folder / "logs" / name).write_text("x")
    folder.with_name("s.hptui.old-20260101-000000").mkdir()


def test_a_crash_is_mended_and_what_belongs_to_others_is_left_alone(folder: Path, capsys: Output):
    path = folder / "s.db"
    die(path)
    litter(path)
    (folder_of(path, "s") / "unsaved-mine.jsonl").write_text(json.dumps(SPOOLED) + "\n")
    code, answer = examined("s", capsys=capsys)
    assert (code, answer["healthy"]) == (1, False)
    expected = ["lease", "unsaved:unsaved-mine.jsonl", "leftover", "running-elsewhere"]
    assert kinds(answer) == [*expected, "running-elsewhere", "scratch", "logs", "set-aside"]
    assert [each["number"] for each in answer["leftover"]] == [1, 2]
    assert answer["running_elsewhere"] == [3, 4]
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "s: 2 trials are stale (their engine died): 1, 2, since 2026-03-01" in text
    assert "run by hptui on elsewhere\\x1b[2J, left alone: 3" in text
    assert "run by a program that is not hptui, left alone: 4" in text
    assert "last heard of 1970-01-01" in text
    assert "\x1b" not in text
    assert states(path) == ["COMPLETE", *["RUNNING"] * 4]

    assert main(["doctor", "--fix"]) == 0
    text = capsys.readouterr().out
    assert "1 stored." in text
    assert "1 marked as failed." in text
    assert text.splitlines()[-1] == "s: healthy."
    assert states(path) == ["COMPLETE", "COMPLETE", "FAIL", "RUNNING", "RUNNING"]
    study = folder_of(path, "s")
    assert sorted(each.name for each in (study / "scratch").iterdir()) == ["000000", "notes"]
    assert sorted(each.name for each in (study / "logs").iterdir()) == [
        "mine.txt",
        "trial-000000.log",
    ]
    assert not list(study.glob("unsaved-*"))
    assert not (study / "engine.json").exists()
    assert folder.joinpath("s.hptui.old-20260101-000000").exists(), "nobody has asked for that"
    assert main(["doctor", "s", "--fix", "--only", "set-aside"]) == 0
    assert not folder.joinpath("s.hptui.old-20260101-000000").exists()
    assert main(["doctor", "s", "--fix", "--only", "set-aside"]) == 2


def test_one_finding_is_mended_alone(folder: Path, capsys: Output):
    path = folder / "s.db"
    litter(path)
    code, answer = examined("s", "--fix", "--only", "leftover", "--requeue", capsys=capsys)
    assert (code, answer["settled"]) == (1, "requeue")
    assert kinds(answer)[-3:] == ["scratch", "logs", "set-aside"]
    assert states(path)[1:] == ["FAIL", "FAIL", "RUNNING", "RUNNING", "WAITING", "WAITING"]
    assert len(answer["done"]) == 1


def test_nothing_is_touched_while_the_study_may_be_run(folder: Path, capsys: Output):
    path = folder / "s.db"
    litter(path)
    hold = take_lease(path, Lease.of_this_process("s", "mine", folder / "socket"))
    before = path.read_bytes()
    code, answer = examined("s", "--fix", capsys=capsys)
    assert (code, answer["engine_is_running"], answer["done"]) == (0, True, [])
    assert (folder_of(path, "s") / "scratch" / "000077").exists()
    assert main(["doctor", "s", "--fail"]) == 1
    hold.release()
    die(path, host="elsewhere")
    code, answer = examined("s", "--fix", capsys=capsys)
    assert "lease-elsewhere" in kinds(answer)
    assert path.read_bytes() == before


def test_free_room_is_given_back_and_a_result_that_is_no_result_stays(folder: Path, capsys: Output):
    path = folder / "big.db"
    with StudyFile(path) as built:
        built.add_study("big")
        built.add_trial(0.5, user_attributes={"long": "x" * 4_000_000})
        built.run("DELETE FROM trial_user_attributes")
    spool = folder / "big.hptui" / "unsaved-bad.jsonl"
    spool.parent.mkdir()
    spool.write_text('{"number": 1}\n')
    size = path.stat().st_size
    code, answer = examined("big", "--fix", capsys=capsys)
    assert (code, kinds(answer)) == (1, ["unsaved:unsaved-bad.jsonl"])
    assert "line 1" in answer["findings"][0]["hint"]
    assert "in the file is free. The file now has" in answer["done"][0]
    assert path.stat().st_size < size / 4
    spool.write_text("\n")
    code, answer = examined("big", "--fix", capsys=capsys)
    assert (code, kinds(answer), spool.exists()) == (0, [], False)


def test_a_file_in_use_is_not_shrunk(folder: Path, capsys: Output):
    path = folder / "big.db"
    with StudyFile(path) as built:
        built.add_study("big")
        built.add_trial(0.5, user_attributes={"long": "x" * 4_000_000})
        built.run("DELETE FROM trial_user_attributes")
        size = path.stat().st_size
        code, answer = examined("big", "--fix", capsys=capsys)
    assert (code, path.stat().st_size) == (1, size)
    assert "Not fixed: big.db is" in answer["done"][0]


def test_files_that_cannot_be_read_are_told_of_and_older_ones_upgraded(
    folder: Path, capsys: Output
):
    make_older_file(folder / "older.db", "v2.6.0.a")
    (folder / "bad.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    (folder / "empty.db").write_bytes(b"")
    with StudyFile(folder / "two.db") as built:
        built.add_study("left")
        built.add_study("right")
    code, answers = examined(capsys=capsys)
    found = {each["study"]: kinds(each) for each in answers}
    assert code == 1
    assert (found["older"], found["bad"], found["empty"]) == (["schema"], ["file"], ["no-study"])
    assert (found["left"], found["right"]) == ([], [])
    assert main(["doctor", "older"]) == 2, "it is not changed unasked"
    assert "hptui upgrade" in capsys.readouterr().err
    code, answer = examined("older", "--fix", capsys=capsys)
    assert (code, "Upgraded. Backup:" in answer["done"][0]) == (0, True)
    assert not list_studies(folder / "older.db")[0].problem
    code, answers = examined("two.db:left", "two.db:right", capsys=capsys)
    assert (code, [each["study"] for each in answers]) == (0, ["left", "right"])


def test_what_an_early_kill_leaves_of_a_study_file_is_listed_and_goes_to_the_trash(
    folder: Path, capsys: Output
):
    with StudyFile(folder / "bare.db"):
        pass
    (folder / "zero.db").touch()
    (folder / "bad.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    listed = {each.name: each.problem for each in list_studies(folder)}
    assert listed["bare"] == f"{folder / 'bare.db'} holds no study."
    assert listed["zero"].endswith("is empty (0 bytes).")
    for name in ("bare", "zero"):
        assert main(["show", name]) == 2
        assert "A run with that name creates its study in it" in capsys.readouterr().err
    assert kinds(examined("bare", capsys=capsys)[1]) == ["no-study"]
    code, answers = examined("--fix", capsys=capsys)
    found = {each["study"]: kinds(each) for each in answers if each["study"] not in (None, "s")}
    # A sound file may get its study at any moment; one that is damaged is not one of these.
    assert (code, found) == (1, {"bad": ["file"], "bare": ["no-study"]})
    assert not (folder / "zero.db").exists()
    assert examined("bare", "--fix", "--only", "no-study", capsys=capsys)[0] == 0
    assert {path.name for path in folder.glob("*.db")} == {"bad.db", "s.db"}
    assert main(["undo"]) == 0
    assert [study.name for study in list_studies(folder / "bare.db")] == ["bare"]
    assert main(["delete", "bare"]) == 0


def test_an_empty_folder_and_wrong_words(folder: Path, capsys: Output):
    nothing = folder / "nothing"
    nothing.mkdir()
    assert main(["doctor", "--studies", str(nothing)]) == 0
    assert "There are no studies in" in capsys.readouterr().out
    for words in (
        ["s", "--only", "leftover"],
        ["s", "s", "--fail"],
        ["--requeue"],
        ["s", "--fix", "--only", "x"],
    ):
        assert main(["doctor", *words]) == 2
    assert os.listdir(nothing) == []


def test_what_people_keep_beside_a_study_is_nothing_left_over(folder: Path, capsys: Output):
    study, elsewhere = folder / "s.hptui", folder / "elsewhere"
    for name in ("000077", "2024"):
        (elsewhere / name).mkdir(parents=True)
    (elsewhere / "trial-000077.log").write_text("mine")
    (elsewhere / "empty.py").touch()
    study.mkdir()
    # A study that somebody else has sent may bring links.
    for name in ("scratch", "logs"):
        (study / name).symlink_to(elsewhere)
    folder.joinpath("s.hptui.old-mine").mkdir()
    before = sorted(elsewhere.iterdir())
    _, answer = examined("s", capsys=capsys)
    assert not {"scratch", "logs", "set-aside"} & set(kinds(answer))
    main(["doctor", "s", "--fix"])
    remove_empty(study / "logs")
    assert sorted(elsewhere.iterdir()) == before
    for name in ("scratch", "logs"):
        (study / name).unlink()
        (study / name).mkdir()
    (study / "scratch" / "2024").mkdir()
    (study / "logs" / "trial-77.log").touch()
    _, answer = examined("s", capsys=capsys)
    assert not {"scratch", "logs"} & set(kinds(answer))


MAKES_A_STUDY = """
import sys
from pathlib import Path
from hptui.storage.transfer.copying import staged_file
with staged_file(Path(sys.argv[1], "half\\x1b[2J.db"), overwrite=False) as draft:
    draft.write_bytes(bytes(2000))
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_is_a_link_belongs_to_another_study(folder: Path, capsys: Output):
    """It may have come with the study: nothing of what it leads to is read, stored or removed."""
    best = folder / "best.hptui"
    for name in ("000000", "000002", "000077"):
        (best / "scratch" / name).mkdir(parents=True)
        (best / "scratch" / name / "model.bin").write_bytes(b"model")
    (best / "logs").mkdir()
    (best / "logs" / "trial-000000.log").write_text("of another study")
    (best / "logs" / "trial-000077.log").write_text("of another study")
    (best / "unsaved-mine.jsonl").write_text(json.dumps(SPOOLED) + "\n")
    before = sorted(best.rglob("*"))
    (folder / "s.hptui").symlink_to(best)
    _, answer = examined("s", capsys=capsys)
    assert not {"scratch", "logs", "unsaved:unsaved-mine.jsonl"} & set(kinds(answer))
    main(["doctor", "s", "--fix"])
    main(["show", "s", "0"])
    assert "of another study" not in capsys.readouterr().out
    left = [each for each in sorted(best.rglob("*")) if not each.name.startswith("engine.")]
    assert left == before


def test_a_draft_is_found_and_removed_once_who_made_it_is_gone(folder: Path, capsys: Output):
    """Those of a living process, young ones of nobody, and what only looks like one stay."""
    kept = [
        folder / name for name in (".hptui-new-12345678", ".hptui-new-mine", ".hptui-new-link___")
    ]
    for each in kept[:2]:
        each.mkdir()
    (folder / "elsewhere").mkdir()
    kept[2].symlink_to(folder / "elsewhere")
    old = folder / ".hptui-new-abcdefgh"
    (old / "parts-x").mkdir(parents=True)
    (old / "parts-x" / "1").write_bytes(bytes(1000))
    for each in (old / "parts-x" / "1", old / "parts-x", old, kept[1]):
        os.utime(each, (START_S, START_S))
    with subprocess.Popen(
        [sys.executable, "-c", MAKES_A_STUDY, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"begun\n"
        (making,) = (each for each in folder.glob(".hptui-new-*") if each not in (*kept, old))
        _, answers = examined(capsys=capsys)
        assert (answers[0]["study"], answers[0]["file"]) == (None, str(folder))
        assert kinds(answers[0]) == [f"draft:{old.name}"]
        assert not remove_orphaned_staging(folder, making.name)
        maker.kill()
    assert making.exists()
    _, answer = examined("s", capsys=capsys)
    drafts = [each for each in answer["findings"] if each["id"].startswith("draft:")]
    assert {each["id"] for each in drafts} == {f"draft:{old.name}", f"draft:{making.name}"}
    said = " ".join(each["text"] for each in drafts)
    assert f"A draft of half\\x1b[2J.db was left by process {maker.pid} on " in said
    assert f"A draft was left, begun {show_moment(START_S)}: {old.name}, 1 kB." in said
    assert main(["doctor", "s", "--fix", "--only", f"draft:{making.name}"]) == 1
    assert not making.exists()
    assert old.exists()
    capsys.readouterr()
    assert main(["doctor", "--fix"]) == 0
    assert f"{old.name}, 1 kB. Removed." in capsys.readouterr().out
    assert not old.exists()
    assert all(each.exists() for each in kept)


def test_the_trials_of_an_engine_that_cannot_be_seen_are_not_stale(folder: Path, capsys: Output):
    path = folder / "s.db"
    before = states(path)
    hold = hold_study(path, Lease.of_this_process("s", "another", path))
    code, answer = examined("s", "--fix", capsys=capsys)
    assert (code, answer["engine_is_running"], answer["engine"]) == (0, True, None)
    assert (answer["leftover"], answer["done"]) == ([], [])
    assert "engine-unseen" in kinds(answer)
    assert states(path) == before
    hold.release()
    assert "leftover" in kinds(examined("s", capsys=capsys)[1])


def test_what_may_not_be_mended_is_told_and_the_rest_is_mended(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
):
    (folder / "s.hptui").mkdir(exist_ok=True)
    (folder / "s.hptui" / "unsaved-mine.jsonl").write_text(json.dumps(SPOOLED) + "\n")

    def refuse(study_file: Path, *_: str) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(study_file))

    monkeypatch.setattr(stale_trials, "settle_stale_trials", refuse)
    assert main(["doctor", "--fix"]) == 1
    said = capsys.readouterr().out
    assert f"Not fixed: {folder / 's.db'}: Permission denied." in said
    assert not (folder / "s.hptui" / "unsaved-mine.jsonl").exists()
