"""Reads the trials of a study from its file bit by bit, for whoever only looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import OPEN_STATES
from hptui.errors import StudyFileError
from hptui.storage.files.leases import Living, living_runs
from hptui.storage.files.study_identity import read_directions
from hptui.storage.read.growing_trials import GrowingTrials
from hptui.storage.read.session import FollowedStudy
from hptui.storage.read.trial_chunks import (
    ChunkReader,
    IdList,
    IdRange,
    disordered_index,
    incomplete_index,
)

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from types import TracebackType

    from hptui.storage.read.growing_trials import DamagedTrial
    from hptui.trials import Trials

_FIRST_CHUNK: Final = 1_000
_CHUNK: Final = 20_000
_OPEN_TRIALS_A_CHUNK: Final = 500
_MAX_RESTARTS: Final = 3
_SCANNED_FOR_ONE: Final = 4
"""So many rows are looked at for a trial that is read, to see whether the index has all: within a
hundredth of the time."""

Progress = Callable[[int, int], None]
"""Called with how many trials were read and how many there are to read."""


class StudyReader:
    """The trials of one study in a file, followed as they come.

    `refresh` reads what is new: trials added since, and again those that had not ended.
    A damaged row never makes the study unreadable: it is listed in `damaged`. A study that was
    deleted and created again is read from its start. One thread at a time.
    """

    def __init__(self, path: Path, study_name: str, *, on_progress: Progress | None = None) -> None:
        self._growing = GrowingTrials()
        self.path = path
        self.study_name = study_name
        self._on_progress = on_progress
        self.study = FollowedStudy(path, study_name)
        self._commits: tuple[int, int] | None = None
        self._living = Living()

    @property
    def trials(self) -> Trials:
        """The trials as they were read last; the same object while nothing changes."""
        return self._growing.trials

    @property
    def damaged(self) -> list[DamagedTrial]:
        """What of the trials is damaged, at most MAX_DAMAGED_LISTED entries."""
        return self._growing.damaged

    @property
    def has_omitted_params(self) -> bool:
        """Whether parameters were left out because there are too many names."""
        return self._growing.params.has_omitted

    def refresh(self) -> bool:
        """Read what is new and say whether anything was.

        What was read stays when it is interrupted, also by `on_progress` raising an exception.

        Raises:
            StudyFileError: The study or its file is no longer there, or cannot be read.
            StudyBusyError: Another program has locked the file.
        """
        # Before the first look at the file: what ends meanwhile is still seen as running.
        living = living_runs(self.path)
        commits = self.study.commits()
        if commits == self._commits and living == self._living:
            return False
        self._living = living
        for _ in range(_MAX_RESTARTS):
            changed = self._read_all()
            if changed is not None:
                self._commits = commits
                return changed
        raise StudyFileError(
            f"The study {safe_line(self.study_name)!r} keeps being replaced.",
            hint="Check what else writes to its file.",
        )

    @property
    def commits(self) -> tuple[int, int] | None:
        """Another pair after each commit to the file; None before the first reading."""
        return self._commits

    def close(self) -> None:
        """Let go of the file; the columns stay, and `refresh` opens it again."""
        self.study.close()
        self._commits = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _read_all(self) -> bool | None:
        """Read all that is new; None when the study was replaced on the way."""
        again = self._open_trials()
        done, total = 0, sum(len(selection.ids) for selection in again)
        while True:
            # A snapshot for each chunk, not for all: a writer without WAL waits for readers.
            with self.study.look() as study:
                connection = study.connection
                if not study.is_same:
                    is_replaced = self.study.identity is not None
                    self._growing.clear(read_directions(connection, study.study_id))
                    if is_replaced:
                        return None
                if not done:
                    total += self._count_new(connection, study.study_id)
                selection = again.pop() if again else self._next_new(connection, study.study_id)
                if selection is None:
                    break
                reader = ChunkReader(
                    connection,
                    study.study_id,
                    len(self._growing.directions),
                    self._growing.params,
                    self._living,
                )
                chunks = reader.read(selection)
            for chunk in chunks:
                self._growing.put(chunk)
                done += len(chunk.trial_ids)
            self._require_progress(selection)
            if self._on_progress is not None:
                self._on_progress(done, total)
        self._growing.note_duplicate_numbers()
        return done > 0

    def _require_progress(self, selection: IdList | IdRange) -> None:
        """Refuse to look for the same trials again and again, as a damaged index makes us do.

        Raises:
            StudyFileError: The index named trials that are known, or that the table does not have.
        """
        if (
            isinstance(selection, IdRange)
            and not selection.low <= selection.high <= self._growing.last_id
        ):
            raise disordered_index()

    def _open_trials(self) -> list[IdList]:
        identity = self.study.identity
        if identity is None:
            return []
        ids = self.trials.trial_ids[np.isin(self.trials.states, OPEN_STATES)].tolist()
        return [
            IdList(identity.study_id, tuple(ids[start : start + _OPEN_TRIALS_A_CHUNK]))
            for start in range(0, len(ids), _OPEN_TRIALS_A_CHUNK)
        ]

    def _count_new(self, connection: sqlite3.Connection, study_id: int) -> int:
        """Return how many trials there are to read by the index.

        Raises:
            StudyFileError: The table has others, which would not be read.
        """
        asked = "FROM trials {} WHERE study_id = ? AND trial_id > ?"
        (count,) = connection.execute(
            f"SELECT COUNT(*) {asked.format('')}", (study_id, self._growing.last_id)
        ).fetchone()
        (last,) = connection.execute("SELECT MAX(trial_id) FROM trials").fetchone()
        # Of a file with many trials of other studies the table is not looked through.
        if (last or 0) - self._growing.last_id <= _SCANNED_FOR_ONE * count + _FIRST_CHUNK:
            (n_there,) = connection.execute(
                f"SELECT COUNT(*) {asked.format('NOT INDEXED')}", (study_id, self._growing.last_id)
            ).fetchone()
            if n_there != count:
                raise incomplete_index(count, n_there)
        return int(count)

    def _next_new(self, connection: sqlite3.Connection, study_id: int) -> IdRange | None:
        # The first chunk is small: it teaches the later ones what the parameters are.
        limit = _CHUNK if len(self._growing) else _FIRST_CHUNK
        (high,) = connection.execute(
            "SELECT MAX(trial_id) FROM (SELECT trial_id FROM trials WHERE study_id = ? "
            "AND trial_id > ? ORDER BY trial_id LIMIT ?)",
            (study_id, self._growing.last_id, limit),
        ).fetchone()
        return None if high is None else IdRange(study_id, self._growing.last_id + 1, high)
