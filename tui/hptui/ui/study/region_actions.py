"""What is done with a region that was marked in a plot of a study: filter, bounds, a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hptui.analysis.region import bounds_edit, in_space, near_value, param_spans
from hptui.domain.texts.readable import plural
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.dialogs.questions import ChoiceDialog
from hptui.ui.plots.plot_area import PlotArea
from hptui.ui.trials.trial_table import TrialTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hptui.analysis.region import Region, Span
    from hptui.domain.spaces.param_edit import ParamEdit
    from hptui.domain.spaces.space import ParamSpec
    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.study.steering_actions import SteeringActions

_MAX_CHARS: Final = 60
_COMMANDS: Final = {"bounds": "edit-space", "point": "add-trial"}
"""The commands that answers give, which may be refused."""


class RegionActions(ScreenPart):
    """Marks regions of a view, and uses them.

    Args:
        screen: The screen of the study.
        snapshot: Returns the study as it is now.
        steering: Asks for trials.
        after_change: Reads the study anew.
    """

    def __init__(
        self,
        screen: CommandScreen[None],
        snapshot: Callable[[], StudySnapshot],
        steering: SteeringActions,
        after_change: Callable[[], object],
    ) -> None:
        self._screen, self._snapshot = screen, snapshot
        self._steering, self._after_change = steering, after_change

    @property
    def _plots(self) -> PlotArea:
        return self._screen.query_one(PlotArea)

    def disabled_reason(self, command_id: str) -> str | None:
        """Return why no region can be marked now; None where one can."""
        if command_id != "brush" or self._plots.main_plot.planes:
            return None
        return "No region can be marked here; history, slice, contour and front have them."

    def do_brush(self) -> None:
        """Begin to mark a region in the view, or go on with it."""
        plot = self._plots.main_plot
        plot.focus()
        plot.start_brush()

    def use(self, region: Region) -> None:
        """Ask what a region is for, and do that."""
        screen = self._screen
        snapshot = self._snapshot()
        trials, metric_names = snapshot.trials, snapshot.metric_names
        inside = self._plots.inside(region)
        text = region.filter_text(trials, metric_names)
        if not text:
            screen.notify("No value lies in it." if region.is_empty else "It holds everything.")
            return
        spans = param_spans(region, trials, inside)
        where = ", ".join(span.told() for span in spans) or "no parameter"
        values = {"filter": text, "bounds": where, "point": f"the middle of {where}"}
        labels = (
            ("f", "filter", "filter"),
            ("b", "bounds", "bounds of the space"),
            ("a", "point", "add a trial"),
        )
        choices = [
            (key, answer, f"{label}   {_shortened(values[answer])}")
            for key, answer, label in labels
            if spans or answer == "filter"
        ]

        def do(answer: str | None) -> None:
            command = _COMMANDS.get(answer or "")
            reason = None if command is None else screen.disabled_reason(command)
            if reason:
                screen.notify(reason)
            elif answer == "filter":
                self._filter(text)
            elif answer == "bounds":
                self._edit_space(spans)
            elif answer == "point":
                self._steering.ask_for_point(lambda space: _point(spans, space))

        n_inside = plural(int(inside.sum()), "trial")
        about = f"{n_inside} in {self._plots.told(region)}."
        screen.app.push_screen(ChoiceDialog("Region", about, choices, no="do nothing"), do)

    def _filter(self, text: str) -> None:
        table = self._screen.query_one(TrialTable)
        table.use_filter(f"{table.filter_text} {text}".strip())

    def _edit_space(self, spans: Sequence[Span]) -> None:
        from hptui.ui.study.edit_space import EditSpaceScreen

        snapshot = self._snapshot()

        def tell(answer: str | None) -> None:
            if answer:
                self._after_change()

        dialog = EditSpaceScreen(snapshot.path, snapshot.name, lambda space: _bounds(spans, space))
        self._screen.app.push_screen(dialog, tell)


def _bounds(spans: Sequence[Span], space: Mapping[str, ParamSpec]) -> dict[str, ParamEdit]:
    known = in_space(spans, space)
    edits = {name: bounds_edit(span, spec) for name, (span, spec) in known.items()}
    return {name: edit for name, edit in edits.items() if not edit.is_empty}


def _point(spans: Sequence[Span], space: Mapping[str, ParamSpec]) -> dict[str, Any]:
    known = in_space(spans, space)
    return {name: near_value(span, spec) for name, (span, spec) in known.items()}


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[: _MAX_CHARS - 1]}…"
