"""What is kept of a defect that ended the application."""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from hptui.domain.text import safe_line, safe_text

_MAX_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class ApplicationFailure:
    """A defect, told in a line."""

    what: str
    """Safe to print."""
    report: Path | None
    """Where its traceback was written; None where that was impossible."""


def keep_failure(error: BaseException) -> ApplicationFailure:
    """Write an exception's traceback, without the values of variables, for its owner alone."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    text = safe_text("".join(traceback.format_exception(error)), max_chars=_MAX_CHARS)
    return ApplicationFailure(safe_line(what, max_chars=300), _write(text))


def _write(text: str) -> Path | None:
    import platformdirs

    folder = Path(platformdirs.user_log_dir("hptui"))
    path = folder / f"failure-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return None
    return path
