"""What a person chose for a view, and the request for its figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hptui.analysis.evaluators import EVALUATORS
from hptui.figures.request import FigureRequest
from hptui.ui.commands.command_table import default_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.analysis.evaluators import Evaluator
    from hptui.figures.kinds import Kind
    from hptui.figures.request import PlottedStudy


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Choices for the figures of one view."""

    objective: int | None = None
    """Counted from 0; None for the first one, or for all where a figure shows all."""
    params: tuple[str, ...] = ()
    """Names; empty for all, or for the first ones."""
    axes: tuple[int, ...] = ()
    """Objectives; empty for the first ones."""
    reference: tuple[float, ...] = ()
    """A value for each objective; empty for the worst ones."""
    evaluator: Evaluator = "ped-anova"
    is_log: bool = False

    def with_next_evaluator(self) -> ViewOptions:
        """Return the same choices with the next evaluator of importance."""
        evaluators = list(EVALUATORS)
        following = evaluators.index(self.evaluator) + 1
        return replace(self, evaluator=evaluators[following % len(evaluators)])

    def request(
        self,
        study: PlottedStudy,
        kind: Kind,
        tell: Callable[[str], None],
        chooser: str = default_key("choose"),
    ) -> FigureRequest:
        """Return what is asked of a kind of figure; `chooser` is the key that chooses more."""
        takes = kind.options
        objective = self.objective if "objective" in takes else None
        return FigureRequest(
            (study,),
            objective=objective,
            params=self.params if "params" in takes else (),
            axes=self.axes if "axes" in takes else (),
            # One objective has no volume.
            reference=self.reference if "reference" in takes and objective is None else (),
            evaluator=self.evaluator,
            is_log=self.is_log and "log" in takes,
            chooser=chooser,
            tell=tell,
        )
