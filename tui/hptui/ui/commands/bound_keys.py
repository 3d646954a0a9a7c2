"""Keys in sentences: a person may have given a command another one in the settings."""

from __future__ import annotations

from collections.abc import Callable

from hptui.ui.commands.command_table import keys_by_default
from hptui.ui.commands.key_names import key_text

KeyOf = Callable[[str], str]
"""Returns the first key of a command as people write it; the application knows the settings."""


def default_key(command_id: str) -> str:
    """Return the first key of a command where the settings give it no other."""
    return key_text(keys_by_default(command_id)[0])
