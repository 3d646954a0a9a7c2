"""Figures written to a file: a picture as SVG, or plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.figures.canvas.picture import Picture, Span
from hptui.figures.canvas.ramp import VIRIDIS, ramp_colours
from hptui.figures.canvas.svg import picture_svg
from hptui.storage.transfer.copying import staged_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hptui.figures.canvas.roles import Role

PictureForm = Literal["svg", "txt"]
_FORMS: Final[dict[str, PictureForm]] = {".svg": "svg", ".txt": "txt"}
PAPER: Final = "#ffffff"
ON_PAPER: Final[dict[Role, str]] = {
    "axis": "#8a8f98",
    "label": "#4b5058",
    "note": "#4b5058",
    "trial": "#2563a8",
    "best": "#b45309",
    "pruned": "#8a8f98",
    "failed": "#b3261e",
    "running": "#0e7490",
    "stale": "#8a8f98",
    "infeasible": "#b3261e",
    "target": "#7c3aed",
    "selected": "#111827",
    "median": "#8a8f98",
    "series-1": "#2563a8",
    "series-2": "#b45309",
    "series-3": "#2e7d32",
    "series-4": "#7c3aed",
    "series-5": "#0e7490",
    "series-6": "#b3261e",
    **ramp_colours(VIRIDIS, is_dark=False),
}
"""Colours for a white ground."""


@dataclass(frozen=True, slots=True)
class TitledPicture:
    """A picture and the line above it, safe for a terminal."""

    title: str
    picture: Picture


def picture_form(target: Path) -> PictureForm:
    """Return the form that a file's name asks for.

    Raises:
        UsageError: Its ending is neither `.svg` nor `.txt`.
    """
    form = _FORMS.get(target.suffix.lower())
    if form is None:
        raise UsageError(
            f"The name {safe_line(target.name)} does not tell the format.",
            hint="Use a name that ends in .svg (a picture) or .txt (text).",
        )
    return form


def write_pictures(
    target: Path,
    pictures: Sequence[TitledPicture],
    *,
    overwrite: bool = False,
    colours: Mapping[Role, str] = ON_PAPER,
    ground: str = PAPER,
) -> None:
    """Write pictures below each other to `target`, which appears as a whole.

    Args:
        target: Its ending tells the form, see `picture_form`.
        pictures: At least one.
        overwrite: Replace a file that is there.
        colours: Of the SVG form, a colour of CSS for each role.
        ground: A colour of CSS behind it.

    Raises:
        UsageError: The ending is unknown.
        StudyFileError: `target` exists, or cannot be written.
    """
    form = picture_form(target)
    whole = _below_each_other(pictures)
    text = f"{whole.plain()}\n"
    if form == "svg":
        text = picture_svg(whole, pictures[0].title, colours=colours, ground=ground)
    with staged_file(target, overwrite=overwrite) as draft:
        draft.write_text(text, "utf-8")


def _below_each_other(pictures: Sequence[TitledPicture]) -> Picture:
    lines: list[tuple[Span, ...]] = []
    for each in pictures:
        if lines:
            lines.append(())
        lines += [(Span(each.title, "label"),), *each.picture.lines]
    return Picture(tuple(lines))
