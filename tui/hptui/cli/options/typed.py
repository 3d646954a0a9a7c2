"""Functions that read an option's text, as argparse wants them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_Read = TypeVar("_Read")


def typed(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """Return `read` as argparse wants it: it names the option before the sentence."""

    def convert(text: str) -> _Read:
        try:
            return read(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(error.message) from None

    return convert
