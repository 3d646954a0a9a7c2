"""The frame of a dialog: a title, fields in lines, what is wrong with them, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hptui.ui.forms.fields import FormField


_MAX_PROBLEM_CHARS: Final = 600


class DialogFrame(Vertical):
    """Holds what is composed within it, below the title and above problem and keys.

    Args:
        title: A few words.
        keys: A line about the keys; None for a frame without one.
        problem: What is said at first; None for a dialog in which nothing can be wrong.
    """

    def __init__(self, title: str, *, keys: str | None = None, problem: str | None = None) -> None:
        super().__init__(Static(Text(safe_line(title)), id="title"), id="frame")
        self._keys, self._problem = keys, problem

    def compose(self) -> ComposeResult:
        """Lay out what stands below."""
        if self._problem is not None:
            yield Static(Text(self._problem), id="problem")
        if self._keys is not None:
            yield Static(Text(self._keys), id="keys")

    def tell(self, text: str, *, is_note: bool = False) -> None:
        """Say what is wrong, or what is to be known; no text takes it away."""
        line = self.query_one("#problem", Static)
        line.set_class(is_note, "-note")
        line.update(Text(safe_line(text, max_chars=_MAX_PROBLEM_CHARS)))

    def show_keys(self, text: str) -> None:
        """Say which keys work now."""
        self.query_one("#keys", Static).update(Text(text))


_MAX_LABEL: Final = 24
_GAP: Final = 2


class FormLine(Horizontal):
    """A label and what is typed beside it.

    Args:
        label: One or two words.
        field: A line that is typed into.
        width: Of the label, in cells.
        id: Its id.
    """

    def __init__(self, label: str, field: Input, *, width: int, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        shown = Static(Text(safe_line(label, max_chars=_MAX_LABEL)), classes="label")
        shown.styles.width = min(width, _MAX_LABEL) + _GAP
        super().__init__(shown, field, id=id, classes="form-line")


class FormLines(VerticalScroll, inherit_bindings=False):
    """Fields that may be more than fit; keys go from one to the next, and do not scroll."""

    def __init__(self, *, id: str | None = None, can_focus: bool | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, can_focus=can_focus)
        self._ids: dict[str, str] = {}

    async def ask(self, fields: Sequence[FormField]) -> None:
        """Add fields."""
        width = max((len(field.label) for field in fields), default=0)
        self._ids = {field.id: f"field-{index}" for index, field in enumerate(fields)}
        lines = [
            FormLine(field.label, _input_of(field, self._ids[field.id]), width=width)
            for field in fields
        ]
        await self.mount_all(lines)

    @property
    def texts(self) -> dict[str, str]:
        """What stands in each field, by the field's id."""
        return {name: self.query_one(f"#{key}", Input).value for name, key in self._ids.items()}


def _input_of(field: FormField, key: str) -> Input:
    suggester = SuggestFromList(field.suggestions) if field.suggestions else None
    return Input(
        field.initial,
        field.placeholder,
        id=key,
        compact=True,
        suggester=suggester,
        select_on_focus=False,
    )
