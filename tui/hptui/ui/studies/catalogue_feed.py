"""Follows the studies of a folder or of one file: what each holds and who runs it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine
from hptui.engine.recovery.lease import read_lease
from hptui.engine.run.moment import in_one_moment
from hptui.errors import HptuiError
from hptui.storage.files.journal import JOURNAL
from hptui.storage.files.leases import living_runs
from hptui.storage.files.studies_folder import study_files
from hptui.storage.files.study_folder import real_file
from hptui.storage.mirror.mirrors import mirror_state
from hptui.ui.studies.study_row import StudyRow, read_rows
from hptui.ui.study.engine_status import engine_state
from hptui.ui.study.snapshot import EngineState
from hptui.ui.widgets.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


__all__ = ["Catalogue", "CatalogueFeed", "StudyRow"]

_ANSWER_TIMEOUT_S: Final = 0.5
_PARTIAL_S: Final = 0.3
"""How often a first reading that takes long is posted before its end."""
_AGE_STEP_S: Final = 5.0
_COST_FACTOR: Final = 10.0
"""A file that changes all the time is read again after as many times what reading it took."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The studies of a folder or a file at one moment."""

    rows: tuple[StudyRow, ...] = ()
    """Ordered by file and, in a file, by creation."""
    revision: int = 0
    """Rises with each change."""
    trouble: str = ""
    """What is wrong with the folder; where it cannot be read the rows are those read before."""
    loading: tuple[int, int] | None = None
    """Files read and to be read, while the first reading goes on."""


@dataclass(slots=True)
class _File:
    """What was read of a file, and when."""

    inode: tuple[int, int]
    signature: tuple[object, ...]
    rows: tuple[StudyRow, ...]
    read_at_s: float
    took_s: float


