"""Follows one study: its file and the engine that runs it, in a thread of its own."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import FAIL, RUNNING
from hptui.errors import HptuiError
from hptui.storage.mirror.mirrors import mirror_state, read_only_text
from hptui.storage.read.failures import read_causes
from hptui.storage.read.session import check_file
from hptui.storage.read.study_facts import StudyFacts, read_facts
from hptui.storage.read.study_reader import StudyReader
from hptui.ui.study.engine_status import Asked, ask_status, engine_status
from hptui.ui.study.snapshot import SnapshotMaker, StudySnapshot
from hptui.ui.trials.read_columns import read_columns
from hptui.ui.widgets.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from hptui.ui.study.snapshot import ReadCell

_FACTS_PERIOD_S: Final = 2.0
_FACTS_COST_FACTOR: Final = 20.0
"""Where reading them takes long, they are read again after as many times that."""
_MANY_TRIALS: Final = 5_000
"""Reading as many at once is announced as loading."""


class _StoppedError(Exception):
    """The feed was stopped while it read."""


class StudyFeed:
    """Posts a snapshot of a study whenever something about it has changed.

    `post` is called in the feed's thread, and must do no more than to hand the snapshot on. While
    the file cannot be read, snapshots say why in `trouble` and keep what was read before; the feed
    goes on trying.
    """

    def __init__(
        self,
        path: Path,
        study_name: str,
        post: Callable[[StudySnapshot], None],
        *,
        period_s: float = 0.25,
    ) -> None:
        self.path = path
        self.study_name = study_name
        self._post = post
        self._columns = StudyReader(path, study_name, on_progress=self._announce_progress)
        self._maker = SnapshotMaker(path, study_name)
        self._facts = StudyFacts()
        self._facts_due_s = 0.0
        self._failed = np.zeros(0, np.int64)
        self._causes: Mapping[int, str] = {}
        self._causes_due_s = 0.0
        self._wanted: frozenset[str] = frozenset()
        self._read_cells: Mapping[str, Mapping[int, ReadCell]] = {}
        self._read_at: tuple[frozenset[str], int] = (frozenset(), 0)
        self._read_cells_due_s = 0.0
        self._latest = StudySnapshot(path, study_name, loading=(0, 0))
        self._is_checked = False
        self._is_behind = True
        self._commits: tuple[int, int] | None = None
        self._file_revision = 0
        self._others: bytes | None = None
        self._others_changed_at_s: float | None = None
        self._ticker = Ticker(self._tick, self._columns.close, period_s=period_s, name="study feed")

    def start(self) -> None:
        """Start reading."""
        self._ticker.start()

    def stop(self) -> None:
        """Stop reading; nothing is posted any more once the reading under way has ended."""
        self._ticker.stop()

    def nudge(self) -> None:
        """Read now, instead of when the period is over."""
        self._facts_due_s = 0.0
        self._ticker.nudge()

    def want(self, columns: Collection[str]) -> None:
        """Read these columns, too, from now on; see `read_columns`."""
        wanted = frozenset(columns)
        if wanted != self._wanted:
            self._wanted, self._read_cells_due_s = wanted, 0.0
            self._ticker.nudge()

    def set_period(self, period_s: float) -> None:
        """Read as often from the next pause on."""
        self._ticker.set_period(period_s)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of a feed that was stopped, and say whether it came."""
        return self._ticker.join(timeout_s)

    def _tick(self) -> None:
        try:
            # What the engine has told of is in the file by then.
            asked = ask_status(self.path, self.study_name)
            snapshot = self._with_engine(asked, self._read_or_tell())
        except _StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - a thread that dies would look like a calm study
            self._columns.close()
            self._is_checked, self._is_behind = False, True
            what = safe_line(f"{type(error).__name__}: {error}")
            snapshot = replace(self._latest, trouble=f"The study cannot be read: {what}")
        self._hand_on(snapshot)

    def _read_or_tell(self) -> StudySnapshot:
        """Return what the file holds, or what was read before and why it cannot be read now."""
        try:
            return self._read()
        except HptuiError as error:
            self._is_checked, self._is_behind = False, True
            hint = f" {error.hint}" if error.hint else ""
            return replace(self._latest, trouble=f"{error.message}{hint}", loading=None)

    def _read(self) -> StudySnapshot:
        """Return what the file holds; what is known already when nothing has changed.

        Raises:
            HptuiError: The file cannot be read now.
        """
        if not self._is_checked:
            check_file(self.path)
        has_changed = self._columns.refresh()
        self._is_checked = True
        now_s = time.time()
        if self._columns.commits != self._commits:
            self._commits = self._columns.commits
            self._file_revision += 1
        # Attributes of the study may change without its trials.
        are_others = self._have_facts_changed() | self._have_causes_changed()
        are_others |= self._have_read_cells_changed()
        if are_others or has_changed or self._is_behind:
            self._is_behind = False
            snapshot = self._maker.make(self._columns.trials, self._facts, now_s)
            return replace(
                snapshot,
                file_revision=self._file_revision,
                causes=self._causes,
                read_cells=self._read_cells,
            )
        return replace(
            self._latest,
            trouble="",
            loading=None,
            read_at_s=now_s,
            file_revision=self._file_revision,
        )

    def _have_facts_changed(self) -> bool:
        began_s, before = time.monotonic(), self._facts
        if began_s < self._facts_due_s:
            return False
        n_objectives = len(self._columns.trials.directions)
        self._facts = read_facts(self.path, self.study_name, n_objectives)
        ended_s = time.monotonic()
        wait_s = max(_FACTS_PERIOD_S, _FACTS_COST_FACTOR * (ended_s - began_s))
        self._facts_due_s = ended_s + wait_s
        return self._facts != before

    def _have_causes_changed(self) -> bool:
        trials = self._columns.trials
        failed = trials.numbers[trials.states == FAIL]
        began_s = time.monotonic()
        if np.array_equal(failed, self._failed) or began_s < self._causes_due_s:
            return False
        self._causes = read_causes(self.path, self.study_name)
        self._failed = failed
        ended_s = time.monotonic()
        self._causes_due_s = ended_s + _FACTS_COST_FACTOR * (ended_s - began_s)
        return True

    def _have_read_cells_changed(self) -> bool:
        state = (self._wanted, self._file_revision if self._wanted else 0)
        began_s, before = time.monotonic(), self._read_cells
        if state == self._read_at or began_s < self._read_cells_due_s:
            return False
        self._read_cells = read_columns(self.path, self.study_name, state[0])
        self._read_at = state
        ended_s = time.monotonic()
        self._read_cells_due_s = ended_s + _FACTS_COST_FACTOR * (ended_s - began_s)
        return self._read_cells != before

    def _with_engine(self, asked: Asked, snapshot: StudySnapshot) -> StudySnapshot:
        if self._ticker.is_stopping:
            raise _StoppedError
        mirror = mirror_state(self.path)
        if mirror is not None and not asked.is_here:
            runner = mirror.describe() if mirror.is_stale else read_only_text(mirror)
            return replace(
                snapshot, engine=None, runner=runner, is_filled=True, is_here=False, is_mirror=True
            )
        if asked.lease is None and snapshot.counts.get("RUNNING", 0):
            # An engine may have begun meanwhile: its trials are not another program's.
            asked = ask_status(self.path, self.study_name)
        if asked.lease is None:
            self._look_at_others()
        changed = self._others_changed_at_s
        engine, runner, is_filled = engine_status(
            asked,
            snapshot.counts,
            changed_s_ago=None if changed is None else time.monotonic() - changed,
        )
        known = self._latest.engine
        pid = asked.lease.pid if asked.is_here and asked.lease is not None else None
        if asked.answer is None and known is not None and known.pid == pid:
            # An engine that gives no answer this once is still the one that was shown.
            engine, runner, is_filled = replace(known, trouble=asked.refusal), "", False
        return replace(
            snapshot, engine=engine, runner=runner, is_filled=is_filled, is_here=asked.is_here
        )

    def _look_at_others(self) -> None:
        """Note when trials that run without an engine of hptui have last got on.

        A commit tells nothing: notes, edits and runs of hptui are commits, too, beside trials that
        a program has left behind.
        """
        trials = self._columns.trials
        rows = np.flatnonzero(trials.states == RUNNING)
        parts = (trials.trial_ids, trials.last_steps, trials.last_values)
        others = b"".join(part[rows].tobytes() for part in parts)
        if self._others is not None and others != self._others:
            self._others_changed_at_s = time.monotonic()
        self._others = others

    def _announce_progress(self, done: int, total: int) -> None:
        if self._ticker.is_stopping:
            raise _StoppedError
        if total >= _MANY_TRIALS and done < total:
            snapshot = self._maker.make(self._columns.trials, self._facts, time.time())
            self._hand_on(replace(snapshot, loading=(done, total), engine=self._latest.engine))

    def _hand_on(self, snapshot: StudySnapshot) -> None:
        before, self._latest = self._latest, snapshot
        if _looks_like(before, snapshot) or self._ticker.is_stopping:
            return
        try:
            self._post(snapshot)
        except RuntimeError:
            # The event loop that took the snapshots is closed: nobody looks any more.
            self._ticker.stop()


def _looks_like(one: StudySnapshot, other: StudySnapshot) -> bool:
    return _looks_of(one) == _looks_of(other)


def _looks_of(snapshot: StudySnapshot) -> tuple[object, ...]:
    return (
        snapshot.revision,
        snapshot.file_revision,
        snapshot.loading,
        snapshot.engine,
        snapshot.runner,
        snapshot.is_filled,
        snapshot.is_here,
        snapshot.trouble,
    )
