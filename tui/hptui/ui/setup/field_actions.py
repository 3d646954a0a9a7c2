"""The commands of the set-up form on the field under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.setup.method_form import MethodForm
from hptui.ui.setup.setup_rules import Part, PointedField
from hptui.ui.setup.space_table import SpaceTable
from hptui.ui.widgets.field_table import FieldTable

if TYPE_CHECKING:
    from hptui.ui.application.stacked import StackedScreen


class FieldActions(ScreenPart):
    """Edits the fields of a screen's tables where they stand."""

    def __init__(self, screen: StackedScreen[Any]) -> None:
        self._screen = screen

    @property
    def table(self) -> FieldTable | None:
        """The table with the focus."""
        focused = self._screen.focused
        if focused is None:
            return None
        return next((each for each in focused.ancestors if isinstance(each, FieldTable)), None)

    @property
    def pointed(self) -> PointedField | None:
        """The field under the cursor."""
        table = self.table
        if table is None or table.cursor is None:
            return None
        part: Part = "space" if isinstance(table, SpaceTable) else "run"
        if isinstance(table, MethodForm):
            part = "sampler" if table.draft.family == "sampler" else "pruner"
        return PointedField(part, table.cursor[0])

    def do_edit_field(self) -> None:
        if self.table is not None:
            self.table.edit()

    def do_fix_param(self) -> None:
        """Fix the parameter under the cursor, or free it."""
        self._screen.query_one(SpaceTable).fix_or_free()

    def do_toggle_log(self) -> None:
        """Put the parameter under the cursor on the other scale."""
        self._screen.query_one(SpaceTable).toggle_log()

    def do_reset_field(self) -> None:
        """Undo what was edited under the cursor."""
        if self.table is not None:
            self.table.reset()
