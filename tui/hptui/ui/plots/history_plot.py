"""The plot of a study's history; a click picks a trial."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from hptui.analysis.history import history_of
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.figures.history import draw_history
from hptui.figures.repeat_whiskers import spreads_of
from hptui.figures.request import value_name
from hptui.figures.study_events import StudyEvents, events_of
from hptui.ui.plots.shown_trials import ShownTrials
from hptui.ui.plots.trial_plot import TrialPlot

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from hptui.analysis.history import History
    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.figures.repeat_whiskers import Spreads
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.widgets.pane_title import WidgetName

_MAX_NAME_CHARS: Final = 30


class HistoryPlot(TrialPlot):
    """The values of a study's trials by number, and the best so far."""

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self._shown: tuple[object, ...] = ()

    def show(
        self,
        snapshot: StudySnapshot,
        *,
        shown: ShownTrials | None = None,
        objective: int = 0,
        target: float | None = None,
        is_log: bool = False,
        window: tuple[int, int] | None = None,
        first_unseen: int | None = None,
    ) -> None:
        """Show the history of a snapshot, nothing when it would look the same; marks `marked`.

        Args:
            snapshot: The study.
            shown: Those of its trials that are to be seen; without, all.
            objective: Which one is shown, from 0.
            target: A value to mark.
            is_log: Whether values stand on a logarithmic axis.
            window: The first and the last trial number to show; without, all.
            first_unseen: The first trial that the person has not seen yet, to mark.
        """
        selected = self.marked
        has_history = snapshot.history is not None
        shown = ShownTrials(snapshot) if shown is None else shown
        key = (
            *(*shown.key, has_history, objective),
            *(snapshot.loading, snapshot.trouble, selected, target, is_log, window, first_unseen),
        )
        if key == self._shown:
            return
        self.set_title(_title(window))
        if not has_history or (snapshot.loading is not None and not snapshot.n_trials):
            self.show_sentence(_why_no_history(snapshot))
            self._shown = key
            return
        history = _history(shown, objective)

        def draw(width: int, height: int, look: Look) -> Figure:
            known, spreads, events = history()
            return draw_history(
                known,
                spreads=spreads,
                events=replace(events, first_unseen=first_unseen),
                width=width,
                height=height,
                look=look,
                is_log=is_log,
                target=target,
                selected=selected,
                window=window,
                note=_which_value(snapshot, objective),
                objective=objective,
            )

        self._shown = key
        self.show_chart(draw)

    def show_sentence(self, sentence: str) -> None:
        """Show a sentence instead of the history, until `show` is called again."""
        self._shown = ()
        super().show_sentence(sentence)


def _title(window: tuple[int, int] | None) -> str:
    """Return what is shown: a part of the history says its range."""
    return "history" if window is None else f"history, #{window[0]} to #{window[1]}"


_Made = tuple["History", "Spreads | None", StudyEvents]


def _history(shown: ShownTrials, objective: int) -> Callable[[], _Made]:
    """Return what makes the history, once; with many trials this is for a thread."""

    @lru_cache(maxsize=1)
    def make() -> _Made:
        snapshot, study = shown.snapshot, shown.plotted()
        known = snapshot.history if shown.is_chosen is None and objective == 0 else None
        history = history_of(study.trials, objective) if known is None else known
        return history, spreads_of(study, objective), events_of(study)

    return make


def _which_value(snapshot: StudySnapshot, objective: int) -> str:
    n_objectives = len(snapshot.trials.directions)
    if n_objectives == 1:
        return ""
    name = value_name(snapshot.metric_names, n_objectives, objective)
    return f"{safe_line(name, max_chars=_MAX_NAME_CHARS)}, {plural(n_objectives, 'objective')}"


def _why_no_history(snapshot: StudySnapshot) -> str:
    if snapshot.trouble and snapshot.loading is None:
        return snapshot.trouble
    if snapshot.loading is not None:
        done, total = snapshot.loading
        return f"Reading the trials: {done} of {total}."
    return "Reading the study."
