"""What is on the screen, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App


def screen_text(app: App[Any]) -> str:
    """Return the visible screen, a line a row, without blanks at the ends of lines."""
    # Textual exports pictures and no text; this is the one place that looks inside for it.
    compositor = app.screen._compositor  # pyright: ignore[reportPrivateUsage]
    return "\n".join(strip.text.rstrip() for strip in compositor.render_strips())
