"""A run that a screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A study that an engine runs, as far as a screen knows."""

    path: Path
    name: str
    """The study's name in the file."""
