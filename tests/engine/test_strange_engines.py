"""What a client believes of a lease, of the socket that it names, and of who answers there."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.study_file import StudyFile
from tests.waiting import DEADLINE_S, MOMENT_S

from hptui.cli.main import main
from hptui.engine.ipc.client import ask_engine
from hptui.engine.ipc.connections import Connections
from hptui.engine.ipc.own_socket import is_own_peer
from hptui.engine.recovery.lease import Lease, folder_of
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.leases import lease_at

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from hptui.engine.ipc.protocol import Channel

STATUS: dict[str, Any] = {
    "ok": True,
    "study": "s",
    "file": "s.db",
    "objective": "o",
    "run": "r",
    "pid": 1,
    "state": "running",
    "counts": {"complete": 1, "pruned": 0, "fail": 0},
    "others": {"complete": 0, "pruned": 0, "fail": 0},
    "running": 1,
    "waiting": 0,
    "n_trials": 3,
    "target": None,
    "rate": 1.0,
    "eta_s": 2.0,
    "elapsed_s": 1.0,
    "best": {"number": 0, "value": 1.0},
    "directions": ["minimize"],
    "sampler": "tpe",
    "pruner": "none",
    "sampler_ms_a_trial": 1.0,
    "backend": "loky",
    "threads_per_slot": 1,
    "trouble": "",
    "slots": [
        {"slot": 0, "trial": 1, "running_s": 1.0, "step": 1, "value": 1.0, "ending": False},
    ],
    "notes": [],
}
CLIPBOARD = "\x1b]52;c;aGVsbG8=\x07"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of which a lease of this process says that it is run."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    path = tmp_path / "s.db"
    with StudyFile(path) as study:
        study.add_study("s")
        study.add_trial(1.0)
    (tmp_path / "private").mkdir(mode=0o700)
    write_lease(path, str(tmp_path / "private" / "engine.sock"))
    return path


def write_lease(path: Path, named: str, **other: object) -> None:
    """Write a lease of this process that names a socket."""
    folder = folder_of(path, path.stem)
    folder.mkdir(exist_ok=True)
    lease = Lease.of_this_process(path.stem, "run", path)
    data = {**asdict(lease), "socket": named, **other}
    (folder / "engine.json").write_text(json.dumps(data))


@contextmanager
def answering(path: Path, answer: bytes, *, drips: bool = False) -> Generator[list[bytes]]:
    """Answer each request at a socket; yields the requests. With `drips` no answer ever ends."""
    heard: list[bytes] = []
    over = threading.Event()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(MOMENT_S)

    def serve_one(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(answer)
        while drips and not over.wait(MOMENT_S):
            connection.sendall(b" ")

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    serve_one(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join(DEADLINE_S)
        listener.close()


def socket_of(file: Path) -> Path:
    return file.parent / "private" / "engine.sock"


@pytest.mark.parametrize(
    "change",
    [
        {"eta_s": float("inf")},
        {"eta_s": 1e300},
        {"elapsed_s": float("nan")},
        {"rate": -1.0},
        {"counts": {"complete": 10**400, "pruned": 0, "fail": 0}},
        {"counts": {"complete": 1}},
        {"counts": None},
        {"n_trials": "3"},
        {"best": {"number": 0}},
        {"best": {"number": 0, "value": "1"}},
        {"slots": {"0": 1}},
        {"slots": [{"slot": 0}]},
        {"slots": [None] * 20},
        {"state": ["running"]},
        {"sampler": None},
        {"others": {"complete": True}},
        {"ok": 1},
    ],
    ids=str,
)
def test_what_is_no_answer_to_status_is_told_in_a_sentence(
    file: Path, change: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(socket_of(file), json.dumps({**STATUS, **change}).encode() + b"\n"):
        assert main(["status", "s"]) == 1
    told = capsys.readouterr()
    assert "cannot be read" in told.err
    assert "internal error" not in told.err


@pytest.mark.parametrize("missing", [name for name in STATUS if name in "counts slots pid ok run"])
def test_an_answer_without_a_field_is_told_in_a_sentence(
    file: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {name: value for name, value in STATUS.items() if name != missing}
    with answering(socket_of(file), json.dumps(answer).encode() + b"\n"):
        assert main(["status", "s"]) == 1
    assert "is missing" in capsys.readouterr().err


@pytest.mark.parametrize("answer", [b"\xff\n", b"[1]\n", b"[" * 100_000 + b"\n", b""])
def test_what_is_no_message_is_told_in_a_sentence(file: Path, answer: bytes) -> None:
    with answering(socket_of(file), answer), pytest.raises(HptuiError):
        ask_engine(file, "s", {"op": "status"})


def test_nothing_that_an_engine_says_reaches_the_terminal_as_an_escape(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ("state", "sampler", "pruner", "backend", "trouble", "study")
    answer = {**STATUS, **dict.fromkeys(texts, CLIPBOARD), "notes": [CLIPBOARD]}
    with answering(socket_of(file), json.dumps(answer).encode() + b"\n"):
        assert main(["status", "s"]) == 0
        assert main(["status", "s", "--json"]) == 0
    told = capsys.readouterr().out
    assert "]52;c" in told
    assert "\x1b" not in told


def test_an_answer_that_never_ends_is_not_waited_for(file: Path) -> None:
    dripping = answering(socket_of(file), b" ", drips=True)
    with dripping, pytest.raises(HptuiError, match="did not answer within"):
        ask_engine(file, "s", {"op": "status"}, timeout_s=2 * MOMENT_S)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_nothing_is_sent_to_a_socket_that_others_can_reach(file: Path, mode: int) -> None:
    socket_of(file).parent.chmod(mode)
    refused = pytest.raises(UsageError, match="not the socket of an engine of yours")
    with answering(socket_of(file), b"{}\n") as heard, refused:
        ask_engine(file, "s", {"op": "annotate", "edit": {"body": "secret"}})
    assert heard == []


@pytest.mark.parametrize("named", ["\0abstract", "engine.sock", "\ud800/x", "/dev/null"])
def test_a_lease_may_not_name_just_anything(file: Path, named: str) -> None:
    write_lease(file, named)
    with pytest.raises(UsageError, match="not the socket of an engine of yours"):
        ask_engine(file, "s", {"op": "status"})


def as_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)


def test_another_users_run_is_not_asked(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(socket_of(file), b"{}\n") as heard:
        as_another_user(monkeypatch)
        with pytest.raises(UsageError, match="belongs to another user"):
            ask_engine(file, "s", {"op": "status"})
    assert heard == []


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="no system tells who connects")
def test_an_engine_closes_the_connections_of_other_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = Connections(tmp_path / "e.sock", _Nobody())  # pyright: ignore[reportArgumentType]
    connections.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(tmp_path / "e.sock"))
        client.settimeout(DEADLINE_S)
        assert is_own_peer(client)
        client.sendall(b'{"op":"stop"}\n')
        as_another_user(monkeypatch)
        connections.wait(DEADLINE_S)
        connections.wait(MOMENT_S)
        # What was sent is thrown away, unread.
        with pytest.raises(ConnectionError):
            client.recv(1)
    connections.close()


class _Answering:
    """Answers what is asked, and takes no worker."""

    def on_first(self, channel: Channel, message: dict[str, Any]) -> bool:
        channel.send(message)
        return False


def test_an_idle_client_makes_room_for_the_next_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hptui.engine.ipc.connections._MAX_CLIENTS", 3)
    monkeypatch.setattr("hptui.engine.ipc.connections._SETTLING_S", 0)
    connections = Connections(tmp_path / "e.sock", _Answering())  # pyright: ignore[reportArgumentType]
    connections.open()
    with ExitStack() as stack:

        def connected() -> socket.socket:
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.connect(str(tmp_path / "e.sock"))
            client.settimeout(DEADLINE_S)
            connections.wait(DEADLINE_S)
            return client

        def ask(client: socket.socket, sent: bytes = b'{"op":"status"}\n') -> bytes:
            client.sendall(sent)
            connections.wait(DEADLINE_S)
            return client.recv(100)

        first, second, third = (connected() for _ in range(3))
        assert ask(first)
        # Bytes that are no message yet are no sign of life.
        second.sendall(b"{")
        connections.wait(DEADLINE_S)
        fourth = connected()
        assert second.recv(1) == b""
        fifth = connected()
        assert third.recv(1) == b""
        assert all(map(ask, (first, fourth, fifth)))
    connections.close()


class _Nobody:
    def __getattr__(self, name: str) -> Callable[..., object]:
        raise AssertionError(name)


@pytest.mark.parametrize("pid", [float("inf"), "x", None, [], 10**30])
def test_a_lease_with_an_odd_pid_is_none(file: Path, pid: object) -> None:
    write_lease(file, "/s", pid=pid)
    assert lease_at(folder_of(file, "s") / "engine.json") is None
