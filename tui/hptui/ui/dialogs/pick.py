"""Picking one of a list that narrows while a person types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import getters
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from hptui.domain.texts.text import safe_line
from hptui.ui.application.services import ServingApp
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.widgets.scrolling import ChoiceList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

_MAX_SHOWN: Final = 500
_MAX_HEIGHT: Final = 20
_MAX_NAME: Final = 48
_MAX_ABOUT: Final = 400
_FRAME_LINES: Final = 7
"""Lines that are no list: the frame, the title, the field, and what is wrong."""
_ABOUT_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class PickItem:
    """Something to pick."""

    result: str
    """What the dialog returns for it."""
    name: str
    note: str = ""
    """A line beside the name."""
    disabled_reason: str = ""
    """Why it cannot be picked now; empty when it can."""
    about: str = ""
    """What is told below the list when the cursor is on it."""
    words: str = ""
    """More words that find it."""


class PickFrame(DialogFrame):
    """A list with a field above that narrows it; arrows and enter, or the mouse, pick.

    Args:
        title: A few words.
        items: What there is.
        pick: Gets the result of the item that was picked.
        chosen: The result of the item under the cursor at first.
        prompt: Stands in the empty field.
        keys: A line about the keys, below the list; may be empty.
        typed: What stands in the field at first; the next key replaces it.
        narrow: Gets what is typed, and lists what suits it; without, it is `narrow`.
        submit: Gets what stands in the field at enter, and says whether that is all that enter
            does; without, the item under the cursor is picked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move('down')", show=False),
        Binding("up,ctrl+p", "move('up')", show=False),
        Binding("pagedown", "move('page-down')", show=False),
        Binding("pageup", "move('page-up')", show=False),
        Binding("slash", "narrow", show=False),
    ]

    app = getters.app(ServingApp)

    def __init__(
        self,
        title: str,
        items: Sequence[PickItem],
        pick: Callable[[str], object],
        *,
        chosen: str = "",
        prompt: str = "type to filter",
        keys: str = "",
        typed: str = "",
        narrow: Callable[[str], object] | None = None,
        submit: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(title, keys=keys, problem="")
        self._items, self._pick, self._chosen = tuple(items), pick, chosen
        self._prompt, self._first_typed, self._has_keys = prompt, typed, bool(keys)
        self._narrow, self._submit = narrow or self.narrow, submit
        self._shown: tuple[PickItem, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out field, list and what is told of an item."""
        yield Input(self._first_typed, placeholder=self._prompt, id="field")
        yield ChoiceList(id="items")
        yield Static(id="about")
        yield from super().compose()

    def on_mount(self) -> None:
        """List everything, with the cursor on the chosen item."""
        self.query_one("#about").display = any(item.about for item in self._items)
        self.show_items(self._items)
        for index, item in enumerate(self._items):
            if item.result == self._chosen and not item.disabled_reason:
                self.query_one(OptionList).highlighted = index

    def fit(self, rows_beside: Callable[[int], int]) -> None:
        """Give the list the room that the terminal has, see `Dialog.rows_beside`."""
        n_lines = _FRAME_LINES + self._has_keys
        if self.query_one("#about").display:
            n_lines += _ABOUT_LINES
        rows = rows_beside(n_lines)
        options = self.query_one(OptionList)
        # The frame keeps its size while the list is narrowed.
        n_wanted = len(self._items) + sum(map(bool, _reasons(self._items)))
        options.styles.min_height = min(n_wanted, _MAX_HEIGHT, rows)
        options.styles.max_height = rows

    @property
    def typed(self) -> str:
        """What stands in the field, without blanks around it."""
        return self.query_one("#field", Input).value.strip()

    def renew(self, items: Sequence[PickItem]) -> bool:
        """Take other items, which are not listed yet, and say whether they are others."""
        before, self._items = self._items, tuple(items)
        return self._items != before

    def put(self, text: str) -> None:
        """Put a text into the field, as if it was typed."""
        field = self.query_one("#field", Input)
        field.value = text
        field.cursor_position = len(text)
        field.focus()

    def show_items(self, items: Sequence[PickItem]) -> None:
        """List these."""
        self._shown = tuple(items[:_MAX_SHOWN])
        width = max((len(safe_line(item.name)) for item in self._shown), default=0)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(
                self._prompt_of(item, reason, min(width, _MAX_NAME)),
                f"_{item.result}",
                disabled=bool(item.disabled_reason),
            )
            for item, reason in zip(self._shown, _reasons(self._shown), strict=True)
        )
        options.highlighted = next(
            (index for index, item in enumerate(self._shown) if not item.disabled_reason), None
        )
        if options.highlighted is None:
            self._tell_about("")

    def matching(self, text: str) -> list[PickItem]:
        """Return the items in which every word of a text stands; in their names first."""
        found = [
            item
            for item in self._items
            if _has_words(text, f"{item.name} {item.note} {item.words}")
        ]
        return sorted(found, key=lambda item: not _has_words(text, item.name))

    @property
    def shown(self) -> tuple[PickItem, ...]:
        """What is listed now."""
        return self._shown

    @property
    def under_cursor(self) -> PickItem | None:
        """The item under the cursor."""
        index = self.query_one(OptionList).highlighted
        return None if index is None else self._shown[index]

    def narrow(self, text: str) -> None:
        """List the items that match."""
        items = self.matching(text)
        self.show_items(items)
        self.tell("" if items else "Nothing matches.")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._submit is not None and self._submit(event.value):
            return
        self.pick()

    def pick(self) -> None:
        """Pick what is under the cursor, or say why that cannot be picked."""
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.action_select()
        elif self._shown:
            self.tell(self._shown[0].disabled_reason)

    def on_option_list_option_highlighted(self) -> None:
        """Tell of the item under the cursor."""
        item = self.under_cursor
        self._tell_about("" if item is None else item.about)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick((event.option_id or "_")[1:])

    def action_narrow(self) -> None:
        """Go from the list to the field."""
        self.query_one("#field").focus()

    def action_move(self, how: str) -> None:
        """Move the cursor of the list while the field has the focus."""
        options = self.query_one(OptionList)
        moves = {
            "down": options.action_cursor_down,
            "up": options.action_cursor_up,
            "page-down": options.action_page_down,
            "page-up": options.action_page_up,
        }
        moves[how]()

    def _tell_about(self, text: str) -> None:
        self.query_one("#about", Static).update(Text(safe_line(text, max_chars=_MAX_ABOUT)))

    def _prompt_of(self, item: PickItem, reason: str, width: int) -> Text:
        name, note = safe_line(item.name), safe_line(item.note)
        dimmed = self.app.services.colour("dimmed")
        text = Text(f"{name.ljust(width)}  " if note else name)
        # What cannot be picked is greyed as a whole by the list.
        text.append(note, "" if item.disabled_reason else dimmed)
        if reason:
            text.append(f"\n    {safe_line(reason)}", dimmed)
        return text


def _has_words(text: str, where: str) -> bool:
    return all(word in where.lower() for word in text.lower().split())


class PickDialog(Dialog[str]):
    """Asks for one of a list; answers with its result. What it takes is as for `PickFrame`."""

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/pick.tcss"]  # noqa: RUF012 - Textual's name

    def __init__(
        self,
        title: str,
        items: Sequence[PickItem],
        chosen: str = "",
        prompt: str = "type to filter",
    ) -> None:
        super().__init__()
        self._title, self._items, self._chosen, self._prompt = title, items, chosen, prompt

    def compose(self) -> ComposeResult:
        yield PickFrame(
            self._title, self._items, self.dismiss, chosen=self._chosen, prompt=self._prompt
        )

    def on_resize(self) -> None:
        """Give the list the room that the terminal has."""
        self.query_one(PickFrame).fit(self.rows_beside)


def _reasons(items: Sequence[PickItem]) -> list[str]:
    """Return what is told below each item: a reason that neighbours share stands below the last."""
    reasons = [item.disabled_reason for item in items]
    return [
        reason if reason != following else ""
        for reason, following in zip(reasons, [*reasons[1:], ""], strict=False)
    ]
