"""The workers of a running engine: which trial each runs, for how long, its last report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from hptui.ui.study.worker_lines import WorkerRows, arrange_workers, full_width, rows_needed
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled, draw_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from rich.text import Text
    from textual import events
    from textual.geometry import Size

    from hptui.ui.study.snapshot import EngineState
    from hptui.ui.widgets.pane_title import WidgetName
    from hptui.ui.widgets.wrapped_lines import Span


class WorkerStrip(RoleStyled):
    """A cell a worker, in as few rows as hold them; a click picks the trial of a worker."""

    DEFAULT_CSS = """
    WorkerStrip {
        height: auto;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "muted": RoleStyle("dimmed"),
        "running": RoleStyle("state-running"),
    }

    @dataclass
    class TrialPicked(Message):
        """The worker of a trial was clicked."""

        number: int

    def __init__(
        self,
        *,
        has_unicode: bool = True,
        **naming: Unpack[WidgetName],
    ) -> None:
        super().__init__(**naming)
        self._has_unicode = has_unicode
        self._engine: EngineState | None = None
        self._rows = WorkerRows((), 0)
        self._max_rows = 1

    def show(self, engine: EngineState | None, max_rows: int) -> None:
        """Show what an engine says in at most so many rows; None hides the strip."""
        before = self._engine, self._max_rows
        self._engine, self._max_rows = engine, max_rows
        self.display = engine is not None
        if engine is not None:
            is_other_size = before[0] is None or _size(before[0]) != _size(engine)
            self.refresh(layout=is_other_size or before[1] != max_rows)

    def get_content_height(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,  # noqa: ARG002
        width: int,
    ) -> int:
        """Return as many rows as the workers need, up to `max_rows`."""
        if self._engine is None:
            return 0
        return rows_needed(self._engine, width, self._max_rows)

    def render(self) -> Text:
        """Draw the workers, and at the end how many do not fit and what the sampler costs."""
        engine = self._engine
        if engine is None:
            return draw_lines(self, [])
        width, height = self.size
        self._rows = arrange_workers(engine, width, max(1, height), unicode=self._has_unicode)
        lines: list[list[Span]] = [
            [span for cell in row for span in cell.spans] for row in self._rows.rows
        ]
        note = _note(engine, self._rows.n_hidden)
        used = sum(len(text) for text, _ in lines[-1]) if lines else 0
        if lines and width - used > len(note) + 1:
            lines[-1] += [(" " * (width - used - len(note) - 1), ""), (note, "muted")]
        elif lines and self._rows.n_hidden:
            more = f"+{self._rows.n_hidden} "
            lines[-1] = [*_clipped(lines[-1], width - len(more)), (more, "muted")]
        return draw_lines(self, lines)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None or place.y >= len(self._rows.rows):
            return
        at = 0
        for cell in self._rows.rows[place.y]:
            if at <= place.x < at + cell.width and cell.trial is not None:
                self.post_message(self.TrialPicked(cell.trial))
                return
            at += cell.width


def _size(engine: EngineState) -> tuple[int, int]:
    """Return how many workers there are, and how wide each would be."""
    return len(engine.workers), full_width(engine)


def _note(engine: EngineState, n_hidden: int) -> str:
    parts: list[str] = []
    if n_hidden:
        parts.append(f"and {n_hidden} more")
    if engine.sampler_ms_a_trial is not None:
        parts.append(f"sampler {engine.sampler_ms_a_trial:.3g} ms a trial")
    return ", ".join(parts)


def _clipped(spans: list[Span], width: int) -> list[Span]:
    kept: list[Span] = []
    for text, role in spans:
        kept.append((text[:width], role))
        width -= len(kept[-1][0])
    return [*kept, (" " * width, "")]
