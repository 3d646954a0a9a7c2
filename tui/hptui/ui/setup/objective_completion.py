"""What can stand for an objective of which a part is typed: folders, files, functions in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hptui.errors import HptuiError
from hptui.registry.catalogue import resolve
from hptui.registry.source.objective_source import candidates_in, read_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAX_COMPLETIONS: Final = 50


def complete_objective(text: str, cwd: Path) -> list[str]:
    """Return what a text can become: `train.py:objective` for a file, else folders and files.

    Args:
        text: A path, or the beginning of one, with the beginning of a function's name behind a
            colon.
        cwd: Where relative paths begin.
    """
    path, colon, _ = text.partition(".py:")
    if colon or text.endswith(".py"):
        file = f"{path}.py" if colon else text
        names = [name for name in _objectives_in(file, cwd) if name.startswith(text)]
        if names:
            # A script stands for itself.
            return [text, *names] if text == file and _is_script(file, cwd) else names
    return complete_path(text, cwd)


def _is_script(file: str, cwd: Path) -> bool:
    try:
        return resolve(file, cwd).ref.kind == "script"
    except HptuiError:
        return False


def common_start(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    shortest, longest = min(texts, default=""), max(texts, default="")
    n_same = next(
        (index for index, char in enumerate(shortest) if char != longest[index]), len(shortest)
    )
    return shortest[:n_same]


def complete_path(text: str, cwd: Path) -> list[str]:
    """Return the folders and Python files that what was typed of a path can become."""
    if text == "~":
        return ["~/"]
    head, slash, tail = text.rpartition("/")
    folder = cwd / os.path.expanduser(head + slash) if slash else cwd  # noqa: PTH111
    try:
        with os.scandir(folder) as entries:
            found = [
                (not entry.is_dir(), f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}")
                for entry in entries
                if entry.name.startswith(tail)
                and (not entry.name.startswith(".") or tail.startswith("."))
                and (entry.is_dir() or entry.name.endswith(".py"))
                and entry.name != "__pycache__"
            ]
    except (OSError, ValueError):
        return []
    return [name for _, name in sorted(found)][:_MAX_COMPLETIONS]


def _objectives_in(file: str, cwd: Path) -> list[str]:
    """Return the objectives that the source of a file shows; none where it cannot be read."""
    path = cwd / os.path.expanduser(file)  # noqa: PTH111 - as completion does
    try:
        return [f"{file}:{each.attribute}" for each in candidates_in(read_source(path), path)]
    except (HptuiError, OSError, ValueError):
        return []
