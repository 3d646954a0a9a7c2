"""The entry point: finds the command, imports its module alone, turns errors into sentences.

A command's module has two functions, `add_arguments(parser)` and `run(args)`; `args.argv` is what
was typed after the command. For commands that take another program's command line after `--`, it
is the list `args.after_dashes`, else that is None. Where one module serves several commands, it
tells them apart by `parser.get_default("command")` and `args.command`.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from hptui.domain.safe_path import without_folder_on_path
from hptui.domain.texts.text import safe_line, safe_text
from hptui.domain.version import __version__
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_NOTHING_COMPLETED = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
DEBUG_VARIABLE = "HPTUI_DEBUG"
_WITH_COMMAND_LINE = ("run", "objectives")
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and where its code stands."""

    name: str
    summary: str
    """One line without a full stop, for the list of commands."""
    module: str
    """A module below `hptui.cli.commands`, imported when the command is chosen: it has
    `add_arguments(parser)` and `run(args) -> int`."""

    def load(self) -> ModuleType:
        """Import the command's module."""
        return import_module(f"hptui.cli.commands.{self.module}")

    other_name: str = ""
    """Another name that means the same; empty where it has none."""


COMMAND_GROUPS: dict[str, tuple[Command, ...]] = {
    "Run": (
        Command(
            "run",
            "tune an objective: run trials in parallel and store them",
            "tuning.run",
        ),
        Command(
            "objectives",
            "list the objectives, or one with its parameters",
            "tuning.objectives",
        ),
        Command("samplers", "list the samplers, or the options of one", "tuning.methods"),
        Command("pruners", "list the pruners, or the options of one", "tuning.methods"),
    ),
    "Steer a run, or prepare the next one": (
        Command(
            "status",
            "show what a study is doing, or how its last run ended",
            "steering.steer",
        ),
        Command("pause", "start no new trials until resumed", "steering.steer"),
        Command("resume", "continue after a pause", "steering.steer"),
        Command("stop", "let running trials end, then stop", "steering.steer"),
        Command("kill", "end one running trial", "steering.steer"),
        Command(
            "workers",
            "change the number of workers",
            "steering.steer",
            "jobs",
        ),
        Command("enqueue", "try given parameters next", "steering.steer"),
        Command("extend", "add trials to the budget", "steering.steer"),
        Command("limit", "end the run after a time from now", "steering.steer"),
        Command("retry", "try failed trials again, now or in the next run", "steering.retry"),
        Command("space", "show or edit the search space of the next trials", "steering.space"),
    ),
    "Follow a run": (
        Command("watch", "show a run on one screen until it ends", "following.watch"),
        Command("logs", "show what trials print; -f follows them", "following.logs"),
        Command("wait", "wait until runs have ended", "following.wait"),
    ),
    "Read studies": (
        Command("ls", "list the studies and what is running", "reading.ls"),
        Command("show", "show a study, or one of its trials, in full", "reading.show"),
        Command("best", "show the best trial, or the Pareto front", "reading.best"),
        Command("trials", "list the trials of a study, also as JSON or CSV", "reading.trials"),
        Command(
            "failures",
            "list the causes of failed trials, with counts",
            "reading.failures",
        ),
        Command("plot", "draw figures of a study in the terminal", "reading.plot"),
        Command("page", "write a figure as an interactive page for a browser", "reading.page"),
        Command("report", "write a report of a study as one page", "reading.report"),
        Command("compare", "compare up to six studies", "reading.compare"),
        Command(
            "mirror", "copy studies from a server or journal, or list the copies", "files.mirror"
        ),
    ),
    "The application without a terminal": (
        Command("drive", "run the application from a script", "drive"),
        Command("serve", "show the application in a browser, at a secret address", "serve"),
    ),
    "Manage study files": (
        Command("note", "show or write the note of a study or trial", "files.note"),
        Command("tag", "show or change the tags of a study or of trials", "files.tag"),
        Command("rename", "give a study another name", "files.manage"),
        Command("duplicate", "copy a study under another name", "files.manage"),
        Command("push", "copy a study to a server or into a journal", "files.push"),
        Command("fork", "copy the trials that fit into a new study", "files.fork"),
        Command("merge", "merge studies of the same objective", "files.merge"),
        Command("delete", "move a study to the trash", "files.manage"),
        Command("undo", "restore a deleted study", "files.manage"),
        Command(
            "export",
            "write a study to a file: CSV, JSON lines, Parquet, Python, SQLite",
            "files.export",
        ),
        Command(
            "import",
            "import trials from a CSV, JSON or Parquet file",
            "files.import_trials",
        ),
        Command("doctor", "find and fix what a crash left behind", "files.doctor"),
        Command(
            "upgrade",
            "upgrade a study file of an older Optuna",
            "files.upgrade",
        ),
    ),
    "Help": (
        Command("help", "show a page of the documentation, or list them", "help_topics"),
        Command(
            "completion", "print what a shell needs to complete hptui's arguments", "completion"
        ),
    ),
}
COMMANDS = {command.name: command for group in COMMAND_GROUPS.values() for command in group}
OTHER_NAMES = {command.other_name: command for command in COMMANDS.values() if command.other_name}


