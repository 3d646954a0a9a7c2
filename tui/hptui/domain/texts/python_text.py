"""Values as Python source, to be pasted into a program or executed."""

from __future__ import annotations

import math
from typing import cast


def python_literal(value: object) -> str:
    """Return Python source for what JSON can hold, NaN and infinities included."""
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return "{" + ", ".join(f"{key!r}: {python_literal(each)}" for key, each in items) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(python_literal, cast('list[object]', value)))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
