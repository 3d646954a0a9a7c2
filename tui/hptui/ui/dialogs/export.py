"""The dialog that asks in which form, where to and which trials of a study are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from hptui.analysis.filters.completion import CompletionNames
from hptui.domain.export_forms import EXPORT_FORMS, ExportForm
from hptui.domain.study_name import file_name_for
from hptui.domain.texts.text import safe_line
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.fields import ends_in, is_there, path_of, place_problem
from hptui.ui.forms.file_dialog import EXISTS, FilePlace, ask_to_replace
from hptui.ui.forms.frame import DialogFrame, FormLine
from hptui.ui.studies.study_actions import (
    ExportRequest,
    filter_problem,
    form_problem,
)
from hptui.ui.trials.filter_input import FilterInput
from hptui.ui.widgets.scrolling import ChoiceList

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from hptui.ui.study.snapshot import StudySnapshot

_KEYS: Final = dict(zip("cjpbd", EXPORT_FORMS, strict=True))
_SUFFIX_WIDTH: Final = 10
_LABEL_WIDTH: Final = 4


class ExportDialog(Dialog[ExportRequest]):
    """Asks for a form by its letter or with arrows, then for a path and a filter.

    Args:
        study_name: The study's name.
        filter_text: What stands in the field for the filter.
        snapshot: The study, to whose names the filter is completed.
    """

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/export.tcss"]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", show=False),
        Binding("shift+tab", "app.focus_previous", show=False),
    ]

    def __init__(
        self, study_name: str, filter_text: str = "", snapshot: StudySnapshot | None = None
    ) -> None:
        super().__init__()
        self._study_name = study_name
        self._filter_text = filter_text
        self._snapshot = snapshot
        self._form = EXPORT_FORMS[0]

    def compose(self) -> ComposeResult:
        """Lay out forms, what the chosen one is, and the fields."""
        colour = self.app.services.colour
        key_style, dimmed = colour("footer-key-foreground"), colour("dimmed")
        name = safe_line(self._study_name, max_chars=60)
        keys = "tab next   enter accept   esc cancel"
        with DialogFrame(f"Export {name}", keys=keys, problem=""):
            yield ChoiceList(
                *(_option(key, form, key_style, dimmed) for key, form in _KEYS.items()), id="forms"
            )
            yield Static(id="text")
            place = file_name_for(self._study_name, self._form.suffix)
            file = Input(place, id="field", select_on_focus=False)
            yield FormLine("file", file, width=_LABEL_WIDTH)
            only = FilterInput(id="filter")
            yield FormLine("only", only, width=_LABEL_WIDTH, id="filter-line")

    def on_mount(self) -> None:
        line = self.query_one(FilterInput)
        line.value = self._filter_text
        if self._snapshot is None:
            line.offer(CompletionNames((), saved=tuple(self.app.services.settings.filters)))
        else:
            line.offer_of(self._snapshot)
        self.query_one("#forms", OptionList).focus()

    def on_key(self, event: events.Key) -> None:
        """Choose a form by its letter; j and k move."""
        forms = self.query_one("#forms", OptionList)
        if not forms.has_focus:
            return
        if event.key in ("j", "k"):
            event.stop()
            (forms.action_cursor_down if event.key == "j" else forms.action_cursor_up)()
        elif event.key in _KEYS:
            event.stop()
            at = list(_KEYS).index(event.key)
            if not forms.get_option_at_index(at).disabled:
                forms.highlighted = at
                self.query_one("#field", Input).focus()

    @on(OptionList.OptionHighlighted)
    def _explain(self, event: OptionList.OptionHighlighted) -> None:
        form = EXPORT_FORMS[event.option_index]
        self.query_one("#text", Static).update(Text(form.explanation))
        field = self.query_one("#field", Input)
        if field.value.endswith(self._form.suffix):
            field.value = field.value.removesuffix(self._form.suffix) + form.suffix
        self._form = form
        self.query_one("#filter-line").disabled = not form.takes_filter
        self._tell()

    @on(OptionList.OptionSelected)
    def _go_on(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.query_one("#field", Input).focus()

    @on(Input.Changed)
    def _tell(self) -> None:
        problem = self._problem()
        note = "" if problem else self._replacing()
        self.query_one(DialogFrame).tell(problem or note, is_note=not problem)

    def _problem(self) -> str:
        text = place_problem(
            self.query_one("#field", Input).value,
            ends_in(self._form.suffix),
            can_replace=self._form.can_replace,
        )
        return text or filter_problem(self._chosen, self.app.services.settings.filters)

    def _replacing(self) -> str:
        place = self.query_one("#field", Input).value
        return EXISTS if is_there(place) else ""

    @property
    def _chosen(self) -> str:
        return self.query_one(FilterInput).value.strip() if self._form.takes_filter else ""

    @on(Input.Submitted)
    def _accept(self) -> None:
        place = self.query_one("#field", Input).value
        if self._problem():
            self.app.bell()
            return

        def accept(place: FilePlace) -> None:
            self.dismiss(ExportRequest(place.target, self._chosen, place.is_replacing))

        ask_to_replace(self, path_of(place), accept)


def _option(key: str, form: ExportForm, key_style: str, dimmed: str) -> Option:
    reason = form_problem(form)
    text = Text.assemble(
        (key, key_style), "  ", f"{form.suffix:<{_SUFFIX_WIDTH}}", (reason or form.summary, dimmed)
    )
    return Option(text, form.suffix, disabled=bool(reason))
