"""The engine's side of the process that calls callbacks: its start, its turn, and its end."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.readable import show_duration
from hptui.domain.text import safe_line
from hptui.engine.clock import now
from hptui.engine.crew import describe_exit
from hptui.engine.outcome import objective_error
from hptui.engine.processes import descendants, kill_all, signal_group
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.core_count import core_variables
from hptui.registry.program import hash_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.connections import Connections
    from hptui.engine.processes import Guardian
    from hptui.engine.protocol import Channel, Message
    from hptui.engine.run import Run

_log = logging.getLogger("hptui.engine")

_CLOSE_S: Final = 2.0
"""How long it may take to end by itself."""
_LOOK_S: Final = 0.1
_NAME_CHARS: Final = 300


class Follower:
    """Has callbacks called with each trial, in order, in a process of their own.

    Args:
        connections: Where it is waited for.
        guardian: Kills it when the engine is killed.
        socket: Where the engine listens.
        timeout_s: How long the callbacks may take for one trial.
        followed: Told the number of a trial when all have been called with it.
        fail: Takes why no more can be called.
    """

    def __init__(
        self,
        connections: Connections,
        guardian: Guardian,
        socket: Path,
        timeout_s: float,
        followed: Callable[[int], None],
        fail: Callable[[HptuiError], None],
    ) -> None:
        self._connections = connections
        self._guardian = guardian
        self._socket = socket
        self._timeout_s = timeout_s
        self._followed = followed
        self._fail = fail
        self._token = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._channel: Channel | None = None
        self._run: Run | None = None
        self._waiting: deque[int] = deque()
        self._number: int | None = None
        """The trial that callbacks are being called with."""
        self._name = ""
        """Which callback is being called."""
        self._ends_at_s = 0.0
        self.problem: HptuiError | None = None
        """Why it cannot follow any more."""

    def start(
        self,
        callbacks: Sequence[ObjectiveRef],
        script: ObjectiveRef | None,
        log: Path,
        max_files: int,
    ) -> None:
        """Start the process.

        Args:
            callbacks: What is to be called.
            script: A script whose own callbacks are called before these.
            log: Where its output goes until the run has begun.
            max_files: How many files it may have open.

        Raises:
            HptuiError: The machine has no process for it.
        """
        order: dict[str, Any] = {
            "socket": str(self._socket),
            "home": str(Path.cwd()),
            "log": str(log),
            "token": self._token,
            "max_files": max_files,
            "callbacks": [each.to_json() for each in callbacks],
            "script": None if script is None else script.to_json(),
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hptui.engine.follower_process", json.dumps(order)],
                stdin=subprocess.DEVNULL,
                # The cores belong to the trials.
                env=os.environ | core_variables(1) | hash_variables(),
            )
        except OSError as error:
            raise HptuiError(
                f"The process of the callbacks cannot be started: {error.strerror}."
            ) from error
        self._guardian.add(self._process.pid)
        with contextlib.suppress(OSError, AttributeError):
            self._pidfd = os.pidfd_open(self._process.pid)
            self._connections.watch_end(self._pidfd)

    @property
    def is_ready(self) -> bool:
        """Whether the callbacks are loaded."""
        return self._channel is not None

    @property
    def pid(self) -> int | None:
        """The process; None before its start and after its end."""
        return None if self._process is None else self._process.pid

    @property
    def n_waiting(self) -> int:
        """How many trials the callbacks have not been called with yet."""
        return len(self._waiting) + (self._number is not None)

    # -- its messages

    def take_first(self, channel: Channel, message: Message) -> bool:
        """Take the first message of a connection; True when it is the process's from now on."""
        given = str(message.get("token")).encode(errors="replace")
        if self._channel is not None or not secrets.compare_digest(self._token.encode(), given):
            channel.is_closed = True
            return False
        if message.get("op") == "unfollow":
            self.problem = objective_error(message["error"])
            return False
        self._channel = channel
        return True

    def serves(self, channel: Channel) -> bool:
        """Say whether a connection is that of the process."""
        return channel is self._channel

    def take(self, message: Message) -> bool:
        """Take a message on what the callbacks do; False for what they ask of the study."""
        match message.get("op"):
            case "calling":
                self._name = str(message.get("name"))
            case "followed":
                number, self._number = self._number, None
                if number is not None:
                    self._followed(number)
                self._send_next()
            case "raised":
                error = message["error"]
                text = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
                self._stop(f"raised {safe_line(text)}.", detail=str(error["traceback"]))
            case _:
                return False
        return True

    def broken(self) -> None:
        """Take that its connection carries no messages any more."""
        self._stop("wrote into the connection to the engine.")

    # -- the trials

    def begin(self, run: Run, log: Path) -> None:
        """Take that the run has begun; its callbacks print into `log` from now on."""
        self._run = run
        self._send(
            {
                "op": "begin",
                "study_id": run.study._study_id,
                "study_name": run.study.study_name,
                "directions": run.trials.directions,
                "log": str(log),
            }
        )

    def follow(self, number: int) -> None:
        """Have the callbacks called with a trial, after those before it."""
        if self.problem is None:
            self._waiting.append(number)
            self._send_next()

    def _send_next(self) -> None:
        if self._number is not None or not self._waiting or self._run is None:
            return
        self._number = self._waiting.popleft()
        self._ends_at_s = now() + self._timeout_s
        trial_id = self._run.trial_of(self._number)._trial_id
        self._send({"op": "trial", "n": self._number, "trial_id": trial_id})

    def _send(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.send(message)
            self._connections.watch_writes(self._channel)

    # -- its end

    def due_s(self) -> float | None:
        """Return when to look at it; None when its end, or a message, tells by itself."""
        if self._process is None or self.problem is not None:
            return None
        ends_at_s = None if self._number is None else self._ends_at_s
        if self._pidfd is not None:
            return ends_at_s
        return now() + _LOOK_S

    def tick(self) -> None:
        """Look whether it has ended, or takes too long."""
        if self._process is None or self.problem is not None:
            return
        code = self._process.poll()
        if code is not None:
            self._take_last()
        if self.problem is not None:
            return
        if code is not None:
            self._died(code)
        elif self._number is not None and now() >= self._ends_at_s:
            took = show_duration(self._timeout_s)
            self._stop(
                f"took longer than {took}.", hint="--follow-timeout gives callbacks more time."
            )

    def _take_last(self) -> None:
        """Take what it has sent before its end."""
        if self._channel is not None and not self._channel.is_closed:
            with contextlib.suppress(HptuiError):
                for message in self._channel.receive_all():
                    self.take(message)

    def _died(self, code: int) -> None:
        how = describe_exit(code)
        if not self.is_ready:
            self.problem = ObjectiveError(
                f"The process of the callbacks ended while it loaded them ({how}).",
                hint="Try to import the file with python, outside hptui.",
            )
        elif self._number is None:
            self._stop(f"ended their process ({how}).")
        else:
            self._stop(f"ended its process ({how}).")

    def _stop(self, what: str, *, hint: str = "", detail: str = "") -> None:
        """Call nothing more, and say why."""
        if self.problem is not None:
            return
        shown = f"The callback {safe_line(self._name, max_chars=_NAME_CHARS)}"
        which = "The callbacks" if self._number is None else f"{shown}, for trial {self._number},"
        self.problem = HptuiError(f"{which} {what}", hint=hint, detail=detail)
        self._waiting.clear()
        self._number = None
        self._kill()
        self._fail(self.problem)

    def close(self) -> None:
        """End the process, by force where a callback is running."""
        if self._process is None:
            return
        if self._number is None and self.problem is None and self._channel is not None:
            self._send({"op": "exit"})
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_S)
        self._kill()

    def _kill(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        left: list[psutil.Process] = [] if process.poll() is not None else descendants(process.pid)
        signal_group(process.pid, signal.SIGKILL)
        process.kill()
        kill_all(left)
        process.wait()
        self._guardian.drop(process.pid)
        if self._pidfd is not None:
            self._connections.forget_end(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
