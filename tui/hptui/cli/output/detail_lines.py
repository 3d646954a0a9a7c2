"""Pieces of the text that `hptui show` and `hptui best` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line, safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.storage.annotations.notes import Note
    from hptui.storage.read.artifacts import Artifact
    from hptui.storage.sqlite.attributes import Attribute, Attributes

_LABEL_WIDTH = 13
_ATTRIBUTE_CHARS = 120
_MAX_LINE_CHARS = 5_000


def attribute_lines(attributes: Attributes, label: str) -> list[str]:
    """Return a line for each attribute."""
    texts = [f"{safe_line(each.key, max_chars=60)}: {_shown(each)}" for each in attributes.found]
    if attributes.n_omitted:
        texts.append(f"and {attributes.n_omitted} more")
    return field_lines(label, texts)


def artifact_lines(artifacts: Sequence[Artifact]) -> list[str]:
    """Return a line for each file in an artifact store."""
    rows = [(each.filename, each.mimetype, each.id) for each in artifacts]
    return field_lines("artifacts", ["   ".join(filter(None, row)) for row in rows])


def field_lines(label: str, texts: Sequence[str]) -> list[str]:
    """Return a line for each text; the label stands before the first one."""
    return [field_line(label if index == 0 else "", text) for index, text in enumerate(texts)]


def note_lines(note: Note) -> list[str]:
    """Return the lines of a note, the first of them with the label."""
    return field_lines("note", safe_text(note.body).expandtabs(4).splitlines())


def _shown(attribute: Attribute) -> str:
    if attribute.problem:
        return f"({attribute.problem})"
    return safe_line(plain_text(attribute.value), max_chars=_ATTRIBUTE_CHARS)


def plain_text(value: object) -> str:
    """Return a string as it is, and anything else as JSON."""
    return value if isinstance(value, str) else dump(value, indent=None)


def field_line(label: str, text: str) -> str:
    """Return a line with a label, safe for a terminal; nothing where `text` is nothing."""
    shown = safe_line(text, max_chars=_MAX_LINE_CHARS)
    return f"  {label:<{_LABEL_WIDTH}}{shown}".rstrip() if text else ""
