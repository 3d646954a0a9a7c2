"""The pages of the documentation: README, guides, reference and explanation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "tui" / "docs"
README: Final = ROOT / "README.md"
PAGES: Final = {
    **{str(path.relative_to(DOCS).with_suffix("")): path for path in sorted(DOCS.rglob("*.md"))},
    "index": DOCS / "README.md",
    "README": README,
}
"""By their names, like `guides/search`; `README` is the project's, `index` that of the pages."""
_FENCED: Final = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    """`sh` and `console` are commands, `drive` is a script for the screen, `text` is not tried."""
    code: str


@cache
def page_text(path: Path) -> str:
    """Return what is in a page."""
    return path.read_text("utf-8")


def blocks_of(name: str) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return [Block(found[1], found[2]) for found in _FENCED.finditer(page_text(PAGES[name]))]
