"""Messages between engine, workers and clients: one JSON object a line over a Unix socket.

Plain data only: nothing here can carry code. NaN and infinity are spelled as Python's `json`
spells them, and both ends are this program.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import stat
from collections import deque
from typing import TYPE_CHECKING, Any

from hptui.errors import HptuiError

if TYPE_CHECKING:
    from pathlib import Path

PROTOCOL = 1
"""Rises when an engine and a worker of before would misunderstand each other."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_RECEIVE_BYTES = 256 * 1024

Message = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().raw_decode


class ProtocolError(HptuiError):
    """Bytes that are no message of this protocol, or too many of them."""


def pack(message: Message) -> bytes:
    """Return `message` as one line of ASCII JSON."""
    return _encode(message).encode("ascii") + b"\n"


def pack_for_peer(message: Message) -> bytes:
    """Return `message` as one line that the other end takes.

    Raises:
        ValueError: It is longer than that.
    """
    data = pack(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(
            f"{len(data)} bytes are too long for a study, at most {MAX_MESSAGE_BYTES} are kept"
        )
    return data


def unpack(line: bytes) -> Message:
    """Read one line.

    Raises:
        ProtocolError: The line is not a JSON object.
    """
    try:
        text = str(line, "utf-8")
        message, end = _decode(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r}") from error
    if end != len(text) or not isinstance(message, dict):
        raise ProtocolError(f"not a message: {line[:80]!r}")
    return message  # pyright: ignore[reportUnknownVariableType] - keys of JSON objects are str


class Lines:
    """Collects received bytes and gives them back as whole lines."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        """Of a line that is not complete."""
        self._n_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add `data` and return the lines that are complete.

        Raises:
            ProtocolError: A line grew past `MAX_MESSAGE_BYTES`.
        """
        first, *others = data.split(b"\n")
        self._pieces.append(first)
        if others:
            first = b"".join(self._pieces)
            self._pieces, self._n_bytes = [others[-1]], len(others[-1])
            return [first, *others[:-1]]
        self._n_bytes += len(first)
        if self._n_bytes > MAX_MESSAGE_BYTES:
            raise ProtocolError(f"a message is longer than {MAX_MESSAGE_BYTES} bytes")
        return []


class Channel:
    """The engine's end of one connection; never blocks."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._lines = Lines()
        self._unsent = bytearray()
        self.is_closed = False
        self.n_received = 0
        """Bytes."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes are waiting for the other end to read."""
        return bool(self._unsent)

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; sets `is_closed` at the end of the stream.

        Raises:
            ProtocolError: The other end sent something else.
        """
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return []
        self.n_received += len(data)
        return [unpack(line) for line in self._lines.feed(data)]

    def receive_all(self) -> list[Message]:
        """Return all that is still in the pipe of a connection whose other end has died."""
        messages: list[Message] = []
        while not self.is_closed:
            arrived = self.receive()
            if not arrived and not self.is_closed and not self._is_readable():
                break
            messages += arrived
        return messages

    def _is_readable(self) -> bool:
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def send(self, message: Message) -> None:
        """Send `message`, keeping what the other end cannot take yet.

        Raises:
            ValueError: It is longer than the other end takes.
        """
        self._unsent += pack_for_peer(message)
        self.write()

    def write(self) -> None:
        """Send what is waiting, as far as the other end takes it."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # What the other end has sent before it closed is still to be read.
                self._unsent.clear()
                return
            # This moves no bytes.
            del self._unsent[:sent]

    def close(self) -> None:
        """Close the connection."""
        self.is_closed = True
        self._socket.close()


def high_descriptor(fd: int, *, keep: bool = False) -> int:
    """Move descriptor `fd` (or with `keep` copy it) to a high number, out of common sweeps.

    Programs that close "everything from 3 to 255" then miss it.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = max(64, min(soft, 4096) - 96)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:
        return fd
    if not keep:
        os.close(fd)
    return high


class WorkerLink:
    """A worker's end of its connection; blocks, and survives an objective that closes it.

    Objectives do close descriptors they did not open (`os.closerange`), and may then open a file
    that gets the same number: the socket's identity is checked before each use.
    """

    def __init__(self, path: Path, hello: Message) -> None:
        self.path = path
        self.hello = hello
        self._orders: deque[Message] = deque()
        self._connect()

    def _connect(self) -> None:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(None)
        plain.connect(str(self.path))
        self._socket = socket.socket(fileno=high_descriptor(plain.detach()))
        # A script may have set a default for its downloads.
        self._socket.settimeout(None)
        self._identity = self._look()
        self._lines = Lines()
        self._arrived: list[bytes] = []
        self._socket.sendall(pack(self.hello))

    def _look(self) -> tuple[int, int] | None:
        try:
            seen = os.fstat(self._socket.fileno())
        except OSError:
            return None
        return (seen.st_dev, seen.st_ino) if stat.S_ISSOCK(seen.st_mode) else None

    def _ensure(self) -> None:
        if self._look() != self._identity:
            # The number may belong to a file of the objective by now: never close it.
            self._connect_again()

    def _connect_again(self) -> None:
        self.close()
        self.hello = {**self.hello, "again": True}
        self._connect()

    def send(self, message: Message) -> None:
        """Send `message`; waits until the engine takes it.

        Raises:
            ValueError: It is longer than the engine takes.
        """
        data = pack_for_peer(message)
        self._ensure()
        self._socket.sendall(data)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            ConnectionError: The engine has ended.
            ProtocolError: What has arrived is no message; a new connection is there for the next.
        """
        try:
            while not self._arrived:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise ConnectionError("the engine has ended")
                self._arrived = self._lines.feed(data)
            return unpack(self._arrived.pop(0))
        except ProtocolError:
            self._connect_again()
            raise

    def has_news(self) -> bool:
        """Say whether a message waits, without taking it."""
        if self._arrived:
            return True
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def is_at_end(self) -> bool:
        """Say whether the engine has closed the connection and all it sent was taken."""
        try:
            return not self._arrived and not self._socket.recv(
                1, socket.MSG_PEEK | socket.MSG_DONTWAIT
            )
        except OSError:
            return False

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def keep_order(self, message: Message) -> None:
        """Keep an order that came while a trial waited for an answer."""
        self._orders.append(message)

    def next_order(self) -> Message:
        """Wait for what the engine orders next; answers that come too late are thrown away.

        Raises:
            ConnectionError: The engine has ended.
        """
        while not self._orders:
            message = self.receive()
            if "op" in message:
                return message
        return self._orders.popleft()

    def close(self) -> None:
        """Close the connection, unless the objective has already taken its number."""
        if self._look() == self._identity:
            self._socket.close()
        else:
            self._socket.detach()
