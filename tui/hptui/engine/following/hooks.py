"""Shell commands that follow trials: one after the other beside the run, which never waits.

What a command does is its own affair: that it fails, hangs or floods is told, and the run goes on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import tempfile
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.readable import plural, show_duration
from hptui.domain.texts.text import safe_line
from hptui.engine.run.clock import now
from hptui.engine.workers.machine.processes import signal_group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_log = logging.getLogger("hptui.engine")

_MAX_WAITING: Final = 100
_MAX_TOLD: Final = 3
"""Failures of one command that are told as they come; the others are counted."""
_READ_BYTES: Final = 64 * 1024
_READS: Final = 16
"""Reads in one look: a flood waits in its pipe for the next."""
_TAIL_BYTES: Final = 2_000
_SHOWN_CHARS: Final = 300
_COMMAND_CHARS: Final = 60
_KILL_AFTER_S: Final = 1.0
_LOOK_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """A command that is to be run once."""

    option: str
    """As it is typed: `--on-best`."""
    command: str
    what: str
    """For what it runs: `trial 7`."""
    data: Mapping[str, Any]
    """What it finds as JSON on its standard input."""

    @property
    def shown(self) -> str:
        """The command as sentences name it."""
        return f"{self.option} {safe_line(self.command, max_chars=_COMMAND_CHARS)!r}"


class _Running:
    """A command that runs, in a session of its own, with the end of what it has printed.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.ends_at_s = 0.0
        self.is_asked_to_end = False
        self.tail = b""
        with tempfile.TemporaryFile() as given:
            # A file is never full, and never without a reader.
            given.write(json.dumps(call.data, default=str).encode("ascii") + b"\n")
            given.seek(0)
            self.out, target = os.pipe()
            try:
                os.set_blocking(self.out, False)
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", call.command],
                    stdin=given,
                    stdout=target,
                    stderr=target,
                    start_new_session=True,
                )
            except BaseException:
                os.close(self.out)
                raise
            finally:
                os.close(target)
        self.pid = self._process.pid

    def read(self) -> None:
        """Take what it has printed since."""
        for _ in range(_READS):
            data = b""
            with contextlib.suppress(BlockingIOError, InterruptedError):
                data = os.read(self.out, _READ_BYTES)
            if not data:
                return
            self.tail = (self.tail + data)[-_TAIL_BYTES:]

    def exit_code(self) -> int | None:
        """Return how it has ended, below zero the signal; None while it runs."""
        return self._process.poll()

    def end(self, *, force: bool) -> None:
        """Ask it and what it has started to end, or kill them."""
        self.is_asked_to_end = True
        signal_group(self.pid, signal.SIGKILL if force else signal.SIGTERM)

    def close(self) -> None:
        """Kill what is left of it."""
        signal_group(self.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self.out)


class Hooks:
    """Runs commands one after the other.

    Args:
        timeout_s: How long each may take.
        tell: Takes a sentence on what went wrong.
        watch: Told the process id of each that begins, which leads its group.
        unwatch: Told the same when it has ended.
    """

    def __init__(
        self,
        timeout_s: float,
        tell: Callable[[str], None],
        *,
        watch: Callable[[int], None] = lambda _: None,
        unwatch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._timeout_s = timeout_s
        self._tell = tell
        self._watch, self._unwatch = watch, unwatch
        self._waiting: deque[Call] = deque()
        self._running: _Running | None = None
        self._n_failed: dict[str, int] = {}
        self._n_left_out = 0
        self._interrupts: int | None = None
        """How often the run had been interrupted when its end was waited for."""

    def call(self, calls: Sequence[Call]) -> None:
        """Run commands when those before them have ended; of too many the oldest are left out."""
        self._waiting.extend(calls)
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popleft()
            self._n_left_out += 1

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or waits."""
        return self._running is None and not self._waiting

    def tick(self) -> None:
        """Look at what runs, end what has taken too long, and start what waits."""
        while True:
            if self._running is not None and not self._has_ended(self._running):
                return
            if not self._waiting:
                return
            self._start(self._waiting.popleft())

    def _start(self, call: Call) -> None:
        try:
            self._running = _Running(call)
        except OSError as error:
            self._failed(call, f"cannot be started: {error.strerror}")
            return
        self._running.ends_at_s = now() + self._timeout_s
        self._watch(self._running.pid)

    def _has_ended(self, running: _Running) -> bool:
        running.read()
        code = running.exit_code()
        if code is None:
            time_s = now()
            if running.is_asked_to_end and time_s >= running.ends_at_s + _KILL_AFTER_S:
                running.end(force=True)
            elif not running.is_asked_to_end and time_s >= running.ends_at_s:
                running.end(force=False)
            return False
        running.read()
        self._close(running)
        tail = safe_line(running.tail.decode(errors="replace").strip()[-_SHOWN_CHARS:])
        _log.info("%s for %s ended with %d: %s", running.call.shown, running.call.what, code, tail)
        if running.is_asked_to_end:
            self._failed(running.call, f"was ended after {show_duration(self._timeout_s)}")
        elif code:
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            self._failed(running.call, f"failed ({how})" + (f": {tail}" if tail else ""))
        return True

    def _close(self, running: _Running) -> None:
        self._running = None
        running.close()
        self._unwatch(running.pid)

    def _failed(self, call: Call, how: str) -> None:
        key = f"{call.option} {call.command}"
        self._n_failed[key] = self._n_failed.get(key, 0) + 1
        if self._n_failed[key] <= _MAX_TOLD:
            self._tell(f"{call.shown} for {call.what} {how}.")

    def is_ending(self, interrupts: int) -> bool:
        """Say at a run's end whether to wait for what runs or waits; who interrupts ends it.

        Args:
            interrupts: How often the run was interrupted until now.
        """
        if self._interrupts is None:
            self._interrupts = interrupts
        if not self.is_idle and interrupts > self._interrupts:
            self._give_up()
        return not self.is_idle

    def finish(self, pause: Callable[[float], None], interrupts: Callable[[], int]) -> None:
        """Wait for all that runs or waits; who interrupts ends it.

        Args:
            pause: Waits for so many seconds.
            interrupts: How often the run was interrupted until now.
        """
        self.tick()
        while self.is_ending(interrupts()):
            pause(_LOOK_S)
            self.tick()

    def sum_up(self) -> None:
        """Tell what was not told as it came."""
        for key, count in self._n_failed.items():
            if count > _MAX_TOLD:
                shown = safe_line(key, max_chars=_COMMAND_CHARS)
                self._tell(f"{shown!r} failed {plural(count, 'time')} in all.")
        if self._n_left_out:
            left_out = plural(
                self._n_left_out, "command of --on-best was", "commands of --on-best were"
            )
            self._tell(f"{left_out} skipped: the ones before took too long.")

    def _give_up(self) -> None:
        count = len(self._waiting) + (self._running is not None)
        self.close()
        self._tell(f"{plural(count, 'command was', 'commands were')} given up.")

    def close(self) -> None:
        """Kill what runs, and forget what waits."""
        self._waiting.clear()
        if self._running is not None:
            self._close(self._running)
