"""One picture that moves, of several of a screen: an SVG that needs no script.

What several pictures share stands in it once. Each part is seen in its pictures by CSS alone; where
nothing moves, or nothing is to, one of them is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STYLE: Final = re.compile(r"\.(terminal-\d+-r\d+) \{ ([^}]*?);? *\}")
_PART: Final = re.compile(
    r"<rect fill=[^>]*/>|<path class=[^>]*/>|<text class=.*?</text>", re.DOTALL
)
_CLASS: Final = re.compile(r'class="(terminal-\d+-r\d+)"')
_SHAPE: Final = re.compile(
    r'<path (?P<head>.*?)transform="translate\((?P<x>[\d.]+) (?P<y>[\d.]+)\) '
    r'scale\((?P<scale>[\d.]+)\)" d="(?P<d>[^"]*)"/>'
)
_PLACE: Final = re.compile(r"M([\d.-]+) ([\d.-]+)|H([\d.-]+)|V([\d.-]+)")
"""In a path; all else is relative."""
_CLIP: Final = re.compile(r' clip-path="[^"]*"')
_VIEW: Final = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_BAR: Final = 32.0
_MOVE: Final = re.compile(r'<g transform="translate\(9, 41\)"')


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the screen, and how long it is seen."""

    svg: str
    """As `hptui drive` writes it."""
    seconds: float


@dataclass(slots=True)
class _Parts:
    """The parts of all pictures: for each in which pictures it is seen."""

    frames: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    classes: dict[str, str] = field(default_factory=dict[str, str])
    """Names by their styles."""

    def add(self, frame: int, parts: Iterable[str]) -> None:
        for part in parts:
            self.frames.setdefault(part, set()).add(frame)

    def class_of(self, style: str) -> str:
        return self.classes.setdefault(style, f"s{len(self.classes)}")


def moving_picture(shown: Sequence[Shown], *, title: str, still: int = -1) -> str:
    """Return the pictures, all of one size, as one that shows them one after the other for ever.

    Args:
        shown: The pictures.
        title: What it shows, for those who do not see it.
        still: Which of them is seen where nothing moves.
    """
    found = _Parts()
    for frame, each in enumerate(shown):
        found.add(frame, _parts_of(each.svg, found))
    still %= len(shown)
    total = sum(each.seconds for each in shown)
    starts = [sum(each.seconds for each in shown[:at]) / total for at in range(len(shown) + 1)]
    sets = sorted({frozenset(frames) for frames in found.frames.values()}, key=sorted)
    names = {each: f"f{at}" for at, each in enumerate(sets) if len(each) < len(shown)}
    rules = [f".{name}{{{style}}}" for style, name in found.classes.items()]
    rules += [_rule(name, each, starts, still, total) for each, name in names.items()]
    by_frames: dict[frozenset[int], list[str]] = {each: [] for each in sets}
    for part, frames in found.frames.items():
        by_frames[frozenset(frames)].append(part)
    # What is behind stands before what is seen on it.
    grounds = (_group(_grounds(parts), names.get(each)) for each, parts in by_frames.items())
    letters = (_group(_letters(parts), names.get(each)) for each, parts in by_frames.items())
    body = "\n".join((*grounds, *letters))
    view = _VIEW.search(shown[0].svg)
    assert view is not None
    # Without the bar of the window that Rich draws.
    width, height = float(view[1]), float(view[2]) - _BAR
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">\n'
        f"<title>{title}</title>\n<style>\n"
        "text{font-family:Fira Code,DejaVu Sans Mono,monospace;font-size:20px}\n"
        + "\n".join(rules)
        + "\n@media (prefers-reduced-motion:reduce){*{animation:none!important}}\n"
        f'</style>\n<rect fill="{_ground_of(shown[0].svg)}" width="100%" height="100%" rx="8"/>\n'
        f'<g transform="translate(9, 9)">\n{body}\n</g>\n</svg>\n'
    )


def _parts_of(svg: str, found: _Parts) -> list[str]:
    styles = {name: style.strip() for name, style in _STYLE.findall(svg)}
    ground = _ground_of(svg)
    # Before this the window is drawn.
    screen = _MOVE.split(svg, maxsplit=1)[-1]
    parts: list[str] = []
    for part in _PART.findall(screen):
        if part.startswith(f'<rect fill="{ground}"'):
            continue
        plain = _CLIP.sub("", part).replace(' shape-rendering="crispEdges"', "")
        named = _CLASS.search(plain)
        if named is not None:
            plain = plain.replace(named[1], found.class_of(styles.get(named[1], "")))
        parts.append(plain)
    return parts


def _ground_of(svg: str) -> str:
    """Return the colour that most of the screen has behind it."""
    colours = re.findall(r'<rect fill="(#[0-9a-f]{6})" x="[\d.]+" y="[\d.]+" width="([\d.]+)"', svg)
    areas: dict[str, float] = {}
    for colour, width in colours:
        areas[colour] = areas.get(colour, 0.0) + float(width)
    return max(areas, key=lambda each: areas[each], default="#000000")


def _grounds(parts: Iterable[str]) -> str:
    return "".join(part for part in parts if part.startswith("<rect"))


def _letters(parts: Iterable[str]) -> str:
    """Return letters and shapes; shapes that look alike become one."""
    kept: list[str] = []
    shapes: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        shape = _SHAPE.fullmatch(part)
        if shape is not None:
            scale = float(shape["scale"])
            x, y = float(shape["x"]) / scale, float(shape["y"]) / scale
            moved = _PLACE.sub(lambda at, x=x, y=y: _moved(at, x, y), shape["d"])
            shapes.setdefault((shape["head"], shape["scale"]), []).append(moved)
        elif not part.startswith("<rect"):
            kept.append(part)
    drawn = (
        f'<path {head}transform="scale({scale})" d="{"".join(lines)}"/>'
        for (head, scale), lines in shapes.items()
    )
    return "".join((*drawn, *kept))


def _moved(place: re.Match[str], x: float, y: float) -> str:
    across, down, level, upright = place.groups()
    if across is not None:
        return f"M{x + float(across):.1f} {y + float(down):.1f}"
    return f"H{x + float(level):.1f}" if upright is None else f"V{y + float(upright):.1f}"


def _group(parts: str, name: str | None) -> str:
    return f'<g class="{name}">{parts}</g>' if name and parts else parts


def _rule(
    name: str, frames: frozenset[int], starts: Sequence[float], still: int, total: float
) -> str:
    """Return when a part is seen, and whether it is where nothing moves."""
    count = len(starts) - 1
    changes = [
        (starts[at], at in frames)
        for at in range(count)
        if at == 0 or (at in frames) != (at - 1 in frames)
    ]
    steps = "".join(f"{100 * at:.5g}%{{visibility:{_seen(is_seen)}}}" for at, is_seen in changes)
    rest = _seen(still in frames)
    return (
        f"@keyframes {name}{{{steps}}}"
        f".{name}{{visibility:{rest};animation:{name} {total:g}s step-end infinite}}"
    )


def _seen(is_seen: bool) -> str:
    return "visible" if is_seen else "hidden"
