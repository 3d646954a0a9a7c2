"""When what is buffered goes into the study file, and what happens while the file refuses.

A server in its place is meant by the file.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hptui.engine.run.clock import now
from hptui.engine.run.lock_turns import LockTurns
from hptui.errors import HptuiError
from hptui.storage.sqlite.writer import StudyGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.engine.run.observer import Announcer
    from hptui.engine.run.study_trials import TrialRecord
    from hptui.storage.sqlite.storage import SqliteStorage

FINISH_COMMIT_S = 0.005
"""A trial that has ended is committed, and so announced, this much later on a fast disk."""
REPORT_COMMIT_S = 0.1
"""Reports and attributes of running trials are committed at most this much later."""
_COMMIT_SHARE = 0.1
"""The share of the engine's time that commits may take: on a slow disk they gather more trials."""
_RETRY_S = 0.05
_TELL_TROUBLE_AFTER_S = 1.0
LIMIT_S = 600.0
"""A run whose file takes no writes for so long ends, with what it has kept beside the file."""
_LAST_RETRY_S = 0.1
_PATIENCE_S = 2.0
"""How long the last commit is tried after a second Ctrl+C; a third cuts it short."""


class Commits:
    """Groups writes into transactions, and announces a trial only after its commit."""

    def __init__(
        self,
        storage: SqliteStorage,
        observer: Announcer,
        on_blocked: Callable[[bool], None],
        on_given_up: Callable[[HptuiError], None],
        corrected: Callable[[TrialRecord], TrialRecord],
    ) -> None:
        self._storage = storage
        self._corrected = corrected
        """Gives a record again as the file has it, where another program was first."""
        self._observer = observer
        self._on_blocked = on_blocked
        self._on_given_up = on_given_up
        self._given_up: HptuiError | None = None
        """Why the run ends: the file will not take what is buffered."""
        self._dirty_since_s: float | None = None
        self._finish_commit_s = FINISH_COMMIT_S
        self._retry_at_s: float | None = None
        self._blocked_since_s: float | None = None
        self._has_told_trouble = False
        self._reason = ""
        self.unannounced: deque[TrialRecord] = deque()
        self.may_gather: Callable[[], bool] = lambda: True
        """Whether another trial may end soon and go with those that have; else none waits."""
        self._turns = LockTurns(storage)
        self._rest_until_s: float | None = None
        """Till then the lock is left to other programs, and nothing new starts."""

    def touch(self) -> None:
        """Note that something has been buffered."""
        if self._dirty_since_s is None:
            self._dirty_since_s = now()

    def due_s(self) -> float | None:
        """Return when to commit next; None when nothing is buffered."""
        if self._retry_at_s is not None:
            return self._retry_at_s
        has_lock = self._storage.in_transaction
        if not has_lock and not self._storage.pending and not self.unannounced:
            self._dirty_since_s = None
        if self._rest_until_s is not None:
            # Trials that are enqueued or added take the lock in a rest, too: it is not kept then.
            return 0.0 if has_lock else self._rest_until_s
        if self._dirty_since_s is None:
            return None
        if has_lock and self._turns.is_shared(now()):
            return self._dirty_since_s
        if self.unannounced and not self.may_gather():
            return self._dirty_since_s
        soon = has_lock or self._storage.has_pending_finish
        return self._dirty_since_s + (self._finish_commit_s if soon else REPORT_COMMIT_S)

    def tick(self, now_s: float) -> None:
        """Commit when it is due."""
        due_s = self.due_s()
        if due_s is None or now_s < due_s:
            return
        rest_until_s = self._rest_until_s
        if rest_until_s is not None and now_s >= rest_until_s and self._retry_at_s is None:
            self._rest_until_s = None
            # What is asked for now goes into one transaction with all that has ended meanwhile.
            self._on_blocked(False)
        if self._blocked_since_s is None or self._retry_at_s is not None:
            self.commit()
        self._look_at_trouble(now_s)

    def commit(self) -> bool:
        """Write what is buffered and announce what has ended; False when the file refuses."""
        self._retry_at_s = None
        began_s, takes_lock = now(), self._storage.pending > 0
        try:
            is_stored = self._storage.flush()
        except HptuiError as error:
            self.give_up(error)
            is_stored = False
        if not is_stored:
            self.block()
            return False
        wait_s = (now() - began_s) / _COMMIT_SHARE
        self._finish_commit_s = min(REPORT_COMMIT_S, max(FINISH_COMMIT_S, wait_s))
        self._dirty_since_s = None
        conflicts = self._storage.take_conflicts()
        while self.unannounced:
            record = self.unannounced.popleft()
            self._observer.trial(self._corrected(record) if conflicts else record)
        for sentence in conflicts:
            self._observer.note(sentence)
        if self._blocked_since_s is not None:
            self._unblock(self._blocked_since_s)
        elif takes_lock and self._storage.server is None:
            self._rest(now())
        return True

    def settle(self) -> None:
        """Commit what changes how many trials are in each state, if the file takes it now."""
        is_counted = self._storage.in_transaction or self._storage.has_pending_finish
        if is_counted and not self.lasting_trouble:
            self.commit()
        self._storage.show()

    def _rest(self, now_s: float) -> None:
        rest_s = self._turns.rest_s(now_s)
        # A commit in a rest does not prolong it: whoever asks often would hold up the run.
        if rest_s and self._rest_until_s is None:
            self._rest_until_s = now_s + rest_s
            self._on_blocked(True)

    def commit_last(self, pause: Callable[[float], None], interrupts: Callable[[], int]) -> None:
        """Commit at the end of a run, trying again as long as a run waits for its file.

        Args:
            pause: Waits for so many seconds.
            interrupts: How often the run was interrupted until now.

        Raises:
            HptuiError: The file took no writes, or whoever interrupts would not wait any longer.
                Closing the study tries once more, and says what is not stored.
        """
        began_s, before = now(), interrupts()
        while not self.commit():
            is_cut_short = interrupts() > 1 and (
                interrupts() > before or now() > began_s + _PATIENCE_S
            )
            if self._given_up is not None:
                raise self._given_up
            if is_cut_short:
                raise HptuiError(
                    f"{self._storage.called} could not be written at the end of the run "
                    f"({self.trouble}); all trials that have ended are stored, but not how the run "
                    "ended."
                )
            self._look_at_trouble(now())
            pause(_LAST_RETRY_S)

    def _unblock(self, since_s: float) -> None:
        self._blocked_since_s = None
        if self._rest_until_s is None:
            self._on_blocked(False)
        if self._blocked_since_s is not None:
            # A new trial was refused again at once: it is the same trouble.
            self._blocked_since_s = since_s
        elif self._has_told_trouble:
            self._has_told_trouble = False
            self._observer.note(f"{self._storage.called} can be written again.")

    def block(self, reason: str = "") -> None:
        """Note that the file refuses writes: nothing new is started until it takes them."""
        time_s = now()
        self._retry_at_s = time_s + _RETRY_S
        if self._given_up is None:
            cannot = f"{self._storage.called} cannot be written."
            self._reason = reason or self._storage.trouble or cannot
        if self._blocked_since_s is None:
            self._blocked_since_s = time_s
            self._on_blocked(True)

    def give_up(self, error: HptuiError) -> None:
        """End the run, once, because of what will not pass; what is buffered is kept.

        Raises:
            StudyGoneError: That is the error: there is nothing to keep, and ids have new meanings.
        """
        if isinstance(error, StudyGoneError):
            raise error
        if self._given_up is None:
            self._given_up = error
            self._reason = error.message
            self._on_given_up(error)

    def _look_at_trouble(self, now_s: float) -> None:
        """Tell of a file that refuses, and give it up after the limit."""
        since_s = self._blocked_since_s
        if since_s is None or self._given_up is not None:
            return
        limit = f"{LIMIT_S / 60:g} minutes"
        if now_s > since_s + LIMIT_S:
            self.give_up(
                HptuiError(
                    f"{self._storage.called} could not be written for {limit}: {self._reason}"
                )
            )
        elif now_s > since_s + _TELL_TROUBLE_AFTER_S:
            if not self._has_told_trouble:
                self._observer.note(f"{self._reason} Waiting for up to {limit}; nothing is lost.")
            self._has_told_trouble = True

    @property
    def trouble(self) -> str:
        """Why the study file takes no writes now; empty when it does."""
        if self._blocked_since_s is None:
            return ""
        return self._reason

    @property
    def lasting_trouble(self) -> str:
        """Why the study file takes no writes for a while now: others may write it, too."""
        since_s = self._blocked_since_s
        return self._reason if since_s and now() > since_s + _TELL_TROUBLE_AFTER_S else ""
