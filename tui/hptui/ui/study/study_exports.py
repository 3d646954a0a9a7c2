"""What is written of a study for others: its trials, a report, the view as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.study_name import file_name_for
from hptui.figures.kinds import PAGE_KINDS
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.forms.fields import ends_in
from hptui.ui.forms.file_dialog import FileDialog
from hptui.ui.studies import study_actions
from hptui.ui.studies.study_actions import run_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.figures.kinds import PageKind
    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.forms.file_dialog import FilePlace
    from hptui.ui.plots.plot_area import PlotArea
    from hptui.ui.plots.view_options import ViewOptions
    from hptui.ui.studies.study_actions import ExportRequest
    from hptui.ui.study.snapshot import StudySnapshot


class StudyExports(ScreenPart):
    """Writes what a screen shows of a study.

    Args:
        screen: The screen.
        snapshot: Returns the study as it is now.
        filter_text: Returns the filter that means the trials that are shown; empty for all.
        plots: Returns the plots.
    """

    def __init__(
        self,
        screen: CommandScreen[None],
        *,
        snapshot: Callable[[], StudySnapshot],
        filter_text: Callable[[], str],
        plots: Callable[[], PlotArea],
    ) -> None:
        self._screen, self._snapshot = screen, snapshot
        self._filter_text, self._plots = filter_text, plots

    def disabled_reason(self, command_id: str) -> str | None:
        """Return why a command cannot be used now; None where this part sees no reason."""
        name = _page_name(self._plots())
        if command_id == "write-page" and name not in PAGE_KINDS:
            return f"Optuna has no page of the figure {name}; write the view instead."
        return None

    def do_export_study(self) -> None:
        """Ask for form and place, and write the trials that the table shows there."""
        from hptui.ui.dialogs.export import ExportDialog

        study = self._snapshot()
        path, name = study.path, study.name

        def export(wanted: ExportRequest | None) -> None:
            if wanted is not None:
                self._screen.tell_outcome_of(lambda: study_actions.export(path, name, wanted).text)

        self._screen.app.push_screen(ExportDialog(name, self._filter_text(), study), export)

    def do_write_page(self) -> None:
        """Write the view as an interactive page, and say where it is."""
        plots, study = self._plots(), self._snapshot()
        kind = PAGE_KINDS[_page_name(plots)]
        arguments = page_arguments(kind, plots.options, self._filter_text())
        path, name = study.path, study.name
        self._screen.notify("Writing the page…")
        self._screen.tell_outcome_of(lambda: write_page(path, name, kind.name, arguments))

    def do_report_study(self) -> None:
        """Ask where the report is to be written."""
        study = self._snapshot()
        ask_for_report(self._screen, study.path, study.name, self._filter_text())


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


def _page_name(plots: PlotArea) -> str:
    return "history" if plots.kind is None else plots.kind.name


def page_arguments(kind: PageKind, options: ViewOptions, filter_text: str) -> list[str]:
    """Return how `hptui page` is asked for what a view shows."""
    takes = kind.options
    arguments = [kind.name]
    if options.objective is not None and "objective" in takes:
        arguments.append(f"--objective={options.objective}")
    if "params" in takes:
        arguments += [f"--param={name}" for name in options.params]
    if options.axes and "axes" in takes:
        arguments.append(f"--axes={','.join(map(str, options.axes))}")
    if options.reference and "reference" in takes:
        arguments.append(f"--reference={','.join(map(repr, options.reference))}")
    if "evaluator" in takes:
        arguments.append(f"--evaluator={options.evaluator}")
    if options.is_log and "log" in takes:
        arguments.append("--log")
    return [*arguments, *_filter(filter_text)]


def write_page(path: Path, study_name: str, kind: str, arguments: list[str]) -> str:
    """Write an interactive page beside what was written before, and say where it is."""
    target = free_place(Path(file_name_for(study_name, f"-{kind}.html")).absolute())
    said = run_program("page", f"{path}:{study_name}", *arguments, f"--output={target}", "--json")
    return f"Wrote the page {json.loads(said)['file']}"


def write_report(path: Path, study_name: str, place: FilePlace, *, filter_text: str = "") -> str:
    """Write a report and say where it is."""
    run_program(
        "report",
        f"{path}:{study_name}",
        f"--output={place.target}",
        *_filter(filter_text),
        *(["--overwrite"] if place.is_replacing else []),
    )
    return f"Wrote the report {place.target}"


def free_place(target: Path) -> Path:
    """Return `target`, or the same with a number where something is there already."""
    place, number = target, 2
    while place.exists():
        place = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    return place


def _filter(text: str) -> list[str]:
    return [f"--filter={text}"] if text.strip() else []
