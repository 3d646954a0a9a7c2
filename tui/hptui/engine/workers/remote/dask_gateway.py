"""The gateway to a dask cluster: a process beside the engine that holds dask's client.

It submits a task for each worker that the engine wants, accepts the connections of these tasks,
checks their tokens, and joins each to the engine's socket. The engine does not import dask, and a
far worker looks to it like a near one. The gateway ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from hptui.engine.ipc.protocol import Message, pack
from hptui.engine.workers.remote.dask_task import keep_alive, pump_both, serve

_HELLO_S: Final = 20.0
_LOOK_S: Final = 0.5
_MAX_SAID: Final = 400
_MAX_LINE: Final = 64 * 1024 * 1024
_CONNECT_S: Final = "30s"


@dataclass(eq=False)
class Gateway:
    """Serves one engine.

    Args:
        config: `socket` (the engine's), `token`, `scheduler` (an address, a file, or empty for a
            cluster of this machine's), `address` (where workers find this process: host and port,
            empty and 0 for what the system gives), `n_workers`, `lost_after` (seconds that a
            machine may be silent).
    """

    config: dict[str, Any]
    client: Any = None
    """Dask's, which is an extra, and half typed."""
    tasks: dict[str, Any] = field(default_factory=dict[str, Any])
    """By the tokens of their workers."""
    n_threads: int = -1
    is_lost: bool = False
    joined: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    async def run(self) -> None:
        """Serve until the engine is gone."""
        reader, self.engine = await asyncio.open_unix_connection(
            self.config["socket"], limit=_MAX_LINE
        )
        self.tell({"op": "gateway", "token": self.config["token"]})
        try:
            await self._connect()
            listen = self.client.security.get_listen_args("client")["ssl_context"]
            host, port = self.config["address"]
            if not self.config["scheduler"]:
                # Nobody else is to reach a cluster of this machine's.
                host, port = "127.0.0.1", 0
            host = host or _own_address(self.client.scheduler.address)
            server = await self._listen(host, port, listen)
        except Exception as error:  # noqa: BLE001 - whatever dask raises is why it cannot be reached
            self.tell({"op": "cluster", "problem": f"{type(error).__name__}: {error}"[:_MAX_SAID]})
            await self.engine.drain()
            return
        port = server.sockets[0].getsockname()[1]
        is_open = listen is None and not _is_loopback(host)
        self.tell({"op": "cluster", "state": "running", "is_open": is_open})
        looking = asyncio.ensure_future(self._look())
        try:
            while line := await reader.readline():
                await self._take(json.loads(line), [host, port])
        finally:
            looking.cancel()
            for task in self.tasks.values():
                task.release()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.client.close(), 5)

    async def _listen(self, host: str, port: int, context: Any) -> asyncio.Server:  # noqa: ANN401
        """Listen on the address that workers use, or on all where this machine does not have it.

        Raises:
            OSError: The port is taken.
        """
        try:
            return await asyncio.start_server(self._join, host, port, ssl=context, backlog=1024)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
        return await asyncio.start_server(self._join, None, port, ssl=context, backlog=1024)

    async def _connect(self) -> None:
        dask: Any = import_module("distributed")
        where = self.config["scheduler"]
        if not where:
            self.cluster = await dask.LocalCluster(
                n_workers=self.config["n_workers"],
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                asynchronous=True,
            )
            self.client = await dask.Client(self.cluster, asynchronous=True)
            return
        given = {"address": where} if "://" in where else {"scheduler_file": where}
        self.client = await dask.Client(**given, asynchronous=True, timeout=_CONNECT_S)

    def tell(self, message: Message) -> None:
        """Tell the engine."""
        self.engine.write(pack(message))

    async def _take(self, message: Message, address: list[Any]) -> None:
        token = str(message["token"])
        if message.get("op") == "cancel":
            future = self.tasks.get(token)
            if future is not None:
                await future.cancel()
            return
        order = {**message["order"], "address": address, "token": token}
        try:
            self.tasks[token] = self.client.submit(
                serve,
                order,
                key=f"hptui-{token[:16]}",
                pure=False,
                retries=0,
                resources=message["resources"] or None,
            )
        except Exception as error:  # noqa: BLE001 - the client may just be losing its scheduler
            said = f"{type(error).__name__}: {error}"[:_MAX_SAID]
            self.tell({"op": "ended", "token": token, "said": said})
            return
        watching = asyncio.ensure_future(self._watch(token))
        self.joined.add(watching)
        watching.add_done_callback(self.joined.discard)

    async def _watch(self, token: str) -> None:
        """Tell when a task has ended, and with what."""
        try:
            said = str(await self.tasks[token])
        except asyncio.CancelledError:
            said = "the task was cancelled"
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker is not there
            said = f"{type(error).__name__}: {error}"
        self.tasks.pop(token, None)
        self.tell({"op": "ended", "token": token, "said": said[:_MAX_SAID]})

    async def _look(self) -> None:
        """Tell how many threads the cluster has, and whether its scheduler is there."""
        while True:
            is_lost = self.client.status != "running"
            if is_lost != self.is_lost:
                self.is_lost = is_lost
                self.tell({"op": "cluster", "state": "lost" if is_lost else "running"})
            if self.client.status == "closed" and self.config["scheduler"]:
                # It has given up; the scheduler may come back.
                with contextlib.suppress(Exception):
                    await self._connect()
            if not is_lost:
                with contextlib.suppress(Exception):
                    told = await self.client.nthreads()
                    n_threads = sum(told.values())
                    if n_threads != self.n_threads:
                        self.n_threads = n_threads
                        self.tell({"op": "cluster", "threads": n_threads})
            await asyncio.sleep(_LOOK_S)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection to the engine if it belongs to one of our tasks."""
        keep_alive(writer.get_extra_info("socket"), self.config["lost_after"])
        try:
            line = await asyncio.wait_for(reader.readline(), _HELLO_S)
            given = str(json.loads(line)["relay"]).encode()
            is_known = any(hmac.compare_digest(each.encode(), given) for each in self.tasks)
            if not is_known:
                writer.close()
                return
            here = await asyncio.open_unix_connection(self.config["socket"])
        except (TimeoutError, OSError, ValueError, KeyError, TypeError):
            writer.close()
            return
        await pump_both((reader, writer), here)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _own_address(scheduler: str) -> str:
    """Return this machine's address as seen from a scheduler's."""
    host, _, port = scheduler.rpartition("://")[2].rpartition(":")
    with (
        contextlib.suppress(OSError, ValueError),
        socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
        ) as probe,
    ):
        # Nothing is sent: the system only says which way it would go.
        probe.connect((host.strip("[]"), int(port)))
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _end_with_engine() -> None:
    """End this process at the end of standard input, whatever it is doing."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve as the line on standard input says."""
    import threading

    config: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_engine, daemon=True).start()
    asyncio.run(Gateway(config).run())


if __name__ == "__main__":
    main()
