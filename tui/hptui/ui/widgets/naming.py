"""How a widget is called in its screen, for constructors that hand it on."""

from __future__ import annotations

from typing import TypedDict


class Naming(TypedDict, total=False):
    """By what queries and styles find a widget, as Textual's constructors take it."""

    id: str | None
    classes: str | None
