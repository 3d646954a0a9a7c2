"""Files and addresses that a terminal opens."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hptui.cli.output.links import address_link, file_link, shows_links


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def in_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "lab 1")
    for name in ("TERM", "VTE_VERSION", "WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM_PROGRAM", "ghostty")


@pytest.mark.usefixtures("in_terminal")
def test_a_link_holds_nothing_that_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pytest puts its own in place before each test.
    monkeypatch.setattr(sys, "stdout", Terminal())
    path = Path("/tmp/a b\x1b]0;x\x07\n\udcffé.html")
    link = file_link(path)
    target, _, shown = link.removeprefix("\x1b]8;;").partition("\x1b\\")
    assert target == "file://lab%201/tmp/a%20b%1B%5D0%3Bx%07%0A%FF%C3%A9.html"
    text, _, end = shown.partition("\x1b]8;;")
    assert end == "\x1b\\"
    assert "\x1b" not in text
    assert "\n" not in text
    assert address_link("http://[::1]:80/t/?a=b%20c").count("http://[::1]:80/t/?a=b%20c") == 2
    assert "\x1b]8;;http://a/%1B%0A\x1b\\" in address_link("http://a/\x1b\n")
    monkeypatch.setenv("TERM", "screen-256color")
    assert "\x1b" not in file_link(path)


def test_a_pipe_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "ghostty")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert file_link(Path("/tmp/a"), "a") == "a"


@pytest.mark.parametrize(
    ("environment", "is_known"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4999"}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "dumb", "TERM_PROGRAM": "vscode"}, False),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, False),
        ({"WT_SESSION": "x"}, True),
    ],
)
def test_a_terminal_with_links_is_known(environment: dict[str, str], is_known: bool) -> None:
    assert shows_links(environment) == is_known
