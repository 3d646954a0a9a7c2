"""`hptui note` and `hptui tag` as a person gives them, also while the study runs."""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import optuna_dashboard
import pytest
from tests.e2e.programs import OBJECTIVES, finish, load, run, start, wait_until
from tests.storage.study_file import FLOAT, StudyFile

from hptui.cli import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studies folder with the study `s` of four trials, and `other`."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("s", "other"):
        with StudyFile(tmp_path / f"{name}.db") as built:
            built.add_study(name)
            for value in (0.5, 0.25, 0.75, 1.0):
                built.add_trial(value, params={"x": (value, FLOAT)})
    return tmp_path


def note_of(study: str, *trial: str, capsys: Output) -> str:
    capsys.readouterr()
    assert main(["note", study, *trial]) == 0
    return capsys.readouterr().out


def editor(folder: Path, body: str) -> str:
    """Return a command that does something with the file that it is given."""
    script = folder / "editor.py"
    script.write_text(f"import sys, pathlib\npath = pathlib.Path(sys.argv[-1])\n{body}\n")
    return f"'{sys.executable}' '{script}'"


def test_a_note_is_set_read_and_cleared(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
):
    assert main(["note", "s", "--set", "# Title\r\n\r\nwith *stress*\n"]) == 0
    assert capsys.readouterr().out == "Saved the note of s.\n"
    assert note_of("s", capsys=capsys) == "# Title\n\nwith *stress*\n"
    (folder / "text.md").write_text("from a file ✓")
    assert main(["note", "s", "2", "--file", str(folder / "text.md")]) == 0
    assert note_of("s", "2", capsys=capsys) == "from a file ✓\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe\n")))
    assert main(["note", "s", "2", "--file", "-", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"study": "s", "trial": 2, "version": 2, "note": "from a pipe"}
    assert main(["show", "s", "2"]) == 0
    assert "note         from a pipe" in capsys.readouterr().out
    assert main(["note", "s", "--clear"]) == 0
    assert capsys.readouterr().out == "Cleared the note of s.\n"
    assert note_of("s", capsys=capsys) == ""


def test_a_note_that_others_wrote_is_shown_without_its_control_characters(
    folder: Path, capsys: Output
):
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{folder / 's.db'}")
    optuna_dashboard.save_note(study, "\x1b[2J\u202eevil\x00\nnext")
    assert note_of("s", capsys=capsys) == "\\x1b[2J\\u202eevil\\x00\nnext\n"
    for words in (["show", "s"], ["ls"], ["note", "s", "--json"]):
        assert main(words) == 0
        assert "\x1b" not in capsys.readouterr().out


ADDRESSES = "Jupyter: http://localhost:8888?user=ann@home, mysql://me:secret@h/x, s3://b:d/x@v2"


def test_addresses_in_a_note_stay_as_they_are(folder: Path, capsys: Output):
    main(["note", "s", "--set", ADDRESSES])
    printed = note_of("s", capsys=capsys)
    assert printed == f"{ADDRESSES}\n"
    (folder / "note.md").write_text(printed)
    assert main(["note", "s", "--file", str(folder / "note.md")]) == 0
    assert note_of("s", capsys=capsys) == printed


def test_an_editor_changes_a_note(folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch):
    main(["note", "s", "--set", "old text"])
    change = editor(folder, "path.write_text(path.read_text().replace('old', 'new'))")
    monkeypatch.setenv("EDITOR", change)
    assert main(["note", "s", "--edit"]) == 0
    assert note_of("s", capsys=capsys) == "new text\n"
    assert main(["note", "s", "--edit"]) == 0
    assert capsys.readouterr().out == "The note is unchanged.\n"
    monkeypatch.setenv("VISUAL", editor(folder, "sys.exit(3)"))
    assert main(["note", "s", "--edit"]) == 1
    assert "ended with exit code 3; nothing was saved" in capsys.readouterr().err
    for wrong in ("", "'", "/no/such/editor"):
        monkeypatch.delenv("EDITOR", raising=False)
        monkeypatch.setenv("VISUAL", wrong)
        assert main(["note", "s", "--edit"]) == 2
    assert note_of("s", capsys=capsys) == "new text\n"


def test_a_text_whose_editing_was_killed_is_told_of(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
):
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    script = "import os, signal; path.write_text('mine'); os.kill(os.getppid(), signal.SIGKILL)"
    monkeypatch.setenv("EDITOR", editor(folder, script))
    words = [sys.executable, "-m", "hptui", "note", str(folder / "s.db"), "--edit"]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    monkeypatch.setenv("EDITOR", editor(folder, "path.write_text('other')"))
    assert main(["note", "s", "--edit"]) == 0
    (kept,) = temporary.glob("*/note.md")
    assert kept.read_text() == "mine"
    assert f"Unsaved text is in {kept}." in capsys.readouterr().err


def test_an_edit_that_comes_too_late_overwrites_nothing_and_is_kept(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
):
    save = f"subprocess.run([sys.executable, '-m', 'hptui', 'note', {str(folder / 's.db')!r}"
    script = f"import subprocess; {save}, '--set', 'theirs'], check=True); path.write_text('mine')"
    monkeypatch.setenv("EDITOR", editor(folder, script))
    assert main(["note", "s", "--edit"]) == 1
    error = capsys.readouterr().err
    assert "The note was changed by somebody else since it was read" in error
    kept = Path(error.split("Your text is kept in ")[1].strip().rstrip("."))
    assert kept.read_text() == "mine"
    assert note_of("s", capsys=capsys) == "theirs\n"
    assert main(["note", "s", "--set", "x", "--if-version", "0"]) == 1
    assert main(["note", "s", "--set", "x", "--if-version", "1"]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["note", "s", "--set", "a\0b"], "control character \\x00 in line 1"),
        (["note", "s", "--set", "a\n\x1b[31m"], "control character \\x1b in line 2"),
        (["note", "s", "--set", "x" * 100_001], "has 100,001 characters"),
        (["note", "s", "--file", "/no/such/file"], "/no/such/file cannot be read"),
        (["note", "s", "--file", sys.executable], "is not UTF-8 text"),
        (["note", "s", "9", "--set", "x"], "There is no trial 9 in 's'"),
        (["note", "s", "--if-version", "1"], "--if-version needs --set"),
        (["note", "s", "--set", "x", "--clear"], "not allowed with argument"),
        (["note", "none", "--set", "x"], "There is no study 'none'"),
        (["tag", "s", "--add", " "], "A tag is empty"),
        (["tag", "s", "--add", "a\nb"], "holds control characters"),
        (["tag", "s", "--add", "t" * 200], "at most 100 are kept"),
        (["tag", "s", "--add", "t", "--remove", "t"], "is both added and removed"),
        (["tag", "s", "0", "8", "--add", "t"], "There is no trial 8 in 's'"),
        (["tag", "s", "0", "8"], "There is no trial 8 in 's'"),
        (["tag", "s", "0", "--filter", "value<1"], "or --filter, not both"),
        (["tag", "s", "--filter", "valu<1", "--add", "t"], "There is no column 'valu'"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    folder: Path, capsys: Output, words: list[str], says: str
):
    before = (folder / "s.db").read_bytes()
    assert main(words) == 2
    assert says in capsys.readouterr().err
    assert (folder / "s.db").read_bytes() == before


def test_tags_of_studies_and_of_many_trials(folder: Path, capsys: Output):
    assert main(["tag", "s", "--add", "mnist", "--add", "to do"]) == 0
    assert main(["tag", "s", "--filter", "value<=0.5", "--add", "good"]) == 0
    assert main(["tag", "s", "1", "3", "--add", "odd"]) == 0
    assert main(["tag", "s", "0", "--remove", "good", "--remove", "not there"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Changed the tags of s.",
        "Changed the tags of 2 of 2 trials.",
        "Changed the tags of 2 of 2 trials.",
        "Changed the tags of 1 of 1 trial.",
    ]
    assert main(["tag", "s"]) == 0
    assert main(["tag", "s", "0", "1", "3"]) == 0
    assert main(["tag", "s", "--filter", "tag:odd", "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mnist",
        "to do",
        "1  good, odd",
        "3  odd",
        '{"number": 1, "tags": ["good", "odd"]}',
        '{"number": 3, "tags": ["odd"]}',
    ]
    assert main(["tag", "s", "--filter", "value>9", "--clear"]) == 0
    assert capsys.readouterr().out == "No trial of s matches; nothing was changed.\n"
    assert main(["tag", "s", "--filter", "", "--clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"changed": 2}


def test_studies_are_listed_by_tag(folder: Path, capsys: Output):
    main(["tag", "s", "--add", "mnist", "--add", "done"])
    main(["tag", "other", "--add", "mnist"])
    capsys.readouterr()

    def listed(*tags: str) -> list[str]:
        assert main(["ls", "--json", *(word for tag in tags for word in ("--tag", tag))]) == 0
        return sorted(each["name"] for each in json.loads(capsys.readouterr().out))

    assert listed("mnist") == ["other", "s"]
    assert listed("mnist", "done") == ["s"]
    assert listed("nothing") == []
    assert main(["ls"]) == 0
    assert "mnist, done" in capsys.readouterr().out
    assert main(["ls", "--tag", "nothing"]) == 0
    assert capsys.readouterr().out == f"No study in {folder} is tagged nothing.\n"


def test_notes_and_tags_while_an_engine_runs_the_study(tmp_path: Path):
    folder = tmp_path / "run"
    folder.mkdir()
    target = f"{OBJECTIVES}:waiting"
    engine = start("run", target, "--study", "r", "--jobs", "1", "--trials", "3", cwd=folder)
    try:
        wait_until(lambda: (folder / "started-0").exists(), "a running trial")
        said = [
            run("note", "r", "--set", "while it runs", cwd=folder),
            run("note", "r", "0", "--set", "of the running trial", cwd=folder),
            run("tag", "r", "0", "--add", "early", cwd=folder),
            run("note", "r", "7", "--set", "of no trial", cwd=folder),
        ]
        # Optuna's own storage writes, behind the engine's back.
        optuna_dashboard.save_note(load(folder, "r"), "theirs")
        said.append(run("note", "r", "--set", "mine", "--if-version", "1", cwd=folder))
        (folder / "go").touch()
        assert finish(engine) == 0
    finally:
        engine.kill()
        engine.communicate()
    assert [code for code, _, _ in said] == [0, 0, 0, 2, 1], said
    assert "changed by somebody else" in said[-1][2]
    study = load(folder, "r")
    assert optuna_dashboard.get_note(study) == "theirs"
    assert study.trials[0].user_attrs["hptui:tags"] == ["early"]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert run("note", "r", "0", cwd=folder)[1] == "of the running trial\n"


@pytest.mark.parametrize("words", [("note", "--set", "x"), ("note",), ("tag", "--add", "x")])
def test_a_number_that_no_trial_can_have_is_named(words: tuple[str, ...], capsys: Output):
    command, *options = words
    for number in (2**63, 10**30):
        assert main([command, "s", str(number), *options]) == 2
        assert f"There is no trial {number} in 's'." in capsys.readouterr().err


def test_an_editor_that_removes_the_file_saves_nothing(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
):
    main(["note", "s", "--set", "kept"])
    monkeypatch.setenv("EDITOR", editor(folder, "path.unlink()"))
    assert main(["note", "s", "--edit"]) == 1
    assert "removed the file; nothing was saved" in capsys.readouterr().err
    assert note_of("s", capsys=capsys) == "kept\n"


def test_a_note_that_is_longer_than_can_be_read_is_not_cut_by_editing_it(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
):
    study = load(folder, "s")
    body = "y" * 2_300_000
    optuna_dashboard.save_note(study, body)
    monkeypatch.setenv("EDITOR", editor(folder, "path.write_text('short')"))
    assert main(["note", "s", "--edit"]) == 2
    assert "more than 100,000 characters" in capsys.readouterr().err
    assert optuna_dashboard.get_note(load(folder, "s")) == body
    # To replace it as a whole leaves nothing of it.
    assert main(["note", "s", "--set", "short"]) == 0
    assert optuna_dashboard.get_note(load(folder, "s")) == "short"
