"""What has ended in a study since it was last looked at.

It gains that each trial is taken in once: Optuna goes through all of them for each new one.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from hptui.storage.sqlite.memory import Seen


class Reader:
    """Follows the list of a study's trials, which grows and whose open trials end."""

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        """The trials as they were last read; not to be changed."""
        self._open: list[int] = []

    def read(self, trials: list[FrozenTrial]) -> list[int] | None:
        """Return the places of the trials that have ended since, in rising order.

        None means that the list is another one: trials that had ended are gone, or have changed.
        Then all has to be read by a new reader.
        """
        seen = self.trials
        n_seen = len(seen)
        if len(trials) < n_seen:
            return None
        for index in self._open:
            seen[index] = trials[index]
        seen.extend(trials[n_seen:])
        # Of lists of the same objects this compares addresses alone.
        if seen != trials:
            return None
        ended: list[int] = []
        still_open: list[int] = []
        for index in (*self._open, *range(n_seen, len(seen))):
            (ended if seen[index].state.is_finished() else still_open).append(index)
        self._open = still_open
        return ended

    def open_trials(self) -> list[tuple[int, FrozenTrial]]:
        """Return the trials that had not ended, with their places."""
        return [(index, self.trials[index]) for index in self._open]


class Follower:
    """Hands out each trial that has ended once, and begins anew with another list."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._seen: Seen | None = None
        self._followed: tuple[BaseStorage, int] | None = None

    def ended(self, trials: list[FrozenTrial]) -> tuple[list[FrozenTrial], bool]:
        """Return the trials that have ended since, and whether all before is to be forgotten.

        They come in the order of the list, as far as they ended between the same two calls.
        """
        places, is_other = self.places(trials)
        return [trials[place] for place in places], is_other

    def places(self, trials: list[FrozenTrial]) -> tuple[list[int], bool]:
        """Return the places in the list of what `ended` returns, and the same flag."""
        places = self._reader.read(trials)
        if places is not None:
            return places, False
        self._reader = Reader()
        return self._reader.read(trials) or [], True

    def look(self, study: optuna.Study) -> tuple[list[FrozenTrial], list[FrozenTrial], bool]:
        """Return what has ended in a study since, what has not ended, and the flag of `ended`.

        hptui's storage tells that by itself, with no list of all trials; the order is any.
        """
        storage = study._storage
        is_switched = self._followed not in (None, (storage, study._study_id))
        if is_switched:
            self._reader, self._seen = Reader(), None
        self._followed = storage, study._study_id
        if isinstance(storage, SqliteStorage):
            found = storage.ended_since(study._study_id, self._seen)
            ended, unfinished, self._seen, is_other = found
        else:
            ended, is_other = self.ended(study.get_trials(deepcopy=False))
            unfinished = self.open_trials()
        return ended, unfinished, is_other or is_switched

    def at(self, place: int) -> FrozenTrial:
        """Return the trial at a place of the list."""
        return self._reader.trials[place]

    def open_trials(self) -> list[FrozenTrial]:
        """Return the trials of the list that had not ended."""
        return [trial for _, trial in self._reader.open_trials()]
