"""The trials of a study: tabs by state, a table in any order, and a filter."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, cast

from rich.text import Text
from textual import getters, on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from hptui.domain.texts.text import safe_line
from hptui.ui.application.services import ServingApp
from hptui.ui.dialogs.questions import TextDialog
from hptui.ui.plots.shown_trials import ShownTrials
from hptui.ui.study.snapshot import count_states
from hptui.ui.trials.filter_input import FilterInput
from hptui.ui.trials.read_columns import attribute_keys, is_read
from hptui.ui.trials.table_arrangement import ShownColumns
from hptui.ui.trials.trial_model import (
    BY_NUMBER,
    TAB_STATES,
    MadeModel,
    Tab,
    TrialModel,
    drawn_beside_trials,
    make_model,
    make_model_anyhow,
    reads_file,
)
from hptui.ui.trials.trial_place import place_problem, read_place
from hptui.ui.trials.trial_tabs import empty_sentence, tab_labels
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.tab_line import TabLine
from hptui.ui.widgets.table_model import Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from hptui.ui.study.snapshot import StudySnapshot

_MANY_TRIALS: Final = 20_000
"""Above, filtering and sorting would be felt, and are done in a thread."""
_REST: Final = 4
"""Times as long as reading a study's texts has taken, they are not read again by themselves."""
_CLOCK_S: Final = 1.0
_OFFERS: Final = 5
"""So many completions are named."""
_GO_TO: Final = re.compile(r"\s*#\s*\d{0,9}\s*", re.ASCII)
"""What is typed into the filter to go to a trial."""


