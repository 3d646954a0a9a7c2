"""A program on a pseudo terminal, with the times at which it writes."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = (160, 48)
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|.)"
)


class Terminal:
    """Runs a program; texts are looked for in what it has written, without escapes."""

    def __init__(self, command: Sequence[str], *, cwd: Path | None = None) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        self.began_s = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def press(self, keys: str) -> float:
        """Forget what was written so far, type, and return when."""
        self.drain()
        self._written = b""
        os.write(self._master, keys.encode())
        return time.perf_counter()

    def drain(self) -> None:
        """Read what has been written already."""
        while self._read(0.0):
            pass

    def read_on(self) -> None:
        """Read what is written until the program ends."""
        while self._read(3600.0):
            self._written = b""

    def wait_for(self, text: str, *, timeout_s: float = 600.0) -> float:
        """Wait until `text` has been written and return when it had.

        Raises:
            TimeoutError: It was not.
        """
        wanted = text.encode()
        deadline_s = time.perf_counter() + timeout_s
        while wanted not in _ESCAPES.sub(b"", self._written):
            left_s = deadline_s - time.perf_counter()
            if left_s <= 0 or not self._read(left_s):
                shown = _ESCAPES.sub(b"", self._written)[-2000:]
                raise TimeoutError(f"{text!r} was not written, but {shown!r}")
        return time.perf_counter()

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 20)
        except OSError:
            return False
        self._written += data
        return bool(data)

    def peak_mb(self) -> float:
        """Return the most memory the program has used, in megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
