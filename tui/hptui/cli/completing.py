"""What a shell is told when it asks to complete hptui's command line.

The shell starts `hptui` with `_ARGCOMPLETE` set, on each press of `tab`. Only the module of the
command that is typed is imported, no objective and no study is.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from argcomplete.completers import (
    BaseCompleter,
    DirectoriesCompleter,
    FilesCompleter,
    SuppressCompleter,
)
from argcomplete.finders import CompletionFinder

from hptui.cli.main import COMMAND_GROUPS, COMMANDS, OTHER_NAMES, takes_command_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import TextIO

ASKING: Final = "_ARGCOMPLETE"
"""Is set in the environment of a program that is asked for completions."""
_MOST_OPENED: Final = 200
"""Study files that are asked for the names of their studies; of more the files' names are taken."""


class _Finder(CompletionFinder):
    """Also completes studies and files in the place of a command: `hptui PATH` opens them."""

    def _init_debug_stream(self) -> None:
        """Leave descriptor 9 alone, which argcomplete would take for what it logs."""

    def collect_completions(
        self,
        active_parsers: list[argparse.ArgumentParser],
        parsed_args: argparse.Namespace,
        cword_prefix: str,
    ) -> list[str]:
        """Return what the word that begins so may become."""
        found = super().collect_completions(active_parsers, parsed_args, cword_prefix)
        if len(active_parsers) == 1 and not cword_prefix.startswith("-"):
            found += [each for each in _studies(None) if each.startswith(cword_prefix)]
            if "/" in cword_prefix:
                found += _OPENED_FILES(cword_prefix)
        return found


