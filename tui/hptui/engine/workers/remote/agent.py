"""The agent: starts one worker process on its machine and connects it to the engine.

Its one connection to the engine carries the worker's messages, line by line. Between them stand
the agent's own: it sends `agent`, `ping`, `log`, `kept`, `memory` and `gone`, and receives `start`,
`ping` and `signal`. Processes that a trial starts have connections of their own, whose bytes pass
unread. When the connection or standard input ends, the agent kills everything it has started. It
does not need Optuna.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any, Final

from hptui.domain.objective import ObjectiveRef
from hptui.engine.ipc.protocol import Lines, Message, ProtocolError, pack, unpack
from hptui.engine.ipc.socket_folder import make_socket_folder
from hptui.engine.workers.guardian import Guardian
from hptui.engine.workers.machine.descriptors import raise_limit
from hptui.engine.workers.machine.memory_guard import MemoryGuard, kill_now
from hptui.engine.workers.remote.far_files import FarFiles, adopt_socket
from hptui.engine.workers.remote.greeting import Greeting
from hptui.engine.workers.remote.process_tree import end_all, owned_by, signal_worker
from hptui.engine.workers.remote.silence import AGENT_PATIENCE, LOOKS, PING, Looks, Silence
from hptui.registry.loading.core_count import core_variables
from hptui.registry.loading.process_ties import adopt_orphans

_RECEIVE_BYTES: Final = 256 * 1024
_MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
"""A connection with more unsent bytes than this gets no new ones until it has taken some."""
_LOOK_S: Final = 0.5
"""Between two looks at the log and the memory of a trial."""
_END_S: Final = 10.0
"""What a killed process may take to end."""
_FAREWELL_S: Final = 10.0
"""What the engine may take to read the last lines."""
_MAX_TURNS: Final = 1_000
_SIGNAL: Final = b'{"op":"signal"'
_RUN: Final = b'{"op":"run"'
_EXIT: Final = b'{"op":"exit"'
_DONE: Final = b'{"op":"done"'


class EngineGone(Exception):  # noqa: N818 - it says what happened
    """The engine has ended or cannot be reached, or it wants no worker from here."""


class Stream:
    """One end of a connection, which never blocks."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.lines = Lines()
        self.unsent = bytearray()
        self.peer: Stream | None = None
        """Where its bytes go as they are."""
        self.is_heard = False
        """Whether its first line has come."""

    @classmethod
    def to(cls, path: str) -> Stream:
        """Connect to a Unix socket.

        Raises:
            OSError: Nobody is there.
        """
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plain.connect(path)
        except BaseException:
            plain.close()
            raise
        return cls(plain)

    @property
    def is_full(self) -> bool:
        """Whether much of what it was given is still unsent."""
        return len(self.unsent) > _MAX_WAITING_BYTES

    def receive(self) -> bytes | None:
        """Return what has arrived, maybe nothing; None at the end."""
        try:
            return self.socket.recv(_RECEIVE_BYTES) or None
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            return None

    def send(self, data: bytes) -> None:
        """Send, keeping what the other end cannot take yet."""
        self.unsent += data
        self.write()

    def write(self) -> None:
        """Send what is kept, as far as the other end takes it."""
        while self.unsent:
            try:
                del self.unsent[: self.socket.send(self.unsent)]
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.unsent.clear()
                return


@dataclass(slots=True)
class Started:
    """The worker process."""

    process: subprocess.Popen[bytes]
    mark: str
    token: str
    pidfd: int
    guard: MemoryGuard | None


