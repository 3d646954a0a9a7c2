"""The studies that figures of the command line are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.cli.options.filter_option import chosen_rows
from hptui.cli.options.locate import locate_study
from hptui.figures.request import PlottedStudy
from hptui.storage.read.study_detail import StudyDetail, read_study
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, eq=False)
class ReadStudy(PlottedStudy):
    """A study that was read from its file."""

    detail: StudyDetail
    """What its file holds of it besides the trials."""


def read_plotted(text: str, studies: Path | None, filter_text: str | None) -> ReadStudy:
    """Return the study that `text` means, with all its trials or those that a filter means.

    Raises:
        UsageError: There is no such study, or the filter does not fit it.
        StudyFileError: Its file cannot be read.
    """
    place = locate_study(text, studies=studies)
    detail = read_study(place.path, place.study_name)
    with StudyReader(place.path, place.study_name) as reader:
        reader.refresh()
    trials = reader.trials
    if filter_text is not None:
        trials = trials.select(chosen_rows(filter_text, reader))
    return ReadStudy(
        place.path,
        place.study_name,
        trials,
        detail.metric_names,
        detail,
        runs=detail.runs,
        changes=detail.changes,
    )