class _IntermixedParser(argparse.ArgumentParser):
    """The parser of a command, which finds its arguments also where options stand between them.

    As `parse_intermixed_args` does, which argcomplete cannot follow: options are read first.
    """

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] - it has overloads
        self,
        args: Iterable[str],
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read the words that stand before the one that is completed."""
        given = list(args)
        words = self._options_first(given) or given
        return super().parse_known_args(words, namespace or argparse.Namespace())

    def _options_first(self, given: list[str]) -> list[str] | None:
        """Return the words in the order in which they are read; None where it must stay."""
        options, arguments = list[str](), list[str]()
        words = iter(given)
        for word in words:
            if not word.startswith("-"):
                arguments.append(word)
                continue
            action = self._option_string_actions.get(word)
            if action is None or action.nargs == 0:
                options.append(word)
                continue
            value = next(words, None)
            if value is None:
                # Its value is what is completed.
                return [*options, *arguments, word]
            if action.nargs is not None or value.startswith("-"):
                return None
            options += [word, value]
        return [*options, *arguments]


class _Words(BaseCompleter):
    """Completes words that are made when they are asked for, and files where such may stand."""

    def __init__(
        self,
        words: Callable[[argparse.Namespace], Iterable[str]],
        files: Callable[[str], list[str]] | None = None,
    ) -> None:
        self._words = words
        self._files = files

    def __call__(
        self,
        *,
        prefix: str,
        action: argparse.Action,  # noqa: ARG002 - argcomplete gives all by name
        parser: argparse.ArgumentParser,  # noqa: ARG002
        parsed_args: argparse.Namespace,
    ) -> list[str]:
        """Return all words, and files once something is typed."""
        files = self._files(prefix) if self._files and prefix else []
        return [*self._words(parsed_args), *files]


_STUDY_FILES: Final = FilesCompleter(("db",))
_OPENED_FILES: Final = FilesCompleter(("db", "py"))
_CODE_FILES: Final = FilesCompleter(("py", "toml"))


def complete(
    exit_method: Callable[[int], object] = os._exit, output_stream: TextIO | None = None
) -> None:
    """Tell what the word under the cursor of `$COMP_LINE` may become, and leave.

    Args:
        exit_method: What ends the program.
        output_stream: Where the words go; by default to descriptor 8, as the shell expects.
    """
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    typed = line.split()[1:]
    is_command = not typed or typed[0] in COMMANDS or typed[0] in OTHER_NAMES
    if is_command or (len(typed) == 1 and not line[-1].isspace()):
        finder, parser = _Finder(), _parser(typed)
    else:
        # Nothing follows a path.
        finder, parser = CompletionFinder(), argparse.ArgumentParser(add_help=False)
    finder(
        parser,
        always_complete_options=False,
        exit_method=exit_method,
        output_stream=output_stream,
        default_completer=SuppressCompleter(),
        validator=str.startswith,
    )


def _parser(typed: list[str]) -> argparse.ArgumentParser:
    """Return a parser of all commands, of which the one that is typed knows its options."""
    root = argparse.ArgumentParser(prog="hptui", allow_abbrev=False)
    root.add_argument("--version", action="store_true", help="show the version")
    places = root.add_subparsers(dest="command", parser_class=_IntermixedParser)
    for commands in COMMAND_GROUPS.values():
        for command in commands:
            is_typed = bool(typed) and typed[0] in (command.name, command.other_name)
            # A second name is understood and not offered.
            name = typed[0] if is_typed else command.name
            parser = places.add_parser(name, help=command.summary)
            if not is_typed:
                continue
            if takes_command_line(command) and "--" in typed:
                # Another program's words, which may be files.
                _set(parser.add_argument("words", nargs="*"), FilesCompleter())
                continue
            parser.set_defaults(command=command.name)
            command.load().add_arguments(parser)
            for action in parser._actions:  # pyright: ignore[reportPrivateUsage] - no other way
                _set(action, _completer(command.name, action))
    return root


def _set(action: argparse.Action, completer: BaseCompleter | None) -> None:
    if completer is not None:
        # Where argcomplete looks for it.
        action.completer = completer  # pyright: ignore[reportAttributeAccessIssue]


def _completer(command: str, action: argparse.Action) -> BaseCompleter | None:
    """Return what completes an argument, None where its choices do or nothing can."""
    if action.choices is not None:
        return None
    of_option = {
        "--study": _STUDIES,
        "--into": _STUDIES,
        "--with": _STUDIES,
        "--sampler": _Words(lambda _: _methods("sampler")),
        "--pruner": _Words(lambda _: _methods("pruner")),
        "--callback": FilesCompleter(("py",)),
    }
    for option in action.option_strings:
        if option in of_option:
            return of_option[option]
    of_name = {
        "objectives": _Words(lambda _: _objectives(), _CODE_FILES),
        "samplers": _Words(lambda _: _methods("sampler")),
        "pruners": _Words(lambda _: _methods("pruner")),
    }
    if action.metavar == "NAME" and not action.option_strings and command in of_name:
        return of_name[command]
    return _OF_METAVAR.get(str(action.metavar))


def _studies(folder: Path | None) -> list[str]:
    """Return the names of the studies in a folder, as they are typed."""
    from hptui.cli.options.locate import spelling_of, studies_folder
    from hptui.errors import HptuiError
    from hptui.storage.files.studies_folder import study_files
    from hptui.storage.read.studies import study_names

    try:
        files = study_files(studies_folder(folder))
    except (HptuiError, OSError):
        return []
    found: list[str] = []
    for file in files:
        held = [file.stem]
        if len(files) <= _MOST_OPENED:
            try:
                held = study_names(file)
            except HptuiError:
                continue
        found += [spelling_of(file, each) for each in held]
    # What a terminal cannot show cannot be typed either.
    return [each for each in found if each.isprintable()]


def _methods(family: str) -> list[str]:
    from hptui.domain.methods.asked_methods import METHODS

    return [each.name for each in METHODS["sampler" if family == "sampler" else "pruner"]]


def _objectives() -> list[str]:
    """Return the names that installed packages register, and those of files in ./objectives."""
    from importlib.metadata import entry_points
    from pathlib import Path

    registered = {entry.name for entry in entry_points(group="hptui.objectives")}
    described = {path.stem for path in Path("objectives").glob("*.toml")}
    return sorted(registered | described)


def _topics(_args: argparse.Namespace) -> list[str]:
    from hptui.cli.output.help_pages import topics

    pages = [page.topic for each in topics().values() for page in each]
    return [*pages, *COMMANDS, *OTHER_NAMES]


_STUDIES: Final = _Words(lambda args: _studies(getattr(args, "studies", None)), _STUDY_FILES)
_OF_METAVAR: Final[dict[str, BaseCompleter]] = {
    "STUDY": _STUDIES,
    "OBJECTIVE": _Words(lambda _: _objectives(), _CODE_FILES),
    "TOPIC": _Words(_topics),
    "FILE": FilesCompleter(),
    "SCRIPT": FilesCompleter(),
    "PATH": _STUDIES,
    "DIR": DirectoriesCompleter(),
}
