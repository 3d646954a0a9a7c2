"""A report on a study: where it is to be written is asked, and a program writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.study_name import file_name_for
from hptui.ui.forms.file_dialog import FileDialog
from hptui.ui.forms.file_paths import ends_in
from hptui.ui.study.publishing import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.forms.file_dialog import FilePlace


def ask_for_report(
    screen: CommandScreen[None], path: Path, study_name: str, filter_text: str = ""
) -> None:
    """Ask over a screen where a report is to be written, write it, and say what came of it."""

    def write(place: FilePlace | None) -> None:
        if place is not None:
            screen.tell_outcome_of(
                lambda: write_report(path, study_name, place, filter_text=filter_text)
            )

    screen.app.push_screen(
        FileDialog(
            f"Report on {study_name}",
            "File path, relative to the folder where hptui was started:",
            file_name_for(study_name, "-report.html"),
            ends_in(".html", ".htm"),
        ),
        write,
    )
