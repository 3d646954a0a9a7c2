"""The commands of the list of studies: open, run, rename, duplicate, delete, undo, export, mend."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from textual import on
from textual.message import Message

from hptui.domain.text import escape_line, safe_line
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.dialogs.questions import ChoiceDialog, MessageDialog, TextDialog
from hptui.ui.studies import study_actions
from hptui.ui.widgets.abstract import AbstractMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hptui.domain.objective import ObjectiveRef
    from hptui.ui.commands.command_table import Place
    from hptui.ui.dialogs.exporting import ExportRequest
    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.studies.study_actions import Outcome

_READERS_TIMEOUT_S: Final = 3.0
_NEEDS_STUDY: Final = frozenset(
    {"run-again", "duplicate-study", "rename-study", "delete-study", "export-study", "mend-study"}
    | {"edit-note", "edit-tags", "fork-study", "merge-studies", "report-study"}
)
_NEEDS_READABLE: Final = frozenset(
    {"run-again", "duplicate-study", "rename-study", "export-study", "edit-note", "edit-tags"}
    | {"fork-study", "merge-studies", "report-study"}
)
_NEEDS_REST: Final = frozenset({"rename-study", "delete-study", "run-again"})


class Reading(Protocol):
    """Something that reads files in a thread until it is stopped."""

    def join(self, timeout_s: float) -> bool:
        """Wait for its end and say whether it came."""
        ...


class KeptStudies(CommandScreen[None], metaclass=AbstractMeta):
    """A screen with a study under the cursor, and what can be done with it as a whole."""

    PLACE: ClassVar[Place] = "studies"

    @dataclass
    class Managed(Message):
        """Something was done, or could not be."""

        outcome: Outcome

    @dataclass
    class TrashSeen(Message):
        """The trash was looked into."""

        can_undo: bool

    def __init__(self) -> None:
        super().__init__()
        self.is_managing = False
        """Whether something is done now that moves or changes files."""
        self._is_trash_empty = False
        """As far as is known: before the trash was looked into it may hold something."""

    @property
    @abstractmethod
    def study(self) -> StudyRow | None:
        """The study under the cursor."""

    @property
    @abstractmethod
    def objective(self) -> ObjectiveRef | None:
        """The objective under the cursor, where objectives are listed instead of studies."""

    @abstractmethod
    def resume_reading(self) -> None:
        """Follow the studies again."""

    @abstractmethod
    def halt_reading(self) -> Sequence[Reading]:
        """Let go of all files; return what is still about to do so."""

    @abstractmethod
    def want(self, path: Path, study_name: str) -> None:
        """Put the cursor on a study as soon as it is in the list."""

    @abstractmethod
    def tags_of_all(self) -> tuple[str, ...]:
        """Return the tags of all studies, as far as they have been read."""

    @property
    def _folder(self) -> Path:
        place = self.services.place
        return place.path if place.folder is not None else place.path.parent

    # What can be done now.

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        row = self.study
        if self.is_managing and command_id in _NEEDS_STUDY | {"undo"}:
            return "Still working on the last command; please wait."
        if command_id == "open-study" and row is None and self.objective is None:
            return "There is nothing under the cursor."
        if command_id == "undo" and self._is_trash_empty:
            return "Nothing in the trash."
        if command_id not in _NEEDS_STUDY:
            return None
        if row is None:
            return "There is no study under the cursor."
        return self._why_not_with(command_id, row)

    def _why_not_with(self, command_id: str, row: StudyRow) -> str | None:
        if row.problem and command_id in _NEEDS_READABLE:
            return f"{safe_line(row.name, max_chars=60)} cannot be read; enter says why."
        if row.engine is not None and command_id in _NEEDS_REST:
            return f"{safe_line(row.name, max_chars=60)} runs now; open and stop it first."
        return None

    # Opening and running.

    def do_open_study(self) -> None:
        """Open the study under the cursor, or set up the objective there."""
        row = self.study
        if row is None:
            self._set_up(self.objective, None)
        elif row.problem:
            self.app.push_screen(MessageDialog(row.name, f"{row.problem}\n\n{row.hint}".strip()))
        else:
            from hptui.ui.study.study_screen import StudyScreen

            self.app.push_screen(StudyScreen(row.path, row.name))

    def do_new_study(self) -> None:
        """Set up a new study."""
        self._set_up(None, None)

    def do_run_again(self) -> None:
        """Set up the next run of the study under the cursor."""
        row = self.study
        if row is not None:
            self._set_up(None, row)

    def _set_up(self, ref: ObjectiveRef | None, row: StudyRow | None) -> None:
        from hptui.ui.setup.setup_screen import SetupScreen

        self.app.push_screen(SetupScreen(ref, row))

    def do_copy(self) -> None:
        """Copy the path of the study under the cursor."""
        row = self.study
        if row is None:
            self.notify("There is no study under the cursor.")
            return
        self.app.copy_to_clipboard(escape_line(str(row.path)))
        self.notify(f"Copied the path of {row.path.name}.")

    # Keeping.

    def do_rename_study(self) -> None:
        """Ask for another name."""
        row = self.study
        if row is None:
            return
        is_alone = row.name == row.path.stem
        goes_along = "Its file and its logs get the name too." if is_alone else ""

        def check(name: str) -> str | None:
            return study_actions.name_problem(row.path.parent, row.name, name)

        def rename(name: str | None) -> None:
            if name is not None:
                self._manage(lambda: study_actions.rename(row, name))

        self.app.push_screen(TextDialog(f"Rename {row.name}", goes_along, row.name, check), rename)

    def do_duplicate_study(self) -> None:
        """Ask for the copy's name."""
        row = self.study
        if row is None:
            return
        from hptui.engine.studies.renaming import free_name

        folder = row.path.parent
        running = "Trials running now are marked as failed in the copy." if row.engine else ""

        def check(name: str) -> str | None:
            return study_actions.name_problem(folder, "", name)

        def duplicate(name: str | None) -> None:
            if name is not None:
                self._manage(lambda: study_actions.duplicate(row, name))

        self.app.push_screen(
            TextDialog(f"Duplicate {row.name}", running, free_name(folder, row.name), check),
            duplicate,
        )

    def do_delete_study(self) -> None:
        """Ask whether the study is to go to the trash."""
        row = self.study
        if row is None:
            return
        count = row.n_trials
        what = "" if row.problem else f"{count:,} trial{'' if count == 1 else 's'}. "

        def delete(choice: str | None) -> None:
            if choice:
                self._manage(lambda: study_actions.delete(row))

        self.app.push_screen(
            ChoiceDialog(
                f"Delete {row.name}?",
                f"{what}It goes to the trash; {self.services.first_key_of('undo')} brings it back.",
                (("x", "delete", "delete it"), ("n", "", "keep it")),
            ),
            delete,
        )

    def do_undo(self) -> None:
        """Bring the latest deletion back."""
        folder = self._folder
        self._manage(lambda: study_actions.undo(folder))

    def do_export_study(self) -> None:
        """Ask for form and place, and write the study there."""
        row = self.study
        if row is None:
            return

        from hptui.ui.dialogs.export import ExportDialog

        def export(wanted: ExportRequest | None) -> None:
            if wanted is not None:
                self._manage(
                    lambda: study_actions.export(row.path, row.name, wanted), moves_files=False
                )

        self.app.push_screen(ExportDialog(row.name), export)

    def do_edit_note(self) -> None:
        """Open the note of the study under the cursor."""
        from hptui.ui.dialogs.annotating import Annotated

        row = self.study
        if row is not None:
            self.edit_note(Annotated(row.path, row.name))

    def do_edit_tags(self) -> None:
        """Change the tags of the study under the cursor."""
        from hptui.ui.dialogs.annotating import Annotated

        row = self.study
        if row is not None:
            self.edit_tags(Annotated(row.path, row.name, tags_elsewhere=self.tags_of_all()))

    def do_mend_study(self) -> None:
        """Look for what is wrong with the study under the cursor, and mend it."""
        row = self.study
        if row is None:
            return
        from hptui.ui.studies.doctor import DoctorDialog

        def look_again(has_mended: bool | None) -> None:
            if has_mended:
                self.want(row.path, row.name)

        self.app.push_screen(DoctorDialog(row), look_again)

    def look_into_trash(self) -> None:
        """Find out whether there is something to undo."""
        folder = self._folder

        def look() -> None:
            from hptui.engine.studies.trash import list_trash

            self.post_message(self.TrashSeen(bool(list_trash(folder))))

        self.run_worker(look, thread=True, exit_on_error=False)

    @on(TrashSeen)
    def remember_trash(self, message: TrashSeen) -> None:
        """Offer undo, or not."""
        self._is_trash_empty = not message.can_undo
        self.refresh_commands()

    def _manage(self, work: Callable[[], Outcome], *, moves_files: bool = True) -> None:
        """Do something with files in a thread, while nothing here reads them."""
        self.is_managing = True
        readers = self.halt_reading() if moves_files else ()
        folder = self._folder

        def do() -> None:
            for reader in readers:
                reader.join(_READERS_TIMEOUT_S)
            self.post_message(self.Managed(study_actions.carry_out(work, folder)))

        self.run_worker(do, thread=True, exit_on_error=False)
        self.refresh_commands()

    def after_defect(self) -> None:
        """Read the studies again."""
        self.is_managing = False
        if self.app.screen is self:
            self.resume_reading()
        self.refresh_commands()

    @on(Managed)
    def tell_outcome(self, message: Managed) -> None:
        """Say what was done, and read again."""
        outcome = message.outcome
        self.is_managing = False
        self._is_trash_empty = not outcome.can_undo
        if self.app.screen is self:
            self.resume_reading()
        if outcome.study is not None:
            self.want(*outcome.study)
        self.notify(outcome.text, severity="information" if outcome.is_done else "error")
        self.refresh_commands()
