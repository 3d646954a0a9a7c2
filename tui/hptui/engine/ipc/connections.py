"""The engine's sockets: who connects, what arrives, and what wakes the loop."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import socket
import stat
from typing import TYPE_CHECKING, Final, Protocol

from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.own_socket import is_own_peer
from hptui.engine.ipc.protocol import Channel, Message, ProtocolError
from hptui.engine.run.clock import now
from hptui.engine.workers.machine.descriptors import is_scarce
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.workers.pool import WorkerProcess

_log = logging.getLogger("hptui.engine")
_BACKLOG: Final = 1024
_MAX_CLIENTS: Final = 64
"""Connections that are no worker's; a client asks one question and goes."""
_SETTLING_S: Final = 5.0
"""A connection is not called idle before; hundreds of workers may connect at once."""


class Listener(Protocol):
    """What is done with what arrives."""

    def on_first(self, channel: Channel, message: Message) -> bool:
        """Take a message of a connection that is no worker's yet; True when it becomes one."""
        ...

    def on_worker(self, channel: Channel, message: Message) -> None:
        """Take a worker's message."""
        ...

    def on_closed(self, channel: Channel) -> None:
        """Take that the other end of a worker's connection has closed it."""
        ...

    def on_broken(self, channel: Channel) -> None:
        """Take that a worker's connection carries no messages any more."""
        ...

    def on_process_end(self, process: WorkerProcess) -> None:
        """Take the end of a worker process."""
        ...

    def on_wake(self) -> None:
        """Look at what a signal handler has left."""
        ...


