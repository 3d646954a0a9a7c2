"""Servers of databases for tests, each in a temporary folder and at a socket of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/sbin", "/usr/bin", "/usr/local/bin")


def program(name: str, package: str) -> str:
    """Return a program's path, or skip the test with what to install."""
    found = shutil.which(name)
    folders = [folder for place in _PLACES for folder in sorted(Path("/").glob(place[1:]))]
    for folder in folders:
        if found is None and (folder / name).exists():
            found = str(folder / name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


class Server:
    """A server that can be stopped, also in the middle of things, and started again."""

    def __init__(self, command: list[str], user: str | None, address: str) -> None:
        self._command, self._user = command, user
        self._process: subprocess.Popen[Any] | None = None
        self.address = address

    def start(self, is_up: Callable[[], bool]) -> None:
        """Start it, and wait until it answers."""
        own: dict[str, Any] = {"start_new_session": True, **_as_user(self._user)}
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdin=null, stdout=null, stderr=null, **own)
        wait_until(is_up, "the server to answer")

    @property
    def has_ended(self) -> bool:
        """Whether it was killed, and not started since."""
        return self._process is None

    def kill(self) -> None:
        """End it without a word, with all processes that serve it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _as_user(user: str | None) -> dict[str, Any]:
    """Return what starts a program as another user: servers refuse to run as root."""
    if user is None or os.getuid():
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@contextmanager
def _folder(user: str | None) -> Generator[Path]:
    # The paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="srv-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user is not None and not os.getuid():
            shutil.chown(folder, user)
        yield folder


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(address: str) -> Callable[[], bool]:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    def answers() -> bool:
        try:
            with create_engine(address, poolclass=NullPool).connect() as connection:
                return connection.execute(text("SELECT 1")).scalar() == 1
        except SQLAlchemyError:
            return False

    return answers


@contextmanager
def postgresql() -> Generator[tuple[Server, Callable[[], bool]]]:
    """Yield a PostgreSQL server, and what says whether it answers."""
    pytest.importorskip("psycopg", reason="pip install 'hptui[postgresql]'")
    initdb, postgres = program("initdb", "postgresql"), program("postgres", "postgresql")
    with ExitStack() as stack:
        folder = stack.enter_context(_folder("postgres"))
        subprocess.run(
            [initdb, "-D", str(folder / "data"), "-U", "me", "-A", "trust", "-E", "UTF8", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **_as_user("postgres"),
        )
        settings = ("fsync=off", "listen_addresses=", f"unix_socket_directories={folder}")
        options = [word for each in settings for word in ("-c", each)]
        address = f"postgresql://me:open%20sesame@/postgres?host={folder}"
        server = Server([postgres, "-D", str(folder / "data"), *options], "postgres", address)
        stack.callback(server.kill)
        is_up = _answers(address.replace("postgresql://", "postgresql+psycopg://"))
        server.start(is_up)
        yield server, is_up


@contextmanager
def mariadb() -> Generator[tuple[Server, Callable[[], bool]]]:
    """Yield a MariaDB server, and what says whether it answers."""
    pytest.importorskip("pymysql", reason="pip install 'hptui[mysql]'")
    install = program("mariadb-install-db", "mariadb-server")
    mariadbd = program("mariadbd", "mariadb-server")
    with ExitStack() as stack:
        folder = stack.enter_context(_folder("mysql"))
        data, at = folder / "data", folder / "socket"
        plain = [f"--datadir={data}", "--no-defaults"]
        subprocess.run(
            [install, *reversed(plain), "--auth-root-authentication-method=normal"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **_as_user("mysql"),
        )
        options = ["--skip-networking", f"--socket={at}"]
        server = Server(
            [mariadbd, *reversed(plain), *options],
            "mysql",
            f"mysql://root@localhost/mysql?unix_socket={at}",
        )
        stack.callback(server.kill)
        is_up = _answers(server.address.replace("mysql://", "mysql+pymysql://"))
        server.start(is_up)
        yield server, is_up


@contextmanager
def redis() -> Generator[tuple[Server, Callable[[], bool]]]:
    """Yield a Redis server, and what says whether it answers."""
    client: Any = pytest.importorskip("redis", reason="pip install 'hptui[redis]'")
    redis_server = program("redis-server", "redis-server")
    with ExitStack() as stack:
        folder, port = stack.enter_context(_folder(None)), _free_port()
        command = [redis_server, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        server = Server([*command, "--dir", str(folder)], None, f"redis://127.0.0.1:{port}/0")
        stack.callback(server.kill)

        def is_up() -> bool:
            try:
                return bool(client.Redis(port=port).ping())
            except client.RedisError:
                return False

        server.start(is_up)
        yield server, is_up
