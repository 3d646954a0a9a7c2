"""What `hptui [PATH]` opens, and what it demands of the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.study_file import StudyFile
from tests.waiting import DEADLINE_S

from hptui.cli.commands.application import TerminalOutput, can_open, has_unicode, open_place
from hptui.cli.main import main
from hptui.errors import ObjectiveError, StudyFileError, UsageError
from hptui.ui.application.place import OpenPlace

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

SCRIPT = """
import optuna
optuna.create_study().optimize(lambda trial: trial.suggest_float("x", 0, 1))
"""
PROGRAM = [sys.executable, "-m", "hptui"]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made")
    for file, name in (("one", "one"), ("two", "two"), ("two", "other")):
        optuna.create_study(study_name=name, storage=f"sqlite:///{made / file}.db")
    return made


@pytest.fixture
def folder(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a studies folder with `one.db` and `two.db`, which holds two studies."""
    studies = tmp_path / "studies"
    shutil.copytree(made_once, studies)
    monkeypatch.setenv("HPTUI_STUDIES", str(studies))
    monkeypatch.chdir(tmp_path)
    return studies


def test_nothing_is_the_studies_folder(folder: Path) -> None:
    place = open_place(None)
    assert place == OpenPlace(folder, None, None)
    assert place.path == folder


def test_a_folder_is_its_studies(folder: Path, tmp_path: Path) -> None:
    assert open_place("studies") == OpenPlace(folder, None, None)
    assert open_place(str(tmp_path)) == OpenPlace(tmp_path, None, None)


def test_a_file_is_its_only_study_over_the_list_of_the_file(folder: Path) -> None:
    place = open_place("studies/one.db")
    assert place == OpenPlace(None, folder / "one.db", "one")
    assert place.path == folder / "one.db"


def test_a_file_of_several_studies_is_their_list(folder: Path) -> None:
    assert open_place("studies/two.db") == OpenPlace(None, folder / "two.db", None)


def test_a_name_is_a_study_over_the_list_of_its_folder(folder: Path) -> None:
    place = open_place("one")
    assert place == OpenPlace(folder, folder / "one.db", "one")
    assert place.path == folder


def test_a_study_of_a_file_can_be_named(folder: Path) -> None:
    assert open_place("two.db:other") == OpenPlace(folder, folder / "two.db", "other")


@pytest.mark.parametrize("path", ["no/such.db", "missing.db", "a\0b.db", "x" * 5000 + ".db"])
def test_what_is_not_there_is_a_usage_error(folder: Path, path: str) -> None:
    with pytest.raises(UsageError):
        open_place(path)


def test_a_file_that_is_no_study_file_is_refused(folder: Path) -> None:
    (folder / "text.db").write_text("hello " * 100)
    with pytest.raises(StudyFileError):
        open_place("studies/text.db")


def test_what_can_be_opened_is_told_from_a_wrong_command(folder: Path) -> None:
    assert all(map(can_open, ("one", "studies", "studies/one.db", "missing.db", "two.db:other")))
    assert not any(map(can_open, ("shwo", "run ", "", "a\0b", "x" * 5000)))


def test_a_python_file_is_set_up_over_the_list_unless_a_study_has_its_name(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("def objective(trial):\n    return 1.0\n")
    for text in ("train.py", "./train.py", "train.py:objective"):
        assert can_open(text)
        place = open_place(text)
        assert (place.folder, place.file, place.study) == (folder, None, None)
        assert place.objective is not None
        assert place.objective.target == str(tmp_path / "train.py")
    (tmp_path / "tune.py").write_text(SCRIPT)
    place = open_place("tune.py", ["--data", "wine"])
    assert place.objective is not None
    assert (place.objective.kind, place.objective.argv) == ("script", ("--data", "wine"))
    assert can_open("nothing.py")
    with pytest.raises(ObjectiveError, match="There is no file"):
        open_place("nothing.py")
    with StudyFile(folder / "run.py.db") as built:
        built.add_study("run.py")
    assert open_place("run.py").study == "run.py"


@pytest.mark.parametrize("argv", [["studies"], ["one"], ["studies/one.db"], []])
def test_each_way_to_open_needs_a_terminal(
    folder: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    assert "needs a terminal" in capsys.readouterr().err


def test_two_words_are_a_command_that_is_not_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["one", "two"]) == main(["one", "--", "two"]) == 2
    assert "There is no command 'one'" in capsys.readouterr().err


@pytest.mark.parametrize("redirected", ["stdin", "stdout"])
def test_one_end_that_is_no_terminal_is_enough_to_refuse(folder: Path, redirected: str) -> None:
    master, slave = os.openpty()
    ends = {"stdin": slave, "stdout": slave, redirected: subprocess.DEVNULL}
    try:
        done = subprocess.run(
            PROGRAM,
            stdin=ends["stdin"],
            stdout=ends["stdout"],
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 2
    assert b"needs a terminal" in done.stderr


def test_a_terminal_that_can_only_show_lines_is_refused(folder: Path) -> None:
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            PROGRAM,
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "dumb"},
            timeout=DEADLINE_S,
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 2
    assert b"TERM is dumb" in done.stderr


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, True),
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LANG": "C"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, True),
    ],
)
def test_the_locale_says_whether_there_is_more_than_ascii(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_unicode() is expected


def test_an_output_of_another_encoding_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with open(os.devnull, "w", encoding="latin-1") as out, contextlib.redirect_stdout(out):
        assert not has_unicode()


@pytest.fixture
def pipe() -> Generator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


def test_a_terminal_that_another_program_made_non_blocking_gets_everything(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    text = b"0123456789abcdef" * 100_000
    parts: list[bytes] = []

    def read() -> None:
        while part := os.read(reading, 65_536):
            parts.append(part)

    reader = threading.Thread(target=read)
    with io.BufferedWriter(TerminalOutput(writing, "w", closefd=False)) as terminal:
        terminal.write(b"fill" * 16_384)
        terminal.flush()
        reader.start()
        terminal.write(text)
    os.close(writing)
    reader.join()
    assert b"".join(parts) == b"fill" * 16_384 + text


def test_a_terminal_that_is_gone_takes_everything(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    with io.BufferedWriter(TerminalOutput(writing, "w", closefd=False)) as terminal:
        terminal.write(b"x" * 1_000_000)
        terminal.flush()
