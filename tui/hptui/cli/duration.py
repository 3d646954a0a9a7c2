"""Durations as people type and read them."""

from __future__ import annotations

import argparse
import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def read_duration(text: str) -> float:
    """Return the seconds that `90`, `90s`, `1.5m` or `1h30m` mean; for argparse.

    Raises:
        argparse.ArgumentTypeError: The text is no duration above 0.
    """
    plain = text.strip().lower()
    parts = list(_PART.finditer(plain))
    if not parts or "".join(part.group() for part in parts) != plain:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90, 90s, 5m or 1h30m")
    seconds = sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration above 0")
    return seconds
