"""The dialog in which the parameters and objectives of a view are chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual import on

from hptui.domain.texts.text import safe_line
from hptui.ui.dialogs.questions import Dialog, TextDialog
from hptui.ui.forms.frame import DialogFrame, FormGrid
from hptui.ui.plots.view_choices import (
    REFERENCE_KEY,
    read_reference,
    reference_problem,
    reference_text,
)
from hptui.ui.plots.view_options import ViewOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from hptui.ui.application.stacked import StackedScreen
    from hptui.ui.plots.view_choices import ViewChoices

_NAME_CHARS: Final = 30
_FRAME_LINES: Final = 10
"""Lines that are no list: the frame, the title, what is wrong, and the keys."""


class ViewChoicesDialog(Dialog[ViewOptions]):
    """Asks what a view shows; answers with the options of the view."""

    def __init__(self, choices: ViewChoices) -> None:
        super().__init__()
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Lay out the list and its keys."""
        keys = "space select or deselect; none: the first or all   enter accept   esc cancel"
        with DialogFrame("What the view shows", keys=keys, problem=""):
            yield FormGrid(
                self._choices, lines_beside=_FRAME_LINES, empty="Nothing to choose here."
            )

    @on(FormGrid.Marked)
    def _toggle(self, message: FormGrid.Marked) -> None:
        if message.key == REFERENCE_KEY:
            self._ask_for_reference()
            return
        self._choices = self._choices.toggled(str(message.key))
        self.query_one(FormGrid).show(self._choices)
        self.query_one(DialogFrame).tell(self._choices.problem)

    def _ask_for_reference(self) -> None:
        def take(options: ViewOptions | None) -> None:
            if options is not None:
                self._choices = replace(self._choices, options=options)
                self.query_one(FormGrid).show(self._choices)

        ask_for_reference(self, self._choices, take)

    @on(FormGrid.RowOpened)
    def _accept(self) -> None:
        if self._choices.problem:
            self.app.bell()
        else:
            self.dismiss(self._choices.options)


def ask_for_reference(
    screen: StackedScreen[Any], choices: ViewChoices, take: Callable[[ViewOptions | None], None]
) -> None:
    """Ask for the point from which volumes are measured; `take` gets the options with it."""
    names = ", ".join(safe_line(name, max_chars=_NAME_CHARS) for name in choices.objectives)

    def read(text: str | None) -> None:
        options = choices.options
        take(None if text is None else replace(options, reference=read_reference(text)))

    screen.app.push_screen(
        TextDialog(
            "Reference point",
            f"The volume is measured from here: a value for each of {names}. Leave empty for the "
            "worst values seen.",
            reference_text(choices.options.reference),
            partial(reference_problem, n_objectives=len(choices.objectives)),
            is_suggestion=True,
        ),
        read,
    )
