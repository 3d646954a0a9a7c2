"""Workers on other machines: each has an agent there, known here by its connection alone.

A far worker has ended when its connection has, not when the program that started its agent has: an
ssh client waits for the connections it forwards, and so for the engine.
"""

from __future__ import annotations

import contextlib
import os
import select
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.texts.text import safe_line
from hptui.engine.workers.machine.processes import WORKER_VARIABLE
from hptui.engine.workers.remote.cluster import ClusterPlaces, DaskCluster
from hptui.engine.workers.remote.far_files import bytes_of
from hptui.engine.workers.remote.greeting import differences, require_fit
from hptui.engine.workers.remote.host_places import HostPlaces
from hptui.engine.workers.remote.shipping import pack_code, shipped_ref
from hptui.engine.workers.remote.ssh import SshClient
from hptui.engine.workers.sandbox import open_log
from hptui.engine.workers.worker_kinds import open_pidfd
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.resources import Resources
    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.workers.remote.cluster import Send, Task

_MAX_PART: Final = 4 * 1024 * 1024
_MAX_NAMED: Final = 3


class RemoteProcess:
    """A worker process on another machine, as the engine knows it."""

    def __init__(self, host: str, client: SshClient | Task, start: Message) -> None:
        self.host = host
        self._client = client
        self._start = start
        self._pid = 0
        self._pidfd = open_pidfd(client.pid)
        self._channel: Channel | None = None
        self._send: Send | None = None
        self._code: int | None = None
        self._has_ended = False
        self._is_heard_out = self._is_kill_asked = False
        self.why_lost = ""
        """A sentence where its connection has ended, and nobody has told how it has."""
        self.left: list[str] = []
        """What of it did not end."""
        self.last_log = ""
        """Where what comes of its trial's log goes while the run is being closed."""

    @property
    def pid(self) -> int:
        """The process id on its machine; 0 until that has told."""
        return self._pid

    @property
    def guarded(self) -> int:
        """The ssh client here, which leads a group and ends with the engine."""
        return self._client.pid

    @property
    def sentinel(self) -> int:
        return -1 if self._pidfd is None else self._pidfd

    @property
    def exit_code(self) -> int | None:
        return self._code

    @property
    def has_ended(self) -> bool:
        """Whether it is known to have ended; without a connection by the end of its ssh client."""
        return self._has_ended or (self._channel is None and self._client.has_ended)

    @property
    def is_connected(self) -> bool:
        """Whether its agent has come."""
        return self._channel is not None

    def start_problem(self) -> str:
        """Return what was said when no agent came."""
        return self._client.said() or "it ended without saying why"

    def collect(self) -> None:
        pass

    def greet(self, channel: Channel, send: Send) -> None:
        """Give the agent, which has come over `channel`, its order by `send`."""
        self._channel, self._send = channel, send
        send(channel, self._start)

    def note_hello(self, pid: object) -> None:
        """Take note of the worker's process id."""
        self._pid = pid if isinstance(pid, int) else 0

    def signal(self, *, force: bool) -> None:
        """Ask it to end, or kill it with all that it has started."""
        if self._is_heard_out:
            # Only one thread may send.
            self._is_kill_asked |= force
        elif self._channel is not None and self._send is not None:
            if not self._channel.is_closed:
                self._send(self._channel, {"op": "signal", "force": force})
        elif self._channel is None:
            # An agent that is still starting clears up after itself.
            self._client.let_go()

    def end(self, message: Message | None) -> None:
        """Take note of its end, as its agent tells it; None: nobody does."""
        if self._has_ended:
            return
        self._has_ended = True
        code = None if message is None else message.get("code")
        if message is None or not isinstance(code, int):
            self.why_lost = f"The connection to the worker{self._on} was lost."
            return
        self._code = code
        left = message.get("left")
        names = cast("list[object]", left) if isinstance(left, list) else []
        self.left = [safe_line(each, max_chars=60) for each in names[:_MAX_NAMED]]

    def end_silent(self, lost_after_s: float) -> None:
        """Take note that nothing has come from its machine for that long."""
        if not self._has_ended:
            self._has_ended = True
            self.why_lost = f"Nothing was heard of the worker{self._on} for {lost_after_s:g} s."

    @property
    def _on(self) -> str:
        return f" on {safe_line(self.host)}" if self.host else ""

    def close_sentinel(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def release(self, *, kill: bool) -> None:
        if not kill and self._channel is not None:
            self._hear_out(self._channel)
            # Its ssh client waits for this end.
            self._channel.close()
        self._client.end(at_once=kill and (bool(self.why_lost) or not self._has_ended))

    def _hear_out(self, channel: Channel) -> None:
        """Wait for the end of the connection while the engine's loop does not turn any more."""
        self._is_heard_out = True
        is_kill_sent = False
        with contextlib.suppress(HptuiError, OSError, ValueError):
            while not channel.is_closed and not self._has_ended:
                if self._is_kill_asked and not is_kill_sent:
                    is_kill_sent = True
                    channel.send({"op": "signal", "force": True})
                waiting = select.poll()
                waiting.register(channel, select.POLLIN)
                if channel.wants_to_write:
                    channel.write()
                waiting.poll(100)
                for message in channel.receive():
                    if message.get("op") == "log":
                        append_log(message, self.last_log)
                    elif message.get("op") == "gone":
                        self.end(message)


def append_log(message: Message, path: str) -> None:
    """Append a part of a log that an agent has sent."""
    data = message.get("data")
    if not path or not isinstance(data, str) or len(data) > _MAX_PART:
        return
    with contextlib.suppress(OSError):
        fd = open_log(path)
        try:
            os.write(fd, bytes_of(data))
        finally:
            os.close(fd)


@dataclass(slots=True)
class RemoteWorkers:
    """Workers over ssh or dask, each with an agent of its own."""

    far: FarWorkers
    ref: ObjectiveRef
    resources: Resources
    socket: Path
    """The engine's."""
    label: str
    """What folders of this run are called on machines that do not share its study's."""
    n_workers: int = 1
    """How many a run begins with."""
    places: HostPlaces | ClusterPlaces = field(init=False)
    cluster: DaskCluster | None = None
    ends_trials_by_process: bool = True
    descriptors_each: int = 5
    """The pipe to the ssh client, what it says, its descriptor, and the connection."""
    _code: bytes | None = None
    _sha: str = ""
    _is_begun: bool = False
    _told: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        if self.far.cluster is None:
            self.places = HostPlaces(self.far.hosts, self.resources)
        else:
            self.places = ClusterPlaces()
            self.cluster = DaskCluster(
                self.far.cluster, self.socket, self.n_workers, self.far.lost_after_s
            )

    def prepare(self) -> None:
        """Read what agents will be compared with, and pack what is sent.

        Raises:
            HptuiError: The objective's code cannot be read or sent.
        """
        from hptui.registry.same_objective import source_sha

        self._sha = source_sha(self.ref)
        self._code = pack_code(self.ref) if self.far.code == "ship" else b""

    def start(self, order: Message, environment: Mapping[str, str]) -> RemoteProcess:
        """See `worker_kinds.WorkerKind`; `host` in the order says where."""
        if self._code is None:
            self.prepare()
        assert self._code is not None
        host = str(order.pop("host", ""))
        ref = shipped_ref(self.ref) if self._code else self.ref
        order["objective"] = ref.to_json()
        config: Message = {
            "token": order["workers"][0],
            "home": order["home"],
            "engine": str(self.socket),
            "objective": order["objective"],
            "label": self.label,
            # Where all is sent, there is no folder in common.
            "may_share": not self._code,
            "lost_after": self.far.lost_after_s,
        }
        start: Message = {
            "op": "start",
            "order": order,
            "environment": dict(environment),
            "mark": f"{WORKER_VARIABLE}={environment[WORKER_VARIABLE]}",
            "threads": self.resources.threads,
            "share": self.places.share_of(host),
            "memory": self.resources.memory,
        }
        return RemoteProcess(host, self._client(host, config), start)

    def _client(self, host: str, config: Message) -> SshClient | Task:
        assert self._code is not None
        if self.cluster is None:
            return SshClient(
                host, self.socket, self.far.python, config, self._code, self.far.lost_after_s
            )
        if not self._is_begun:
            self._is_begun = True
            self.cluster.start()
        return self.cluster.submit(str(config["token"]), config, self.far.python, self._code)

    def welcome(
        self, process: RemoteProcess, message: Message, channel: Channel, send: Send
    ) -> str:
        """Take the first line of an agent; returns a sentence where its versions differ.

        Raises:
            HptuiError: It cannot serve this run.
        """
        process.host = process.host or safe_line(message.get("machine"), max_chars=100)
        cores = message.get("cores")
        self.places.note_start(process.host, cores if isinstance(cores, int) else 1)
        require_fit(process.host, message, self._sha, self.ref.name)
        process.greet(channel, send)
        told = "" if process.host in self._told else differences(process.host, message)
        self._told.add(process.host)
        return told
