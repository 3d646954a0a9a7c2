"""Small questions over a screen: choose one, type one line, read a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from rich.text import Text
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from hptui.domain.texts.text import safe_line, safe_text
from hptui.ui.application.stacked import StackedScreen
from hptui.ui.commands.key_names import key_text
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.widgets.scrolling import ChoiceList, ReadingScroll

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

Result = TypeVar("Result")
_NO: Final = "n"


class Dialog(StackedScreen[Result], ModalScreen[Result]):
    """A frame in the middle of the screen; escape, or a click beside it, closes it with None."""

    CSS_PATH = "../styles/dialogs.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (92, "-medium")]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "cancel")]

    def rows_beside(self, n_lines: int) -> int:
        """Return how many rows are left for a list in a frame with so many lines besides."""
        return max(3, self.app.size.height * 9 // 10 - n_lines)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """Close on a click beside the frame."""
        if event.widget is self:
            self.dismiss(None)


class ChoiceDialog(Dialog[str]):
    """Asks for one of a few answers: by its letter, with arrows and enter, or with the mouse.

    Whatever is asked, `n` is no: it changes nothing, and the dialog returns an empty text.

    Args:
        title: A few words.
        text: What it is about, whole sentences; may be empty.
        choices: For each other answer its key, what the dialog returns, and its label.
        no: The label of no.
        is_no_first: Whether enter alone means no, where another answer can harm.
    """

    def __init__(
        self,
        title: str,
        text: str,
        choices: Sequence[tuple[str, str, str]],
        *,
        no: str,
        is_no_first: bool = False,
    ) -> None:
        super().__init__()
        assert all(key != _NO for key, _, _ in choices)
        answers = [*choices]
        answers.insert(0 if is_no_first else len(answers), (_NO, "", no))
        self._title, self._text, self._choices = title, text, tuple(answers)

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title):
            if self._text:
                yield Static(Text(safe_text(self._text)), id="text")
            key_style = self.app.services.colour("footer-key-foreground")
            yield ChoiceList(
                *(
                    Option(
                        Text.assemble((key_text(key), key_style), "  ", safe_line(label)), result
                    )
                    for key, result, label in self._choices
                )
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def on_key(self, event: events.Key) -> None:
        for key, result, _label in self._choices:
            if event.key == key:
                event.stop()
                self.dismiss(result)
                return


class TextDialog(Dialog[str]):
    """Asks for one line of text, checked while it is typed.

    Args:
        title: A few words.
        prompt: A sentence above the field; may be empty.
        initial: What stands in the field.
        check: Returns a sentence about what is wrong with a text, or None when it will do;
            without, any text will.
        is_suggestion: Whether the first key replaces what stands there.
        is_secret: Whether what is typed is not shown.
    """

    def __init__(
        self,
        title: str,
        prompt: str,
        initial: str = "",
        check: Callable[[str], str | None] | None = None,
        *,
        is_suggestion: bool = False,
        is_secret: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._prompt, self._initial, self._check = title, prompt, initial, check
        self._is_suggestion, self._is_secret = is_suggestion, is_secret

    def compose(self) -> ComposeResult:
        """Lay out title, prompt, field and the line for what is wrong."""
        with DialogFrame(self._title, keys="enter accept   esc cancel", problem=""):
            if self._prompt:
                yield Static(Text(safe_text(self._prompt)), id="text")
            yield Input(
                self._initial,
                id="field",
                select_on_focus=self._is_suggestion,
                password=self._is_secret,
            )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong with what stands there."""
        self.query_one(DialogFrame).tell(self._problem(event.value) or "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with the text, if it will do."""
        if self._problem(event.value) is None:
            self.dismiss(event.value)
        else:
            self.app.bell()

    def _problem(self, text: str) -> str | None:
        return None if self._check is None else self._check(text)


class MessageDialog(Dialog[str]):
    """Shows a text until it is put away; it scrolls when it is long."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter,space,q", "cancel", "close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with DialogFrame(self._title, keys="esc close"), ReadingScroll(id="scroll"):
            yield Static(Text(safe_text(self._text)), id="text")
