"""Where the code of a callback stands that a person names; nothing is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.objective import ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError
from hptui.registry.source.modules import is_dotted_name

if TYPE_CHECKING:
    from pathlib import Path

_HINT: Final = "Write --callback file.py:function or --callback package.module:function."


def read_callback(text: str, cwd: Path) -> ObjectiveRef:
    """Return where the code of a callback stands; nothing of it runs.

    Args:
        text: What a person typed: `file.py:function` or `package.module:function`.
        cwd: The folder that relative paths are looked for in.

    Raises:
        ObjectiveError: It is spelled otherwise, or there is no such file.
    """
    place, colon, attribute = text.rpartition(":")
    shown = safe_line(text, max_chars=80)
    if not colon or not place or not is_dotted_name(attribute) or not text.isprintable():
        raise ObjectiveError(f"--callback {shown!r} does not name a function.", hint=_HINT)
    if place.endswith(".py") or "/" in place:
        path = (cwd / place).resolve()
        if not path.is_file():
            raise ObjectiveError(f"There is no file {safe_line(place)}.", hint=_HINT)
        return ObjectiveRef("file", str(path), attribute, text)
    if not is_dotted_name(place):
        raise ObjectiveError(f"--callback {shown!r} does not name a function.", hint=_HINT)
    return ObjectiveRef("module", place, attribute, text)
