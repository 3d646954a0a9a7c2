"""The point from which a hypervolume is measured, as a person types it: `0.5, 100`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hptui.domain.readable import plural

if TYPE_CHECKING:
    from collections.abc import Sequence


def reference_text(reference: Sequence[float]) -> str:
    """Return a point as it may be typed; nothing for none."""
    return ", ".join(
        f"{each:g}" if float(f"{each:g}") == each else repr(each) for each in reference
    )


def read_reference(text: str) -> tuple[float, ...]:
    """Return a point that `reference_problem` has nothing against; nothing typed means none."""
    return tuple(float(part) for part in _parts(text))


def reference_problem(text: str, n_objectives: int) -> str | None:
    """Return what is wrong with a text, a sentence; None where it will do."""
    parts = _parts(text)
    for part in parts:
        try:
            number = float(part)
        except ValueError:
            return f"{part!r} is not a number."
        if not math.isfinite(number):
            return f"{part} is not finite."
    if len(parts) not in (0, n_objectives):
        objectives = plural(n_objectives, "objective")
        return f"The study has {objectives}, and this is {plural(len(parts), 'number')}."
    return None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []
