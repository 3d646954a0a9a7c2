"""`--filter`: only those trials of a study that a filter means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    import numpy as np
    import numpy.typing as npt

    from hptui.storage.read.study_reader import StudyReader


def add_filter_option(parser: argparse.ArgumentParser) -> None:
    """Add `--filter FILTER`."""
    parser.add_argument(
        "--filter",
        metavar="FILTER",
        help="only the trials that match FILTER, for example 'state:complete lr<1e-3'; write one "
        "that begins with - as --filter=-tag:bad",
    )


def check_filter(text: str | None) -> None:
    """Refuse a filter that cannot be read, before a study is.

    Raises:
        FilterError: It cannot be understood; says where and why.
    """
    if text is not None:
        from hptui.analysis.filters.parser import parse_filter

        parse_filter(text, _saved_filters())


def chosen_rows(text: str, reader: StudyReader) -> npt.NDArray[np.bool_]:
    """Say which rows of a study's columns satisfy a filter.

    Raises:
        FilterError: It cannot be understood, or does not fit the study; says where and why.
        StudyFileError: The study's file cannot be read.
    """
    from hptui.engine.studies import apply_filter

    return apply_filter.chosen_rows(text, _saved_filters(), reader)


def _saved_filters() -> dict[str, str]:
    from hptui.ui.application.settings import load_settings

    return dict(load_settings().filters)
