"""Running a Textual application in a test, looking at its screen and waiting for something."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import App
    from textual.pilot import Pilot

DEADLINE_S = 30.0


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
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"It did not come: {what}\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


def wait_until(condition: Callable[[], bool], what: str = "") -> None:
    """Wait until something is so, outside of an application."""
    deadline_s = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"It did not come: {what}")
        pause.wait(0.01)
