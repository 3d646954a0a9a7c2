"""What `hptui plot` was asked for: the studies, read, and how the figure shall look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.cli.filter_option import chosen_rows
from hptui.cli.locate import locate_study
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.charts.figure import Figure
    from hptui.cli.locate import StudyLocation
    from hptui.storage.chosen_trials import ChosenTrials
    from hptui.storage.columns import StudyColumns
    from hptui.storage.study_detail import StudyDetail


@dataclass(frozen=True, slots=True, eq=False)
class PlottedStudy:
    """A study and its trials."""

    place: StudyLocation
    trials: StudyColumns | ChosenTrials
    detail: StudyDetail
    """What its file holds of it besides the trials."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """A name for each objective, or none at all."""
        return self.detail.metric_names

    @property
    def name(self) -> str:
        """The study's name, as stored."""
        return self.place.study_name

    def value_name(self, objective: int) -> str:
        """Return what an objective is called."""
        if self.metric_names:
            return self.metric_names[objective]
        return "value" if len(self.trials.directions) == 1 else f"value {objective}"


def read_plotted(text: str, studies: Path | None, filter_text: str | None) -> PlottedStudy:
    """Return the study that `text` means, with all its trials or those that a filter means.

    Raises:
        UsageError: There is no such study, or the filter does not fit it.
        StudyFileError: Its file cannot be read.
    """
    from hptui.storage.chosen_trials import choose_trials
    from hptui.storage.columns import StudyColumns
    from hptui.storage.study_detail import read_study

    place = locate_study(text, studies=studies)
    detail = read_study(place.path, place.study_name)
    with StudyColumns(place.path, place.study_name) as columns:
        columns.refresh()
    if filter_text is None:
        return PlottedStudy(place, columns, detail)
    return PlottedStudy(place, choose_trials(columns, chosen_rows(filter_text, columns)), detail)


@dataclass(frozen=True, slots=True, eq=False)
class PlotRequest:
    """A figure that was asked for."""

    studies: tuple[PlottedStudy, ...]
    """The first is STUDY, the others those of `--with`."""
    objective: int | None
    params: tuple[str, ...]
    """Names; empty for all, or for the first ones."""
    axes: tuple[int, ...]
    """Objectives; empty for all, or for the first ones."""
    reference: tuple[float, ...]
    """A value for each objective; empty for the worst ones."""
    is_log: bool
    width: int
    height: int
    """Of one figure, without its title."""
    unicode: bool

    @property
    def study(self) -> PlottedStudy:
        """The study, or the first one."""
        return self.studies[0]

    def objectives(self) -> list[int]:
        """Return the objectives to draw: the one that was asked for, or all.

        Raises:
            UsageError: A study does not have it, or the studies have different numbers of them.
        """
        from hptui.analysis.comparison import check_comparable

        check_comparable([(each.name, each.trials.directions) for each in self.studies])
        return chosen_objectives(self.objective, len(self.study.trials.directions))


@dataclass(frozen=True, slots=True, eq=False)
class TitledFigure:
    """A figure and the line above it, which need not be safe for a terminal yet."""

    title: str
    figure: Figure


def chosen_objectives(given: int | None, n_objectives: int) -> list[int]:
    """Return the objectives that `--objective` means: the one that was asked for, or all.

    Raises:
        UsageError: The study does not have it.
    """
    if given is None:
        return list(range(n_objectives))
    if n_objectives == 1 and given != 0:
        raise UsageError(
            f"--objective is {given}, but the study has only one.", hint="Leave --objective away."
        )
    if not 0 <= given < n_objectives:
        raise UsageError(
            f"--objective is {given}, but the study has {n_objectives}, counted from 0.",
            hint=f"Give a number from 0 to {n_objectives - 1}.",
        )
    return [given]
