"""The commands that keep studies in order: rename, duplicate, delete, undo, export, mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.studies import study_actions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.studies.study_actions import ExportRequest, Outcome
    from hptui.ui.studies.study_listing import StudyListing
    from hptui.ui.studies.study_row import StudyRow

_READERS_TIMEOUT_S: Final = 3.0


class StudyFileActions(ScreenPart):
    """Does with the study under the cursor as a whole what moves, changes or copies its file."""

    def __init__(self, screen: CommandScreen[None], listing: StudyListing) -> None:
        self._screen, self._listing = screen, listing
        self.is_managing = False
        """Whether something is done now that moves or changes files."""
        self.is_trash_empty = False
        """As far as is known: before the trash was looked into it may hold something."""

    def do_rename_study(self) -> None:
        row = self._listing.study
        if row is None:
            return
        is_alone = row.name == row.path.stem
        goes_along = "Its file and its logs get the name too." if is_alone else ""
        if row.mirror is not None:
            goes_along = f"It is renamed on {safe_line(row.mirror.address)}, for everybody."

        def check(name: str) -> str | None:
            if row.mirror is not None:
                from hptui.storage.mirror.changing import name_problem_on_server

                return name_problem_on_server(row.name, name)
            return study_actions.name_problem(row.path.parent, row.name, name)

        def rename(name: str | None) -> None:
            if name is not None:
                self._manage(lambda: study_actions.rename(row, name))

        dialog = TextDialog(f"Rename {row.name}", goes_along, row.name, check)
        self._screen.app.push_screen(dialog, rename)

    def do_duplicate_study(self) -> None:
        row = self._listing.study
        if row is None:
            return
        from hptui.engine.studies.renaming import free_name

        folder = folder_for_new(row.path)
        running = "Trials running now are marked as failed in the copy." if row.engine else ""

        def check(name: str) -> str | None:
            return study_actions.name_problem(folder, "", name)

        def duplicate(name: str | None) -> None:
            if name is not None:
                self._manage(lambda: study_actions.duplicate(row, name))

        self._screen.app.push_screen(
            TextDialog(f"Duplicate {row.name}", running, free_name(folder, row.name), check),
            duplicate,
        )

    def do_delete_study(self) -> None:
        """Ask whether the study is to go to the trash."""
        row = self._listing.study
        if row is None:
            return
        if row.mirror is not None:
            self._delete_on_server(row, row.mirror.address)
            return
        undo = self._screen.app.services.first_key_of("undo")
        what = "" if row.problem else f"{plural(row.n_trials, 'trial')}. "

        def delete(choice: str | None) -> None:
            if choice:
                self._manage(lambda: study_actions.delete(row))

        self._screen.app.push_screen(
            ChoiceDialog(
                f"Delete {row.name}?",
                f"{what}It goes to the trash; {undo} restores it.",
                (("x", "delete", "delete it"),),
                no="keep it",
            ),
            delete,
        )

    def _delete_on_server(self, row: StudyRow, address: str) -> None:
        """Ask twice: there it is gone for everybody."""
        folder, name = self._listing.folder, safe_line(row.name, max_chars=60)
        running = row.counts.get("RUNNING", 0)
        what = plural(row.n_trials, "trial") + (f", {running} of them running" if running else "")

        def is_name(text: str) -> str | None:
            return None if text == row.name else f"That is not {name}."

        def delete(text: str | None) -> None:
            if text == row.name:
                self._manage(lambda: study_actions.delete_on_server(row, folder), moves_files=False)

        def ask_again(choice: str | None) -> None:
            if choice:
                again = f"Type its name to delete it: {name}"
                self._screen.app.push_screen(
                    TextDialog(f"Delete {row.name} on the server?", again, "", is_name), delete
                )

        self._screen.app.push_screen(
            ChoiceDialog(
                f"Delete {row.name} on the server?",
                f"{what}. It is deleted on {safe_line(address)}, for everybody who uses it. "
                "A copy goes to your trash first.",
                (("x", "delete", "delete it there"),),
                no="keep it",
                is_no_first=True,
            ),
            ask_again,
        )

    def do_undo(self) -> None:
        folder = self._listing.folder
        self._manage(lambda: study_actions.undo(folder))

    def do_export_study(self) -> None:
        """Ask for form and place, and write the study there."""
        row = self._listing.study
        if row is None:
            return

        from hptui.ui.dialogs.export import ExportDialog

        def export(wanted: ExportRequest | None) -> None:
            if wanted is not None:
                self._manage(
                    lambda: study_actions.export(row.path, row.name, wanted), moves_files=False
                )

        self._screen.app.push_screen(ExportDialog(row.name), export)

    def do_mend_study(self) -> None:
        """Look for what is wrong with the study under the cursor, and mend it."""
        row = self._listing.study
        if row is None:
            return
        from hptui.ui.studies.doctor import DoctorDialog

        def look_again(has_mended: bool | None) -> None:
            if has_mended:
                self._listing.want(row.path, row.name)

        self._screen.app.push_screen(DoctorDialog(row), look_again)

    def look_into_trash(self) -> None:
        """Find out whether there is something to undo."""
        folder = self._listing.folder

        def is_empty() -> bool:
            from hptui.engine.studies.trash import list_trash

            return not list_trash(folder)

        self._screen.in_thread(is_empty, self._remember_trash)

    def _remember_trash(self, is_empty: bool) -> None:
        self.is_trash_empty = is_empty
        self._screen.refresh_commands()

    def _manage(self, work: Callable[[], Outcome], *, moves_files: bool = True) -> None:
        """Do something with files in a thread, while nothing here reads them."""
        self.is_managing = True
        readers = self._listing.halt_reading() if moves_files else ()
        folder = self._listing.folder

        def do() -> Outcome:
            for reader in readers:
                reader.join(_READERS_TIMEOUT_S)
            return study_actions.carry_out(work, folder)

        self._screen.in_thread(do, self._tell_outcome)
        self._screen.refresh_commands()

    def after_defect(self) -> None:
        """Read the studies again."""
        self.is_managing = False
        self._resume()
        self._screen.refresh_commands()

    def _tell_outcome(self, outcome: Outcome) -> None:
        """Say what was done, and read again."""
        self.is_managing = False
        self.is_trash_empty = not outcome.can_undo
        self._resume()
        if outcome.study is not None:
            self._listing.want(*outcome.study)
        severity = "information" if outcome.is_done else "error"
        self._screen.notify(outcome.text, severity=severity)
        self._screen.app.services.followers.nudge()
        self._screen.refresh_commands()

    def _resume(self) -> None:
        if self._screen.is_active:
            self._listing.resume_reading()
