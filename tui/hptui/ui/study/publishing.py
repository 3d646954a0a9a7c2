"""Pages and reports of a study, written by a program of their own: what it is asked, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.study_name import file_name_for
from hptui.ui.studies.study_actions import run_program

if TYPE_CHECKING:
    from hptui.figures.page_kinds import PageKind
    from hptui.ui.forms.file_dialog import FilePlace
    from hptui.ui.plots.view_options import ViewOptions


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
