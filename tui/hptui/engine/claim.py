"""Keeping engines away from a study while it is renamed, moved or deleted."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.engine.lease import Lease, busy_error, folder_of, read_lease, take_lease
from hptui.errors import StudyFileError
from hptui.storage.study_folder import LOCK, OTHERS

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.engine.lease import StudyHold


@contextmanager
def claimed(study_file: Path, study: str) -> Generator[StudyHold]:
    """Keep engines away from a study within the block, and leave nothing that was not there.

    Raises:
        StudyBusyError: An engine runs it.
        StudyFileError: The folder cannot be written.
    """
    is_new = not folder_of(study_file, study).exists()
    lease = Lease.of_this_process(study, secrets.token_hex(4), Path())
    try:
        hold = take_lease(study_file, lease)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(str(study_file.parent))} cannot be written: {safe_line(error.strerror)}."
        ) from error
    try:
        yield hold
    finally:
        hold.release(tidy=is_new)


def require_unclaimed(study_file: Path, study: str) -> None:
    """Refuse a study that `claimed` would refuse now.

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
