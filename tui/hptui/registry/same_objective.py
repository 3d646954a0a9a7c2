"""Whether two references mean the same objective, also after its code was moved or copied."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import ObjectiveError
from hptui.registry.catalogue import is_registered, source_file
from hptui.registry.source import read_source

_IN_FILES = ("file", "script")

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef


def resolved_file(ref: ObjectiveRef) -> str:
    """Return the file that an objective stands in, links followed; empty where none is found."""
    path = source_file(ref)
    return "" if path is None else str(path.resolve())


def source_sha(ref: ObjectiveRef) -> str:
    """Return the SHA-256 of the file that an objective stands in, without importing it.

    Raises:
        ObjectiveError: There is no such file, or it cannot be read.
    """
    path = source_file(ref)
    if path is None:
        raise ObjectiveError(f"The source of {safe_line(ref.target)} cannot be found.")
    return hashlib.sha256(read_source(path)).hexdigest()


def is_same_objective(
    was: ObjectiveRef,
    now: ObjectiveRef,
    *,
    file: str = "",
    is_same_code: bool = False,
    study_file: Path | None = None,
) -> bool:
    """Say whether `now` is the objective that a study was run with.

    It is the same file and attribute, whatever was typed for them. It may also be the same code in
    another place, where the code was moved, or copied in one folder with the study. A copy that
    shares the study with what it was copied from is another objective: it may read other data.
    What cannot be told counts as the same.

    Args:
        was: The objective that the study names.
        now: The one that is to be run, found from the current folder.
        file: What `resolved_file` was for `was` when it ran; empty where nobody noted it.
        is_same_code: Whether the code of `now` is what ran then, to the last character.
        study_file: Where the study is stored.
    """
    if "script" in (was.kind, now.kind):
        # A script runs the function that a file was named for; without a study it is the first.
        if was.kind == now.kind and (was.attribute or "1") != (now.attribute or "1"):
            return False
    elif was.attribute != now.attribute:
        return False
    if (was.kind, was.target) == (now.kind, now.target) and (
        now.kind in _IN_FILES or is_registered(now)
    ):
        # A package that was installed anew elsewhere brings the same objective.
        return True
    before = file or (was.target if was.kind in _IN_FILES else "")
    if not before:
        return was.kind != now.kind or was.target == now.target
    after = source_file(now)
    if after is None or _is_same_file(Path(before), after):
        return True
    return is_same_code and (
        not os.path.exists(before)  # noqa: PTH110 - any text
        or (study_file is not None and _is_copied_with(study_file, Path(before), after))
    )


def _is_copied_with(study_file: Path, before: Path, after: Path) -> bool:
    """Say whether the copy of a folder holds the study and the objective's file."""
    was, copy = before, after.resolve()
    while was.name and was.name == copy.name:
        was, copy = was.parent, copy.parent
    return study_file.resolve().is_relative_to(copy) and not before.is_relative_to(copy)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - as above
    except (OSError, ValueError):
        return one == other
