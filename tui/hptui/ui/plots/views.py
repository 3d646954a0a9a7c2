"""The views of a study: which key shows which figures above its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.figures.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.kinds import Kind


@dataclass(frozen=True, slots=True)
class View:
    """What one key shows."""

    name: str
    """Stable: the command is `view-NAME`."""
    key: str
    title: str
    """A sentence without a full stop, for help and palette."""
    kinds: tuple[str, ...] = ()
    """Names of figures; the key pressed again shows the next."""
    is_overview: bool = False
    """Whether history and curve are its last figure, or with one objective the only one."""
    alone: str = ""
    """What it is called in the line of views when the study has one objective, if not `name`."""

    @property
    def command_id(self) -> str:
        """The id of the command that shows it."""
        return f"view-{self.name}"

    def label_for(self, n_objectives: int) -> str:
        """Return what stands in the line of views."""
        name = self.alone if self.alone and n_objectives <= 1 else self.name
        return f"{self.key} {name}"

    def kinds_for(self, n_objectives: int) -> Sequence[Kind]:
        """Return its figures that a study with so many objectives has."""
        return [KINDS[name] for name in self.kinds if KINDS[name].suits(n_objectives)]

    def kind_at(self, turn: int, n_objectives: int) -> Kind | None:
        """Return what it shows when its key was pressed `turn` times more; None for the history."""
        kinds = [*self.kinds_for(n_objectives), *([None] if self.is_overview else [])]
        return kinds[turn % len(kinds)] if kinds else None

    def disabled_reason(self, n_objectives: int) -> str | None:
        """Return why it cannot be shown of a study with so many objectives; None where it can."""
        if self.is_overview or self.kinds_for(n_objectives):
            return None
        return "This needs several objectives, and the study has one."


VIEWS: Final = (
    View(
        "overview",
        "1",
        "Show the history and the curve of the trial under the cursor; of several objectives the "
        "front, again: the history",
        ("pareto",),
        is_overview=True,
    ),
    View("curves", "2", "Show the intermediate values of all trials", ("intermediate",)),
    View(
        "importance",
        "3",
        "Show how much each parameter matters; again: by another evaluator",
        ("importance",),
    ),
    View("slice", "4", "Show the value by each parameter", ("slice",)),
    View("contour", "5", "Show the value over two parameters; again: ranks", ("contour", "rank")),
    View("parallel", "6", "Show trials across all parameters", ("parallel",)),
    View("edf", "7", "Show the share of trials that reach each value", ("edf",)),
    View(
        "timeline",
        "8",
        "Show which trial ran when, and idle workers; again: the best value over time",
        ("timeline", "progress"),
    ),
    View(
        "front",
        "9",
        "Show the Pareto front; again: hypervolume, advice; with one objective, advice alone",
        ("pareto", "hypervolume", "advice"),
        alone="advice",
    ),
)
OVERVIEW: Final = VIEWS[0]
VIEW_OF_COMMAND: Final = {view.command_id: view for view in VIEWS}
