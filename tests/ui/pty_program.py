"""A program on a terminal of its own: what it writes, and how it leaves the terminal."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import threading
from typing import TYPE_CHECKING

from tests.waiting import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.e2e.forked_runs import Starter

_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_KITTY = re.compile(rb"\x1b\[([>=<])(\d*)u")
_ALL = b"\0that is all\0"
_IN_BAND_QUERY, _IN_BAND_YES = b"\x1b[?2048$p", b"\x1b[?2048;1$y"


class PtyProgram:
    """A process whose terminal is a pseudo terminal that this side reads.

    The terminal sends SIGHUP when it goes, unless it is not the controlling one.

    It answers that it supports in-band resizing, as modern terminals do, so that the application
    uses all the modes it knows.

    Args:
        module: What is run, as by `python -m`.
        arguments: Of the program.
        starter: What forks it; without, it has an interpreter of its own.
        cwd: Its folder.
        env: More environment variables.
        size: Columns and rows of the terminal.
        is_controlling: Whether the terminal is the controlling one.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        starter: Starter | None = None,
        cwd: Path,
        env: Mapping[str, str],
        size: tuple[int, int] = (100, 30),
        is_controlling: bool = True,
    ) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._slave = slave
        self.settings_before = termios.tcgetattr(slave)
        self._lock = threading.Lock()
        self._written = bytearray()
        # A terminal that a thread is reading stays open whoever closes it, till there is something
        # to read; the thread is woken for its end by this pipe.
        self._end_of_reading, self._may_end = os.pipe()
        variables = {"TERM": "xterm-256color", **env}
        self.process: subprocess.Popen[str]
        if starter is not None:
            self.process = starter.begin_on_terminal(
                module, arguments, cwd, variables, slave, is_controlling=is_controlling
            )
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=cwd,
                env={**os.environ, **variables},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                text=True,
                start_new_session=True,
                preexec_fn=_control_terminal if is_controlling else None,
            )
        self.read()

    def read(self) -> None:
        """Read what it writes, from now on."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._end_of_reading], [], [])
            if self._end_of_reading in ready:
                os.read(self._end_of_reading, 1)
                return
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self._written += data
            if _IN_BAND_QUERY in data:
                os.write(self._master, _IN_BAND_YES)

    @property
    def written(self) -> bytes:
        """All that it wrote so far."""
        with self._lock:
            return bytes(self._written.removesuffix(_ALL))

    def wait_for(self, text: str) -> None:
        """Wait until it has written a text; fails when it does not."""
        wanted = text.encode()

        def is_written() -> bool:
            # What an ended program has written may not have been read yet.
            has_ended = self.process.poll() is not None
            is_there = wanted in self.written
            assert is_there or not has_ended, f"ended before {text!r}: {self.written[-3000:]!r}"
            return is_there

        wait_until(is_written, f"{text!r} written", lambda: self.written[-3000:])

    def press(self, keys: str) -> None:
        """Type on its terminal."""
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """Close this side of the terminal, as a closed window does."""
        self.stop_reading()
        os.close(self._slave)
        os.close(self._master)
        self._slave = self._master = -1

    def stop_reading(self) -> None:
        """Read nothing more, as a terminal that somebody has stopped."""
        if self._reader.is_alive():
            os.write(self._may_end, b"x")
            self._reader.join()

    def finish(self) -> int:
        """Wait for its end and for all that it has written, and return its exit code."""
        code = self.process.wait(DEADLINE_S)
        if self._slave >= 0:
            os.write(self._slave, _ALL)
            wait_until(lambda: _ALL in self._written, "all was read")
        return code

    def settings_after(self) -> list[object]:
        """Return the terminal's settings now."""
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        """End what is left of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        self.stop_reading()
        for fd in (self._slave, self._master, self._end_of_reading, self._may_end):
            if fd >= 0:
                os.close(fd)


def _control_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def modes_left_on(written: bytes) -> set[str]:
    """Return the terminal modes that were turned on and not off; `cursor` when it is hidden."""
    state: dict[str, bool] = {}
    for match in _MODE.finditer(written):
        for mode in match[1].decode().split(";"):
            state[mode] = match[2] == b"h"
    is_cursor_hidden = state.pop("25", True) is False
    # 7 is line wrap, on by default; 2026 brackets each frame.
    left = {mode for mode, is_on in state.items() if is_on and mode not in ("7", "2026")}
    if state.get("7") is False:
        left.add("no line wrap")
    depth = sum({b">": 1, b"<": -1}.get(match[1], 0) for match in _KITTY.finditer(written))
    if is_cursor_hidden:
        left.add("cursor")
    if depth > 0:
        left.add("kitty")
    return left
