"""Text from studies, objectives and logs, made safe for a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARS = 10_000

# C0 except newline and tab, DEL, C1, bidirectional controls, line separators, lone surrogates:
# each of them can move the cursor, write to the clipboard or make text read as what it is not.
# And the two that are no characters: XML, and with it SVG, may not hold them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_UNSAFE_IN_LINE = re.compile(_UNSAFE.pattern[:-1] + "\n\t]")


# A password ends at the last @ of an address's authority; a path behind it holds colons and @ of
# its own. Paths lose one of the slashes, and the letter of a drive is no scheme. A quote ends what
# stands in compact JSON. No two searches see the same characters, so that they take linear time.
_PASSWORD = re.compile(
    r"(?<=[A-Za-z0-9+.-]{2})(:/{1,3}[^\s/@:?#]*):(?:[^\s/?#\"]|\"(?![\s,:\]}]))*@"
)
# What connects to a database takes any character of a password, `/` and `?` too. The length is
# bounded, so that many schemes without an @ take linear time.
_DATABASE_PASSWORD = re.compile(
    r"(?<![A-Za-z])((?:postgres(?:ql)?|mysql|mariadb|mssql|oracle|cockroachdb|redis|rediss|mongodb)"
    r"(?:\+\w{1,40})?:/{1,3}[^\s/@:?#]{0,256}):[^\s\"]{0,512}@",
    re.IGNORECASE,
)
_SECRET = re.compile(r"([?&](?:password|passwd|pwd|secret|token)=)[^&\s'\"]+", re.IGNORECASE)
_SEEN_AHEAD = 2_000
"""Characters behind a cut that may tell what stands before it for a password."""


def redacted(text: str) -> str:
    """Return `text` with `***` for each password in an address, `postgresql://me:***@host/db`."""
    if ":/" not in text:
        return text
    for pattern in (_DATABASE_PASSWORD, _PASSWORD):
        text = pattern.sub(r"\1:***@", text)
    return _SECRET.sub(r"\1***", text)


def _cut(value: object, max_chars: int) -> str:
    """Return at most `max_chars` of a text, without passwords."""
    text = value if isinstance(value, str) else str(value)
    text = redacted(text[: max_chars + _SEEN_AHEAD])
    return text[: max_chars - 1] + "…" if len(text) > max_chars else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def escape_text(text: str) -> str:
    r"""Return `text` with control characters made visible, and all else as it is.

    Newlines and tabs stay. Escape sequences, C1 controls, bidirectional controls and lone
    surrogates become `\x1b`-like spellings, so nothing of them reaches the terminal. This is for
    what a person edits, saves or copies; what is only shown is `safe_text`.
    """
    return _UNSAFE.sub(_escape, text)


def escape_line(text: str) -> str:
    """Return `text` as one line in the same way: newlines and tabs are made visible too."""
    return _UNSAFE_IN_LINE.sub(_escape, text)


def safe_text(value: object, *, max_chars: int = MAX_CHARS) -> str:
    """Return `value` as text to be shown: escaped, cut, and with `***` for passwords in addresses.

    `max_chars` counts before control characters are made visible.
    """
    return escape_text(_cut(value, max_chars))


def safe_line(value: object, *, max_chars: int = 200) -> str:
    """Return `value` as one line of safe text: newlines and tabs are made visible too."""
    return escape_line(_cut(value, max_chars))


def sentence(text: str) -> str:
    """Return a text with a full stop, unless it ends like a sentence."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cell_width(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


_ZERO_WIDTH: Final = ("Mn", "Me", "Cf")
"""Categories of what stands over its neighbour, or is not seen: vowel signs, accents, joiners."""


def char_width(char: str) -> int:
    """Return how many cells of a terminal a character takes: 0, 1 or 2."""
    if unicodedata.combining(char) or unicodedata.category(char) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


_TAB_CELLS: Final = 8
# Colours say nothing in a log that is shown in one colour; other sequences are made visible.
_COLOURS: Final = re.compile("\x1b\\[[0-9;:]*m")


def printed_line(line: str) -> str:
    """Return what is left of a line on a terminal: colours are left out, and what was rewritten."""
    # A carriage return starts the line over, as progress bars do.
    return _COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2])


def shown_line(line: str, *, max_chars: int) -> str:
    """Return a line safe for a terminal, in at most about `max_chars` characters."""
    cut = printed_line(line)[: 4 * max_chars]
    return safe_line(cut.expandtabs(_TAB_CELLS), max_chars=max_chars)
