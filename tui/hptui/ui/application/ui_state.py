"""What a person has arranged on screens, kept in a file of its own from one start to the next."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, Final, cast

from hptui.storage.files.side_files import read_side_object

_MAX_BYTES: Final = 100_000
_in_memory: dict[str, Any] | None = None
"""In the place of the file."""


def remembered(screen: str) -> dict[str, Any]:
    """Return what is known of a screen; nothing where the file is not there, or is broken."""
    found = _read().get(screen)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def remember(screen: str, **values: object) -> None:
    """Keep values of a screen beside those that are known; a file that takes none is left alone."""
    everything = _read()
    everything[screen] = {**remembered(screen), **values}
    if _in_memory is not None:
        _in_memory.update(everything)
        return
    path = _path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(json.dumps(everything), "utf-8")
        part.replace(path)


def keep_in_memory() -> None:
    """Neither read nor write the person's file, for the rest of this process."""
    global _in_memory
    _in_memory = {}


def _path() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("hptui")) / "screens.json"


def _read() -> dict[str, Any]:
    return read_side_object(_path(), _MAX_BYTES) if _in_memory is None else dict(_in_memory)
