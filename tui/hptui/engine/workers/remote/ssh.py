"""Agents started over ssh: OpenSSH brings the engine's socket to the other machine.

The user's own ssh configuration, keys and jump hosts decide how a host is reached. ssh never asks
for anything: a host that needs a password is refused.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.engine.workers.remote.agent_start import agent_input, agent_words
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message

COMMAND_VARIABLE: Final = "HPTUI_SSH"
"""The user's own words in the place of `ssh`, as of GIT_SSH_COMMAND."""
_OPTIONS: Final = (
    "-T",
    "-a",
    "-x",
    # A shared connection would keep the forwarding when this client has ended.
    "-S",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    "ExitOnForwardFailure=yes",
    "-o",
    "ConnectTimeout=20",
    "-o",
    "ServerAliveCountMax=3",
)
_PIPE_BYTES: Final = 32 * 1024
"""A new pipe takes this many bytes without blocking."""
_SAID: Final = 2_000
_END_S: Final = 5.0


class SshClient:
    """One ssh that starts an agent and carries its connection.

    Args:
        host: As ssh takes it.
        engine_socket: The engine's socket here.
        python: The interpreter there.
        config: What the agent is told first.
        code: An archive with hptui's modules and the objective's code; empty: all is there.
        lost_after_s: How long the host may be silent.

    Raises:
        OSError: ssh cannot be started.
    """

    def __init__(
        self,
        host: str,
        engine_socket: Path,
        python: str,
        config: Message,
        code: bytes,
        lost_after_s: float,
    ) -> None:
        # Nobody guesses it, and sshd lets only this user in.
        there = f"/tmp/hptui-{secrets.token_hex(16)}.sock"
        words = shlex.join(agent_words(python or sys.executable, there, is_packed=bool(code)))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when it has ended
        self._process = subprocess.Popen(
            [
                *ssh_words(),
                *_OPTIONS,
                "-o",
                f"ServerAliveInterval={max(1, round(lost_after_s / 3))}",
                "-R",
                f"{there}:{engine_socket}",
                "--",
                host,
                f"exec {words}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
            bufsize=0,
        )
        self.pid = self._process.pid
        given = agent_input(config, code)
        if len(given) <= _PIPE_BYTES:
            self._give(given)
        else:
            threading.Thread(target=self._give, args=(given,), daemon=True).start()

    def _give(self, data: bytes) -> None:
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError, ValueError):
            left = memoryview(data)
            while left:
                left = left[stream.write(left) :]

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def said(self) -> str:
        """Return the last line that ssh, or the agent, has printed; empty where it said nothing."""
        with contextlib.suppress(OSError, ValueError):
            size = self._said.seek(0, os.SEEK_END)
            self._said.seek(max(0, size - _SAID))
            lines = self._said.read(_SAID).decode("utf-8", "replace").split("\n")
            told = [line.strip() for line in lines if line.strip()]
            return safe_line(told[-1], max_chars=300) if told else ""
        return ""

    def let_go(self) -> None:
        """Close the agent's lifeline: it ends, and this with it."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def end(self, *, at_once: bool) -> None:
        """Wait a moment for it to end, since it may have to end the agent first; then kill it."""
        self.let_go()
        if at_once:
            self._process.kill()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


def ssh_words() -> list[str]:
    """Return the words that start ssh.

    Raises:
        UsageError: The user's own are not quoted as for a shell.
    """
    own = os.environ.get(COMMAND_VARIABLE, "")
    try:
        return shlex.split(own) or ["ssh"]
    except ValueError as error:
        raise UsageError(
            f"The variable {COMMAND_VARIABLE} is not a command: {safe_line(own)!r}."
        ) from error