@dataclass(slots=True, eq=False)
class Agent:
    """Serves one worker; `run` returns when all of it is over."""

    engine_path: str
    """The socket that leads to the engine."""
    files: FarFiles
    guardian: Guardian
    engine: Stream
    looks: Looks
    """When to ping the engine and check that it is there."""
    silence: Silence = field(default_factory=Silence)
    n_heard: int = 0
    """Bytes from the engine."""
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    worker: Stream | None = None
    started: Started | None = None
    listener: socket.socket = field(
        default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    )
    look_at_s: float = 0.0

    def run(self, greeting: Greeting, lifeline: int) -> None:
        """Greet the engine, do what it orders, and end.

        Args:
            greeting: What is told of this machine.
            lifeline: A descriptor whose end means that the engine is gone.

        Raises:
            EngineGone: It is.
        """
        self.listener.bind(str(self.files.socket))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(lifeline, selectors.EVENT_READ, lambda: _look_alive(lifeline))
        self._watch(self.engine)
        self.engine.send(pack(greeting.message))
        while self.started is None or not self._has_ended():
            for key, _ in self.selector.select(min(_LOOK_S, self.looks.lost_after_s / LOOKS)):
                if isinstance(key.data, Stream):
                    self._serve(key.data)
                else:
                    key.data()
            self._look()
            self._ping()
            self._watch_all()
        self._say_farewell()

    # -- what the engine says

    def _take(self, line: bytes) -> None:
        if self.started is None:
            self._begin(unpack(line))
        elif line.startswith(_SIGNAL):
            self._signal(force=bool(unpack(line).get("force")))
        elif line.startswith(PING):
            pass
        elif self.worker is not None:
            if line.startswith(_RUN):
                line = json.dumps(self.files.begin(unpack(line))).encode("ascii")
            self.worker.send(line + b"\n")
        elif line.startswith(_EXIT):
            # It is still starting.
            self._signal(force=True)

    def _begin(self, message: Message) -> None:
        if message.get("op") != "start":
            raise EngineGone
        order: Message = message["order"]
        environment: dict[str, str] = message["environment"]
        name, _, value = str(message["mark"]).partition("=")
        n_threads = message["threads"] or max(1, available_cores() // message["share"])
        variables = {
            **os.environ,
            **core_variables(n_threads, replace=message["threads"] is not None),
            **environment,
            name: value,
        }
        order |= {"socket": str(self.files.socket), "log": str(self.files.process_log)}
        order |= {"home": str(self.files.home), "max_files": self.files.max_files}
        order["objective"] = self.files.located(
            ObjectiveRef.from_json(order["objective"])
        ).to_json()
        with tempfile.TemporaryFile() as given, self.files.process_log.open("wb") as log:
            given.write(json.dumps(order).encode("ascii"))
            given.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "hptui.engine.workers.worker_program"],
                stdin=given,
                stdout=log,
                stderr=log,
                env=variables,
                cwd=self.files.home,
            )
        self.guardian.add(process.pid)
        pidfd = os.pidfd_open(process.pid)
        limit = message.get("memory")
        guard = None if limit is None else MemoryGuard(limit)
        self.started = Started(process, str(message["mark"]), order["workers"][0], pidfd, guard)
        self.selector.register(pidfd, selectors.EVENT_READ, lambda: None)

    def _signal(self, *, force: bool) -> None:
        assert self.started is not None
        pid = self.started.process.pid
        if not force:
            signal_worker(pid, signal.SIGTERM)
            return
        for each in owned_by(pid, self.started.mark) - {self.guardian.pid}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)

    # -- what comes from here

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            self._watch(Stream(connection))

    def _serve(self, stream: Stream) -> None:
        stream.write()
        if stream.peer is not None and stream.peer.is_full:
            return
        data = stream.receive()
        if data is None:
            self._on_end(stream)
        elif stream.peer is not None:
            stream.peer.send(data)
        elif data:
            if stream is self.engine:
                self.n_heard += len(data)
            self._sort(stream, data)

    def _sort(self, stream: Stream, data: bytes) -> None:
        try:
            for line in stream.lines.feed(data):
                if stream is self.engine:
                    self._take(line)
                elif not stream.is_heard:
                    self._greet(stream, line)
                elif stream is self.worker:
                    self._carry(line)
                elif stream.peer is not None:
                    stream.peer.send(line + b"\n")
        except ProtocolError:
            if stream is self.engine:
                raise EngineGone from None
            # As the engine would: the trial has written into its connection.
            self.engine.send(b"\n")

    def _greet(self, stream: Stream, line: bytes) -> None:
        """Take the first line of a connection: the worker's, or that of another process."""
        stream.is_heard = True
        message = unpack(line)
        token = None if self.started is None else self.started.token
        if "trial" not in message and message.get("token") == token:
            if self.worker is not None:
                self._on_end(self.worker)
            self.worker = stream
            self.engine.send(line + b"\n")
            return
        try:
            stream.peer = Stream.to(self.engine_path)
        except OSError:
            self._close(stream)
            return
        stream.peer.peer = stream
        self._watch(stream.peer)
        stream.peer.send(line + b"\n")

    def _carry(self, line: bytes) -> None:
        """Send a line of the worker's to the engine; what its trial has left behind goes before."""
        if line.startswith(_DONE):
            for message in self.files.end(unpack(line)):
                self.engine.send(pack(message))
        self.engine.send(line + b"\n")

    def _on_end(self, stream: Stream) -> None:
        if stream is self.engine:
            raise EngineGone
        if stream is self.worker:
            self.worker = None
        peer, stream.peer = stream.peer, None
        self._close(stream)
        if peer is not None:
            peer.peer = None
            _flush(peer, _FAREWELL_S / 10)
            self._close(peer)

    def _close(self, stream: Stream) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(stream.socket)
        stream.socket.close()

    # -- waiting

    def _watch(self, stream: Stream) -> None:
        self.selector.register(stream.socket, selectors.EVENT_READ, stream)

    def _watch_all(self) -> None:
        """Wait to write where bytes are unsent, and read nothing that has nowhere to go."""
        for key in list(self.selector.get_map().values()):
            stream = key.data
            if not isinstance(stream, Stream):
                continue
            to = stream.peer or (self.engine if stream is self.worker else None)
            to = self.worker if stream is self.engine else to
            events = 0 if to is not None and to.is_full else selectors.EVENT_READ
            events |= selectors.EVENT_WRITE if stream.unsent else 0
            # Its end is to be seen all the same.
            events = events or selectors.EVENT_READ * (stream is self.engine)
            if events != key.events and events:
                self.selector.modify(stream.socket, events, stream)

    def _look(self) -> None:
        """Look at the log and the memory of the trial now and then."""
        time_s = time.monotonic()
        if time_s < self.look_at_s or self.started is None:
            return
        self.look_at_s = time_s + _LOOK_S
        if not self.engine.is_full:
            for message in self.files.news():
                self.engine.send(pack(message))
        guard, pid = self.started.guard, self.started.process.pid
        for taken in guard.look(time_s, [pid]) if guard is not None else ():
            self.engine.send(pack({"op": "memory", "size": taken.size}))
            kill_now(taken)

    def _ping(self) -> None:
        """Ping the engine when it is time.

        Raises:
            EngineGone: It has been silent for long.
        """
        if not self.looks.are_due(time.monotonic()):
            return
        if self.silence.look(self.n_heard, AGENT_PATIENCE):
            raise EngineGone
        if not self.engine.unsent:
            self.engine.send(PING + b"}\n")

    # -- the end

    def _has_ended(self) -> bool:
        return self.started is not None and self.started.process.poll() is not None

    def _say_farewell(self) -> None:
        """End everything that the worker has started, then send the last messages."""
        assert self.started is not None
        self._drain()
        code = self.started.process.returncode
        left = end_all(
            self.started.process.pid, self.started.mark, _END_S, keep=lambda: {self.guardian.pid}
        )
        for message in (*self.files.last_news(), {"op": "gone", "code": code, "left": left}):
            self.engine.send(pack(message))
        _flush(self.engine, _FAREWELL_S)

    def _drain(self) -> None:
        """Read what the worker said before it ended, on all connections."""
        for _ in range(_MAX_TURNS):
            found = [key.data for key, _ in self.selector.select(0)]
            ready = [each for each in found if isinstance(each, Stream) or each == self._accept]
            if not ready:
                return
            for each in ready:
                if isinstance(each, Stream):
                    self._serve(each)
                else:
                    each()

    def end_now(self) -> None:
        """Kill everything that was started here, and remove its files."""
        if self.started is not None:
            end_all(
                self.started.process.pid,
                self.started.mark,
                _END_S,
                keep=lambda: {self.guardian.pid},
            )
        self.guardian.dismiss()
        self.files.close()


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _look_alive(lifeline: int) -> None:
    if not os.read(lifeline, 4096):
        raise EngineGone