class CatalogueFeed:
    """Posts a catalogue whenever something about the studies has changed.

    `post` is called in the feed's thread, and must do no more than to hand the catalogue on. Files
    are read again only when they have changed. A folder that does not exist is an empty one.
    `mirrors` returns the files of mirrors that are listed, too, with the names of their storages.
    `before` is a feed of the same place that was stopped: what it read need not be read again.
    """

    def __init__(
        self,
        place: Path,
        post: Callable[[Catalogue], None],
        period_s: float = 1.0,
        *,
        mirrors: Callable[[], Mapping[Path, str]] = dict,
        before: CatalogueFeed | None = None,
    ) -> None:
        self.place = place
        self._mirrors = mirrors
        self._post = post
        known: dict[Path, _File] = {} if before is None else before._files.copy()
        # What has changed meanwhile is read at once, whatever that cost the last time.
        self._files: dict[Path, _File] = {
            path: replace(file, took_s=0.0) for path, file in known.items()
        }
        self._latest: Catalogue | None = None
        self._posted_at_s = 0.0
        self._ticker = Ticker(self._tick, period_s=period_s, name="catalogue feed")

    def start(self) -> None:
        """Start reading."""
        self._ticker.start()

    def stop(self) -> None:
        """Stop reading; nothing is posted any more once the file under way has been read."""
        self._ticker.stop()

    def nudge(self) -> None:
        """Read now, instead of when the period is over."""
        for file in self._files.copy().values():
            file.took_s = 0.0
        self._ticker.nudge()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of a feed that was stopped, and say whether it came."""
        return self._ticker.join(timeout_s)

    def _tick(self) -> None:
        trouble = _go_on_with_left_change(self.place)
        try:
            paths = study_files(self.place)
            paths += [path for path in self._mirrors() if path not in paths]
        except OSError as error:
            what = safe_line(str(self.place))
            self._hand_on(self._rows(), f"{what} cannot be read: {error.strerror}.", None)
            return
        for gone in self._files.keys() - set(paths):
            del self._files[gone]
        is_first = self._latest is None or self._latest.loading is not None
        for index, path in enumerate(paths):
            if self._ticker.is_stopping:
                return
            self._read_file(path)
            if is_first and time.monotonic() - self._posted_at_s > _PARTIAL_S:
                self._hand_on(self._rows(), "", (index + 1, len(paths)))
        self._hand_on(self._rows(), trouble, None)

    def _read_file(self, path: Path) -> None:
        try:
            signature, inode = _signature(path)
            # An engine that dies changes nothing in the file.
            signature = (*signature, living_runs(path))
        except OSError:
            # Gone since the folder was listed.
            self._files.pop(path, None)
            return
        known = self._files.get(path)
        is_known = known is not None and known.inode == inode
        began_s = time.monotonic()
        if known is not None and is_known:
            is_early = began_s - known.read_at_s < _COST_FACTOR * known.took_s
            if known.signature == signature or is_early:
                return
            is_known = not any(row.problem for row in known.rows)
        rows = self._read_anyhow(path, is_known=is_known)
        ended_s = time.monotonic()
        self._files[path] = _File(inode, signature, rows, ended_s, ended_s - began_s)

    def _read_anyhow(self, path: Path, *, is_known: bool) -> tuple[StudyRow, ...]:
        try:
            return read_rows(path, is_known=is_known)
        except Exception as error:  # noqa: BLE001 - one odd file must not hide all the others
            what = safe_line(f"{type(error).__name__}: {error}")
            return (StudyRow(path, path.stem, problem=f"It cannot be read: {what}"),)

    def _rows(self) -> tuple[StudyRow, ...]:
        mirrors = self._mirrors()
        rows = [_with_engine(row) for path in sorted(self._files) for row in self._files[path].rows]
        unread = [path for path in mirrors if path not in self._files]
        rows += [StudyRow(path, mirrors[path]) for path in unread]
        return tuple(_with_mirror(row, mirrors.get(row.path, "")) for row in rows)

    def _hand_on(
        self, rows: tuple[StudyRow, ...], trouble: str, loading: tuple[int, int] | None
    ) -> None:
        before = self._latest
        if before is not None and (rows, trouble, loading) == (
            before.rows,
            before.trouble,
            before.loading,
        ):
            return
        revision = 1 if before is None else before.revision + 1
        self._latest = Catalogue(rows, revision, trouble, loading)
        self._posted_at_s = time.monotonic()
        if self._ticker.is_stopping:
            return
        try:
            self._post(self._latest)
        except RuntimeError:
            # The event loop that took the catalogues is closed: nobody looks any more.
            self._ticker.stop()


def _go_on_with_left_change(place: Path) -> str:
    """Finish what a killed command left half done there; return why it cannot be."""
    folder = place if place.is_dir() else place.parent
    if not os.path.lexists(folder / JOURNAL):
        return ""
    from hptui.engine.studies.resuming import resume_changes

    try:
        resume_changes(folder)
    except HptuiError as error:
        return error.message
    return ""


def _signature(path: Path) -> tuple[tuple[object, ...], tuple[int, int]]:
    """Return what changes with each commit to a file, and what tells it from another file."""
    status = path.stat()
    path = real_file(path)
    parts: list[object] = [status.st_mtime_ns, status.st_size, status.st_nlink]
    for suffix in ("-wal", "-journal"):
        try:
            side = os.stat(f"{path}{suffix}")  # noqa: PTH116 - one call for many files
        except OSError:
            parts.append(None)
        else:
            parts += [side.st_mtime_ns, side.st_size]
    return tuple(parts), (status.st_dev, status.st_ino)


def _with_engine(row: StudyRow) -> StudyRow:
    lease = None if row.problem else read_lease(row.path, row.name)
    if lease is None or not lease.is_alive:
        return row
    if not lease.is_here:
        engine = _unknown(f"on {safe_line(lease.host, max_chars=40)}", lease.pid)
    else:
        request = {"op": "status"}
        try:
            answer = ask_engine(row.path, row.name, request, timeout_s=_ANSWER_TIMEOUT_S)
            engine = engine_state(in_one_moment(answer, row.counts))
        except (HptuiError, KeyError, TypeError, ValueError, AttributeError):
            engine = _unknown("busy", lease.pid)
    return replace(row, engine=engine)


def _with_mirror(row: StudyRow, storage: str) -> StudyRow:
    """Return a row with what is known of its source, where it is of a mirror."""
    state = mirror_state(row.path)
    if state is None:
        return row if not storage else replace(row, problem="It is being read for the first time.")
    if state.synced_s is None:
        problem = state.trouble or "It is being read for the first time."
        return replace(row, name=storage or state.address, problem=problem, hint="", mirror=state)
    if row.problem and row.name == row.path.stem:
        return replace(row, name=storage or state.address, mirror=state)
    # While all is well, a new age is told now and then only.
    at_s = state.synced_s if state.is_stale else state.synced_s // _AGE_STEP_S * _AGE_STEP_S
    return replace(row, mirror=replace(state, synced_s=at_s), storage=storage)


def _unknown(state: str, pid: int) -> EngineState:
    """Return the state of an engine that runs, and of which nothing else is known now."""
    return EngineState(state, 0, 0, 0, None, 0.0, None, 0.0, "", "", None, "", "", (), pid=pid)
