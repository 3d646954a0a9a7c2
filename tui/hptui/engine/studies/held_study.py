"""Keeping engines away from a study while it is made, changed, renamed, moved or deleted."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import (
    A_MOMENT_S,
    Lease,
    busy_error,
    folder_of,
    hold_study,
    read_lease,
    take_lease,
)
from hptui.errors import StudyFileError
from hptui.storage.files.study_folder import LOCK, OTHERS

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.engine.recovery.lease import StudyHold


@contextmanager
def locked_study(study_file: Path, study: str, *, whole_file: bool = False) -> Generator[StudyHold]:
    """Keep engines away from a study within the block, and leave nothing that was not there.

    Args:
        study_file: The study's file.
        study: The study.
        whole_file: Whether to keep them away from all other studies of the file, too.

    Raises:
        StudyBusyError: An engine runs it.
        StudyFileError: The file has several names, or the folder cannot be written.
    """
    is_new = not folder_of(study_file, study).exists()
    with _writing(study_file.parent):
        hold = take_lease(study_file, _lease_for(study), whole_file=whole_file)
    try:
        yield hold
    finally:
        hold.release(tidy=is_new)


@contextmanager
def name_held(study_file: Path, study: str) -> Generator[None]:
    """Keep engines from beginning a study of this name in a file; nothing is written for it.

    Raises:
        StudyBusyError: An engine runs one.
        StudyFileError: The file has several names, or cannot be written.
    """
    with _writing(study_file):
        hold = hold_study(study_file, _lease_for(study), patience_s=A_MOMENT_S)
    try:
        yield
    finally:
        hold.release()


def _lease_for(study: str) -> Lease:
    return Lease.of_this_process(study, secrets.token_hex(4), Path())


@contextmanager
def _writing(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(path)} cannot be written: {safe_line(error.strerror)}."
        ) from error


def require_unlocked(study_file: Path, study: str) -> None:
    """Refuse a study that `locked_study` would refuse now.

    Raises:
        StudyBusyError: An engine runs it, or a command changes it.
    """
    lease = read_lease(study_file, study)
    if lease is not None and lease.is_alive:
        raise busy_error(study_file, lease)


def require_free_folder(folder: Path) -> None:
    """Refuse to move a study's folder where there are files of another study already.

    Raises:
        StudyFileError: There are.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        in_the_way = [each for each in folder.iterdir() if each.name not in (OTHERS, LOCK)]
        if in_the_way:
            raise StudyFileError(
                f"{safe_line(str(folder))} is in the way: it holds files of another study.",
                hint="Choose another name, or move that folder elsewhere.",
            )
