"""The trials that wait: in which order they will run, moved and cancelled by keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.binding import Binding, BindingType

from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.studies.at_rest import steer
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame, FormGrid
from hptui.ui.widgets.field_table import told
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.errors import HptuiError

_FRAME_LINES: Final = 9
_PARAMS_CHARS: Final = 200
_KEYS: Final = "shift+↑↓ move   f first   x cancel the trial   esc close"


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A row a waiting trial, in the order in which they will run."""

    waiting: Sequence[Mapping[str, Any]] = ()
    """As an engine tells it."""
    columns: Sequence[Column] = (
        Column("trial", "#", 8, "right"),
        Column("params", "given parameters", 60),
    )
    sort: None = None
    grows_at: None = None

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self.waiting)

    def cell(self, row: int, column: int) -> Cell:
        """Return the number of a trial, or what is given for it."""
        trial = self.waiting[row]
        if column == 0:
            return Cell(str(trial["trial"]))
        params: Mapping[str, Any] = trial["params"]
        shown = (f"{name} {show_choice(value)}" for name, value in params.items())
        text = safe_line("  ".join(shown), max_chars=_PARAMS_CHARS)
        return Cell(text or "all left to the sampler", "" if text else "dim")

    def key_of(self, row: int) -> RowKey:
        """Return the number of a trial."""
        return int(self.waiting[row]["trial"])

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a trial stands."""
        return next((row for row in range(len(self)) if self.key_of(row) == key), None)


class QueueDialog(Dialog[None]):
    """Shows the line of a study, of its run or for its next one, and changes it.

    Args:
        path: The study's file.
        study_name: Its name in it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+up,K", "move_trial(-1)", show=False, priority=True),
        Binding("shift+down,J", "move_trial(1)", show=False, priority=True),
        Binding("f", "first", show=False),
        Binding("x,delete", "cancel_trial", show=False),
    ]

    def __init__(self, path: Path, study_name: str) -> None:
        super().__init__()
        self._path, self._study_name = path, study_name
        self._model = QueueModel()

    def compose(self) -> ComposeResult:
        """Lay out the line and the keys."""
        keys = _KEYS if self.app.services.unicode else _KEYS.replace("↑↓", "up/down")
        with DialogFrame("Waiting trials", keys=keys, problem=""):
            yield FormGrid(self._model, lines_beside=_FRAME_LINES, empty="No trial is waiting.")

    def on_mount(self) -> None:
        self.query_one(FormGrid).focus()
        self._ask({"op": "queue"})

    def action_move_trial(self, by: int) -> None:
        """Move the trial under the cursor up or down the line."""
        row = self.query_one(FormGrid).cursor_row
        if row is not None and 0 <= row + by < len(self._model):
            self._ask({"op": "queue", "trial": self._model.key_of(row), "to": row + by})

    def action_first(self) -> None:
        """Have the trial under the cursor run first."""
        row = self.query_one(FormGrid).cursor_row
        if row is not None:
            self._ask({"op": "queue", "trial": self._model.key_of(row), "to": 0})

    def action_cancel_trial(self) -> None:
        """Have the trial under the cursor not run at all."""
        row = self.query_one(FormGrid).cursor_row
        if row is not None:
            self._ask({"op": "cancel", "trial": self._model.key_of(row)})

    def _ask(self, message: Mapping[str, Any]) -> None:
        self.in_thread(
            lambda: steer(self._path, self._study_name, dict(message)), self._show, self._refuse
        )

    def _show(self, answer: Mapping[str, Any]) -> None:
        self._model = QueueModel(answer["waiting"])
        self.query_one(FormGrid).show(self._model)
        count = plural(len(self._model), "trial waits", "trials wait")
        said = str(answer["text"]) if answer["text"] != "Told." else f"{count}."
        self.query_one(DialogFrame).tell(said, is_note=True)

    def _refuse(self, error: HptuiError) -> None:
        self.query_one(DialogFrame).tell(told(error))
