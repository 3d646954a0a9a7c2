"""The one door to plotext: signals on a canvas from 0 to 1 become lines of text.

plotext keeps one figure for the whole process, so charts are drawn one at a time, from one thread.
It fails on ranges such as -1e308 to 1e308; here it only ever sees places from 0 to 1, with ticks
that were made elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hptui.analysis.history import Points

Ticks = Sequence[tuple[float, str]]
"""Places from 0 to 1 and their labels."""

MIN_WIDTH: Final = 16
MIN_HEIGHT: Final = 5

_ASCII: Final = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|++++++++-")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Points in one look; `marker` is a character, or `hd` for lines finer than characters."""

    points: Points
    marker: str
    colour: str
    """A colour's name in plotext."""
    is_line: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A chart before it is drawn; later layers lie on top."""

    title: str
    x_label: str
    x_ticks: Ticks
    y_ticks: Ticks
    layers: Sequence[Layer] = field(default_factory=tuple[Layer, ...])


def draw(canvas: Canvas, width: int, height: int, *, colour: bool, unicode: bool) -> str:
    """Return the chart as `height` lines of `width` cells; at least MIN_WIDTH by MIN_HEIGHT.

    Texts of the canvas must be safe for a terminal already.
    """
    import plotext  # pyright: ignore[reportMissingTypeStubs]

    api: Any = plotext
    # What is asked for counts, not the size of the terminal that this process may have.
    api.terminal.limit(False, False)
    figure = api.figure
    figure.clear()
    try:
        figure.plot_size(max(width, MIN_WIDTH), max(height, MIN_HEIGHT))
        figure.theme("colorless")
        figure.canvas("default")
        figure.title(canvas.title)
        figure.label(canvas.x_label, "x")
        for axis, ticks in (("x", canvas.x_ticks), ("y", canvas.y_ticks)):
            ruler = figure.ruler(axis)
            ruler.lim(0.0, 1.0)
            ruler.ticks([place for place, _ in ticks], [label for _, label in ticks])
        for layer in canvas.layers:
            if len(layer.points.x):
                figure.draw(_signal(api, layer, unicode=unicode))
        text = str(figure.build().string(colorless=not colour))
    finally:
        figure.clear()
    return text if unicode else _as_ascii(text)


def _signal(api: Any, layer: Layer, *, unicode: bool) -> Any:  # noqa: ANN401 - untyped plotext
    # The finer markers are blocks of Unicode.
    symbol = layer.marker if unicode or (layer.marker.isascii() and len(layer.marker) == 1) else "#"
    marker = api.marker(symbol, api.pixel(layer.colour))
    signal = api.figure.signal(layer.points.x.tolist(), layer.points.y.tolist(), marker=marker)
    return signal.lines(True) if layer.is_line else signal


def _as_ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
