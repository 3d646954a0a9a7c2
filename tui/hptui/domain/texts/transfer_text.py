"""How many trials were carried over, and why others were left out, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Mapping

Verb = Literal["have", "get"]


def transfer_sentence(
    new_name: str,
    n_kept: int,
    left_out: Mapping[str, int],
    *,
    is_done: bool,
    verb: Verb = "have",
) -> str:
    """Return `digits-2 has 142 of 203 trials, 61 are left out.`, or what would be."""
    n_left = sum(left_out.values())
    said = {"have": "has", "get": "got"}[verb] if is_done else f"would {verb}"
    n_all = n_kept + n_left
    trials = f"{n_kept:,} of {plural(n_all, 'trial')}"
    rest = f", {n_left:,} left out" if n_left else ""
    return f"{safe_line(new_name)} {said} {trials}{rest}{':' if n_left else '.'}"


def reason_lines(left_out: Mapping[str, int]) -> list[str]:
    """Return a line for each reason, with the counts below each other."""
    width = max((len(f"{count:,}") for count in left_out.values()), default=0)
    return [f"{count:>{width},}  {safe_line(reason)}" for reason, count in left_out.items()]
