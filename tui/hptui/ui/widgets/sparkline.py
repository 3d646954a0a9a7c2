"""A trend in one line of a table or a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from hptui.figures.canvas.sparkline import sparkline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style


def trend_text(
    values: Sequence[float], width: int, *, has_unicode: bool, style: str | Style = ""
) -> Text:
    """Return a trend as text of at most `width` cells."""
    return Text(sparkline(values, width, unicode=has_unicode), style, no_wrap=True)
