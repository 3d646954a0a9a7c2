"""The pages of the documentation that come with the program, by topic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hptui

_GROUPS: Final = {"guides": "Guides", "reference": "Reference", "explanation": "Explanation"}
_INDEX: Final = "README"
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """A page on one topic."""

    topic: str
    """What `hptui help` takes: the file's name without its ending."""
    title: str
    """Its heading."""
    place: str
    """Its file, from the folder of all pages."""

    def read(self) -> str:
        """Return its Markdown."""
        return (pages_folder() / self.place).read_text("utf-8")


def pages_folder() -> Path:
    """Return where the pages are: in an installed package, or in a checkout beside it."""
    package = Path(hptui.__file__).parent
    inside = package / "docs"
    return inside if inside.is_dir() else package.parent / "docs"


def topics() -> dict[str, list[Page]]:
    """Return all pages under the titles of their groups."""
    folder = pages_folder()
    groups: dict[str, list[Page]] = {title: [] for title in _GROUPS.values()}
    for path in sorted(folder.rglob("*.md")):
        if path.stem == _INDEX:
            continue
        place = path.relative_to(folder)
        title = _GROUPS.get(place.parts[0], _GROUPS["explanation"])
        with path.open(encoding="utf-8") as lines:
            heading = lines.readline().lstrip("#").strip()
        groups[title].append(Page(path.stem, heading, place.as_posix()))
    return groups


def for_terminal(markdown: str) -> str:
    """Return a page without what a terminal cannot follow: pictures, comments, links to files.

    A link to another page becomes the topic under which `hptui help` shows it.
    """
    text = _LINK.sub(_without_link, _COMMENT.sub("", markdown))
    return re.sub(r"\n{3,}", "\n\n", text)


def _without_link(found: re.Match[str]) -> str:
    is_picture, text, target = found.groups()
    if is_picture:
        return ""
    if "://" in target:
        return f"{text} ({target})"
    place, _, _ = target.partition("#")
    path = Path(place)
    if path.suffix != ".md" or path.stem.isupper():
        return text
    return f"{text} (`hptui help {path.stem}`)"
