"""Which objectives this person has run or agreed to: a study file may name anybody's code.

Kept in the person's own state, an empty file for each, so that nothing is parsed and programs that
write at once do not meet.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.far_workers import DEFAULT_LOST_AFTER_S, DEFAULT_RETRIES
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.catalogue import is_registered
from hptui.registry.commands.command import CommandSpec
from hptui.registry.same_objective import resolved_file, source_sha
from hptui.storage.files.study_identity import mark_of
from hptui.storage.read.session import read_study_file

if TYPE_CHECKING:
    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.objective import ObjectiveRef

_FOLDER: Final = "known-code"


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """Code that a study names, and that this person has neither run nor agreed to."""

    ref: ObjectiveRef
    agreement: str
    """What an agreement is kept by: this code, for this study in this file."""


def note_run(ref: ObjectiveRef, folder: Path) -> None:
    """Remember that this person runs an objective, and where; later edits of it do not matter."""
    _keep(_of_runs(ref))
    _keep(_of_runs(ref, str(folder)))


def has_run_in(ref: ObjectiveRef, folder: str) -> bool:
    """Say whether this person has run an objective in a folder.

    What runs there finds the folder's modules and data, so that a study's word is not enough.
    """
    return _is_kept(_of_runs(ref, folder))


def note_python(python: str) -> None:
    """Remember that this person runs objectives with another Python, a path."""
    _keep(_digest("python", python))


def is_known_python(python: str) -> bool:
    """Say whether this person has had workers of that Python: a study may name any program."""
    return _is_kept(_digest("python", python))


def note_far(far: FarWorkers) -> None:
    """Remember that this person has had workers on these machines."""
    _keep(_of_far(far))


def is_known_far(far: FarWorkers) -> bool:
    """Say whether this person has had workers there: a study may name any machine."""
    return _is_kept(_of_far(far))


def is_known_run(ref: ObjectiveRef) -> bool:
    """Say whether `note_run` was told of this code before."""
    return _is_kept(_of_runs(ref))


def unknown_code(ref: ObjectiveRef, study_file: Path, study_name: str) -> UnknownCode | None:
    """Return what to ask about before the code that a study names is run; None where it is known.

    Known is what an installed package has registered, what `note_run` was told, and what was
    agreed to for this study as long as the code is the same. Arguments are part of it: they may
    name any file. Nothing is imported.
    """
    if (is_registered(ref) and not ref.arguments) or _is_kept(_of_runs(ref)):
        return None
    agreement = _digest("agreed", *_code(ref), _sha(ref), *_identity(study_file, study_name))
    return None if _is_kept(agreement) else UnknownCode(ref, agreement)


def agree(code: UnknownCode) -> None:
    """Remember that this person agreed to run the code for the study that names it."""
    _keep(code.agreement)


def _of_runs(ref: ObjectiveRef, folder: str = "") -> str:
    return _digest(*(("ran-in", folder) if folder else ("ran",)), *_code(ref))


def _of_far(far: FarWorkers) -> str:
    usual = replace(far, retries=DEFAULT_RETRIES, lost_after_s=DEFAULT_LOST_AFTER_S)
    return _digest("far", json.dumps(usual.to_json(), sort_keys=True))


def _code(ref: ObjectiveRef) -> tuple[str, ...]:
    if ref.kind == "command":
        # All of it decides on what is run: a shell may get the choices of a parameter.
        return _file_and_folder(ref) or (ref.kind, ref.target)
    # What it does depends on what it is given, too.
    given = [*ref.argv, *(text for pair in ref.arguments for text in pair)]
    return (ref.kind, resolved_file(ref) or ref.target, ref.attribute, *given)


def _file_and_folder(ref: ObjectiveRef) -> tuple[str, ...]:
    """Return where a command's file stands and where it runs, where the file still says so."""
    with contextlib.suppress(HptuiError):
        spec = CommandSpec.of(ref)
        if spec.file:
            there = CommandSpec.from_file(Path(spec.file), Path(spec.cwd))
            if replace(there, cwd=spec.cwd) == spec:
                return ("command-file", spec.file, spec.cwd)
    return ()


def _sha(ref: ObjectiveRef) -> str:
    try:
        return source_sha(ref)
    except ObjectiveError:
        return ""


def _identity(study_file: Path, study_name: str) -> tuple[str, ...]:
    with contextlib.suppress(OSError, HptuiError):
        state = study_file.stat()
        mark = read_study_file(study_file, lambda connection: mark_of(connection, study_name))
        return (str(state.st_dev), str(state.st_ino), mark)
    return (str(study_file), study_name)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("hptui")) / _FOLDER


def _is_kept(digest: str) -> bool:
    return (_folder() / digest).is_file()


def _keep(digest: str) -> None:
    # Where the person's own folder takes nothing, the question is asked again.
    with contextlib.suppress(OSError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(folder / digest, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
