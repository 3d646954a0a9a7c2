"""Editing the search space of a study: what it will do, then putting it in force."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Static

from hptui.domain.spaces.edits import FORK_COMMAND, edits_from_json, edits_to_json
from hptui.domain.spaces.space import spec_from_json
from hptui.domain.texts.text import safe_line
from hptui.engine.studies.at_rest import PREPARED, steer
from hptui.errors import HptuiError, SpaceError
from hptui.registry.probing.probe import KnownParam
from hptui.ui.dialogs.questions import ChoiceDialog, Dialog
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.setup.space_draft import SpaceDraft, whole_edit
from hptui.ui.setup.space_table import SpaceTable
from hptui.ui.widgets.field_table import FieldTable, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.domain.spaces.param_edit import ParamEdit
    from hptui.domain.spaces.space import ParamSpec

    Suggested = Callable[[Mapping[str, ParamSpec]], Mapping[str, ParamEdit]]

_KEYS: Final = (
    ("start", "apply"),
    ("edit-field", "edit"),
    ("fix-param", "fix"),
    ("toggle-log", "log"),
    ("reset-field", "reset"),
)
"""Ids of commands, and what they do here."""
_LINES_BESIDE: Final = 13
_LEAST_LINES, _MOST_LINES = 18, 34


class EditSpaceScreen(Dialog[str]):
    """The space table over a study, for its run or for its next one.

    It returns what was answered, a sentence, once the edits are in force; None when nothing was
    changed.

    Args:
        path: The study's file.
        study_name: The study's name in it.
        suggested: Returns edits to begin with, for the space as it is; without, there are none.
    """

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/edit_space.tcss"]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "apply", "apply", id="start"),
        Binding("f6", "fork", "fork", id="fork-space"),
        Binding("enter", "edit", "edit", id="edit-field"),
        Binding("equals_sign", "fix", "fix", id="fix-param"),
        Binding("l", "log", "log", id="toggle-log"),
        Binding("backspace", "reset", "reset", id="reset-field"),
    ]

    def __init__(self, path: Path, study_name: str, suggested: Suggested | None = None) -> None:
        super().__init__()
        self._path, self._study_name, self._suggested = path, study_name, suggested
        self._is_applying = False

    def compose(self) -> ComposeResult:
        """Lay out title, table, effect and keys."""
        key_of = self.app.services.first_key_of
        keys = [*(f"{key_of(command)} {what}" for command, what in _KEYS), "esc cancel"]
        title = f"Edit the space of {safe_line(self._study_name, max_chars=60)}"
        with DialogFrame(title, keys="   ".join(keys)):
            yield SpaceTable(id="space-table")
            yield Static(id="about")
            yield Static(id="effect")

    def on_mount(self) -> None:
        self._tell("Reading the space…")
        self.in_thread(
            lambda: _read_space(self._path, self._study_name),
            self._begin,
            lambda error: self._tell(told(error), is_trouble=True),
        )

    def action_apply(self) -> None:
        draft = self._table.draft
        if self._is_applying:
            return
        if not draft.changes():
            self._tell("No edits yet.")
            return
        self._is_applying = True
        self._tell("Applying…")
        self._ask(draft, is_dry=False)

    def action_fork(self) -> None:
        """Have what the study itself cannot have, in a fork of it."""
        from hptui.ui.studies.fork_form import ForkForm
        from hptui.ui.studies.transfer_dialog import transfer_by

        draft = self._table.draft
        if not draft.changes():
            self._tell("No edits yet.")
            return
        form = ForkForm(
            self._path,
            self._study_name,
            saved_filters=self.app.services.settings.filters,
            edits={name: whole_edit(draft.effective(name)) for name in draft.changes()},
        )
        transfer_by(self, form, lambda _: self.dismiss(None))

    def after_defect(self) -> None:
        """Let it be tried again."""
        self._is_applying = False
        self._tell("")

    def action_edit(self) -> None:
        self._table.edit()

    def action_fix(self) -> None:
        """Fix the parameter under the cursor, or free it."""
        self._table.fix_or_free()

    def action_log(self) -> None:
        """Put the parameter under the cursor on the other scale."""
        self._table.toggle_log()

    def action_reset(self) -> None:
        """Take the edits of the parameter under the cursor back."""
        self._table.reset()

    def action_cancel(self) -> None:
        """Leave; asks where edits would be lost."""
        if not self._table.draft.changes():
            self.dismiss(None)
            return

        def leave(answer: str | None) -> None:
            if answer == "leave":
                self.dismiss(None)

        choices = [("l", "leave", "leave without applying")]
        text = "The edits are not applied yet."
        self.app.push_screen(ChoiceDialog("Leave?", text, choices, no="keep editing"), leave)

    @property
    def _table(self) -> SpaceTable:
        return self.query_one(SpaceTable)

    def _begin(self, space: SpaceDraft) -> None:
        # No larger than its rows, a sentence below one of them and the effect need.
        height = min(len(space.known) + _LINES_BESIDE, _MOST_LINES)
        self.query_one("#frame").styles.height = max(_LEAST_LINES, height)
        self._table.show(space, "No parameters are known yet.")
        self._tell("")
        self._table.lines.focus()
        if self._suggested is not None:
            self._suggest(space, self._suggested)

    def _suggest(self, space: SpaceDraft, suggested: Suggested) -> None:
        """Put edits into the table, those that hold together, and say what they would do."""
        draft, refused = space, ""
        for name, edit in suggested({name: space.effective(name) for name in space.known}).items():
            try:
                draft = draft.with_edit(name, edit.over(draft.edit_of(name)))
            except SpaceError as error:
                refused = refused or told(error)
        self._table.show(draft)
        if draft.changes():
            self._ask(draft, is_dry=True)
        elif not refused:
            self._tell("The space has these bounds already.")
        if refused:
            self.app.notify(refused, severity="error")

    @on(FieldTable.Changed)
    def _changed(self, event: FieldTable.Changed) -> None:
        event.stop()
        draft = self._table.draft
        if draft.changes():
            self._tell("Counting…")
            self._ask(draft, is_dry=True)
        else:
            self._tell("")

    @on(FieldTable.Pointed)
    def _pointed(self, event: FieldTable.Pointed) -> None:
        event.stop()
        self.query_one("#about", Static).update(Text(event.table.help_text()))

    def _ask(self, draft: SpaceDraft, *, is_dry: bool) -> None:
        """Ask the engine what edits would do, or have them done."""
        message = {"op": "space", "edits": _spelled(draft.changes()), "dry": is_dry}
        self.in_thread(
            lambda: steer(self._path, self._study_name, message),
            partial(self._say_effect if is_dry else self._leave, draft),
            partial(self._refuse, draft, is_dry),
        )

    def _say_effect(self, draft: SpaceDraft, answer: Mapping[str, Any]) -> None:
        if draft == self._table.draft:
            when = "from the next run on, " if answer[PREPARED] else ""
            kept, aside = answer.get("kept"), answer.get("set_aside")
            self._tell(f"{when}{kept} kept, {aside} set aside once applied.")

    def _leave(self, _: SpaceDraft, answer: Mapping[str, Any]) -> None:
        text = str(answer.get("text", "Done."))
        self.app.notify(text)
        self.dismiss(text)

    def _refuse(self, draft: SpaceDraft, is_dry: bool, error: HptuiError) -> None:
        if not is_dry:
            self._is_applying = False
        if draft != self._table.draft:
            return
        if FORK_COMMAND in error.hint:
            key = self.app.services.first_key_of("fork-space")
            error = HptuiError(error.message, hint=f"{key} forks it.")
        self._tell(told(error), is_trouble=True)

    def _tell(self, text: str, *, is_trouble: bool = False) -> None:
        effect = self.query_one("#effect", Static)
        effect.set_class(is_trouble, "-trouble")
        effect.update(Text(safe_line(text, max_chars=400)))


def _read_space(path: Path, study_name: str) -> SpaceDraft:
    answer = steer(path, study_name, {"op": "space"})
    try:
        space = {
            str(name): KnownParam(spec_from_json(text), "probed")
            for name, text in answer["space"].items()
        }
        edits = edits_from_json(answer["edits"])
    except (KeyError, TypeError, AttributeError) as error:
        raise HptuiError("The engine's answer cannot be read.") from error
    kept = {name: edit for name, edit in edits.items() if name in space}
    return SpaceDraft(space, kept, kept)


def _spelled(edits: Mapping[str, ParamEdit]) -> dict[str, Any]:
    """Return edits for the engine; an empty one takes the earlier one back."""
    empty: dict[str, Any] = {name: {} for name in edits}
    return empty | edits_to_json(edits)
