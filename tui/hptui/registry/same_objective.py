"""Whether two references mean the same objective, also after its code was moved or copied."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.text import safe_line
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.catalogue import is_registered, source_file
from hptui.registry.command import CommandSpec
from hptui.registry.source import read_source

_IN_FILES = ("file", "script")

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef

_MAX_NAMED_BYTES: Final = 4 << 20
"""So much is read of each file that a command names: it may be its data."""


def resolved_file(ref: ObjectiveRef) -> str:
    """Return the file that an objective stands in, links followed; empty where none is found."""
    path = source_file(ref)
    return "" if path is None else str(path.resolve())


def source_sha(ref: ObjectiveRef) -> str:
    """Return the SHA-256 of the file that an objective stands in, without importing it.

    Of a command it is that of its description and of the files that it names.

    Raises:
        ObjectiveError: There is no such file, or it cannot be read.
    """
    if ref.kind == "command":
        return _command_sha(CommandSpec.of(ref))
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

    It is the same file and attribute, whatever was typed for them, of a script the same study and
    arguments. It may also be the same code in
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
        # A script optimizes the function that a file was named for.
        if was.kind == now.kind and _chosen(was) != _chosen(now):
            return False
    elif was.attribute != now.attribute:
        return False
    if "command" in (was.kind, now.kind):
        is_same = _is_same_command(was, now)
        if not is_same or not file:
            return is_same
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


def _is_same_command(was: ObjectiveRef, now: ObjectiveRef) -> bool:
    """Say whether two commands differ in nothing but ranges, or are of one TOML file."""
    if was.kind != now.kind:
        return False
    try:
        before, after = CommandSpec.of(was), CommandSpec.of(now)
    except HptuiError:
        return False
    is_same_file = bool(before.file) and before.file == after.file
    return is_same_file or before.identity() == after.identity()


def _command_sha(spec: CommandSpec) -> str:
    digest = hashlib.sha256(spec.to_json().encode(errors="surrogatepass"))
    for path in spec.files():
        try:
            with path.open("rb") as stream:
                digest.update(stream.read(_MAX_NAMED_BYTES))
        except OSError as error:
            raise ObjectiveError(
                f"{safe_line(path)} cannot be read: {error.strerror or error}."
            ) from error
    return digest.hexdigest()


def _chosen(ref: ObjectiveRef) -> tuple[object, ...]:
    """Return what decides on what a script optimizes: the study, by default the first; its data."""
    return (ref.attribute or "1", ref.argv)


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
