"""Asks where a report is to be written, and whether a file there is to be replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Input, Static

from hptui.domain.text import safe_line
from hptui.ui.dialogs.exporting import file_name_for, is_there, path_of
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.study.publishing import report_problem

if TYPE_CHECKING:
    from textual.app import ComposeResult


class ReportDialog(Dialog[tuple[Path, bool]]):
    """Returns the file, and whether it is to be replaced: enter twice says so."""

    def __init__(self, study_name: str) -> None:
        super().__init__()
        self._study_name = study_name
        self._asked = ""
        """The text for which enter was pressed although a file is there."""

    def compose(self) -> ComposeResult:
        """Lay out title, prompt, field and the line for what is wrong."""
        with Vertical(id="frame"):
            yield Static(Text(safe_line(f"Report on {self._study_name}")), id="title")
            yield Static("File path, relative to the folder where hptui was started:", id="text")
            name = file_name_for(self._study_name, "-report.html")
            yield Input(name, id="field", select_on_focus=False)
            yield Static(id="problem")
            yield Static(Text("enter accept   esc cancel"), id="keys")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong with what stands there."""
        self._asked = ""
        text = event.value
        problem = report_problem(text) or ("The file already exists." if is_there(text) else "")
        self.query_one("#problem", Static).update(Text(safe_line(problem)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer; where a file is there, ask to press enter again."""
        text = event.value
        if report_problem(text) is not None:
            self.app.bell()
        elif is_there(text) and self._asked != text:
            self._asked = text
            self.query_one("#problem", Static).update(Text("Enter again replaces it."))
        else:
            self.dismiss((path_of(text), is_there(text)))
