"""The file that a command is asked to write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def require_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there already, before anything is computed.

    Raises:
        UsageError: It is there, and was not asked to be replaced.
    """
    if os.path.lexists(target) and not overwrite:
        raise UsageError(
            f"{safe_line(str(target), max_chars=1_000)} already exists.",
            hint="--overwrite replaces it, or choose another name.",
        )
