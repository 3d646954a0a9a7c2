"""Files and folders beside a study that belong to nothing any more."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.texts.readable import plural
from hptui.engine.recovery.lease import folder_of
from hptui.engine.workers.scratch import clear_scratch
from hptui.storage.files.staging import bytes_of
from hptui.storage.files.study_folder import is_behind_link

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["scratch", "logs", "set-aside", "lease-draft"]
_KEPT_STATES: Final = frozenset({"COMPLETE", "RUNNING", "WAITING"})
"""Folders of complete trials hold what they were asked to keep."""
# Exactly as runs name them: what people have put there themselves is left alone.
_NUMBER: Final = r"(\d{6}|[1-9]\d{6,18})"
_SCRATCH: Final = re.compile(_NUMBER, re.ASCII)
_LOG: Final = re.compile(rf"trial-{_NUMBER}\.log", re.ASCII)
_LEASE_DRAFT: Final = re.compile(r"engine\.json\.\d{1,10}", re.ASCII)
_ASIDE: Final = re.compile(r"\.old-\d{8}-\d{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OrphanedFiles:
    """What is left of one kind."""

    noun: str
    """What one of them is."""
    about: str
    """What follows the noun."""
    paths: tuple[Path, ...]

    @property
    def n_bytes(self) -> int:
        """How much room they take."""
        return sum(map(bytes_of, self.paths))

    def describe(self) -> str:
        """Return how many there are of what."""
        return f"{plural(len(self.paths), self.noun)} {self.about}"


def orphaned_files_of(
    path: Path, study_name: str, states: Mapping[int, str]
) -> dict[Kind, OrphanedFiles]:
    """Return what is left beside a study that nobody runs.

    Args:
        path: The study's file.
        study_name: The study.
        states: The states of its trials, by number.
    """
    folder = folder_of(path, study_name)
    scratch = [
        each
        for each in _entries(folder / "scratch", path)
        if (number := _number_of(each.name, _SCRATCH)) is not None
        and states.get(number) not in _KEPT_STATES
    ]
    logs = [
        each
        for each in _entries(folder / "logs", path)
        if (number := _number_of(each.name, _LOG)) is not None and number not in states
    ]
    aside = [
        each
        for each in _entries(folder.parent, path)
        if each.name.startswith(folder.name) and _ASIDE.fullmatch(each.name[len(folder.name) :])
    ]
    leases = [each for each in _entries(folder, path) if _LEASE_DRAFT.fullmatch(each.name)]
    return {
        "lease-draft": OrphanedFiles("lease", "that was being written", tuple(leases)),
        "scratch": OrphanedFiles("folder", "of trials that did not end", tuple(scratch)),
        "logs": OrphanedFiles("log", "of trials that the study does not have", tuple(logs)),
        "set-aside": OrphanedFiles("folder", "of an earlier study of this name", tuple(aside)),
    }


def remove_orphaned_files(orphaned: OrphanedFiles) -> None:
    """Remove them; what cannot be removed stays, and is found again."""
    for path in orphaned.paths:
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.parent.name == "scratch":
                clear_scratch(path)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _entries(folder: Path, study_file: Path) -> list[Path]:
    # What a link leads to may be another study's: nothing in it is taken for something left over.
    with contextlib.suppress(OSError):
        return [] if is_behind_link(folder, study_file) else sorted(folder.iterdir())
    return []


def _number_of(name: str, pattern: re.Pattern[str]) -> int | None:
    match = pattern.fullmatch(name)
    return None if match is None else int(match[1])
