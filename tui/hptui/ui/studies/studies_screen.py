"""The home: every study of a folder or a file, a preview of one, and what is done with them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from hptui.domain.texts.text import escape_line, safe_line
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.ui.application.command_screen import CommandScreen, ShownRun
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.dialogs.annotating import Annotated
from hptui.ui.dialogs.note_actions import NoteActions
from hptui.ui.dialogs.questions import MessageDialog, TextDialog
from hptui.ui.studies.studies_head import FirstStart, StudiesHead
from hptui.ui.studies.studies_model import (
    BY_ACTIVITY,
    StudiesModel,
    first_order,
    study_key,
)
from hptui.ui.studies.studies_rules import StudiesState, disabled_reason
from hptui.ui.studies.study_file_actions import StudyFileActions
from hptui.ui.studies.study_marks import StudyMarks
from hptui.ui.studies.trial_transfers import TrialTransfers
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual import events
    from textual.app import ComposeResult

    from hptui.domain.objective import ObjectiveRef
    from hptui.ui.commands.command_table import Place
    from hptui.ui.studies.catalogue_feed import Catalogue, CatalogueFeed, StudyRow
    from hptui.ui.studies.study_listing import Reading
    from hptui.ui.studies.study_preview import StudyPreview
    from hptui.ui.widgets.table_model import Sort

_CLOCK_S: Final = 10.0
"""How often ages are told anew."""
_MAX_LIST_SHARE: Final = 0.6
_LIST_FRAME: Final = 3
"""Lines of the list that are no studies: its rule, its header, and one of air."""


class StudiesScreen(CommandScreen[None]):
    """The list of studies."""

    PLACE: ClassVar[Place] = "studies"
    CSS_PATH = "../styles/studies.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "to_list", show=False)]

    @dataclass
    class CatalogueRead(LatestMessage):
        """The studies have been read anew."""

        catalogue: Catalogue

    @dataclass
    class Ready(Message):
        """What is slow to import is there."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = StudyMarks(self, self)
        self._file_actions = StudyFileActions(self, self)
        self.parts = (
            self.marks,
            self._file_actions,
            TrialTransfers(self, self, self.marks),
            NoteActions(self, self._annotated),
        )
        self.catalogue: Catalogue | None = None
        self._feed: CatalogueFeed | None = None
        self._halted: CatalogueFeed | None = None
        """The one before, whose knowledge the next one begins with."""
        self._sort: Sort = BY_ACTIVITY
        self._filter = ""
        self._wanted: str | None = None
        """The key of a study that the cursor goes to once it is in the list."""
        self._is_placed = False
        """Whether the cursor was put on a study of the first reading."""
        self._preview: StudyPreview | None = None
        self._has_listed = False
        self._asked: set[Path] = set()
        """The mirrors for whose servers a password was asked for."""

    def compose(self) -> ComposeResult:
        """Lay out the line at the top, the list and the footer; the preview comes later."""
        yield StudiesHead(id="head")
        with Vertical(id="body"):
            yield FirstStart(id="face")
            with Vertical(id="list", classes="pane"):
                yield Grid(empty="Looking for studies.")
            with Horizontal(id="filter-line"):
                yield Static("/", id="filter-mark")
                yield Input(id="filter-input", placeholder="words of the name, objective or tags")
        yield CommandFooter()

    async def on_mount(self) -> None:
        """Show the frame at once, and fetch what is needed to fill it in a thread."""
        self.grid.show(self._model(()), empty="Looking for studies.")
        self.grid.focus()
        self._tell_head()
        # Importing in a thread while the first frame is drawn makes it come twice as late.
        self.call_after_refresh(self._prepare_in_thread)
        self.set_interval(_CLOCK_S, self._show)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._show())

    def _prepare_in_thread(self) -> None:
        self.run_worker(self._prepare, thread=True, exit_on_error=False, group="prepare")

    def _prepare(self) -> None:
        # NumPy and plotext come with these; the first frame does not wait for them.
        from hptui.ui.studies import catalogue_feed, study_preview

        _ = catalogue_feed, study_preview
        self.post_message(self.Ready())

    @on(Ready)
    async def start(self) -> None:
        """Begin to read."""
        from hptui.ui.studies.study_preview import StudyPreview

        self._preview = StudyPreview(id="preview", classes="pane")
        await self.query_one("#body").mount(self._preview, after="#filter-line")
        if self.is_active:
            self.resume_reading()
        self._file_actions.look_into_trash()

    @property
    def grid(self) -> Grid:
        return self.query_one(Grid)

    @property
    def study(self) -> StudyRow | None:
        """The study under the cursor."""
        model = self.grid.model
        return model.study_of(self.grid.cursor_key) if isinstance(model, StudiesModel) else None

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the runs of the studies in the list."""
        return tuple(ShownRun(row.path, row.name) for row in self.listed() if row.engine)

    @property
    def objective(self) -> ObjectiveRef | None:
        """The objective under the cursor, where objectives are listed instead of studies."""
        from hptui.ui.setup.objectives_model import ObjectivesModel

        model, row = self.grid.model, self.grid.cursor_row
        if not isinstance(model, ObjectivesModel) or row is None:
            return None
        return model.found[row].ref

    @property
    def folder(self) -> Path:
        """Where new studies are made, and whose trash is used."""
        place = self.app.services.place
        return place.path if place.folder is not None else folder_for_new(place.path)

    def _annotated(self) -> Annotated | None:
        row = self.study
        if row is None:
            return None
        tags = tuple(dict.fromkeys(tag for each in self.listed() for tag in each.tags))
        return Annotated(row.path, row.name, tags_elsewhere=tags)

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        state = StudiesState(
            study=self.study,
            is_on_objective=self.objective is not None,
            is_first=self.has_class("-first"),
            listed=self.listed(),
            count_marked=lambda: len(self.marks.marked),
            is_managing=self._file_actions.is_managing,
            is_trash_empty=self._file_actions.is_trash_empty,
        )
        return disabled_reason(command_id, state)

    # Opening and running.

    def do_open_study(self) -> None:
        """Open the study under the cursor, or set up the objective there."""
        row = self.study
        if row is None:
            self._set_up(self.objective, None)
        elif row.problem and row.mirror is not None and row.mirror.wants_password:
            self._ask_for_password(row)
        elif row.problem:
            self.app.push_screen(MessageDialog(row.name, f"{row.problem}\n\n{row.hint}".strip()))
        else:
            self.app.push_screen(self.app.services.screens.study(row.path, row.name))

    def _ask_for_password(self, row: StudyRow) -> None:
        """Ask for the password of a server, which is kept in memory only."""
        mirror = row.mirror
        if mirror is None:
            return
        self._asked.add(row.path)

        def unlock(password: str | None) -> None:
            if password is not None:
                self.app.services.followers.unlock(row.path, password)

        trouble = safe_line(mirror.trouble, max_chars=300)
        prompt = f"{trouble}\n\nWhat you type is not stored."
        title = f"Password for {safe_line(mirror.address, max_chars=60)}"
        self.app.push_screen(TextDialog(title, prompt, is_secret=True), unlock)

    def do_new_study(self) -> None:
        self._set_up(None, None)

    def do_run_again(self) -> None:
        """Set up the next run of the study under the cursor."""
        row = self.study
        if row is not None:
            self._set_up(None, row)

    def _set_up(self, ref: ObjectiveRef | None, row: StudyRow | None) -> None:
        self.app.push_screen(self.app.services.screens.setup(ref, row))

    def do_copy(self) -> None:
        """Copy the path of the study under the cursor."""
        row = self.study
        if row is None:
            self.notify("There is no study under the cursor.")
            return
        if row.mirror is not None:
            self.app.copy_to_clipboard(escape_line(f"{row.mirror.address}#{row.name}"))
            self.notify(f"Copied the address of {row.name}.")
            return
        self.app.copy_to_clipboard(escape_line(str(row.path)))
        self.notify(f"Copied the path of {row.path.name}.")

    def do_report_study(self) -> None:
        """Ask where a report on the study under the cursor is to be written."""
        row = self.study
        if row is not None:
            from hptui.ui.study.study_exports import ask_for_report

            ask_for_report(self, row.path, row.name)

    # Reading.

    def resume_reading(self) -> None:
        """Follow the studies again."""
        if self._preview is None or not self.is_mounted:
            return
        # Only now: it brings NumPy, and the first frame comes through here without a preview.
        from hptui.ui.studies.catalogue_feed import CatalogueFeed

        if self._feed is None:
            self._feed = CatalogueFeed(
                self.app.services.place.path,
                self._post_catalogue,
                mirrors=self.app.services.followers.mirrors,
                before=self._halted,
            )
            self._halted = None
            self._feed.start()
        self._show_preview()
        self._preview.resume()

    def halt_reading(self) -> list[Reading]:
        """Let go of all files; return what is still about to do so."""
        feeds: list[Reading] = []
        if self._feed is not None:
            self._feed.stop()
            feeds.append(self._feed)
            self._halted, self._feed = self._feed, None
        preview = None if self._preview is None else self._preview.stop()
        return [*feeds, preview] if preview is not None else feeds

    def _post_catalogue(self, catalogue: Catalogue) -> None:
        self.post_message(self.CatalogueRead(catalogue))

    @on(CatalogueRead)
    def show_catalogue(self, message: CatalogueRead) -> None:
        """Show the studies as they are now."""
        catalogue = message.catalogue
        is_whole = catalogue.loading is None
        if self._has_listed and not is_whole:
            # Read anew from the start; what is shown is better than a part of it.
            return
        is_at_top = self.grid.cursor_row in (None, 0)
        self.catalogue = catalogue
        self._show()
        if is_at_top and not self._has_listed and not self._is_placed:
            # Studies that came later may belong above the first ones.
            self.grid.move_to_row(0)
        self._has_listed = is_whole
        locked = [row for row in catalogue.rows if row.mirror and row.mirror.wants_password]
        self._asked &= {row.path for row in locked}
        unasked = next((row for row in locked if row.path not in self._asked), None)
        if unasked is not None and self.is_active and not self.query_one(Input).has_focus:
            self._ask_for_password(unasked)

    @on(FirstStart.ObjectivesFound)
    def show_objectives(self) -> None:
        """Offer the objectives where there is no study yet."""
        if self.has_class("-first"):
            self._list_objectives()
            self.refresh_commands()

    def _list_objectives(self) -> None:
        from hptui.ui.setup.objectives_model import ObjectivesModel

        found = self.query_one(FirstStart).found
        if found is None:
            self.grid.show(self._model(()), empty="Looking for objectives.")
        else:
            model = ObjectivesModel(found, self.grid.size.width or self.size.width)
            self.grid.show(model, empty="No objective was found.")

    def _show(self) -> None:
        catalogue = self.catalogue
        if catalogue is None:
            return
        is_loading = catalogue.loading is not None
        is_first = not (catalogue.rows or catalogue.trouble or is_loading)
        self.set_class(is_first, "-first")
        if is_first:
            self.query_one(FirstStart).begin()
            self._list_objectives()
        else:
            model = self._model(catalogue.rows)
            self.grid.show(model, empty=self._empty_sentence(catalogue))
            if self.grid.virtual_size.width > self.grid.size.width:
                # Columns keep the room that they had once, until there is not enough of it.
                self.grid.forget_widths()
                self.grid.show(model, empty=self._empty_sentence(catalogue))
            if self._wanted is not None and self.grid.move_to_key(self._wanted):
                self._wanted, self._is_placed = None, True
        self._tell_head()
        self._fit_list(len(catalogue.rows))
        self._show_preview()
        self.refresh_commands()

    def _model(self, rows: Sequence[StudyRow]) -> StudiesModel:
        return StudiesModel(
            rows,
            sort=self._sort,
            filter_text=self._filter,
            width=self.grid.size.width or self.size.width,
            now_s=time.time(),
            has_unicode=self.app.services.unicode,
            marked=self.marks.keys,
            key_of=self.app.services.first_key_of,
        )

    def _empty_sentence(self, catalogue: Catalogue) -> str:
        if catalogue.trouble:
            return safe_line(catalogue.trouble)
        if catalogue.loading is not None and not catalogue.rows:
            return "Looking for studies."
        shown = safe_line(self._filter, max_chars=60)
        return f"No study matches {shown!r}; {self.app.services.first_key_of('back')} shows all."

    def _fit_list(self, n_rows: int) -> None:
        """Give the list the lines that it needs, and the preview the rest."""
        height = self.query_one("#body").size.height
        has_preview = not (self.has_class("-narrow") or self.has_class("-short"))
        most = int(height * _MAX_LIST_SHARE)
        self.query_one("#list").styles.height = (
            min(n_rows + _LIST_FRAME, most)
            if has_preview and height and not self.has_class("-first")
            else "1fr"
        )

    def listed(self) -> Sequence[StudyRow]:
        """Return all studies of the list, whatever the filter."""
        return () if self.catalogue is None else self.catalogue.rows

    def show_marks(self) -> None:
        """Draw the list anew."""
        self._show()

    def _tell_head(self) -> None:
        model = self.grid.model
        n_shown = None
        if isinstance(model, StudiesModel) and self._filter.strip():
            n_shown = len(model)
        self.query_one(StudiesHead).show(self.catalogue, len(self.marks.marked), n_shown)

    def _show_preview(self) -> None:
        if self._preview is not None and self._preview.is_mounted:
            self._preview.show(self.study if self._preview.display else None)

    # What happens around it.

    def on_resize(self, event: events.Resize) -> None:
        """Lay the list out for the width, and the preview for what is left."""
        super().on_resize(event)
        self.grid.forget_widths()
        self.call_after_refresh(self._show)

    def on_screen_suspend(self) -> None:
        """Read nothing while another screen is above."""
        if not self._file_actions.is_managing:
            self.halt_reading()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        services = self.app.services
        if services.looked_at is not None:
            self.want(*services.looked_at)
            services.looked_at = None
            self._show()
        if not self._file_actions.is_managing:
            self.resume_reading()

    def on_unmount(self) -> None:
        self.halt_reading()

    @on(Grid.CursorMoved)
    def follow_cursor(self) -> None:
        """Show another study in the preview."""
        self._show_preview()
        self.refresh_commands()

    @on(Grid.RowOpened)
    async def open_row(self) -> None:
        """Open what is under the cursor."""
        await self.run_command("open-study")

    @on(Grid.HeaderClicked)
    def sort_by_clicked(self, message: Grid.HeaderClicked) -> None:
        """Sort by the column, or reverse the order."""
        self._sort_by(message.column_key)

    def _sort_by(self, key: str) -> None:
        self._sort = first_order(key, self._sort)
        self._show()

    # Finding.

    def do_filter(self) -> None:
        self.add_class("-filtering")
        self.query_one("#filter-input", Input).focus()

    @on(Input.Changed, "#filter-input")
    def filter_studies(self, message: Input.Changed) -> None:
        """Show the studies that match, while it is typed."""
        self._filter = message.value
        self._show()

    @on(Input.Submitted, "#filter-input")
    def keep_filter(self) -> None:
        """Go back to the list, filtered."""
        if not self._filter.strip():
            self.remove_class("-filtering")
        self.grid.focus()

    def action_to_list(self) -> None:
        """Go from the filter to the list, as the arrow of a person who sees it there."""
        self.grid.focus()

    def do_back(self) -> None:
        """Take the filter away; there is no screen before this one."""
        if self.has_class("-filtering"):
            self.query_one("#filter-input", Input).value = ""
            self.remove_class("-filtering")
            self.grid.focus()
        elif not self.marks.clear():
            super().do_back()

    def do_sort(self) -> None:
        model = self.grid.model
        if isinstance(model, StudiesModel):
            self._sort_by(model.next_sort_key())

    def do_reverse(self) -> None:
        self._sort_by(self._sort.key)

    def want(self, path: Path, study_name: str) -> None:
        """Put the cursor on a study as soon as it is in the list."""
        self._wanted = study_key(path, study_name)
        if self._feed is not None:
            self._feed.nudge()
