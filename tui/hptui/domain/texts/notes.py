"""What may stand in a note and in a tag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_NOTE_CHARS: Final = 100_000
"""Longer notes are refused, and read up to here."""
CUT_NOTE: Final = (
    f"The note has more than {MAX_NOTE_CHARS:,} characters: it can be edited in optuna-dashboard, "
    "but not here."
)
MAX_TAG_CHARS: Final = 100
MAX_TAGS: Final = 100
"""Of one study or trial."""

# Controls that no text holds, and halves of characters: what could be stored, but not be shown.
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def check_note(text: str) -> str:
    """Return a note as it is stored: with plain line ends, and none at its end.

    Raises:
        UsageError: It is too long, or holds control characters.
    """
    body = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if len(body) > MAX_NOTE_CHARS:
        raise UsageError(
            f"The note has {len(body):,} characters; at most {MAX_NOTE_CHARS:,} are kept.",
            hint="Put the long part into a file, and its path into the note.",
        )
    found = _UNFIT.search(body)
    if found is not None:
        line = body.count("\n", 0, found.start()) + 1
        raise UsageError(
            f"The note holds the control character {safe_line(found.group())} in line {line}.",
            hint="A note is plain text or Markdown; remove the character.",
        )
    return body


def check_tag(text: str) -> str:
    """Return a tag without the blanks around it.

    Raises:
        UsageError: It is empty, too long, or holds control characters.
    """
    tag = text.strip()
    shown = safe_line(tag, max_chars=60)
    if not tag:
        raise UsageError("A tag is empty.", hint="Give it a word, like good.")
    if len(tag) > MAX_TAG_CHARS:
        raise UsageError(
            f"The tag {shown!r} has {len(tag):,} characters; at most {MAX_TAG_CHARS} are kept.",
            hint="Put long texts into the note.",
        )
    if escape_line(tag) != tag:
        raise UsageError(f"The tag {shown!r} holds control characters; a tag is one line of text.")
    return tag


def changed_tags(
    before: Iterable[str], *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return tags with some taken away and others added at the end, each of them once.

    Raises:
        UsageError: There would be too many.
    """
    gone = set(remove)
    after = tuple(dict.fromkeys([*(tag for tag in before if tag not in gone), *add]))
    if len(after) > MAX_TAGS:
        raise UsageError(f"There would be {len(after)} tags; at most {MAX_TAGS} are kept.")
    return after
