"""The entry point: help, errors as sentences, exit codes, and what it does not import."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.waiting import DEADLINE_S

from hptui import __version__
from hptui.cli import main
from hptui.cli.main import COMMANDS
from hptui.errors import HptuiError, StudyFileError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

PROGRAM = [sys.executable, "-m", "hptui"]
HEAVY = ("optuna", "numpy", "textual", "sklearn", "plotext", "joblib", "psutil", "sqlite3")


def _no_arguments(parser: ArgumentParser) -> None:
    pass


def _succeed(args: Namespace) -> int:
    return 0


def _install(
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[Namespace], int] = _succeed,
    add_arguments: Callable[[ArgumentParser], None] = _no_arguments,
) -> None:
    """Put a command module of the test's own in the place of `hptui ls`."""
    monkeypatch.setitem(
        sys.modules,
        "hptui.cli.commands.reading.ls",
        SimpleNamespace(add_arguments=add_arguments, run=run),
    )


def _raising(error: BaseException) -> Callable[[Namespace], int]:
    def run(args: Namespace) -> int:
        raise error

    return run


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS.values():
        assert f"  {command.name} " in shown
        assert command.summary in shown


def test_help_imports_none_of_the_heavy_packages():
    code = (
        "import json, sys\n"
        "from hptui.cli import main\n"
        "main(['--help'])\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr) == []


def test_without_a_terminal_the_application_says_what_works_instead():
    done = subprocess.run(PROGRAM, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "hptui drive" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hptui {__version__}\n"


def test_python_dash_m_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "hptui", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"hptui {__version__}\n"


def test_an_unknown_command_is_a_usage_error_with_a_guess(capsys: pytest.CaptureFixture[str]):
    assert main(["shwo"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("hptui: There is no command 'shwo'.\n  ")
    assert "Did you mean show?" in error


@pytest.mark.parametrize("argv", [["--bogus"], ["ls", "--bogus"]])
def test_an_unknown_option_exits_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    _install(monkeypatch)
    assert main(argv) == 2
    assert "--bogus" in capsys.readouterr().err


def test_an_option_may_not_be_abbreviated(monkeypatch: pytest.MonkeyPatch):
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int)

    _install(monkeypatch, add_arguments=add_arguments)
    assert main(["ls", "--limit", "3"]) == 0
    assert main(["ls", "--lim", "3"]) == 2


def test_a_command_knows_its_name_and_gives_the_exit_code(monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []

    def add_arguments(parser: ArgumentParser) -> None:
        seen.append(parser.get_default("command"))

    def run(args: Namespace) -> int:
        seen.append(args.command)
        return 3

    _install(monkeypatch, run, add_arguments)
    assert main(["ls"]) == 3
    assert seen == ["ls", "ls"]


def test_a_known_error_is_a_sentence_a_hint_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _install(monkeypatch, run=_raising(StudyFileError("The file is damaged.", hint="Restore it.")))
    assert main(["ls"]) == 2
    assert capsys.readouterr().err == "hptui: The file is damaged.\n  Restore it.\n"


def test_an_error_cannot_send_escapes_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _install(monkeypatch, run=_raising(HptuiError("a\x1b]52;c;x\x07\nb", hint="c\x9bd")))
    assert main(["ls"]) == 1
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "\x9b" not in error
    assert "\\x1b]52" in error


def test_a_defect_is_one_line_that_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("HPTUI_DEBUG", raising=False)
    _install(monkeypatch, run=_raising(ZeroDivisionError("by zero")))
    assert main(["ls"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("hptui: internal error: ZeroDivisionError: by zero (please report")
    assert error.count("\n") == 1


def test_what_another_user_owns_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    refused = PermissionError(
        errno.EACCES, os.strerror(errno.EACCES), "/theirs/q.hptui/engine.lock"
    )
    _install(monkeypatch, run=_raising(refused))
    assert main(["ls"]) == 2
    said = "hptui: /theirs/q.hptui/engine.lock cannot be used: Permission denied.\n"
    assert capsys.readouterr().err.startswith(said)


def test_a_defect_shows_its_traceback_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HPTUI_DEBUG", "1")
    _install(monkeypatch, run=_raising(ZeroDivisionError("by zero")))
    assert main(["ls"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_interrupt_exits_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _install(monkeypatch, run=_raising(KeyboardInterrupt()))
    assert main(["ls"]) == 130
    assert capsys.readouterr().err == ""


def test_a_closed_pipe_is_quiet():
    command = [*PROGRAM, "samplers"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(DEADLINE_S) == 141


def test_a_full_disk_under_the_output_is_a_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "samplers"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("hptui: No space left")


def test_a_terminal_without_unicode_shows_escapes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = subprocess.run([*PROGRAM, "caf\u00e9"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "caf\\xe9" in done.stderr
