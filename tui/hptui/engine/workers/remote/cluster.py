"""A dask cluster as the engine knows it: a gateway process, and a task for each worker."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.far_workers import Cluster
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.workers.machine.places import Place

Send = Callable[["Channel", "Message"], None]
"""Sends a message; what the other end cannot take yet is sent later."""

_ANY: Final = 1 << 20
_END_S: Final = 5.0


class ClusterPlaces:
    """Dask decides where workers are, so there are as many places as a run asks for."""

    size = None
    n_free = _ANY
    cores_each = None

    def take(self) -> Place | None:
        """Return no place: the agent tells its machine."""
        return None

    def give_back(self, place: Place | None) -> None:
        """Nothing is kept."""

    def note_start(self, host: str, cores: int | None) -> None:
        """Nothing is counted."""

    def share_of(self, host: str) -> int:
        """Return how many workers share a machine's cores, which dask does not tell."""
        del host
        return _ANY


class Task:
    """A task of the cluster that serves one worker."""

    pid = 0

    def __init__(self, cluster: DaskCluster, token: str) -> None:
        self._cluster = cluster
        self._token = token
        self.has_ended = False
        self._said = ""

    def note_end(self, said: object) -> None:
        """Take note of its end."""
        self.has_ended = True
        self._said = safe_line(said, max_chars=300)

    def said(self) -> str:
        """Return why it has ended; empty where nothing was said."""
        return self._said

    def let_go(self) -> None:
        """Cancel it if it has not begun; otherwise it ends with its connection."""
        self._cluster.send({"op": "cancel", "token": self._token})

    def end(self, *, at_once: bool) -> None:
        """See `SshClient`; it is called in a thread, which must not send."""
        del at_once
        self._cluster.tasks.pop(self._token, None)


@dataclass(eq=False)
class DaskCluster:
    """The cluster of one run."""

    given: Cluster
    socket: Path
    """The engine's."""
    n_workers: int
    lost_after_s: float
    """How long a machine may be silent."""
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    """By the tokens of their workers."""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    problem: str = ""
    """Why the cluster cannot be used."""
    lost_since_s: float | None = None
    channel: Channel | None = None
    _send: Send | None = None
    _process: subprocess.Popen[bytes] | None = None
    _waiting: list[Message] = field(default_factory=list["Message"])

    def start(self) -> None:
        """Start the gateway.

        Raises:
            OSError: It cannot be started.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hptui.engine.workers.remote.dask_gateway"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        config = {
            "socket": str(self.socket),
            "token": self.token,
            "scheduler": self.given.scheduler,
            "address": list(self.given.address),
            "n_workers": self.n_workers,
            "lost_after": self.lost_after_s,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(config).encode("ascii") + b"\n")

    def greet(self, channel: Channel, send: Send) -> None:
        """Take the gateway's connection, and send by `send` what has waited for it."""
        self.channel, self._send = channel, send
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            send(channel, message)

    def send(self, message: Message) -> None:
        """Send to the gateway, now or when it has come."""
        if self.channel is None or self._send is None:
            self._waiting.append(message)
        elif not self.channel.is_closed:
            self._send(self.channel, message)

    def submit(self, token: str, config: Message, python: str, code: bytes) -> Task:
        """Submit the task of a worker."""
        task = self.tasks[token] = Task(self, token)
        order: dict[str, Any] = {
            "config": config,
            "python": python,
            "code": base64.b64encode(code).decode("ascii"),
            "lost_after": self.lost_after_s,
        }
        resources = dict(self.given.resources)
        self.send({"op": "submit", "token": token, "order": order, "resources": resources})
        return task

    def close(self) -> None:
        """End the gateway, and with it all connections."""
        self.channel = None
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
