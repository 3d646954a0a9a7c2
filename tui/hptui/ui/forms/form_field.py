"""A field that a form asks for, without Textual."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of a form."""

    id: str
    label: str
    initial: str = ""
    placeholder: str = ""
    suggestions: tuple[str, ...] = ()
    """Texts that complete what is typed."""
