"""What a trial's page shows, read in a thread of its own while the page is open."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.storage.files.study_folder import folder_of, is_behind_link, log_path, scratch_path
from hptui.ui.trial.log_tail import LogTail, LogText
from hptui.ui.widgets.markdown_lines import markdown_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hptui.storage.read.trial_detail import TrialDetail
    from hptui.ui.widgets.markdown_lines import Line

MAX_FILES: Final = 500
_LIVE_PERIOD_S: Final = 0.3
_ENDED_PERIOD_S: Final = 2.0
_LINKED_LOG: Final = LogText(exists=True, problem="The log is not read: a link leads to it.")


@dataclass(frozen=True, slots=True)
class TrialFile:
    """A file in a trial's folder."""

    name: str
    """Relative to the folder, safe for a terminal."""
    n_bytes: int
    changed_s: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class TrialFiles:
    """The files in a trial's folder."""

    folder: Path | None = None
    """None where the trial has none."""
    found: tuple[TrialFile, ...] = ()
    has_more: bool = False
    """Whether there are more than MAX_FILES."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialPage:
    """One moment of a trial."""

    number: int
    detail: TrialDetail | None = None
    """None before the first reading, and where there is no such trial."""
    log: LogText = field(default_factory=LogText)
    log_path: Path | None = None
    files: TrialFiles = field(default_factory=TrialFiles)
    is_study_run: bool = False
    """Whether an engine of this machine runs the study now."""
    trouble: str = ""
    """Why it cannot be read now; what is there was read before."""
    note: Sequence[Line] = ()
    """The note, laid out."""


class TrialFeed:
    """Reads a trial again and again and posts a page whenever it has changed.

    `post` is called in the feed's thread. A trial that has ended is looked at seldom.
    """

    def __init__(
        self,
        path: Path,
        study_name: str,
        post: Callable[[TrialPage], object],
        *,
        files: bool = True,
    ) -> None:
        self._path = path
        self._study_name = study_name
        self._post = post
        self._with_files = files
        self._wake = threading.Event()
        self._is_stopped = False
        self._number: int | None = None
        self._thread: threading.Thread | None = None

    def show(self, number: int) -> None:
        """Read this trial from now on."""
        self._number = number
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="trial", daemon=True)
            self._thread.start()

    def nudge(self) -> None:
        """Read now."""
        self._wake.set()

    def stop(self) -> None:
        """Read no more."""
        self._is_stopped = True
        self._wake.set()

    def _run(self) -> None:
        page: TrialPage | None = None
        tail: LogTail | None = None
        while not self._is_stopped:
            self._wake.clear()
            number = self._number
            assert number is not None
            if page is None or tail is None or page.number != number:
                page = TrialPage(number, log_path=self._log_path(number))
                tail = LogTail(self._log_path(number))
                fresh = self._read(page, tail)
                self._post(fresh)
            else:
                fresh = self._read(page, tail)
                if not _is_same(fresh, page):
                    self._post(fresh)
            page = fresh
            is_live = page.detail is None or page.detail.state in ("RUNNING", "WAITING")
            self._wake.wait(_LIVE_PERIOD_S if is_live else _ENDED_PERIOD_S)

    def _log_path(self, number: int) -> Path:
        return log_path(folder_of(self._path, self._study_name), number)

    def _read(self, before: TrialPage, tail: LogTail) -> TrialPage:
        from hptui.storage.read.trial_detail import read_trial

        detail, trouble = before.detail, ""
        try:
            detail = read_trial(self._path, self._study_name, before.number)
        except HptuiError as error:
            trouble = f"{error.message} {error.hint}".strip()
        except Exception as error:  # noqa: BLE001 - a thread that dies would look like a calm trial
            trouble = safe_line(f"The trial cannot be read: {type(error).__name__}: {error}")
        files = self._files(before.number) if self._with_files else TrialFiles()
        return TrialPage(
            before.number,
            detail,
            _LINKED_LOG if self._is_linked(before.number) else tail.read(),
            before.log_path,
            files,
            self._is_study_run(),
            trouble,
            () if detail is None else markdown_lines(detail.note.body),
        )

    def _is_study_run(self) -> bool:
        from hptui.engine.ipc.client import running_engine

        lease = running_engine(self._path, self._study_name)
        return lease is not None and lease.is_here

    def _is_linked(self, number: int) -> bool:
        return is_behind_link(self._log_path(number), self._path)

    def _files(self, number: int) -> TrialFiles:
        folder = scratch_path(folder_of(self._path, self._study_name), number)
        return TrialFiles() if is_behind_link(folder, self._path) else list_files(folder)


def _is_same(one: TrialPage, other: TrialPage) -> bool:
    return (
        one.log is other.log
        and one.trouble == other.trouble
        and one.is_study_run == other.is_study_run
        and one.files == other.files
        # NaN is not equal to itself, but spelled alike.
        and repr(one.detail) == repr(other.detail)
    )


def list_files(folder: Path) -> TrialFiles:
    """Return the files in a folder and below, without following links, ordered by name."""
    if not os.path.isdir(folder):  # noqa: PTH112 - it is False where the folder cannot be seen
        return TrialFiles()
    found: list[TrialFile] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if len(found) >= MAX_FILES:
                return TrialFiles(folder, tuple(found), has_more=True)
            path = os.path.join(parent, name)  # noqa: PTH118 - faster over many files
            try:
                state = os.lstat(path)
            except OSError:
                continue
            shown = safe_line(os.path.relpath(path, folder), max_chars=300)
            found.append(TrialFile(shown, state.st_size, state.st_mtime))
    return TrialFiles(folder, tuple(found))
