"""Names from studies as text in charts, where every character takes one cell."""

from __future__ import annotations

from hptui.domain.text import char_width, safe_line


def label(text: object, max_chars: int, *, unicode: bool = True) -> str:
    """Return `text` safe for a terminal, one cell for a character, in at most `max_chars`.

    Characters of another width are a `?` each, without `unicode` all beyond ASCII.
    """
    line = "".join(
        char if char.isascii() or (unicode and char_width(char) == 1) else "?"
        for char in safe_line(text)
    )
    if len(line) <= max_chars:
        return line
    return f"{line[: max_chars - 1]}{'…' if unicode else '~'}" if max_chars > 0 else ""
