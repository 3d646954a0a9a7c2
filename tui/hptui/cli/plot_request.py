"""What `hptui plot` was asked for: the studies, read, and how the figure shall look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.charts.figure import Figure
    from hptui.cli.locate import StudyLocation
    from hptui.storage.chosen_trials import ChosenTrials
    from hptui.storage.columns import StudyColumns


@dataclass(frozen=True, slots=True, eq=False)
class PlottedStudy:
    """A study and its trials."""

    place: StudyLocation
    trials: StudyColumns | ChosenTrials
    metric_names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The study's name, as stored."""
        return self.place.study_name

    def value_name(self, objective: int) -> str:
        """Return what an objective is called."""
        if self.metric_names:
            return self.metric_names[objective]
        return "value" if len(self.trials.directions) == 1 else f"value {objective}"


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
        n_objectives = len(self.study.trials.directions)
        for other in self.studies[1:]:
            if other.trials.directions != self.study.trials.directions:
                raise UsageError(
                    f"{safe_line(self.study.name)} and {safe_line(other.name)} have different "
                    "objectives: "
                    f"{', '.join(self.study.trials.directions)} and "
                    f"{', '.join(other.trials.directions)}.",
                    hint="Plot studies together that have the same directions.",
                )
        return _objectives(self.objective, n_objectives)


@dataclass(frozen=True, slots=True, eq=False)
class TitledFigure:
    """A figure and the line above it, which need not be safe for a terminal yet."""

    title: str
    figure: Figure


def _objectives(given: int | None, n_objectives: int) -> list[int]:
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
