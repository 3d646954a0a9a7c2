"""The engine's side of a process that follows trials: its start, its turn, and its end."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.readable import plural, show_duration
from hptui.domain.texts.text import safe_line, sentence
from hptui.engine.run.clock import now
from hptui.engine.run.outcome import objective_error
from hptui.engine.workers.machine.processes import (
    descendants,
    describe_exit,
    kill_all,
    signal_group,
)
from hptui.engine.workers.trial_messages import spell_trial
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.loading.core_count import core_variables
from hptui.registry.loading.other_python import module_command, package_variables
from hptui.registry.scripts.script_process import hash_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

    from hptui.domain.following import Tracking
    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.ipc.connections import Connections
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.run.open_run import Run
    from hptui.engine.workers.guardian import Guardian
    from hptui.registry.loading.other_python import OtherPython

_log = logging.getLogger("hptui.engine")

_CLOSE_S: Final = 2.0
"""How long it may take to end by itself."""
_LAST_WORDS_S: Final = 1.0
"""How much later than its end what it has said may be read."""
_LOOK_S: Final = 0.1
_AHEAD: Final = 8
"""So many trials are with the process, the one that it works on included."""
_MAX_TOLD: Final = 3
"""Failures of one service that are told as they come; the others are counted."""
_NAME_CHARS: Final = 300


class Follower:
    """Has callbacks called with each trial, or services told of it, in order, in a process.

    Args:
        title: What the process is for, as sentences begin: `The callbacks`.
        prefix: What stands before the name of one of these: `The callback `.
        connections: Where it is waited for.
        guardian: Kills it when the engine is killed.
        socket: Where the engine listens.
        timeout_s: How long one trial may take.
        followed: Told the number of a trial when all is done for it.
        fail: Takes why nothing more can be done.
        tell: Takes a sentence on what went wrong while the process goes on.
    """

    def __init__(
        self,
        title: str,
        prefix: str,
        connections: Connections,
        guardian: Guardian,
        socket: Path,
        timeout_s: float,
        followed: Callable[[int], None],
        fail: Callable[[HptuiError], None],
        tell: Callable[[str], None],
    ) -> None:
        self._title, self._prefix = title, prefix
        self._connections = connections
        self._guardian = guardian
        self._socket = socket
        self._timeout_s = timeout_s
        self._followed = followed
        self._fail, self._tell = fail, tell
        self._token = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._channel: Channel | None = None
        self._run: Run | None = None
        self._waiting: deque[tuple[int, bool]] = deque()
        """Numbers of trials, and whether each is a new best one."""
        self._sent: deque[int] = deque()
        """Trials that the process has, in order: callbacks are being called with the first."""
        self._name = ""
        """Which one is being called."""
        self._n_failed: dict[str, int] = {}
        self._interrupts: int | None = None
        """How often the run had been interrupted when its end was waited for."""
        self._ends_at_s = 0.0
        self._gone_at_s: float | None = None
        """When it was seen to have ended without having connected."""
        self.problem: HptuiError | None = None
        """Why it cannot follow any more."""

    def start(
        self,
        study: str,
        log: Path,
        max_files: int,
        *,
        callbacks: Sequence[ObjectiveRef] = (),
        script: ObjectiveRef | None = None,
        tracking: Sequence[Tracking] = (),
        python: OtherPython | None = None,
    ) -> None:
        """Start the process.

        Args:
            study: The study's name.
            log: Where its output goes until the run has begun.
            max_files: How many files it may have open.
            callbacks: What is to be called.
            script: A script whose own callbacks are called before these.
            tracking: Services that are to be told, without callbacks.
            python: What runs them; None: the Python of this process.

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
            "study": study,
            "tracking": [each.to_json() for each in tracking],
        }
        # The cores belong to the trials.
        environment = os.environ | core_variables(1) | hash_variables()
        try:
            if python is not None:
                environment |= package_variables(self._socket.parent, environment)
            # Others see command lines, and addresses hold passwords.
            with tempfile.TemporaryFile() as given:
                given.write(json.dumps(order).encode("ascii"))
                given.seek(0)
                self._process = subprocess.Popen(
                    module_command(python, "hptui.engine.following.follower_process"),
                    stdin=given,
                    env=environment,
                )
        except OSError as error:
            raise HptuiError(
                f"{self._title} cannot be started: no new process, {error.strerror}."
            ) from error
        self._guardian.add(self._process.pid)
        with contextlib.suppress(OSError, AttributeError):
            self._pidfd = os.pidfd_open(self._process.pid)
            self._connections.watch_end(self._pidfd)

    @property
    def is_ready(self) -> bool:
        """Whether all that it is to call is loaded."""
        return self._channel is not None

    @property
    def n_waiting(self) -> int:
        """How many trials it is not done with yet."""
        return len(self._waiting) + len(self._sent)

    @property
    def _number(self) -> int | None:
        """The trial that callbacks are being called with."""
        return self._sent[0] if self._sent else None

    # -- its messages

    def expects(self, message: Message) -> bool:
        """Say whether a first message is from the process."""
        given = str(message.get("token")).encode(errors="replace")
        return secrets.compare_digest(self._token.encode(), given)

    def take_first(self, channel: Channel, message: Message) -> bool:
        """Take the first message of a connection; True when it is the process's from now on."""
        if self._channel is not None:
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
                if self._sent:
                    number = self._sent.popleft()
                    self._ends_at_s = now() + self._timeout_s
                    self._send_next()
                    self._followed(number)
            case "failed":
                self._count(str(message["name"]), str(message["what"]), str(message["text"]))
            case "raised":
                error = message["error"]
                text = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
                self._stop(sentence(f"raised {safe_line(text)}"), detail=str(error["traceback"]))
            case _:
                return False
        return True

    def _count(self, name: str, what: str, text: str) -> None:
        count = self._n_failed[name] = self._n_failed.get(name, 0) + 1
        if count <= _MAX_TOLD:
            shown = safe_line(name, max_chars=_NAME_CHARS)
            self._tell(f"{shown} failed for {safe_line(what)}: {safe_line(text)}.")

    def sum_up(self) -> None:
        """Tell what was not told as it came."""
        for name, count in self._n_failed.items():
            if count > _MAX_TOLD:
                shown = safe_line(name, max_chars=_NAME_CHARS)
                self._tell(f"{shown} failed {plural(count, 'time')} in all.")
        count = self.n_waiting
        if count:
            trials = plural(count, "trial")
            self._tell(f"{self._title} were stopped before they finished {trials}.")

    def broken(self) -> None:
        """Take that its connection carries no messages any more."""
        self._stop("wrote into the connection to the engine.")

    # -- the trials

    def begin(self, run: Run, log: Path) -> None:
        """Take that the run has begun; what is printed goes into `log` from now on."""
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

    def follow(self, number: int, *, is_best: bool = False) -> None:
        """Have a trial followed, after those before it."""
        if self.problem is None:
            self._waiting.append((number, is_best))
            self._send_next()

    def _send_next(self) -> None:
        """Send trials while the process works on those that it has, so that it need not wait."""
        run = self._run
        while run is not None and self._waiting and len(self._sent) < _AHEAD:
            number, is_best = self._waiting.popleft()
            if not self._sent:
                self._ends_at_s = now() + self._timeout_s
            self._sent.append(number)
            trial_id = run.trial_of(number)._trial_id
            order: Message = {"op": "trial", "n": number, "trial_id": trial_id, "best": is_best}
            try:
                self._send({**order, "trial": spell_trial(run.storage.get_trial(trial_id))})
            except ValueError:
                # It is too long for a message: the process sees that when it asks.
                self._send(order)

    def _send(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.send(message)
            self._connections.watch_writes(self._channel)

    # -- its end

    def due_s(self) -> float | None:
        """Return when to look at it; None when its end, or a message, tells by itself."""
        if self._process is None or self.problem is not None:
            return None
        if self._gone_at_s is not None:
            return self._gone_at_s + _LAST_WORDS_S
        if self._pidfd is None:
            return now() + _LOOK_S
        return None if self._number is None else self._ends_at_s

    def tick(self) -> None:
        """Look whether it has ended, or takes too long."""
        if self._process is None or self.problem is not None:
            return
        code = self._process.poll()
        if code is not None:
            self._take_last()
        if self.problem is not None or (code is not None and self._may_have_said()):
            return
        if code is not None:
            self._died(code)
        elif self._number is not None and now() >= self._ends_at_s:
            took = show_duration(self._timeout_s)
            self._stop(f"took longer than {took}.", hint="--follow-timeout gives more time.")

    def _may_have_said(self) -> bool:
        """Say whether why it could not load is still to be read: it connects only to tell that."""
        if self.is_ready:
            return False
        if self._gone_at_s is None:
            self._gone_at_s = now()
            self._forget_pidfd()
        return now() < self._gone_at_s + _LAST_WORDS_S

    def _forget_pidfd(self) -> None:
        if self._pidfd is not None:
            self._connections.forget_end(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

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
                f"{self._title} cannot be loaded: their process ended ({how}).",
                hint="Try importing them with python, outside hptui.",
            )
        elif self._number is None:
            self._stop(f"ended their process ({how}).")
        else:
            self._stop(f"ended its process ({how}).")

    def _stop(self, what: str, *, hint: str = "", detail: str = "") -> None:
        """Call nothing more, and say why."""
        if self.problem is not None:
            return
        shown = f"{self._prefix}{safe_line(self._name, max_chars=_NAME_CHARS)}"
        which = self._title if self._number is None else f"{shown}, for trial {self._number},"
        self.problem = HptuiError(f"{which} {what}", hint=hint, detail=detail)
        self._waiting.clear()
        self._sent.clear()
        self._kill()
        self._fail(self.problem)

    def is_ending(self, interrupts: int) -> bool:
        """Say at a run's end whether to wait for what it is not done with; an interrupt ends that.

        Args:
            interrupts: How often the run was interrupted until now.
        """
        if self._interrupts is None:
            self._interrupts = interrupts
        return self.n_waiting > 0 and interrupts <= self._interrupts

    def finish(
        self, summary: Message, pause: Callable[[float], None], interrupts: Callable[[], int]
    ) -> None:
        """Have the end of the run told, and wait for it.

        Args:
            summary: What is told.
            pause: Waits for so many seconds.
            interrupts: How often the run was interrupted until now.
        """
        process = self._process
        if process is None or self.problem is not None or self.n_waiting:
            return
        try:
            self._send({"op": "end", "summary": summary})
        except ValueError:
            # Parameters that no message holds.
            self._send({"op": "end", "summary": {**summary, "best": None}})
        before, ends_at_s = interrupts(), now() + self._timeout_s
        while process.poll() is None and now() < ends_at_s and interrupts() <= before:
            pause(_LOOK_S)
        has_ended = process.poll() is not None
        self._take_last()
        if not has_ended or process.returncode:
            shown = f"{self._prefix}{safe_line(self._name, max_chars=_NAME_CHARS)}"
            how = f"ended its process ({describe_exit(process.returncode)})"
            self._tell(f"{shown}, for the run, {how if has_ended else 'was given up'}.")
        self._kill()

    def close(self) -> None:
        """End the process, by force where it is busy."""
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
        self._forget_pidfd()
