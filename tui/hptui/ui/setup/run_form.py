"""The form of a run: its name, how long it goes on, and how wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.dialogs.pick import PickDialog, PickItem
from hptui.ui.setup.far_fields import FAR_KEYS, far_reason
from hptui.ui.setup.following_fields import notifies
from hptui.ui.setup.resource_fields import OF_DEVICES, has_devices
from hptui.ui.setup.run_draft import FIELDS, RunDraft, RunField, RunKey
from hptui.ui.widgets.field_lines import GAP, MARGIN
from hptui.ui.widgets.field_rows import FieldCell, FieldColumn, FieldRow
from hptui.ui.widgets.field_table import FieldTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App


from hptui.ui.widgets.field_rows import FieldRole

_VALUES: Final = (8, 6)
"""The least cells of a value in the first column of fields, and in the second."""
_SEVERAL: Final = "several objectives"
_GOALS: Final = {
    "minimize": "lower values are better",
    "maximize": "higher values are better",
    _SEVERAL: "a goal for each value that the objective returns, separated by commas",
}
_FIELDS: Final[dict[RunKey, RunField]] = {each.key: each for each in FIELDS}
_PAIRS: Final[tuple[tuple[RunKey, ...], ...]] = (
    ("name", "goal"),
    ("trials", "workers"),
    ("timeout", "backend"),
    ("hosts", "code"),
    ("scheduler", "worker-resources"),
    ("engine-address", "host-python"),
    ("retry-lost", "lost-after"),
    ("target", "trial-timeout"),
    ("seed", "leftovers"),
    ("devices", "threads"),
    ("per-device", "devices-per-trial"),
    ("memory", "pin"),
    ("env", "folder"),
    ("python", "ask-ahead"),
    ("repeat", "skip-duplicates"),
    ("callback", "log-to"),
    ("on-best", "on-end"),
    ("notify", "notify-best"),
)
_ORDER: Final[tuple[RunKey, ...]] = (
    "trials",
    "workers",
    "timeout",
    "target",
    "name",
    "goal",
    "backend",
    *FAR_KEYS,
    "trial-timeout",
    "seed",
    "leftovers",
    "devices",
    "per-device",
    "devices-per-trial",
    "threads",
    "memory",
    "pin",
    "env",
    "folder",
    "python",
    "ask-ahead",
    "repeat",
    "skip-duplicates",
    "callback",
    "log-to",
    "on-best",
    "on-end",
    "notify",
    "notify-best",
)


class RunForm(FieldTable):
    """Its fields in one column or two, by the width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._draft = RunDraft.start(1)

    @property
    def draft(self) -> RunDraft:
        """The form as it is."""
        return self._draft

    def show(self, draft: RunDraft) -> None:
        """Show another form."""
        self._draft = draft
        self.refresh_rows()

    def columns(self) -> Sequence[FieldColumn]:
        """Return one pair of columns or two; the names of fields are never cut."""
        if not self._has_two_columns:
            names = max(len(_FIELDS[keys[0]].label) for keys in self._layout())
            return FieldColumn("label0", "", names, names), FieldColumn("value0", "", 6, 60)
        first, second = _label_widths(self._shown(_PAIRS))
        return (
            FieldColumn("label0", "", first, first),
            FieldColumn("value0", "", _VALUES[0], 24),
            FieldColumn("label1", "", second, second),
            FieldColumn("value1", "", _VALUES[1], 60),
        )

    def rows(self) -> Sequence[FieldRow]:
        """Return the fields."""
        return [
            FieldRow(keys[0], tuple(cell for key in keys for cell in self._cells(key)))
            for keys in self._layout()
        ]

    def help_text(self) -> str:
        """Return the field's line of help, or why it cannot be changed."""
        key = self._key()
        if key is None:
            return ""
        return self._draft.reason(key) or f"{_FIELDS[key].label}: {_FIELDS[key].help}"

    def text_of(self, row: str, column: str) -> str:
        """Return what a field holds."""
        return self._draft.text(_key_at(row, column))

    def try_text(self, row: str, column: str, text: str) -> RunDraft:
        """Return the form with this text in a field."""
        return self._draft.with_text(_key_at(row, column), text)

    def accept(self, held: object) -> None:
        """Hold another draft."""
        self._draft = cast("RunDraft", held)

    def is_typed(self, row: str, column: str) -> bool:
        """Say that a field with few values, or one that cannot change, is not typed."""
        key = _key_at(row, column)
        return self._draft.reason(key) is None and self._draft.next_text(key) is None

    def choose(self, row: str, column: str) -> None:
        """Refuse what cannot change; go through the values of a field that has few."""
        key = _key_at(row, column)
        self.lines.remark(None)
        reason = self._draft.reason(key)
        if reason is not None:
            self.refuse(UsageError(reason))
            return
        following = self._draft.next_text(key)
        if key == "goal":
            self._pick_goal()
        elif following is not None:
            self.attempt(self._draft.with_text(key, following))

    def reset(self) -> None:
        """Empty the field under the cursor, or put back what it began with."""
        key = self._key()
        if key is None:
            return
        self.lines.remark(None)
        try:
            self.attempt(self._draft.reset(key))
        except UsageError as error:
            self.refuse(error)

    def _pick_goal(self) -> None:
        items = [PickItem(each, each, note) for each, note in _GOALS.items()]
        now = self._draft.text("goal")

        def take(goal: str | None) -> None:
            if goal == _SEVERAL:
                self.edit_text("minimize, maximize")
            elif goal is not None and goal != now:
                self.attempt(self._draft.with_text("goal", goal))

        app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]
        app.push_screen(PickDialog("Choose a goal", items, now), take)

    def on_resize(self) -> None:
        """Put the fields into as many columns as fit; one that is edited keeps the cursor."""
        key = self._key() if self.is_editing else None
        self.refresh_rows()
        if key is not None and key != self._key():
            self.lines.move_to(*self._place_of(key))

    @property
    def _has_two_columns(self) -> bool:
        names = sum(_label_widths(self._shown(_PAIRS)))
        return self.size.width >= names + sum(_VALUES) + 3 * GAP + 2 * MARGIN

    def _layout(self) -> list[tuple[RunKey, ...]]:
        return self._shown(_PAIRS if self._has_two_columns else [(key,) for key in _ORDER])

    def _shown(self, rows: Sequence[tuple[RunKey, ...]]) -> list[tuple[RunKey, ...]]:
        """Return the rows without the fields that mean nothing here."""
        hidden: set[RunKey] = set() if self._draft.n_stale_trials else {"leftovers"}
        if not has_devices(self._draft.texts):
            hidden.update(OF_DEVICES)
        hidden |= {key for key in FAR_KEYS if far_reason(key, self._draft.texts) is not None}
        if not notifies(self._draft.texts):
            hidden.add("notify-best")
        shown: list[tuple[RunKey, ...]] = []
        for keys in rows:
            kept: tuple[RunKey, ...] = tuple(key for key in keys if key not in hidden)
            if kept:
                shown.append(kept)
        return shown

    def _cells(self, key: RunKey) -> tuple[FieldCell, FieldCell]:
        text = self._draft.text(key)
        role: FieldRole = "" if text else "dim"
        label: FieldRole = "dim"
        if self._draft.reason(key) is not None:
            role = label = "off"
        return (
            FieldCell(_FIELDS[key].label, label),
            FieldCell(safe_line(text or "–"), role, is_field=True),  # noqa: RUF001 - an empty field
        )

    def _place_of(self, key: RunKey) -> tuple[str, str]:
        """Return the keys of the row and the column of a field."""
        row = next(keys for keys in self._layout() if key in keys)
        return row[0], f"value{row.index(key)}"

    def _key(self) -> RunKey | None:
        return None if self.cursor is None else _key_at(*self.cursor)


def _label_widths(rows: Sequence[tuple[RunKey, ...]]) -> tuple[int, int]:
    """Return the cells of the longest name among the first fields, and among the second."""
    first = max(len(_FIELDS[keys[0]].label) for keys in rows)
    return first, max((len(_FIELDS[keys[1]].label) for keys in rows if len(keys) > 1), default=0)


def _key_at(row: str, column: str) -> RunKey:
    """Return the field in a row and a column; the row has the key of its first field."""
    if column == "value0":
        return cast("RunKey", row)
    return next(keys[-1] for keys in _PAIRS if keys[0] == row)
