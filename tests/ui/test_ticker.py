"""The thread that does the same thing again and again."""

from __future__ import annotations

from tests.waiting import DEADLINE_S, wait_until

from hptui.ui.widgets.ticker import Ticker


def test_another_period_counts_from_the_next_pause_on() -> None:
    ticks: list[int] = []
    ends: list[int] = []
    ticker = Ticker(lambda: ticks.append(1), lambda: ends.append(1), period_s=1e6, name="a ticker")
    ticker.start()
    wait_until(lambda: len(ticks) == 1, "the first tick comes at once")
    ticker.set_period(0.001)
    ticker.nudge()
    wait_until(lambda: len(ticks) > 5, "ticks come often now")
    ticker.set_period(1e6)
    ticker.stop()
    assert ticker.join(DEADLINE_S)
    assert ends == [1]
