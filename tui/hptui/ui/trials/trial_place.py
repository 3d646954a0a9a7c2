"""A place in the trial table as a person types it: `117`, `#117`, `+5`, `5j`."""

from __future__ import annotations

import re
from typing import Final

_PLACE: Final = re.compile(
    r"\s*(?:#?(?P<number>\d{1,9})(?P<key>[jk]?)|(?P<rows>[+-]\d{1,9}))\s*", re.ASCII
)


def read_place(text: str) -> tuple[int | None, int]:
    """Return the number of the trial that is meant, or None and how many rows further down.

    Raises:
        ValueError: It is none of these.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    if match["rows"]:
        return None, int(match["rows"])
    number = int(match["number"])
    if match["key"]:
        return None, number if match["key"] == "j" else -number
    return number, 0


def place_problem(text: str) -> str | None:
    """Return what is wrong with a place; None where it can be read."""
    if _PLACE.fullmatch(text):
        return None
    return "A trial's number, like 117, or rows from here, like +5."
