"""The application in a browser: who may come in, and what is said where it cannot be."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import DEADLINE_S

from hptui.cli import main as hptui
from hptui.cli.commands.serve import (
    TOKEN_VARIABLE,
    command_of,
    is_allowed,
    is_loopback,
    is_own_page,
    listening,
    token_of,
)
from hptui.errors import HptuiError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "a" * 32


def test_a_token_is_long_and_new_each_time_or_a_persons_own() -> None:
    assert token_of({}) != token_of({})
    assert len(token_of({})) == 32
    assert token_of({TOKEN_VARIABLE: TOKEN}) == TOKEN
    for bad in ("", "short", "a/" * 20, "ä" * 20, "a" * 16 + "\n"):
        with pytest.raises(UsageError, match="16 to 200 letters"):
            token_of({TOKEN_VARIABLE: bad})


@pytest.mark.parametrize(
    ("path", "is_in"),
    [
        (f"/{TOKEN}/", True),
        (f"/{TOKEN}/ws", True),
        (f"/{TOKEN}", True),
        ("/", False),
        ("/ws", False),
        (f"/ws/{TOKEN}", False),
        (f"/{TOKEN}x/ws", False),
        (f"/{TOKEN[:-1]}/ws", False),
        ("/é\udce9/ws", False),
    ],
)
def test_a_path_must_begin_with_the_token(path: str, is_in: bool) -> None:
    assert is_allowed(path, TOKEN) is is_in


def test_pages_of_other_sites_are_kept_out() -> None:
    assert is_own_page(None, "127.0.0.1:8000")
    assert is_own_page("http://127.0.0.1:8000", "127.0.0.1:8000")
    assert is_own_page("https://tunnel.example", "tunnel.example")
    for origin in ("http://evil.example", "null", "", "http://127.0.0.1:8001"):
        assert not is_own_page(origin, "127.0.0.1:8000")


def test_only_this_machine_is_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.2", "example.org", "")))


def test_the_command_goes_through_a_shell_whole() -> None:
    hostile = "a b; echo $HOME '\""
    assert shlex.split(command_of(hostile))[-2:] == ["hptui", hostile]
    assert shlex.split(command_of(None))[-1] == "hptui"


def test_an_address_that_cannot_be_listened_on_is_named() -> None:
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(HptuiError, match=f"port {port}") as raised:
            listening("127.0.0.1", port)
        assert "--port" in raised.value.hint
    for host in ("192.0.2.1", "no.such.host.invalid", "x" * 300):
        with pytest.raises(HptuiError, match="cannot listen on"):
            listening(host, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--port", "70000"], "from 0 to 65535"),
        (["nothing-like-this"], "nothing-like-this"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hptui(["serve", *words]) != 0
    assert told in capsys.readouterr().err


def test_without_the_library_the_way_to_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec

    def missing(name: str, *rest: Any) -> object:
        return None if name == "textual_serve" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    assert hptui(["serve", str(tmp_path)]) == 2
    assert "pip install 'hptui[serve]'" in capsys.readouterr().err


def test_the_application_is_shown_to_who_has_the_address(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hptui", "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            told = server.stdout.readline()
            address = re.search(r"http://\S+/", told)
            assert address is not None, told
            asyncio.run(asyncio.wait_for(_visit(address[0]), DEADLINE_S))
        finally:
            os.kill(server.pid, signal.SIGINT)
        assert server.wait(DEADLINE_S) == 0


async def _visit(address: str) -> None:
    aiohttp: Any = importlib.import_module("aiohttp")
    root = address.rsplit("/", 2)[0]
    async with aiohttp.ClientSession() as browser:
        for path in ("/", "/ws", "/static/js/textual.js", "/wrong/ws"):
            async with browser.get(root + path) as answer:
                assert answer.status == 403
        async with browser.get(address) as page:
            found = re.search(r'data-session-websocket-url="([^"]+)"', await page.text())
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert found is not None
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await browser.ws_connect(found[1], headers={"Origin": "http://evil.example"})
        async with browser.ws_connect(f"{found[1]}?width=80&height=24") as terminal:
            shown = b""
            async for frame in terminal:
                shown += frame.data
                if b"There are no studies" in shown:
                    break
            assert b"There are no studies" in shown, shown
            await terminal.send_json(["stdin", "q"])
            async for _ in terminal:
                pass
        assert terminal.close_code is not None


def test_a_port_that_is_asked_for_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    def bind(_: socket.socket, address: object) -> None:
        told.append(address)

    monkeypatch.setattr(socket.socket, "bind", bind)
    listening("127.0.0.1", 8123).close()
    assert told == [("127.0.0.1", 8123)]
