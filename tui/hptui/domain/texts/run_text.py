"""Numbers and times of a run, read as people type them."""

from __future__ import annotations

import re
from typing import Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

MAX_WORKERS: Final = 4_096
DEFAULT_TRIALS: Final = 100
"""Trials of a run that has neither a time-out nor a target."""
_MAX_DIGITS: Final = 12
_MAX_DURATION_S: Final = 366 * 86400.0

_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def read_count(text: str) -> int:
    """Return a whole number above 0.

    Raises:
        UsageError: The text is something else, or has more than 12 digits.
    """
    if not re.fullmatch(r"[0-9]+", text) or not text.strip("0"):
        raise UsageError(f"{_quoted(text)} is not a whole number above 0")
    if len(text) > _MAX_DIGITS:
        raise UsageError(f"{_quoted(text)} is too large")
    return int(text)


def require_possible(n_workers: int) -> None:
    """Refuse a number of workers that no run can have.

    Raises:
        UsageError: It is not one from 1 to `MAX_WORKERS`.
    """
    if not 1 <= n_workers <= MAX_WORKERS:
        raise UsageError(f"Use 1 to {MAX_WORKERS} workers, not {n_workers}.")


def read_workers(text: str) -> int:
    """Return how many trials may run at once.

    Raises:
        UsageError: The text is no whole number from 1 to `MAX_WORKERS`.
    """
    number = read_count(text)
    if number > MAX_WORKERS:
        raise UsageError(f"{number} is above the limit of {MAX_WORKERS} workers")
    return number


def read_seed(text: str) -> int:
    """Return the seed of a run.

    Raises:
        UsageError: The text is no whole number of 32 bits.
    """
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= 2**32:
        raise UsageError(f"{_quoted(text)} is not a seed from 0 to 4294967295")
    return int(text)


def read_target(text: str) -> float:
    """Return the value at which a run ends; it may be infinite.

    Raises:
        UsageError: The text is not a number, or NaN.
    """
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{_quoted(text)} is not a number") from None
    if value != value:
        raise UsageError("nan cannot be reached")
    return value


def read_duration(text: str) -> float:
    """Return the seconds that `90`, `90s`, `1.5m` or `1h30m` mean.

    Raises:
        UsageError: The text is not a duration above 0, or one above a year.
    """
    plain = text.strip().lower()
    parts = list(_PART.finditer(plain))
    if not parts or "".join(part.group() for part in parts) != plain:
        raise UsageError(f"{_quoted(text)} is not a duration; write 90, 90s, 5m or 1h30m")
    seconds = sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
    if seconds <= 0:
        raise UsageError(f"{_quoted(text)} is not a duration above 0")
    if seconds > _MAX_DURATION_S:
        raise UsageError(f"{_quoted(text)} is longer than a year")
    return seconds


def read_limit(text: str) -> float | None:
    """Return the seconds that a duration means, and None for `none`.

    Raises:
        UsageError: The text is neither.
    """
    return None if text.strip().lower() == "none" else read_duration(text)


def _quoted(text: str) -> str:
    return safe_line(repr(text), max_chars=60)
