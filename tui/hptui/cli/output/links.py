"""Files and addresses that a terminal opens when they are clicked (OSC 8)."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROGRAMS: Final = ("iterm.app", "wezterm", "vscode", "ghostty", "hyper", "tabby")
"""Of `TERM_PROGRAM`."""
_KINDS: Final = ("xterm-kitty", "xterm-ghostty", "foot", "alacritty", "contour", "wezterm")
"""Beginnings of `TERM`."""
_VARIABLES: Final = ("WT_SESSION", "KITTY_WINDOW_ID", "KONSOLE_VERSION", "DOMTERM")
_FIRST_VTE: Final = 5000
_MAX_CHARS: Final = 4_000
_IN_ADDRESS: Final = "/:?#[]@!$&'()*+,;=%-._~"


def shows_links(environment: Mapping[str, str]) -> bool:
    """Say whether a terminal is known to show links; others may print what they do not know."""
    kind = environment.get("TERM", "")
    if kind == "dumb" or kind.startswith(("screen", "tmux")):
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM", "").lower() in _PROGRAMS
        or kind.startswith(_KINDS)
        or any(environment.get(name) for name in _VARIABLES)
        or (vte.isascii() and vte.isdecimal() and int(vte) >= _FIRST_VTE)
    )


def file_link(path: Path, shown: str = "") -> str:
    """Return a path for standard output, safe for a terminal; a link where that shows links.

    `shown` is what stands there, by default the path.
    """
    text = safe_line(shown or str(path), max_chars=_MAX_CHARS)
    # With the machine's name a terminal knows whether the file is on its own.
    place = quote(os.fsencode(path.absolute()))
    return _linked(text, f"file://{quote(socket.gethostname())}{place}")


def address_link(address: str) -> str:
    """Return a web address for standard output, safe for a terminal; a link, as `file_link`."""
    return _linked(safe_line(address, max_chars=_MAX_CHARS), quote(address, safe=_IN_ADDRESS))


def _linked(text: str, target: str) -> str:
    if not (sys.stdout.isatty() and shows_links(os.environ)):
        return text
    return f"\x1b]8;;{target}\x1b\\{text}\x1b]8;;\x1b\\"
