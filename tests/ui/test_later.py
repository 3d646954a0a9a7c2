"""What is called once, after a while, is called however late the loop is."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from tests.waiting import until_next_look
from textual.app import App

from hptui.ui.widgets.later import call_after

if TYPE_CHECKING:
    import pytest


def test_a_call_comes_though_the_loop_is_late_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test():
            # Each look at the clock is ten seconds after the one before.
            clock = itertools.count(0.0, 10.0)
            monkeypatch.setattr("textual._time.get_time", lambda: next(clock))
            call_after(app, 0.01, lambda: called.append(1))
            for _ in range(100):
                if called:
                    break
                await until_next_look()
            monkeypatch.undo()

    asyncio.run(scenario())
    assert called == [1]