class Connections:
    """All descriptors that the engine waits on."""

    def __init__(self, path: Path, listener: Listener) -> None:
        self.selector = selectors.DefaultSelector()
        self._path = path
        self._listener = listener
        self._clients: dict[Channel, float] = {}
        """Connections that are no worker's, the one that was heard of least lately first."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)

    def open(self) -> None:
        """Listen on the engine's socket."""
        self._listen()
        self.selector.register(self._wake_read, selectors.EVENT_READ, ("wake", None))

    def _listen(self) -> None:
        self._socket.bind(str(self._path))
        # Of a smaller number hundreds that connect at once lose some; the system may cut it.
        self._socket.listen(_BACKLOG)
        self._socket.setblocking(False)
        self.selector.register(self._socket, selectors.EVENT_READ, ("listener", None))

    def reopen(self) -> None:
        """Listen in the same place again where the socket, or its folder, was removed.

        Programs that clear folders for temporary files do that; without it no new worker and no
        client finds the engine.

        Raises:
            HptuiError: It cannot be made again.
        """
        if os.path.lexists(self._path):
            return
        folder = self._path.parent
        try:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            seen = folder.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
                raise FileExistsError(errno.EEXIST, "somebody else has taken its name")
            self.selector.unregister(self._socket)
            self._socket.close()
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listen()
        except OSError as error:
            raise HptuiError(
                f"The engine's folder {safe_line(folder)} was removed and cannot be created "
                f"again: {error.strerror}.",
                hint="Keep programs that clear temporary files from hptui-*.",
            ) from error

    def wake(self) -> None:
        """Wake the loop; may be called from a signal handler."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def wait(self, timeout_s: float | None) -> None:
        """Wait for something to happen and do what it asks for."""
        for key, mask in self.selector.select(timeout_s):
            kind, what = key.data
            if kind in ("worker", "client"):
                self._serve(kind, what, mask)
            elif kind == "process":
                self._listener.on_process_end(what)
            elif kind == "listener":
                self._accept()
            else:
                self._drain_wake()
                self._listener.on_wake()

    def pause(self, timeout_s: float) -> None:
        """Wait without serving anybody; a signal cuts it short."""
        self.selector.select(timeout_s)
        self._drain_wake()

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 64)

    def _accept(self) -> None:
        # As many as there are now; those of others wait for the next turn.
        for _ in range(_BACKLOG):
            try:
                connection, _address = self._socket.accept()
            except OSError:
                # None waits; or who asked has gone, or no descriptor is free: this comes again.
                return
            self._take_in(connection)

    def _take_in(self, connection: socket.socket) -> None:
        if not is_own_peer(connection):
            _log.warning("another user was refused a connection")
            connection.close()
            return
        if is_scarce(connection.fileno()):
            self._drop_clients()
        else:
            self._drop_idle()
        channel = Channel(connection)
        self._clients[channel] = now()
        self.selector.register(channel, selectors.EVENT_READ, ("client", channel))

    def _drop_idle(self) -> None:
        """Close the connections of clients that have been idle longest, if there are too many."""
        settled_s = now() - _SETTLING_S
        while len(self._clients) >= _MAX_CLIENTS:
            idle, heard_s = next(iter(self._clients.items()))
            if heard_s > settled_s:
                return
            _log.warning("the connection of an idle client was closed: there are too many")
            self.drop(idle)

    def _drop_clients(self) -> None:
        """Close the connections of clients, so that new workers find descriptors."""
        _log.warning("the connections of clients were closed: too many files are open")
        for channel in list(self._clients):
            self.drop(channel)

    def watch_writes(self, channel: Channel) -> None:
        """Wait for writability as long as something is unsent."""
        if channel.is_closed or channel.fileno() < 0:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.wants_to_write else 0)
        with contextlib.suppress(KeyError):
            key = self.selector.get_key(channel)
            if key.events != events:
                self.selector.modify(channel, events, key.data)

    def watch_process(self, process: WorkerProcess) -> None:
        """Wait for the end of a worker process."""
        if process.started.sentinel >= 0:
            self.selector.register(
                process.started.sentinel, selectors.EVENT_READ, ("process", process)
            )

    def forget_process(self, process: WorkerProcess) -> None:
        """Wait for it no more."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(process.started.sentinel)

    def watch_end(self, pidfd: int) -> None:
        """Wake the loop when another process of the engine's ends; until `forget_end`."""
        self.selector.register(pidfd, selectors.EVENT_READ, ("wake", None))

    def forget_end(self, pidfd: int) -> None:
        """Wait for it no more."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(pidfd)

    def drop(self, channel: Channel) -> None:
        """Close a connection."""
        self._clients.pop(channel, None)
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(channel)
        channel.close()

    def _serve(self, kind: str, channel: Channel, mask: int) -> None:
        if channel.fileno() < 0:
            # Closed since the loop began to wait.
            return
        if mask & selectors.EVENT_WRITE:
            channel.write()
            self.watch_writes(channel)
        if not mask & selectors.EVENT_READ:
            return
        try:
            messages = channel.receive()
        except ProtocolError as error:
            _log.warning("a connection was closed: %s", error)
            messages = []
            channel.is_closed = True
            if kind == "worker":
                self._listener.on_broken(channel)
        self._note(channel, messages)
        for message in messages:
            if kind == "worker":
                self._listener.on_worker(channel, message)
            elif self._listener.on_first(channel, message):
                kind = "worker"
                del self._clients[channel]
                self.selector.modify(channel, selectors.EVENT_READ, ("worker", channel))
                self.watch_writes(channel)
        if channel.is_closed and channel.fileno() >= 0:
            self._close(kind, channel)

    def _close(self, kind: str, channel: Channel) -> None:
        if kind == "worker":
            self._listener.on_closed(channel)
        self.drop(channel)

    def _note(self, channel: Channel, messages: list[Message]) -> None:
        """Put a client that has asked something behind those that are idle."""
        if messages and channel in self._clients:
            del self._clients[channel]
            self._clients[channel] = now()

    def close(self) -> None:
        """Close everything."""
        for key in list((self.selector.get_map() or {}).values()):
            kind, what = key.data
            if kind in ("worker", "client"):
                what.close()
        self.selector.close()
        self._socket.close()
        # A signal may come later, when the number is that of something else.
        wake_write, self._wake_write = self._wake_write, -1
        os.close(self._wake_read)
        os.close(wake_write)