def _flush(stream: Stream, limit_s: float) -> None:
    """Send what is unsent, for at most `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    while stream.unsent and (left_s := deadline_s - time.monotonic()) > 0:
        waiting = selectors.DefaultSelector()
        waiting.register(stream.socket, selectors.EVENT_WRITE)
        waiting.select(left_s)
        waiting.close()
        stream.write()


def _read_line(fd: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        one = os.read(fd, 1)
        if not one:
            raise EngineGone
        line += one
    return bytes(line)


def _on_signal(number: int, frame: object) -> None:
    del number, frame
    raise EngineGone


def main(socket_path: str, shipped: str = "") -> None:
    """Serve as the line on standard input says.

    Args:
        socket_path: Where ssh has put the socket that leads to the engine.
        shipped: The folder into which code was unpacked; empty: all has the same path here.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _on_signal)
    folder = make_socket_folder("hptui-agent-")
    agent: Agent | None = None
    try:
        path = adopt_socket(socket_path, folder)
        config: dict[str, Any] = json.loads(_read_line(0))
        adopt_orphans()
        files = FarFiles.of(config, folder, shipped, raise_limit())
        looks = Looks(config["lost_after"])
        agent = Agent(path, files, Guardian(folder), Stream.to(path), looks)
        agent.run(Greeting.of(config, files, available_cores()), 0)
    except EngineGone:
        pass
    except OSError as error:
        print(f"hptui: {error.strerror or error}", file=sys.stderr)  # noqa: T201
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if agent is not None:
            agent.end_now()
        shutil.rmtree(folder, ignore_errors=True)
        if shipped:
            shutil.rmtree(shipped, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
