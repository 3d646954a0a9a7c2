"""Values of options: texts that are read as argparse wants it, and files that must not exist."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

from hptui.errors import UsageError
from hptui.storage.files import target as target_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_Read = TypeVar("_Read")


def typed(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """Return `read` as argparse wants it: it names the option before the sentence."""

    def convert(text: str) -> _Read:
        try:
            return read(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(error.message) from None

    return convert


def require_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there already, before anything is computed.

    Raises:
        StudyFileError: It is there, and was not asked to be replaced.
    """
    if not overwrite:
        target_files.require_free(target, hint="--overwrite replaces it, or choose another name.")
