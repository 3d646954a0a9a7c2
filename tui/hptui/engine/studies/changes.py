"""Changes of a folder of studies that take several steps, and are never left half done."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of, read_lease, remove_unused
from hptui.engine.studies.held_study import locked_study, name_held, require_unlocked
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.files.in_place import put_in_place
from hptui.storage.files.journal import begin_journal
from hptui.storage.files.leases import LEASE
from hptui.storage.files.side_files import link_on_the_way
from hptui.storage.files.study_folder import LOCK, OTHERS

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.domain.study_ref import StudyRef
    from hptui.engine.recovery.lease import StudyHold

_MAX_NAME_BYTES: Final = 255
_MAX_STUDY_CHARS: Final = 1_000


class Change(ABC):
    """A change that is undone by a failure before its decisive step, and finished after it.

    What is in `facts` goes into the journal, and is all that is needed to go on. `finish` and
    `take_back` may be called at any moment, again and again.
    """

    kind: ClassVar[str]
    folder: Path
    """Where the study files are."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what the journal keeps, besides the kind."""

    @abstractmethod
    def describe(self) -> str:
        """Return what is being done, as `renaming a to b`, safe for a terminal."""

    @abstractmethod
    def begin(self) -> None:
        """Prepare, and take the decisive step."""

    @abstractmethod
    def is_begun(self) -> bool:
        """Whether the decisive step has been taken."""

    @abstractmethod
    def finish(self) -> None:
        """Do all that is left after the decisive step."""

    @abstractmethod
    def take_back(self) -> None:
        """Make everything as it was before."""

    @abstractmethod
    def studies(self) -> list[StudyRef]:
        """Return the study, by file and name, where it was before and where it will be."""

    @abstractmethod
    def takes_whole_file(self) -> bool:
        """Say whether the file itself is moved."""


def carry_out(change: Change) -> None:
    """Do a change whole, or not at all when it fails.

    A process that is killed leaves the journal, and `resume_changes` goes on.

    Raises:
        HptuiError: It failed.
        OSError: The folder cannot be written.
    """
    with begin_journal(change.folder, {"kind": change.kind, **change.facts()}) as journal:
        try:
            change.begin()
            change.finish()
        except BaseException:
            settle(change)
            journal.remove()
            raise
        journal.remove()


def settle(change: Change) -> bool:
    """Finish a change that was cut off, or take it back; return whether it was finished.

    Raises:
        HptuiError: Neither can be done now.
        OSError: Neither can be done now.
    """
    if change.is_begun():
        with suppress(HptuiError, OSError):
            change.finish()
            return True
    change.take_back()
    return False


@contextmanager
def held_for(change: Change, place: StudyRef) -> Generator[StudyHold]:
    """Hold the study of a change where it is now, and what else it is called in the same file.

    Raises:
        StudyBusyError: An engine runs it.
        StudyFileError: The file has several names, or the folder cannot be written.
    """
    is_whole = change.takes_whole_file()
    path, study = place
    with ExitStack() as stack:
        hold = stack.enter_context(locked_study(path, study, whole_file=is_whole))
        for other_path, name in change.studies():
            if not is_whole and other_path == path and name != study:
                stack.enter_context(name_held(path, name))
        yield hold


@contextmanager
def kept_from_engines(change: Change) -> Generator[None]:
    """Keep engines away from the study of a change that was cut off, wherever it is now.

    Raises:
        StudyBusyError: An engine runs it.
    """
    before, after = change.studies()
    place = after if change.is_begun() else before
    if not os.path.lexists(place.path):
        require_unlocked(*place)
        yield
    else:
        with held_for(change, place):
            yield
    for path, study in (before, after):
        drop_dead_lease(path, study)
        clear_away(folder_of(path, study), change.folder)


def drop_dead_lease(path: Path, study: str) -> None:
    """Remove the lease of a process that has died."""
    lease = read_lease(path, study)
    if lease is not None and not lease.is_alive:
        (folder_of(path, study) / LEASE).unlink(missing_ok=True)


def move_study_folder(root: Path, source: Path, target: Path, *, with_others: bool) -> None:
    """Move a study's folder, which holds its logs and the files of its trials.

    Where `target` is there, or folders of other studies stay, the contents are moved one by one;
    what is in the way of one stays, too. Nothing is replaced, no link is followed.

    Args:
        root: The folder of studies, where both are.
        source: The folder; it need not exist.
        target: Where it goes.
        with_others: Whether the folders of other studies of its file, which lie in it, go along.

    Raises:
        StudyFileError: A link would be followed.
        OSError: It cannot be moved.
    """
    require_no_links(root, source.parent, target.parent)
    if not os.path.lexists(source) or _is_unused(source):
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    stays = source in target.parents or (not with_others and (source / OTHERS).exists())
    if not stays and put_in_place(source, target):
        return
    require_no_links(root, source, target)
    target.mkdir(mode=0o700, exist_ok=True)
    _move_contents(source, target, {LOCK} if with_others else {LOCK, OTHERS})
    clear_away(source, source.parent)


def require_no_links(root: Path, *folders: Path) -> None:
    """Refuse folders below `root` on whose way there is a link, which may lead elsewhere.

    Raises:
        StudyFileError: There is one.
    """
    for folder in folders:
        link = link_on_the_way(folder, root)
        if link is not None:
            raise StudyFileError(
                f"{safe_line(link)} is a link; what it leads to is left alone.",
                hint="Remove the link, or put there what it leads to.",
            )


def _move_contents(source: Path, target: Path, but: set[str]) -> None:
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.name in but or put_in_place(entry, place):
            continue
        if entry.name == LEASE:
            # Who moves holds the study by the other one.
            entry.unlink()
        elif entry.name == OTHERS and not place.is_symlink() and not entry.is_symlink():
            _move_contents(entry, place, set())
            with suppress(OSError):
                entry.rmdir()


def _is_unused(folder: Path) -> bool:
    """Whether there is nothing in a study's folder but what engines are kept away with."""
    return not folder.is_symlink() and {each.name for each in folder.iterdir()} <= {LOCK, LEASE}


def follow(hold: StudyHold, source: Path, target: Path) -> None:
    """Tell who holds a study where its folder is, if it has moved with `source` to `target`."""
    if hold.folder.is_relative_to(source):
        moved = target / hold.folder.relative_to(source)
        if (moved / LEASE).exists():
            hold.folder = moved


def clear_away(folder: Path, root: Path) -> None:
    """Remove a study's folder in which nothing is left, and what it leaves empty above it."""
    if folder.is_dir() and not folder.is_symlink():
        remove_unused(folder)
    with suppress(OSError):
        for each in (folder, *folder.parents):
            if each == root or not each.is_relative_to(root):
                return
            if os.path.lexists(each):
                each.rmdir()


def name_from(value: object) -> str:
    """Return the name of a file in the folder that a journal or the trash gives.

    Raises:
        ValueError: It leads elsewhere, or is none that a study file can have.
    """
    if not isinstance(value, str) or "\0" in value or value != Path(value).name:
        raise ValueError(value)
    if (
        value in ("", "..")
        or value.startswith(".hptui-")
        or len(os.fsencode(value)) > _MAX_NAME_BYTES
    ):
        raise ValueError(value)
    return value


def study_from(value: object) -> str:
    """Return the name of a study that a journal or the trash gives.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_STUDY_CHARS:
        raise ValueError(value)
    return value
