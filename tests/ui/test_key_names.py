"""Keys as people write them."""

from __future__ import annotations

import pytest

from hptui.ui.commands.command_table import COMMANDS
from hptui.ui.commands.key_names import key_name, key_text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("n", "n"),
        ("N", "N"),
        ("?", "question_mark"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("ctrl+p", "ctrl+p"),
        ("Shift+Tab", "shift+tab"),
        ("F5", "f5"),
        ("esc", "escape"),
        ("page down", "pagedown"),
        ("space", "space"),
        ("slash", "slash"),
    ],
)
def test_a_written_key_is_textuals(text: str, name: str) -> None:
    assert key_name(text) == name


@pytest.mark.parametrize("text", ["", "nn", "f99", "hyper+x", "ctrl+", " ", "\x1b", "é", "x,y"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert key_name(text) is None


@pytest.mark.parametrize("key", sorted({key for command in COMMANDS for key in command.keys}))
def test_each_default_key_can_be_written_back(key: str) -> None:
    assert key_name(key_text(key)) == key