def takes_command_line(command: Command) -> bool:
    """Say whether another program's command line may follow `--`."""
    return command.name in _WITH_COMMAND_LINE


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are raised, so that all errors look alike."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"`{self.prog} --help` lists its options.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: `argv` is without the program's name."""
    if "_ARGCOMPLETE" in os.environ:
        from hptui.cli.completing import complete

        complete()
    _open_what_is_closed()
    _never_fail_to_encode()
    try:
        with without_folder_on_path():
            code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        _flush()
    except HptuiError as error:
        code = _report(error)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        code = EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last net: a defect becomes one line
        code = _report_defect(error)
    _abandon_lost_stdout()
    return code


def _dispatch(argv: list[str]) -> int:
    try:
        if not argv or argv[0].startswith("-"):
            _top_parser().parse_args(argv)
            return _open(None)
        if argv[0] not in COMMANDS and argv[0] not in OTHER_NAMES and _is_one_path(argv):
            return _open(argv[0], argv[2:] if len(argv) > 1 else None)
        return _run_command(argv[0], argv[1:])
    except SystemExit as leaving:
        # argparse leaves this way after --help and --version.
        return leaving.code if isinstance(leaving.code, int) else EXIT_OK


def _run_command(name: str, argv: list[str]) -> int:
    command = COMMANDS.get(name) or OTHER_NAMES.get(name)
    if command is None:
        raise _unknown_command(name)
    module = command.load()
    parser = _Parser(
        prog=f"hptui {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        allow_abbrev=False,
    )
    parser.set_defaults(command=command.name)
    module.add_arguments(parser)
    own, after_dashes = argv, None
    if takes_command_line(command) and "--" in argv:
        place = argv.index("--")
        own, after_dashes = argv[:place], argv[place + 1 :]
    parser.set_defaults(after_dashes=after_dashes)
    # Options may stand between a study and what is asked of it.
    args = parser.parse_intermixed_args(own)
    args.argv = argv
    if command.name != "doctor" and hasattr(args, "studies"):
        from hptui.cli.options.locate import finish_left_change, studies_folder

        finish_left_change(studies_folder(args.studies))
    return int(module.run(args))


def _is_one_path(argv: list[str]) -> bool:
    from hptui.cli.commands.application import can_open, is_objective

    if argv[1:2] == ["--"]:
        # What follows is for the script.
        return is_objective(argv[0])
    return len(argv) == 1 and can_open(argv[0])


def _open(path: str | None, after_dashes: list[str] | None = None) -> int:
    from hptui.cli.commands.application import open_application

    return open_application(path, after_dashes)


def _top_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hptui",
        usage="hptui [PATH]\n       hptui FILE.py [-- ARGUMENTS]\n       hptui COMMAND [options]",
        description="Tune a model from a terminal: run, watch and steer Optuna studies.\n"
        "Without a command, opens the application on the studies folder, or on PATH:\n"
        "a folder, a study file, a study's name, a journal, a server's address, or a\n"
        "Python file, for which it sets up a new study.",
        epilog=_command_list(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hptui {__version__}")
    return parser


def _command_list() -> str:
    width = max(map(len, COMMANDS))
    lines: list[str] = []
    for title, group in COMMAND_GROUPS.items():
        lines.append(f"{title}:")
        lines.extend(f"  {command.name:<{width}}  {command.summary}" for command in group)
        lines.append("")
    lines.append("`hptui COMMAND --help` explains a command.")
    return "\n".join(lines)


def _unknown_command(name: str) -> UsageError:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=2)
    guess = f"Did you mean {' or '.join(close)}? " if close else ""
    return UsageError(
        f"There is no command {safe_line(name, max_chars=60)!r}.",
        hint=f"{guess}`hptui --help` lists the commands.",
    )


def _report(error: HptuiError) -> int:
    _print_error(f"hptui: {safe_line(error.message, max_chars=2_000)}")
    for line in error.hint.splitlines():
        _print_error(f"  {safe_line(line, max_chars=2_000)}")
    if error.detail:
        wants_all = bool(os.environ.get(DEBUG_VARIABLE))
        _print_error(
            safe_text(error.detail).rstrip()
            if wants_all
            else f"  {DEBUG_VARIABLE}=1 shows the traceback."
        )
    return error.exit_code


def _report_defect(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        _print_error(f"hptui: No space left: {safe_line(error)}")
        return EXIT_ERROR
    if isinstance(error, OSError) and error.errno in _REFUSED:
        what = "It" if error.filename is None else safe_line(os.fsdecode(error.filename))
        hint = "It belongs to another user, or is read-only."
        return _report(UsageError(f"{what} cannot be used: {error.strerror}.", hint=hint))
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        _print_error(safe_text("".join(traceback.format_exception(error)), max_chars=100_000))
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    _print_error(
        f"hptui: internal error: {safe_line(what, max_chars=500)} "
        f"(please report; {DEBUG_VARIABLE}=1 shows the traceback)"
    )
    return EXIT_ERROR


def _print_error(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _open_what_is_closed() -> None:
    # After `>&-` the next file that is opened would get the number, and what is printed by mistake.
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            # Programs that are started need it there, too.
            os.set_inheritable(null, null == fd)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8", closefd=False))


def _never_fail_to_encode() -> None:
    # A terminal that is not UTF-8 shows an escape instead of ending the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    # Here rather than at interpreter exit, where a closed pipe can no longer be answered.
    sys.stdout.flush()


def _abandon_lost_stdout() -> None:
    # What is still buffered would raise again when the interpreter ends.
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _abandon_stdout()


def _abandon_stdout() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
