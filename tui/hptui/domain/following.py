"""What a person hangs onto a run: what follows its trials, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.domain.objective import ObjectiveRef

DEFAULT_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What follows the trials of a run, and its end; all may be empty."""

    callbacks: tuple[ObjectiveRef, ...] = ()
    """Code that is called with the study and each trial that has ended."""
    on_best: tuple[str, ...] = ()
    """Shell commands for each trial that is better than all before it."""
    on_end: tuple[str, ...] = ()
    """Shell commands for the end of the run."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """How long each of these may take each time."""


def read_hook(text: str) -> str:
    """Read a shell command.

    Raises:
        UsageError: It is empty, or no operating system can run it.
    """
    if not text.strip():
        raise UsageError("The command is empty; write it like 'notify-send \"new best\"'.")
    if "\0" in text:
        raise UsageError("The command has a NUL character, which no command line can hold.")
    return text
