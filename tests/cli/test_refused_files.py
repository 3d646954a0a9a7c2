"""Whatever file a command is pointed at: a sentence, exit code 2, and the file as it was."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.programs import run as run_program
from tests.storage.older_files import make_older_file

from hptui.cli import main
from hptui.cli.main import COMMAND_GROUPS
from hptui.storage.read.studies import list_studies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a study file of plain Optuna."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path_factory.mktemp("sound") / "s.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    storage.remove_session()
    storage.engine.dispose()
    return path.read_bytes()


def _execute(path: Path, sound: bytes, statement: str) -> None:
    path.write_bytes(sound)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def _corrupt(path: Path, sound: bytes) -> None:
    content = bytearray(sound)
    content[4096 * 3 : 4096 * 20] = b"\xff" * (4096 * 17)
    path.write_bytes(content)


def _foreign(path: Path, sound: bytes) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE people (name TEXT)")
    connection.close()


BAD_FILES: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "no bytes": (lambda path, sound: path.write_bytes(b""), "is empty (0 bytes)"),
    "a folder": (lambda path, sound: path.mkdir(), "is a folder"),
    "a pipe": (lambda path, sound: os.mkfifo(path), "is not a regular file"),
    "text": (lambda path, sound: path.write_text("a,b\n" * 99), "is not an SQLite file"),
    "truncated": (lambda path, sound: path.write_bytes(sound[: len(sound) // 2]), "is truncated"),
    "corrupt": (_corrupt, "is damaged"),
    "foreign": (_foreign, "is not a study file of Optuna"),
    "newer": (
        lambda path, sound: _execute(path, sound, "UPDATE alembic_version SET version_num = 'v9'"),
        "was made by a newer Optuna",
    ),
    "older": (lambda path, sound: make_older_file(path, "v2.4.0.a"), "hptui upgrade"),
    "a trigger": (
        lambda path, sound: _execute(
            path,
            sound,
            "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
        ),
        "it holds the trigger",
    ),
    "a view": (
        lambda path, sound: _execute(path, sound, "CREATE VIEW v AS SELECT 1"),
        "it holds the view",
    ),
}
STUDY = "STUDY"
ARGUMENTS: dict[str, list[list[str]]] = {
    "status": [[]],
    "pause": [[]],
    "resume": [[]],
    "stop": [[], ["--now"]],
    "kill": [["0"]],
    "workers": [["2"]],
    "enqueue": [["--params", "{}"]],
    "extend": [["--trials", "1"]],
    "limit": [["30m"]],
    "retry": [[], ["0"], ["--cause", "1"]],
    "failures": [[], ["--json"]],
    "space": [[], ["--space", "x=0..1"]],
    "watch": [[]],
    "logs": [[], ["0", "-f"]],
    "wait": [[]],
    "show": [[], ["0"], ["--json"]],
    "best": [[], ["--filter", "x"], ["--python"]],
    "trials": [[], ["--csv"], ["--json"]],
    "plot": [[]],
    "page": [["-o", "page.html"]],
    "report": [["-o", "report.html"], ["--text"]],
    "compare": [["a"]],
    "push": [["journal.log"]],
    "rename": [["other"]],
    "duplicate": [["other"]],
    "fork": [["other"]],
    "merge": [["--into", "other", "--any-objective"]],
    "import": [["trials.csv", STUDY], ["trials.csv", STUDY, "--as", "waiting"]],
    "export": [["out.csv"], ["out.jsonl"], ["out.parquet"], ["out.py"], ["out.db"]],
    "note": [[], ["--set", "x"], ["0"]],
    "tag": [[], ["--add", "x"], ["0", "--clear"]],
    "doctor": [[], ["--fail"], ["--requeue"]],
    "upgrade": [[]],
}
"""What each command that takes a STUDY or a file is called with after it, or around STUDY."""

# A damaged study may be moved to the trash; the others do not take a study's file.
NOT_ABOUT_ITS_CONTENT = ("delete", "undo", "ls", "drive", "help", "completion", "mirror", "serve")


def state_of(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest() if each.is_file() else "special"
        for each in folder.iterdir()
    }


@pytest.mark.parametrize("kind", BAD_FILES)
def test_every_command_refuses_it_and_leaves_it_alone(
    kind: str,
    sound: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, sentence = BAD_FILES[kind]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.db"
    make(path, sound)
    (tmp_path / "trials.csv").write_text("x,value\n0.5,1\n")
    before = state_of(tmp_path)
    for command, variants in ARGUMENTS.items():
        if kind == "older" and command == "upgrade":
            continue
        for variant in variants:
            words = variant if STUDY in variant else [STUDY, *variant]
            code = main([command, *(str(path) if word == STUDY else word for word in words)])
            out, err = capsys.readouterr()
            assert (command, code, out) == (command, 2, "")
            assert sentence in err
            assert state_of(tmp_path) == before


def test_run_makes_its_study_in_a_file_that_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.db").touch()
    words = ("--trials", "1", "-j", "1", "--sampler", "no-such")
    assert run_program("run", "branin", "--storage", "bad.db", *words, cwd=tmp_path)[0] == 2
    assert not (tmp_path / "bad.db").stat().st_size
    words = ("--trials", "1", "-j", "1", "--study", "new")
    assert run_program("run", "branin", "--storage", "bad.db", *words, cwd=tmp_path)[0] == 0
    assert [(each.name, each.n_trials) for each in list_studies(tmp_path)] == [("new", 1)]


@pytest.mark.parametrize("kind", sorted(set(BAD_FILES) - {"no bytes"}))
def test_run_refuses_to_continue_it(kind: str, sound: bytes, tmp_path: Path) -> None:
    make, sentence = BAD_FILES[kind]
    make(tmp_path / "bad.db", sound)
    before = state_of(tmp_path)
    code, out, err = run_program(
        "run", "branin", "--storage", "bad.db", "--trials", "1", "-j", "1", cwd=tmp_path
    )
    assert (code, out) == (2, "")
    assert sentence in err
    assert state_of(tmp_path) == before


def test_every_command_about_a_study_is_tried() -> None:
    about_studies = {
        command.name
        for title, group in COMMAND_GROUPS.items()
        for command in group
        if title != "Run" and command.name not in NOT_ABOUT_ITS_CONTENT
    }
    assert about_studies == set(ARGUMENTS)


def test_a_list_names_each_bad_file_with_its_problem(
    sound: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (make, _) in enumerate(BAD_FILES.values()):
        make(tmp_path / f"{number}.db", sound)
    (tmp_path / "good.db").write_bytes(sound)
    before = state_of(tmp_path)
    assert main(["ls", "--studies", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for number, (_, sentence) in enumerate(BAD_FILES.values()):
        (line,) = [each for each in out.splitlines() if each.startswith(f"! {number}:")]
        assert sentence in line
    assert "good.db:s" in out
    assert state_of(tmp_path) == before


def test_an_older_file_is_upgraded_on_request_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.db"
    make_older_file(path, "v2.4.0.a")
    assert main(["upgrade", str(path)]) == 0
    assert "Backup:" in capsys.readouterr().out
    assert sorted(state_of(tmp_path)) == ["old.db", "old.db.bak-v2.4.0.a"]
    assert main(["best", str(path), "--python"]) == 0
    assert capsys.readouterr().out == "{'x': 0.5, 'lr': 0.01, 'n': 3, 'kind': None}\n"
