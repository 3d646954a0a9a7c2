"""Running a Textual application in a test, looking at its screen and waiting for something."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.waiting import looks, until_next_look

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.pilot import Pilot


def run(
    app: App[Any],
    scenario: Callable[[Pilot[Any]], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
) -> None:
    """Run an application without a terminal while `scenario` uses it."""

    async def whole() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scenario(pilot)

    asyncio.run(whole())


def screen_lines(app: App[Any]) -> list[str]:
    """The lines of the visible screen, without blanks at their ends."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def screen_text(app: App[Any]) -> str:
    """The visible screen as text."""
    return "\n".join(screen_lines(app))


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str = "") -> None:
    """Wait until something is so, and fail with the screen's text when it does not come."""
    for _ in looks(what, lambda: f"\n{screen_text(pilot.app)}"):
        if condition():
            return
        # The pilot would send each widget a message each time.
        await until_next_look()
