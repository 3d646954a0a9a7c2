"""Tables of texts, before anybody lays them out: for a terminal, a screen or a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title and how it is aligned."""

    title: str
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are texts, not sanitised."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    """A text for each column."""
    caption: str = ""
    """What it shows, in a few words."""
