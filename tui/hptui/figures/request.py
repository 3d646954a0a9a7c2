"""What a figure is asked for: the studies, and how it shall look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hptui.analysis.compare.comparison import check_comparable
from hptui.errors import UsageError
from hptui.figures.canvas.picture import FINE
from hptui.storage.read.study_detail import run_starts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.analysis.evaluators import Evaluator
    from hptui.domain.study_changes import StudyChange
    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.storage.read.study_detail import RunRecord
    from hptui.trials import Trials


@dataclass(frozen=True, slots=True, eq=False)
class PlottedStudy:
    """A study and those of its trials that are to be seen."""

    path: Path
    name: str
    """As stored."""
    trials: Trials
    metric_names: tuple[str, ...]
    runs: tuple[RunRecord, ...] = field(default=(), kw_only=True)
    """Runs of hptui, oldest first."""
    changes: tuple[StudyChange, ...] = field(default=(), kw_only=True)
    """What people changed, oldest first."""
    n_ahead: int | None = field(default=None, kw_only=True)
    """How many trials the budget still allows; None where that is not known."""

    @property
    def run_starts_s(self) -> tuple[float, ...]:
        """When hptui began to run it, in seconds since 1970; empty where it never did."""
        return run_starts(self.runs)

    @property
    def is_repeated(self) -> bool:
        """Whether a run has run configurations several times."""
        return any(run.repeat > 1 for run in self.runs)

    @property
    def is_far(self) -> bool:
        """Whether a run had workers on other machines."""
        return any(run.is_far for run in self.runs)

    def value_name(self, objective: int) -> str:
        """Return what an objective is called."""
        return value_name(self.metric_names, len(self.trials.directions), objective)


def value_name(metric_names: tuple[str, ...], n_objectives: int, objective: int) -> str:
    """Return what an objective is called in a study with so many of them."""
    if metric_names:
        return metric_names[objective]
    return "value" if n_objectives == 1 else f"value {objective}"


@dataclass(frozen=True, slots=True, eq=False)
class FigureRequest:
    """A figure that was asked for."""

    studies: tuple[PlottedStudy, ...]
    """The first one is the study; others are drawn over it."""
    objective: int | None = None
    params: tuple[str, ...] = ()
    """Names; empty for all, or for the first ones."""
    axes: tuple[int, ...] = ()
    """Objectives; empty for all, or for the first ones."""
    reference: tuple[float, ...] = ()
    """A value for each objective; empty for the worst ones."""
    evaluator: Evaluator = "ped-anova"
    """What judges how much parameters matter."""
    is_log: bool = False
    chooser: str = "--param"
    """With what a person chooses parameters, for figures that have no room for all."""
    tell: Callable[[str], None] = lambda _: None
    """Told how far a computation is that takes long, from the thread that computes."""

    @property
    def study(self) -> PlottedStudy:
        """The study, or the first one."""
        return self.studies[0]

    def objectives(self) -> list[int]:
        """Return the objectives to draw: the one that was asked for, or all.

        Raises:
            UsageError: A study does not have it, or the studies have different numbers of them.
        """
        check_comparable([(each.name, each.trials.directions) for each in self.studies])
        return chosen_objectives(self.objective, len(self.study.trials.directions))


@dataclass(frozen=True, slots=True)
class Frame:
    """The place that a figure is drawn for."""

    width: int
    """In cells, as the height, which is without a title."""
    height: int
    look: Look = FINE
    selected: int | None = None
    """The number of a trial to mark."""


@dataclass(frozen=True, slots=True, eq=False)
class TitledFigure:
    """A figure of which all is computed that does not depend on its place."""

    title: str
    """What it shows, without the study's name; it need not be safe for a terminal yet."""
    draw: Callable[[Frame], Figure]
    """Draws it, as often as it is called and in any thread."""


def chosen_objectives(given: int | None, n_objectives: int) -> list[int]:
    """Return the objectives that `--objective` means: the one that was asked for, or all.

    Raises:
        UsageError: The study does not have it.
    """
    if given is None:
        return list(range(n_objectives))
    if n_objectives == 1 and given != 0:
        raise UsageError(
            f"--objective is {given}, but the study has only one.", hint="Omit --objective."
        )
    if not 0 <= given < n_objectives:
        raise UsageError(
            f"--objective is {given}, but the study has {n_objectives}, counted from 0.",
            hint=f"Give a number from 0 to {n_objectives - 1}.",
        )
    return [given]
