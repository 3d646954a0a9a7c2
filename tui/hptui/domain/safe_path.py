"""Keeping the working folder off the path of the Python processes that hptui starts.

Python puts that folder first for `-c` and `-m`, as for the resource trackers of libraries: its
`joblib.py` would run in the place of the module that is meant.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_VARIABLE: Final = "PYTHONSAFEPATH"
_OURS: Final = "hptui"


@contextlib.contextmanager
def without_folder_on_path() -> Generator[None]:
    """Keep the working folder off the path of Python processes that start in the block.

    What a person starts through such a process has to be given the path as plain Python has it;
    see `plain_environment` and `forget_safe_path`.
    """
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = before or _OURS
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


def plain_environment() -> dict[str, str]:
    """Return the variables for a program of the person's own, such as an editor."""
    return {
        name: value for name, value in os.environ.items() if (name, value) != (_VARIABLE, _OURS)
    }


def forget_safe_path() -> None:
    """Let processes that an objective starts find their modules as plain Python has it."""
    if os.environ.get(_VARIABLE) == _OURS:
        del os.environ[_VARIABLE]
