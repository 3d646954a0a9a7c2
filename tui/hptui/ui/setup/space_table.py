"""The search space, edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual import getters

from hptui.domain.spaces.choice_lists import spell_choices
from hptui.domain.spaces.choices import place_of, spell_choice
from hptui.domain.spaces.edits import Unset
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError
from hptui.ui.application.services import ServingApp
from hptui.ui.dialogs.check_list import CheckListDialog
from hptui.ui.dialogs.pick import PickDialog, PickItem
from hptui.ui.setup.space_draft import Field, SpaceDraft, cell_text, without_name
from hptui.ui.setup.space_rows import COLUMNS, help_of, space_rows
from hptui.ui.widgets.field_table import FieldTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import App

    from hptui.ui.dialogs.questions import Dialog
    from hptui.ui.widgets.field_rows import FieldColumn, FieldRow

_Answer = TypeVar("_Answer")


class SpaceTable(FieldTable):
    """A row a parameter: bounds, scale, step and fixed value are fields."""

    app = getters.app(ServingApp)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._draft = SpaceDraft()
        self._empty = ""

    @property
    def draft(self) -> SpaceDraft:
        """The space with its edits."""
        return self._draft

    def show(self, draft: SpaceDraft, empty: str = "") -> None:
        """Show another space; `empty` is a sentence for one without parameters."""
        self._draft, self._empty = draft, empty
        self.refresh_rows()

    def columns(self) -> Sequence[FieldColumn]:
        return COLUMNS

    def rows(self) -> Sequence[FieldRow]:
        """Return a row for each parameter."""
        return space_rows(self._draft, self.size.width)

    def empty_text(self) -> str:
        """Return the sentence for a space without parameters."""
        return self._empty

    def help_text(self) -> str:
        """Return one line about the field under the cursor."""
        if self.cursor is None:
            return ""
        return help_of(self._draft, *self.cursor, self.app.services.first_key_of)

    def text_of(self, row: str, column: str) -> str:
        """Return what a field holds."""
        edit = self._draft.edit_of(row)
        return cell_text(self._draft.effective(row), cast("Field", column), edit)

    def try_text(self, row: str, column: str, text: str) -> SpaceDraft:
        """Return the space with this text in a field."""
        return without_name(row, lambda: self._draft.with_text(row, cast("Field", column), text))

    def accept(self, held: object) -> None:
        """Hold another draft."""
        self._draft = cast("SpaceDraft", held)

    def is_typed(self, row: str, column: str) -> bool:
        """Say that neither scales nor choices are typed."""
        is_list = isinstance(self._draft.effective(row), ChoiceParam)
        return not is_list and column != "log"

    def choose(self, row: str, column: str) -> None:
        """Change the scale, or let choices be kept, or one be picked."""
        spec = self._draft.effective(row)
        if not isinstance(spec, ChoiceParam):
            self.toggle_log()
        elif column == "low":
            self._choose_list(row, spec)
        else:
            self._pick_fixed(row, column, spec)

    def _choose_list(self, row: str, spec: ChoiceParam) -> None:
        """Let a person say which choices are to be tried, each by a box."""
        known = self._draft.known[row].spec
        assert isinstance(known, ChoiceParam)
        spelled = list(map(spell_choice, known.choices))
        items = [(str(at), text) for at, text in enumerate(spelled)]
        now = frozenset(map(spell_choice, spec.choices))
        checked = frozenset(key for key, text in items if text in now)

        def keep(chosen: frozenset[str] | None) -> None:
            if chosen is None or chosen == checked or self.cursor != (row, "low"):
                return
            kept = [choice for at, choice in enumerate(known.choices) if str(at) in chosen]
            self._do(lambda name: self._draft.with_text(name, "low", spell_choices(kept)))

        self._push(
            CheckListDialog(
                f"Choices of {safe_line(row, max_chars=40)}",
                items,
                checked,
                check=lambda chosen: "" if chosen else "Choose one at least.",
            ),
            keep,
        )

    def _pick_fixed(self, row: str, column: str, spec: ChoiceParam) -> None:
        edit = self._draft.edit_of(row)
        items = [PickItem("", "not fixed", "search all of them")]
        items += [
            PickItem(str(index), safe_line(spell_choice(choice)))
            for index, choice in enumerate(spec.choices)
        ]
        chosen = "" if isinstance(edit.fixed, Unset) else str(place_of(edit.fixed, spec.choices))

        def fix(result: str | None) -> None:
            if result is not None and self.cursor == (row, column):
                text = spell_choice(spec.choices[int(result)]) if result else ""
                self._do(lambda name: self._draft.with_text(name, "fixed", text))

        self._push(PickDialog(f"Fix {safe_line(row, max_chars=40)}", items, chosen), fix)

    def _push(self, dialog: Dialog[_Answer], take: Callable[[_Answer | None], None]) -> None:
        app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]
        app.push_screen(dialog, take)

    def toggle_log(self) -> None:
        """Put the parameter under the cursor on the other scale."""
        self._do(lambda name: self._draft.toggle_log(name))

    def fix_or_free(self) -> None:
        """Fix the parameter under the cursor to a value that is asked for, or free it."""
        if self.cursor is None:
            return
        name = self.cursor[0]
        if isinstance(self._draft.edit_of(name).fixed, Unset):
            self.lines.move_to(name, "fixed")
            self.edit()
        else:
            self._do(lambda name: self._draft.free(name))

    def reset(self) -> None:
        """Take the edits of the parameter under the cursor back."""
        self._do(lambda name: self._draft.reset(name))

    def _do(self, change: Callable[[str], SpaceDraft]) -> None:
        if self.cursor is None:
            return
        name = self.cursor[0]
        self.lines.remark(None)
        try:
            self.attempt(without_name(name, lambda: change(name)))
        except SpaceError as error:
            self.refuse(error)

    def on_resize(self) -> None:
        """Show as much as the new width allows."""
        self.refresh_rows()