class TrialTable(Vertical):
    """Shows the trials of a snapshot; choices of the person outlive the snapshots."""

    app = getters.app(ServingApp)

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", "clear the filter", show=False),
    ]
    DEFAULT_CSS = """
    TrialTable {
        & > #filter-line { height: 1; display: none; }
        &.-filtering > #filter-line { display: block; }
        & #filter-mark { width: 2; }
        & #filter-input { width: 1fr; height: 1; border: none; padding: 0; }
        & #filter-note { width: auto; max-width: 60%; height: 1; padding-left: 2; }
        &.-wrong #filter-note { max-width: 75%; color: $text-error; }
    }
    """

    tab: reactive[Tab] = reactive("all", init=False)
    """Of which state trials are shown."""
    filter_text: reactive[str] = reactive("", init=False)
    """Which trials are shown, see `hptui.analysis.filters.parser`."""
    sort: reactive[Sort] = reactive(BY_NUMBER, init=False)
    columns: reactive[ShownColumns] = reactive(ShownColumns(), init=False)
    """Which columns are shown."""

    @dataclass
    class Selected(Message):
        """The cursor stands on another trial, or on none."""

        number: int | None

    @dataclass
    class Opened(Message):
        """A trial is to be shown in full."""

        number: int

    @dataclass
    class Filtered(Message):
        """Other trials are let through by the filter than before."""

    @dataclass
    class ColumnsChosen(Message):
        """A person has chosen other columns, or another one to sort by."""

    @dataclass
    class Made(Message):
        """A model was made in a thread, or the filter could not be understood."""

        made: MadeModel

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._snapshot: StudySnapshot | None = None
        self._model: TrialModel | None = None
        self._is_making = False
        self._is_outdated = False
        self._noted = ""
        self._offers = ("", "")
        """Completions, and the filter they were offered for."""
        self._rested_at_s = 0.0
        self._resting: Timer | None = None

    def compose(self) -> ComposeResult:
        yield TabLine([(tab, tab) for tab in TAB_STATES])
        with Horizontal(id="filter-line"):
            yield Static("/", id="filter-mark")
            yield FilterInput(id="filter-input")
            yield Static(id="filter-note", markup=False)
        yield Grid()

    def on_mount(self) -> None:
        """Let the times of running trials go on."""
        self.set_interval(_CLOCK_S, self._tick)

    def show(self, snapshot: StudySnapshot) -> None:
        """Show another moment of the study."""
        before, self._snapshot = self._snapshot, snapshot
        self._show_tabs()
        # Snapshots of the same trials share them; notes, tags and more change without.
        is_new = before is None or before.trials is not snapshot.trials
        if before is not None:
            is_new = is_new or drawn_beside_trials(before) != drawn_beside_trials(snapshot)
        reads = reads_file(self.filter_text, self.app.services.settings.filters)
        if reads and before is not None:
            is_new = is_new or before.file_revision != snapshot.file_revision
        if is_new or not len(self._grid_model()):
            self._remake_in_time(reads_file=reads)

    def _remake_in_time(self, *, reads_file: bool) -> None:
        """Make the model again, but do not read the texts of many trials all the time."""
        wait_s = self._rested_at_s - time.monotonic()
        if not reads_file or wait_s <= 0:
            self._remake()
        elif self._resting is None:
            self._resting = call_after(self, wait_s, self._end_rest)

    def _end_rest(self) -> None:
        self._resting = None
        self._remake()

    @property
    def shown(self) -> ShownTrials | None:
        """The trials that the filter lets through, in every tab; None before the first reading."""
        snapshot, model = self._snapshot, self._model
        if snapshot is None:
            return None
        if model is None or model.shown.is_chosen is None:
            # With no filter the newest moment counts, whose trials may be those of the one before.
            return ShownTrials(snapshot)
        return model.shown

    @property
    def selected(self) -> int | None:
        """The number of the trial under the cursor."""
        key = self.query_one(Grid).cursor_key
        return key if isinstance(key, int) else None

    def select(self, number: int) -> bool:
        """Put the cursor on a trial, and say whether it is among those that are shown."""
        return self.query_one(Grid).move_to_key(number)

    def ask_for_place(self) -> None:
        """Ask for a trial's number, or how many rows further, and put the cursor there."""

        def go(text: str | None) -> None:
            if text is not None and not self.go_to(text):
                self.app.notify(f"Trial {text.strip().lstrip('#')} is not among those shown.")

        prompt = "A trial's number, or rows from here: 117, +5, -5."
        self.app.push_screen(TextDialog("Go to", prompt, check=place_problem), go)

    def go_to(self, text: str) -> bool:
        """Put the cursor where `read_place` says; False where that trial is not shown."""
        number, rows = read_place(text)
        if number is not None:
            return self.select(number)
        grid = self.query_one(Grid)
        grid.action_move(rows)
        return True

    def neighbour(self, number: int, step: int) -> int | None:
        """Return the number of the trial `step` rows below another one, or None past an end."""
        model = self._model
        row = None if model is None else model.row_of_key(number)
        if model is None or row is None or not 0 <= row + step < len(model):
            return None
        return model.key_of(row + step)

    def focus_table(self) -> None:
        self.query_one(Grid).focus()

    def next_tab(self) -> None:
        """Show the trials of the next state that has any."""
        self.tab = cast("Tab", self.query_one(TabLine).next())

    def sort_by(self, key: str) -> None:
        """Sort by a column, the best values first; again by the same column, reverse it."""
        if self.sort.key == key:
            self.reverse()
            return
        is_value = key == "value"
        directions = self._snapshot.trials.directions if self._snapshot is not None else ()
        self.sort = Sort(key, is_reversed=is_value and directions == ("maximize",))

    def choose_sort(self) -> None:
        """Let the person choose the column to sort by, hidden ones among them."""
        self._with_attributes(self._ask_for_sort)

    def _ask_for_sort(self, attributes: Sequence[str]) -> None:
        from hptui.ui.dialogs.pick import PickDialog, PickItem

        if self._snapshot is None:
            return

        def about(key: str) -> str:
            return "sorted by it; again: reversed" if key == self.sort.key else ""

        def sort(key: str | None) -> None:
            if key is not None:
                self.sort_by(key)

        items = [
            PickItem(
                column.key, "number" if column.key == "number" else column.label, about(column.key)
            )
            for column in TrialModel(self._snapshot, attributes=attributes).columns
        ]
        self.app.push_screen(PickDialog("Sort by", items, self.sort.key), sort)

    def _with_attributes(self, then: Callable[[Sequence[str]], object]) -> None:
        """Go on with the keys of the columns of user attributes, which are read in a thread."""
        snapshot = self._snapshot
        if snapshot is None:
            return

        def read() -> None:
            self.call_later(then, attribute_keys(snapshot.path, snapshot.name))

        self.screen.run_worker(read, thread=True, exit_on_error=False)

    @property
    def read_keys(self) -> frozenset[str]:
        """The keys of columns that are shown, or sorted by, and are read for themselves."""
        own = {key for key in ("memory", "tags") if key not in self.columns.hidden}
        return frozenset(filter(is_read, {*own, *self.columns.attributes, self.sort.key}))

    def reverse(self) -> None:
        """Reverse the order."""
        self.sort = Sort(self.sort.key, is_reversed=not self.sort.is_reversed)

    def open_filter(self) -> None:
        """Let the person type a filter."""
        self.add_class("-filtering")
        line = self.query_one(FilterInput)
        if self._snapshot is not None:
            line.offer_of(self._snapshot)
        line.focus()

    @property
    def meant(self) -> str:
        """The filter that means the trials that are shown: of the tab, and as it was typed."""
        of_tab = "" if self.tab == "all" else f"state:{self.tab}"
        return f"{of_tab} {self.filter_text}".strip()

    def use_filter(self, text: str) -> None:
        """Show the trials that a filter means, in whatever state they are."""
        self.add_class("-filtering")
        self.query_one(FilterInput).value = text
        self.tab = "all"
        self.focus_table()

    def action_clear_filter(self) -> None:
        self.query_one("#filter-input", Input).value = ""
        self.filter_text = ""
        self.remove_class("-filtering")
        self.focus_table()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen where there is no filter."""
        del parameters
        return action != "clear_filter" or self.has_class("-filtering")

    def choose_columns(self) -> None:
        """Let the person choose the columns."""
        self._with_attributes(self._ask_for_columns)

    def _ask_for_columns(self, attributes: Sequence[str]) -> None:
        from hptui.ui.dialogs.check_list import CheckListDialog

        if self._snapshot is None:
            return
        columns = TrialModel(self._snapshot, attributes=attributes).columns[1:]
        items = [(each.key, each.label) for each in columns]
        listed = frozenset(key for key, _ in items)
        hidden = self.columns.hidden | (set(attributes) - set(self.columns.attributes))

        def hide(shown: frozenset[str] | None) -> None:
            if shown is not None:
                others = (self.columns.hidden - listed) | (listed - shown - set(attributes))
                chosen = tuple(key for key in attributes if key in shown)
                self.columns = ShownColumns(others, chosen)

        empty = "No column can be hidden."
        dialog = CheckListDialog("Columns", items, listed - hidden, empty=empty)
        self.app.push_screen(dialog, hide)

    def watch_tab(self) -> None:
        self._show_tabs()
        self._remake()

    def watch_filter_text(self) -> None:
        self._remake()

    def watch_sort(self) -> None:
        self._remake()
        self.post_message(self.ColumnsChosen())

    def watch_columns(self) -> None:
        self._remake()
        self.post_message(self.ColumnsChosen())

    def on_resize(self, event: events.Resize) -> None:
        """Name the tabs where there is room for it."""
        del event
        self._show_tabs()

    @on(TabLine.Chosen)
    def _choose_tab(self, message: TabLine.Chosen) -> None:
        message.stop()
        self.tab = cast("Tab", message.tab)

    @on(Input.Changed, "#filter-input")
    def _change_filter(self, message: Input.Changed) -> None:
        message.stop()
        # A number that is typed to go there filters nothing.
        self.filter_text = "" if _GO_TO.fullmatch(message.value) else message.value

    @on(FilterInput.Offered)
    def _show_offers(self, message: FilterInput.Offered) -> None:
        """Say which completions there are, beginning with the one that stands there."""
        message.stop()
        first = max(0, message.chosen)
        terms = [*message.terms[first:], *message.terms[:first]]
        self._offers = ("  ".join(terms[:_OFFERS]), self.query_one(FilterInput).value)
        self._note(self._offers[0])

    @on(Input.Submitted, "#filter-input")
    def _leave_filter(self, message: Input.Submitted) -> None:
        message.stop()
        if _GO_TO.fullmatch(message.value):
            number = message.value.strip().lstrip("#")
            self.action_clear_filter()
            if number and not self.go_to(number):
                self.app.notify(f"Trial {number} is not among those shown.")
            return
        if not message.value.strip():
            self.remove_class("-filtering")
        self.focus_table()

    @on(Grid.CursorMoved)
    def _select(self, message: Grid.CursorMoved) -> None:
        message.stop()
        self.post_message(self.Selected(message.key if isinstance(message.key, int) else None))

    @on(Grid.RowOpened)
    def _open(self, message: Grid.RowOpened) -> None:
        message.stop()
        if isinstance(message.key, int):
            self.post_message(self.Opened(message.key))

    @on(Grid.HeaderClicked)
    def _sort_by_header(self, message: Grid.HeaderClicked) -> None:
        message.stop()
        self.sort_by(message.column_key)

    def _grid_model(self) -> TrialModel | _NoTrials:
        return _NO_TRIALS if self._model is None else self._model

    def _show_tabs(self) -> None:
        snapshot = self._snapshot
        if snapshot is None or not self.is_mounted:
            return
        model = self._model
        rows = None if model is None else model.shown.is_chosen
        counted = None if model is None or rows is None else model.snapshot.trials.states[rows]
        labels, full = tab_labels(
            snapshot.counts if counted is None else count_states(counted),
            self.tab,
            width=self.size.width,
            has_unicode=self.app.services.unicode,
        )
        line = self.query_one(TabLine)
        line.show(labels, full)
        line.chosen = self.tab

    def _tick(self) -> None:
        snapshot = self._snapshot
        if snapshot is not None and snapshot.counts.get("RUNNING"):
            self.query_one(Grid).refresh_cells()

    def _remake(self) -> None:
        """Make the model again: at once where that takes no time, else in a thread."""
        snapshot = self._snapshot
        if snapshot is None:
            return
        if self._is_making:
            self._is_outdated = True
            return
        saved = self.app.services.settings.filters
        make = partial(
            TrialModel,
            snapshot,
            tab=self.tab,
            filter_text=self.filter_text,
            saved_filters=saved,
            sort=self.sort,
            hidden=self.columns.hidden,
            attributes=self.columns.attributes,
            before=self._model,
            has_unicode=self.app.services.unicode,
        )
        is_plain = self.sort.key == "number" and not self.filter_text.strip()
        is_quick = is_plain or snapshot.n_trials <= _MANY_TRIALS
        if is_quick and not reads_file(self.filter_text, saved):
            self._take(make_model(make))
            return
        self._is_making = True
        self.screen.run_worker(
            lambda: self.post_message(self.Made(make_model_anyhow(make))),
            thread=True,
            exit_on_error=False,
        )

    def on_trial_table_made(self, message: Made) -> None:
        """Show what was made in a thread."""
        message.stop()
        self._is_making = False
        self._rested_at_s = time.monotonic() + _REST * message.made.took_s
        self._take(message.made)
        if self._is_outdated:
            self._is_outdated = False
            self._remake()

    def _take(self, made: MadeModel) -> None:
        self.set_class(bool(made.problem), "-wrong")
        self.query_one(FilterInput).wrong = made.place
        if made.model is None:
            # The trials that were chosen before stay until the filter makes sense again.
            self._note(made.problem)
            return
        before, self._model = self._model, made.model
        if before is None or before.shown.is_chosen is not made.model.shown.is_chosen:
            self.post_message(self.Filtered())
        self._show_tabs()
        snapshot = made.model.snapshot
        text = empty_sentence(snapshot, self.tab, self.filter_text, self.app.services.first_key_of)
        self.query_one(Grid).show(made.model, empty=text)
        is_filtered = bool(self.filter_text.strip())
        self._note(f"{len(made.model):,} of {snapshot.n_trials:,}" if is_filtered else "")

    def _note(self, text: str) -> None:
        offers, offered_for = self._offers
        if offers and self.query_one(FilterInput).value == offered_for:
            text = offers
        # An update makes the whole screen be laid out again.
        if text != self._noted:
            self._noted = text
            self.query_one("#filter-note", Static).update(Text(safe_line(text), no_wrap=True))


class _NoTrials:
    """Stands for a model before there is one."""

    columns = ()

    def __len__(self) -> int:
        return 0


_NO_TRIALS: Final = _NoTrials()
