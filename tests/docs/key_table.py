"""The README's tables of keys, from the list of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.ui.commands.command_table import COMMANDS, MOVING
from hptui.ui.commands.key_names import key_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.ui.commands.command_table import Place

HEADS: Final[dict[Place, str]] = {
    "app": "Everywhere",
    "studies": "Studies",
    "setup": "Set-up",
    "study": "A study",
    "failures": "The failures of a study",
    "trial": "A trial",
    "compare": "A comparison",
}


def keys_block() -> str:
    """Return a table a screen: keys, what they do, and the name for the settings."""
    lines: list[str] = []
    for place, head in HEADS.items():
        lines += [f"| {head} | | in the settings |", "| --- | --- | --- |"]
        for command in COMMANDS:
            if command.place == place:
                keys = _code(map(key_text, command.keys))
                lines.append(f"| {keys} | {command.title} | `{command.id}` |")
        if place == "app":
            lines += [f"| {_code(keys)} | {title} | |" for keys, title in MOVING]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def shared_keys_block() -> str:
    """Return the keys that several screens have, with what each screen calls them."""
    screens: list[Place] = [place for place in HEADS if place != "app"]
    labels: dict[str, dict[Place, str]] = {}
    for command in COMMANDS:
        for key in command.keys:
            labels.setdefault(key, {})[command.place] = command.label
    head = " | ".join(HEADS[place] for place in screens)
    lines = [f"| | {head} |", "| --- |" + " --- |" * len(screens)]
    for key, found in labels.items():
        if len(found) > 1:
            cells = " | ".join(found.get(place, "") for place in screens)
            lines.append(f"| `{key_text(key)}` | {cells} |")
    return "\n".join(lines) + "\n"


def _code(keys: Iterable[str]) -> str:
    return " ".join(f"`{key}`" for key in keys)
