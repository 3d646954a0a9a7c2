"""Which trials the plots show: those that the table's filter lets through, and the latest ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.figures.request import PlottedStudy

if TYPE_CHECKING:
    from hptui.trials import BoolArray
    from hptui.ui.study.snapshot import StudySnapshot


@dataclass(frozen=True, slots=True, eq=False)
class ShownTrials:
    """Trials of one moment, of whatever state."""

    snapshot: StudySnapshot
    is_chosen: BoolArray | None = None
    """Which rows of the snapshot; None for all."""
    filter_text: str = ""
    """What chose them; empty for all."""

    @property
    def key(self) -> tuple[object, ...]:
        """What differs between any two that both still exist and show other trials."""
        snapshot = self.snapshot
        chosen = None if self.is_chosen is None else id(self.is_chosen)
        return snapshot.path, snapshot.name, snapshot.revision, chosen

    @property
    def n_trials(self) -> int:
        """How many trials are shown."""
        chosen = self.is_chosen
        return self.snapshot.n_trials if chosen is None else int(chosen.sum())

    @property
    def share(self) -> str:
        """How many trials of how many are shown, `2 of 40 trials`; empty where all are."""
        if self.is_chosen is None:
            return ""
        return f"{self.n_trials:,} of {plural(self.snapshot.n_trials, 'trial')}"

    def plotted(self) -> PlottedStudy:
        """Return the study as figures take it; with many trials this is for a thread."""
        snapshot = self.snapshot
        trials = snapshot.trials
        if self.is_chosen is not None:
            trials = trials.select(self.is_chosen)
        return PlottedStudy(
            snapshot.path,
            snapshot.name,
            trials,
            snapshot.metric_names,
            runs=snapshot.runs,
            changes=snapshot.changes,
            n_ahead=snapshot.n_ahead,
        )


_FEWEST: Final = 10


class Zoom:
    """A span of trials that ends at the latest one and goes with it."""

    def __init__(self) -> None:
        self._span: int | None = None

    def zoom_in(self, last: int) -> None:
        """Show the later half of what is shown; `last` is the latest trial's number."""
        shown = last + 1 if self._span is None else self._span
        self._span = max(_FEWEST, shown // 2)

    def zoom_out(self, last: int) -> None:
        """Show twice as much, up to everything."""
        if self._span is not None:
            self._span *= 2
            if self._span > last:
                self._span = None

    def window(self, last: int) -> tuple[int, int] | None:
        """Return the first and the last number that are shown; None for all."""
        if self._span is None or self._span > last:
            return None
        return last + 1 - self._span, last
