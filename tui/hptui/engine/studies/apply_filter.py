"""The trials of a study that a filter means, all that it may ask of a file included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.analysis.filters.parser import parse_filter
from hptui.analysis.filters.rows import filter_rows
from hptui.storage.read.study_facts import read_facts
from hptui.storage.read.text_fields import FileTexts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from hptui.storage.read.study_reader import StudyReader


def chosen_rows(text: str, saved: Mapping[str, str], reader: StudyReader) -> npt.NDArray[np.bool_]:
    """Say which rows of a study's columns satisfy a filter.

    Args:
        text: The filter.
        saved: Filters by the names under which they were saved.
        reader: The study.

    Raises:
        FilterError: It cannot be understood, or does not fit the study; says where and why.
        StudyFileError: The study's file cannot be read.
    """
    facts = read_facts(reader.path, reader.study_name, len(reader.trials.directions))
    return filter_rows(
        parse_filter(text, saved),
        reader.trials,
        FileTexts(reader.path, reader.study_name),
        metric_names=facts.metric_names,
    )
