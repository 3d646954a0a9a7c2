"""Where a run runs: its working directory and its Python, and what paths mean there."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class RunPlace:
    """The place of one run; what is not known is empty."""

    folder: str = ""
    """The working directory, absolute."""
    python: str = ""
    """The interpreter's path; that of a virtual environment tells which one."""
    python_version: str = ""
    optuna: str = ""
    """The version of Optuna there; empty where it is hptui's own."""
    is_other: bool = False
    """Whether it is not the Python of hptui itself: that of `--python`."""

    @classmethod
    def here(cls) -> RunPlace:
        """Return the place of this process; the folder is empty where it was removed."""
        try:
            folder = os.getcwd()  # noqa: PTH109 - a text
        except OSError:
            folder = ""
        return cls(folder, sys.executable or "", platform.python_version())

    def python_text(self) -> str:
        """Return the interpreter as people read it; empty where nothing is known."""
        path = f" ({short_path(self.python)})" if self.python else ""
        version = f"Python {safe_line(self.python_version, max_chars=40)}"
        if self.optuna:
            version += f" with Optuna {safe_line(self.optuna, max_chars=40)}"
        return f"{version}{path}" if self.python_version else path.strip(" ()")


NOWHERE: Final = RunPlace()
"""The place of a run that does not say where it ran."""


def differences(
    was: RunPlace,
    now: RunPlace,
    offer: Callable[[str], str] | None = None,
    offer_python: Callable[[str], str] | None = None,
) -> list[str]:
    """Return a sentence for each thing in which a run differs from the one before it.

    Args:
        was: Where the one before ran.
        now: Where this one runs.
        offer: Says what to do to run in the folder of the one before, if that is still there.
        offer_python: Says what to do to have workers use the Python of the one before.
    """
    found: list[str] = []
    if was.folder and now.folder and was.folder != now.folder:
        sentence = (
            f"The last run ran in {short_path(was.folder)}; this one runs in "
            f"{short_path(now.folder)}."
        )
        if offer is not None and os.path.isdir(was.folder):  # noqa: PTH112 - any text
            sentence += f" {offer(short_path(was.folder))}"
        found.append(sentence)
    is_same = (was.python, was.python_version) == (now.python, now.python_version)
    is_same = is_same and (was.optuna == now.optuna or not was.optuna or not now.optuna)
    if was.python_text() and now.python_text() and not is_same:
        sentence = f"The last run used {was.python_text()}; this one uses {now.python_text()}."
        if was.is_other and offer_python is not None and os.path.isfile(was.python):  # noqa: PTH113
            sentence += f" {offer_python(was.python)}"
        found.append(sentence)
    return found


def names_same_file(one: str, other: str, folders: tuple[str, str]) -> bool:
    """Say whether two words name one file or folder: `a.csv`, `./a.csv`, `--data=/lab/a.csv`.

    Args:
        one: A word of a command line, or a path; before the `=` of an option both must be alike.
        other: Another one.
        folders: The working directory of each; empty where it is not known.
    """
    if one.startswith("-") and other.startswith("-"):
        (option, _, one), (other_option, _, other) = one.partition("="), other.partition("=")
        if option != other_option:
            return False
    if not one or not other:
        return False
    paths = [
        os.path.join(folder, os.path.expanduser(word))  # noqa: PTH111, PTH118 - any text
        for folder, word in zip(folders, (one, other), strict=True)
    ]
    if not all(map(os.path.isabs, paths)):
        return False
    try:
        return os.path.samefile(*paths)  # noqa: PTH121 - as above
    except (OSError, ValueError):
        # Neither may be here: a study may come from another machine.
        is_path = "/" in one or "/" in other
        return is_path and os.path.normpath(paths[0]) == os.path.normpath(paths[1])


def short_path(path: str) -> str:
    """Return a path as people write it, with `~` for the home folder, on one line."""
    home = os.path.expanduser("~")  # noqa: PTH111 - a text, whatever it is
    is_inside = home != "/" and (path == home or path.startswith(f"{home}/"))
    return safe_line(f"~{path[len(home) :]}" if is_inside else path, max_chars=300)
