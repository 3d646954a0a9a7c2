"""The form of a sampler or a pruner with its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from rich.cells import cell_len

from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.own_method import is_own
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, OptionError
from hptui.ui.dialogs.pick import PickDialog, PickItem
from hptui.ui.dialogs.questions import TextDialog
from hptui.ui.widgets.field_lines import GAP, MARGIN
from hptui.ui.widgets.field_rows import FieldCell, FieldColumn, FieldRow
from hptui.ui.widgets.field_table import FieldTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from textual.app import App

    from hptui.ui.setup.method_draft import MethodDraft
    from hptui.ui.widgets.field_rows import FieldRole
    from hptui.ui.widgets.pane_title import WidgetName

METHOD: Final = "method"
"""The row in which the method is chosen."""
OWN: Final = "own class"
"""What the list of methods offers beside those of the tables."""
_LEAST_VALUE: Final = 8
_SCROLL_BAR: Final = 1


class MethodForm(FieldTable):
    """The method in the first row, its options below; those without effect say why."""

    def __init__(
        self,
        draft: MethodDraft,
        **naming: Unpack[WidgetName],
    ) -> None:
        super().__init__(**naming)
        self._draft = draft
        self._n_objectives = 1
        self._missing: Mapping[str, str] = {}

    @property
    def draft(self) -> MethodDraft:
        """The method with its options."""
        return self._draft

    def show(self, draft: MethodDraft, n_objectives: int, missing: Mapping[str, str]) -> None:
        """Show another method; `missing` says by name which methods cannot be used, and why."""
        self._draft, self._n_objectives, self._missing = draft, n_objectives, missing
        self.refresh_rows()

    @property
    def least_width(self) -> int:
        """How many cells names and values need, of long values only a part."""
        names, values = zip(*(map(_cells, row.cells) for row in self.rows()), strict=True)
        return max(names) + GAP + min(max(values), _LEAST_VALUE) + 2 * MARGIN + _SCROLL_BAR

    def columns(self) -> Sequence[FieldColumn]:
        """Return names, which are never cut, and values."""
        names = max(_cells(row.cells[0]) for row in self.rows())
        return FieldColumn("name", "", names, names), FieldColumn("value", "", 4, 60)

    def rows(self) -> Sequence[FieldRow]:
        """Return the method's row and one for each option."""
        draft = self._draft
        role: FieldRole = "trouble" if draft.method.name in self._missing else "name"
        method = FieldCell(draft.method.title, role, is_field=True)
        rows = [FieldRow(METHOD, (FieldCell(draft.family, "dim"), method))]
        for option in draft.method.options:
            text = draft.text_of(option)
            role = "edited" if option.name in draft.given else ""
            label: FieldRole = "dim"
            if draft.reason(option, self._n_objectives) is not None:
                role = label = "off"
            elif not text:
                text, role = "needed", "trouble"
            cells = (
                FieldCell(option.name.removeprefix("n_").replace("_", " "), label),
                FieldCell(safe_line(text), role, is_field=True),
            )
            rows.append(FieldRow(option.name, cells))
        return rows

    def help_text(self) -> str:
        """Return the option's line of help, or why it has no effect."""
        if self.cursor is None:
            return ""
        option = self._draft.method.option(self.cursor[0])
        if option is None:
            method = self._draft.method
            about = self._missing.get(method.name, method.help)
            return f"{method.title}: {about} Enter chooses another."
        reason = self._draft.reason(option, self._n_objectives)
        if reason is not None:
            return f"{option.name} has no effect now. {reason}"
        return f"{option.name}: {option.help} It is {option.expected()}."

    def text_of(self, row: str, column: str) -> str:
        """Return an option's value as it is typed."""
        del column
        option = self._draft.method.option(row)
        return "" if option is None else self._draft.text_of(option)

    def try_text(self, row: str, column: str, text: str) -> MethodDraft:
        """Return the method with this text as the option's value."""
        del column
        option = self._draft.method.option(row)
        if option is not None and text.strip():
            reason = self._draft.reason(option, self._n_objectives)
            if reason is not None and text.strip() != self._draft.text_of(option):
                raise OptionError(f"{option.name} has no effect now. {reason}")
        return self._draft.with_text(row, text)

    def accept(self, held: object) -> None:
        """Hold another draft."""
        self._draft = cast("MethodDraft", held)

    def is_typed(self, row: str, column: str) -> bool:
        """Say that the method is picked, and that options with few values are gone through."""
        del column
        option = self._draft.method.option(row)
        return option is not None and self._draft.next_text(option) is None

    def choose(self, row: str, column: str) -> None:
        """Let the method be picked; go through the values of an option that has few."""
        option = self._draft.method.option(row)
        following = None if option is None else self._draft.next_text(option)
        if following is None:
            self._pick()
            return
        self.lines.remark(None)
        try:
            self.attempt(self.try_text(row, column, following))
        except OptionError as error:
            self.refuse(error)

    def reset(self) -> None:
        """Put the option under the cursor back to its default."""
        if self.cursor is None or self.cursor[0] == METHOD:
            return
        self.lines.remark(None)
        try:
            self.attempt(self._draft.with_text(self.cursor[0], ""))
        except OptionError as error:
            self.refuse(error)

    def _pick(self) -> None:
        family = self._draft.family
        items = [
            PickItem(each.name, each.title, each.help, self._missing.get(each.name, ""))
            for each in METHODS[family]
        ]

        own = PickItem(OWN, "A class of your own…", f"A {family} from a file, a module or a hub.")
        app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]

        def take(name: str | None) -> None:
            if name == OWN:
                app.push_screen(self._own_dialog(), take_own)
            elif name is not None and name != self._draft.method.name:
                self.attempt(self._draft.choose(name))

        def take_own(text: str | None) -> None:
            if text is not None:
                self.attempt(self._draft.own(text))

        at = OWN if is_own(self._draft.method.name) else self._draft.method.name
        app.push_screen(PickDialog(f"Choose a {family}", [*items, own], at), take)

    def _own_dialog(self) -> TextDialog:
        draft = self._draft

        def check(text: str) -> str | None:
            try:
                draft.own(text)
            except HptuiError as error:
                return f"{error.message} {error.hint}".strip()
            return None

        return TextDialog(
            f"A {draft.family} of your own",
            "A class like mine.py:MyClass, package.module:MyClass, or hub:samplers/NAME. It runs "
            "in a process of its own.",
            str(draft) if is_own(draft.method.name) else "",
            check,
        )


def _cells(cell: FieldCell) -> int:
    return cell_len(cell.text)
