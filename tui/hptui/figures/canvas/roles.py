"""What the parts of a picture stand for and are made of; whoever shows it gives them colours.

It imports little: the application's colours, and so its first frame, wait for it.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal[
    "axis",
    "label",
    "trial",
    "best",
    "pruned",
    "failed",
    "running",
    "stale",
    "infeasible",
    "target",
    "selected",
    "median",
    "note",
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
    "ramp-0",
    "ramp-1",
    "ramp-2",
    "ramp-3",
    "ramp-4",
    "ramp-5",
    "ramp-6",
    "ramp-7",
    "ramp-8",
    "ramp-9",
    "ramp-10",
    "ramp-11",
    "ramp-12",
    "ramp-13",
    "ramp-14",
    "ramp-15",
]
"""What a part of a picture stands for; what differs in role has other characters too."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
SERIES: Final[tuple[Role, ...]] = tuple(role for role in ROLES if role.startswith("series-"))
"""Studies that are drawn over each other."""
RAMP: Final[tuple[Role, ...]] = tuple(role for role in ROLES if role.startswith("ramp-"))
"""Numbers as colours, from the worst or fewest to the best or most."""

Glyphs = Literal["braille", "blocks", "ascii"]
"""What points and lines are made of: eight dots a cell, its quarters, or letters."""
GLYPHS: Final[tuple[Glyphs, ...]] = get_args(Glyphs)
