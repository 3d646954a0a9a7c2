"""What runs on a dask worker: starts an agent, and carries its connections to the gateway.

Each worker of a run is one long task: dask decides where it runs, honours its resources, and keeps
its thread for it. Messages do not pass through dask: each connection of the agent becomes one to
the gateway, by TCP under the cluster's own TLS. When one end closes, so does the other, and what
the agent has started ends with its connection.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final

from hptui.engine.ipc.socket_folder import make_socket_folder
from hptui.engine.workers.remote.agent_start import agent_input, agent_words

if TYPE_CHECKING:
    from pathlib import Path

_PART: Final = 256 * 1024
_SAID: Final = 2_000
_PROBES: Final = 3
_END_S: Final = 10.0
"""What the other end of a connection may take to close it."""


def keep_alive(connection: socket.socket, lost_after_s: float) -> None:
    """Let the system close a connection whose other machine is silent for `lost_after_s`."""
    probe_s = max(1, round(lost_after_s / _PROBES))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (
        ("TCP_KEEPIDLE", probe_s),
        ("TCP_KEEPINTVL", probe_s),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", round(lost_after_s * 1000)),
    ):
        number = getattr(socket, name, None)
        if number is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, number, value)


def serve(order: dict[str, Any]) -> str:
    """Serve one worker of a run to its end; returns what the agent has said of a failure.

    Args:
        order: `address` (host and port of the gateway), `token`, `config` (for the agent), `code`
            (an archive in base64, or empty), `python` (empty: that of this process), `lost_after`
            (seconds that a machine may be silent).
    """
    dask: Any = import_module("distributed")
    context = dask.get_worker().security.get_connection_args("worker")["ssl_context"]
    folder = make_socket_folder("hptui-dask-")
    try:
        return asyncio.run(_serve(order, folder, context))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _serve(order: dict[str, Any], folder: Path, context: Any) -> str:  # noqa: ANN401 - of ssl
    path = folder / "engine.sock"
    joined: set[asyncio.Task[None]] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        joined.add(task)
        host, port = order["address"]
        try:
            there = await asyncio.open_connection(host, port, ssl=context)
        except OSError:
            writer.close()
            return
        keep_alive(there[1].get_extra_info("socket"), order["lost_after"])
        there[1].write(json.dumps({"relay": order["token"]}).encode("ascii") + b"\n")
        await pump_both((reader, writer), there)
        joined.discard(task)

    server = await asyncio.start_unix_server(join, str(path))
    code = base64.b64decode(order["code"])
    words = agent_words(order["python"] or sys.executable, str(path), is_packed=bool(code))
    with tempfile.TemporaryFile() as said:
        process = _start(words, said)
        assert process.stdin is not None
        try:
            given = agent_input(order["config"], code)
            await asyncio.to_thread(_give, process.stdin, given)
            await _end_of(process)
        finally:
            # Its lifeline.
            process.stdin.close()
            server.close()
            process.wait()
        if joined:
            await asyncio.wait(joined, timeout=_END_S)
        said.seek(max(0, said.seek(0, os.SEEK_END) - _SAID))
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def _start(words: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)


def _give(stream: Any, data: bytes) -> None:  # noqa: ANN401 - a pipe
    with contextlib.suppress(OSError):
        stream.write(data)
        stream.flush()


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process's end; signals of children reach only the main thread."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    fd = os.pidfd_open(process.pid)
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pump_both(one: Ends, other: Ends) -> None:
    """Carry bytes between two connections until either has ended; then close both."""
    pumps = [
        asyncio.ensure_future(_pump(one[0], other[1])),
        asyncio.ensure_future(_pump(other[0], one[1])),
    ]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for _, writer in (one, other):
        writer.close()
    for pump in pumps:
        pump.cancel()
    for _, writer in (one, other):
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), _END_S)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_PART):
            writer.write(data)
            await writer.drain()
