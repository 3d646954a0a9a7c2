"""Calling something once, after a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message_pump import MessagePump
    from textual.timer import Timer


def call_after(pump: MessagePump, delay_s: float, callback: Callable[[], object]) -> Timer:
    """Call something once, `delay_s` seconds from now or as soon as possible after that.

    Textual's own `set_timer` never calls it when the loop was held up for `delay_s` just as the
    timer began (`Timer._run` of Textual 8 skips a tick that is late, here the only one).
    """
    timer = pump.set_timer(delay_s, callback)
    timer._skip = False  # pyright: ignore[reportPrivateUsage]
    return timer
