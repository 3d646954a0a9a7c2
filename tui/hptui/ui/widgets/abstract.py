"""Widgets and screens with abstract methods: one that lacks them cannot be made."""

from __future__ import annotations

from abc import ABCMeta

from textual.message_pump import _MessagePumpMeta  # pyright: ignore[reportPrivateUsage] - see below


# Textual's metaclass has no public name, and a class has one metaclass.
class AbstractMeta(_MessagePumpMeta, ABCMeta):
    """Textual's metaclass and Python's for abstract classes in one."""
