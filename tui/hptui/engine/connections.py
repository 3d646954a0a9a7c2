"""The engine's sockets: who connects, what arrives, and what wakes the loop."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
from typing import TYPE_CHECKING, Protocol

from hptui.engine.own_socket import is_own_peer
from hptui.engine.protocol import Channel, Message, ProtocolError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.pool import Host

_log = logging.getLogger("hptui.engine")


class Listener(Protocol):
    """What is done with what arrives."""

    def on_first(self, channel: Channel, message: Message) -> bool:
        """Take a message of a connection that is no worker's yet; True when it becomes one."""
        ...

    def on_worker(self, channel: Channel, message: Message) -> None:
        """Take a worker's message."""
        ...

    def on_broken(self, channel: Channel) -> None:
        """Take that a worker's connection carries no messages any more."""
        ...

    def on_host_end(self, host: Host) -> None:
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
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)

    def open(self) -> None:
        """Listen on the engine's socket."""
        self._socket.bind(str(self._path))
        self._socket.listen(64)
        self._socket.setblocking(False)
        self.selector.register(self._socket, selectors.EVENT_READ, ("listener", None))
        self.selector.register(self._wake_read, selectors.EVENT_READ, ("wake", None))

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
            elif kind == "host":
                self._listener.on_host_end(what)
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
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._socket.accept()
            if not is_own_peer(connection):
                _log.warning("another user was refused a connection")
                connection.close()
                return
            channel = Channel(connection)
            self.selector.register(channel, selectors.EVENT_READ, ("client", channel))

    def watch_writes(self, channel: Channel) -> None:
        """Wait for writability as long as something is unsent."""
        if channel.is_closed or channel.fileno() < 0:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.wants_to_write else 0)
        with contextlib.suppress(KeyError):
            key = self.selector.get_key(channel)
            if key.events != events:
                self.selector.modify(channel, events, key.data)

    def watch_host(self, host: Host) -> None:
        """Wait for the end of a worker process."""
        self.selector.register(host.sentinel, selectors.EVENT_READ, ("host", host))

    def forget_host(self, host: Host) -> None:
        """Wait for it no more."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(host.sentinel)

    def drop(self, channel: Channel) -> None:
        """Close a connection."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(channel)
        channel.close()

    def _serve(self, kind: str, channel: Channel, mask: int) -> None:
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
        for message in messages:
            if kind == "worker":
                self._listener.on_worker(channel, message)
            elif self._listener.on_first(channel, message):
                kind = "worker"
                self.selector.modify(channel, selectors.EVENT_READ, ("worker", channel))
        if channel.is_closed and channel.fileno() >= 0:
            self.drop(channel)

    def close(self) -> None:
        """Close everything."""
        for key in list((self.selector.get_map() or {}).values()):
            kind, what = key.data
            if kind in ("worker", "client"):
                what.close()
        self.selector.close()
        self._socket.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
