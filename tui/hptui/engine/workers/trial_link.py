"""A trial's own way to the engine, for its threads and for the processes that it starts."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError

from hptui.engine.ipc.protocol import WorkerLink

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hptui.engine.ipc.protocol import Message

_ERRORS: dict[str, type[Exception]] = {
    each.__name__: each
    for each in (
        ValueError,
        TypeError,
        KeyError,
        RuntimeError,
        OverflowError,
        AttributeError,
        StorageInternalError,
        UpdateFinishedTrialError,
    )
}
_MOVING = threading.Lock()
os.register_at_fork(after_in_child=_MOVING._at_fork_reinit)  # pyright: ignore


class TrialEnded(BaseException):
    """Raised inside an objective whose trial the engine has ended; not caught by `Exception`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrialLink:
    """What one trial sends and asks, from its beginning to its end.

    Requests carry numbers, and one thread at a time asks, so that each gets its own answer. An
    order to the worker is kept for it. In another process, a forked child or one that the trial
    was pickled to, it makes a connection of its own, which the engine serves as long as the trial
    runs; there nothing is sent without waiting for the engine to have it, since the trial may end
    when the child has.

    Args:
        connection: The worker's.
        number: The trial's, which every message carries.
        watches: Whether to look, whenever something is sent, whether the trial has been ended.
        user: What uses it, in sentences: a trial, or a callback that follows trials.
    """

    user = "trial"

    def __init__(
        self,
        connection: WorkerLink,
        number: int,
        *,
        watches: bool = False,
        user: str = "trial",
    ) -> None:
        self.user = user
        self.number = number
        self._path = connection.path
        self._token = str(connection.hello["token"])
        self._connection: WorkerLink | None = connection
        self._watches = watches
        self._is_guest = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.RLock()
        self._n_asked = 0
        self._is_asking = False
        self._is_closed = False
        self._stopped: str | None = None
        self._pid = os.getpid()

    @classmethod
    def _of_guest(cls, path: str, token: str, number: int) -> TrialLink:
        link = cls.__new__(cls)
        link.number, link._path, link._token = number, Path(path), token
        link._become_guest()
        return link

    def _become_guest(self) -> None:
        self._connection = None
        self._watches = False
        self._is_guest = True
        self._start_anew()

    def __reduce__(self) -> tuple[Any, ...]:
        return TrialLink._of_guest, (str(self._path), self._token, self.number)

    def __deepcopy__(self, _: object) -> TrialLink:
        return self

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None and self._is_guest and self._pid == os.getpid():
            connection.close()

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while something is sent and its answer received."""
        if self._pid != os.getpid():
            with _MOVING:
                if self._pid != os.getpid():
                    # Another thread of the parent may have held the lock.
                    self._become_guest()
        return self._lock

    def tell(self, message: Message) -> None:
        """Send `message`; waits for nothing but room.

        Raises:
            TrialEnded: The engine has ended the trial.
            UpdateFinishedTrialError: The trial is over.
            ValueError: The message is longer than the engine takes.
        """
        with self.lock:
            if self._is_guest:
                self.ask(message)
                return
            self._use().send({**message, "n": self.number})
            if self._watches:
                self._look()

    def ask(self, message: Message) -> Message:
        """Send `message` and return its answer.

        Raises:
            TrialEnded: The engine has ended the trial.
            UpdateFinishedTrialError: The trial is over.
            Exception: What the engine answers, such as a `ValueError` of a sampler.
        """
        with self.lock:
            connection = self._use()
            if self._is_asking:
                raise RuntimeError("A signal handler cannot ask while the trial waits.")
            self._is_asking = True
            try:
                answer = self._exchange(connection, message)
            finally:
                self._is_asking = False
        if "error" in answer:
            name, text = answer["error"]
            kind = _ERRORS.get(name)
            raise kind(text) if kind else RuntimeError(f"{name}: {text}")
        return answer

    @property
    def folder(self) -> Path:
        """The folder of the engine's socket."""
        return self._path.parent

    def fileno(self) -> int | None:
        """Return what becomes readable when the engine says something unasked."""
        return None if self._connection is None else self._connection.fileno()

    def look(self) -> None:
        """Take what the engine has said unasked; waits only for a message that has begun.

        Raises:
            TrialEnded: It has ended the trial.
            ConnectionError: It has ended itself.
        """
        with self.lock:
            connection = self._use()
            self._look()
            if not self._is_closed and connection.is_at_end():
                raise ConnectionError("the engine has ended")

    def close(self) -> None:
        """Let nothing be sent or received for this trial any more."""
        with self.lock:
            self._is_closed = True

    def _use(self) -> WorkerLink:
        """Return the connection, as long as the trial may use it."""
        if self._is_closed:
            raise self._over()
        if self._stopped is not None:
            raise TrialEnded(self._stopped)
        if self._connection is None:
            hello: Message = {"op": "hello", "token": self._token, "trial": self.number}
            try:
                self._connection = WorkerLink(self._path, hello)
            except OSError as error:
                raise self._over() from error
        return self._connection

    def _over(self) -> UpdateFinishedTrialError:
        # Optuna's own words.
        return UpdateFinishedTrialError(
            f"Trial#{self.number} has already finished and can not be updated."
        )

    def _exchange(self, connection: WorkerLink, message: Message) -> Message:
        self._n_asked += 1
        asked = self._n_asked
        try:
            connection.send({**message, "n": self.number, "q": asked})
            while True:
                arrived = connection.receive()
                if arrived.get("q") == asked and "stop" not in arrived:
                    return arrived
                self._take(connection, arrived)
        except OSError as error:
            if not self._is_guest:
                raise
            self._is_closed = True
            raise self._over() from error

    def _look(self) -> None:
        connection = self._use()
        while connection.has_news():
            self._take(connection, connection.receive())

    def _take(self, connection: WorkerLink, message: Message) -> None:
        """Take what is no answer to the question; an answer that comes too late is dropped."""
        if message.get("op") is not None:
            connection.keep_order(message)
        elif "stop" in message and message.get("n") == self.number:
            self._stopped = str(message["stop"])
            raise TrialEnded(self._stopped)
