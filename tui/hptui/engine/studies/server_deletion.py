"""Deleting studies on database servers: a copy is kept here first."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from hptui.domain.study_name import fitting_name
from hptui.domain.texts.readable import show_duration
from hptui.domain.texts.text import safe_line
from hptui.engine.studies.renaming import free_name
from hptui.engine.studies.trash import drop_copy, keep_copy
from hptui.errors import StudyBusyError, StudyFileError
from hptui.storage.files.studies_folder import study_file
from hptui.storage.mirror.changing import delete_on_server, extent_in_file
from hptui.storage.mirror.following import catch_up, refresh
from hptui.storage.mirror.heartbeats import GRACE_S, trials_running
from hptui.storage.mirror.source import SourceError
from hptui.storage.read.session import open_study
from hptui.storage.transfer.copying import copy_study

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.studies.trash import TrashEntry
    from hptui.storage.mirror.address import SourceAddress

_TRIES: Final = 3
"""How often it is tried with a study that gets trials meanwhile."""


def delete_there(address: SourceAddress, mirror: Path, study_name: str, folder: Path) -> TrashEntry:
    """Delete a study on a server after a copy of it has gone into the trash of a folder.

    Args:
        address: The server, as it is mirrored.
        mirror: The file that mirrors it.
        study_name: The study.
        folder: A folder of studies, whose trash gets the copy.

    Raises:
        StudyBusyError: Somebody runs it: a trial has a heartbeat, or new ones come all the time.
        StudyFileError: It has changed its identity, or a copy would not hold all of it.
        SourceError: The server refuses.
    """
    for _ in range(_TRIES):
        state = refresh(address)
        if state.trouble:
            raise SourceError(state.trouble)
        if state.notes:
            what = safe_line(state.notes[0], max_chars=300)
            raise StudyFileError(
                f"A copy would not hold all of {safe_line(study_name)}: {what}",
                hint="It was not deleted.",
            )
        _require_at_rest(address, study_name)
        with open_study(mirror, study_name) as study:
            study_id = study.study_id
            extent = extent_in_file(study.connection, study_id)
        entry = _keep(mirror, study_name, folder)
        try:
            is_deleted = delete_on_server(address, study_name, study_id, extent)
        except SourceError as error:
            # Whether it was done is not known where the connection was lost at the end.
            kept = f"A copy is in the trash: {safe_line(entry.folder)}."
            raise type(error)(error.message, hint=f"{error.hint} {kept}".strip()) from error
        except BaseException:
            drop_copy(entry)
            raise
        if is_deleted:
            catch_up(address)
            return entry
        drop_copy(entry)
    raise StudyBusyError(
        f"{safe_line(study_name)} got new trials while it was copied; it was not deleted.",
        hint="Stop what runs it.",
    )


def _require_at_rest(address: SourceAddress, study_name: str) -> None:
    for trials in trials_running(address.with_study(study_name)).values():
        for trial in trials:
            if trial.silent_s is not None and trial.silent_s <= GRACE_S:
                raise StudyBusyError(
                    f"{safe_line(study_name)} is running: its trial {trial.number} gave a sign of "
                    f"life {show_duration(max(0.0, trial.silent_s))} ago.",
                    hint="Stop what runs it first.",
                )


def _keep(mirror: Path, study_name: str, folder: Path) -> TrashEntry:
    name = fitting_name(study_name)
    if os.path.lexists(study_file(folder, name)):
        name = free_name(folder, name)
    return keep_copy(
        folder, study_file(folder, name).name, study_name, partial(copy_study, mirror, study_name)
    )
