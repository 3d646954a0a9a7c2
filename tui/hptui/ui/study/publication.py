"""What came of writing a page or a report, as a message; screens need it long before the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Published(Message):
    """Something was written, or could not be."""

    text: str
    is_done: bool


def outcome_of(work: Callable[[], str]) -> Published:
    """Do the work, for a thread; errors become sentences too."""
    try:
        return Published(work(), is_done=True)
    except HptuiError as error:
        return Published(f"{error.message}\n{error.hint}".rstrip(), is_done=False)
