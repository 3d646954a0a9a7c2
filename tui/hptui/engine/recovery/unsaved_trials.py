"""Files with trials that a study file did not take: where they are left, found and used up."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.side_files import open_side_file
from hptui.storage.files.study_folder import is_behind_link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.storage.files.spooled_trials import Replayed, SpooledTrial

_PATTERN: Final = "unsaved-*.jsonl"
_MAX_BYTES: Final = 256_000_000


@dataclass(frozen=True, slots=True)
class Spool:
    """A file with trials that a study did not take."""

    path: Path
    trials: tuple[SpooledTrial, ...] = ()
    problem: str = ""
    """Why it cannot be read; empty when it can."""


def places(study_folder: Path) -> tuple[Path, ...]:
    """Return where such files are left: beside the study, else where there is room and a right."""
    return (
        study_folder,
        Path(platformdirs.user_state_dir("hptui")) / "unsaved",
        Path(tempfile.gettempdir()),
    )


def leave(study_folder: Path, run: str, lines: Sequence[str]) -> Path | None:
    """Write lines to a new file in the first place that takes them; None where no place does."""
    first, *others = places(study_folder)
    for folder in (first, *others):
        if folder != first:
            with contextlib.suppress(OSError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"unsaved-{run}.jsonl"
        if _keep(path, "\n".join(lines) + "\n"):
            return path
    return None


def _keep(path: Path, text: str) -> bool:
    """Write a new file to the disk whole, or leave none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, 0o600)
    except OSError:
        return False
    try:
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def is_any_left(study_folder: Path) -> bool:
    """Say whether there is such a file at all, of this study or of another."""
    return any(True for place in places(study_folder) for _ in _listed(place))


def find_spools(study_file: Path, study: str, token: str | None) -> list[Spool]:
    """Return the files with trials of a study that could not be stored, by name."""
    folder = folder_of(study_file, study)
    # What a link leads to is another study's.
    own = () if is_behind_link(folder, study_file) else (folder,)
    found: list[Spool] = []
    for place in dict.fromkeys((*own, *places(folder)[1:])):
        for path in _listed(place):
            is_ours = place == folder or any(
                _belongs(trial, study_file, study, token) for trial in _read(path, most=1).trials
            )
            if is_ours:
                found.append(_read(path))
    return found


def _listed(place: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for path in sorted(place.glob(_PATTERN)):
            with contextlib.suppress(OSError):
                state = path.lstat()
                # In a shared folder a file of somebody else is nothing that we have left.
                if stat.S_ISREG(state.st_mode) and state.st_uid == os.getuid():
                    yield path


def _belongs(trial: SpooledTrial, study_file: Path, study: str, token: str | None) -> bool:
    origin = trial.origin
    if origin.file == str(study_file.resolve()):
        return origin.study == study or (token is not None and origin.token == token)
    # A copy has the token, too, but the original is where they belong.
    return token is not None and origin.token == token and not os.path.lexists(origin.file)


def _read(path: Path, *, most: int | None = None) -> Spool:
    """Read a file with trials; with `most` only so many of them."""
    from hptui.storage.files.spooled_trials import read_line

    try:
        trials: list[SpooledTrial] = []
        with os.fdopen(open_side_file(path), encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_size > _MAX_BYTES:
                return Spool(path, problem=f"{safe_line(path.name)} is too large to be read.")
            for number, line in enumerate(itertools.islice(stream, most), start=1):
                try:
                    if line.strip():
                        trials.append(read_line(line))
                except UsageError as error:
                    problem = f"{safe_line(path.name)}, line {number}: {error.message}"
                    return Spool(path, problem=problem)
    except (OSError, ValueError) as error:
        return Spool(path, problem=f"{safe_line(path.name)} cannot be read: {safe_line(error)}.")
    return Spool(path, tuple(trials))


def use_up(study_file: Path, study: str, spool: Spool) -> Replayed:
    """Put a file's trials into their study, and remove the file; the caller holds the lease.

    Raises:
        HptuiError: They cannot be stored; the file stays.
    """
    from hptui.storage.files.spooled_trials import Replayed, replay

    if spool.problem:
        raise HptuiError(spool.problem)
    done = replay(study_file, study, spool.trials) if spool.trials else Replayed()
    spool.path.unlink(missing_ok=True)
    return done
