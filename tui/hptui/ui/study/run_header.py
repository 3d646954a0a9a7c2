"""The header of a study: what a glance should tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from hptui.ui.study.run_header_lines import ONE_LINE_FROM, HeaderLayout
from hptui.ui.study.run_summary import summarize_run
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled, draw_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text
    from textual.geometry import Size

    from hptui.ui.study.run_summary import RunSummary
    from hptui.ui.study.snapshot import StudySnapshot

_GLOW_S: Final = 1.2


class RunHeader(RoleStyled):
    """State, progress, rate, time left and best, each at a place that does not move.

    A new best stands out for a moment, once.
    """

    DEFAULT_CSS = """
    RunHeader {
        height: auto;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "name": RoleStyle(text_style="bold"),
        **dict.fromkeys(("running", "bar", "loading", "other"), RoleStyle("state-running")),
        **dict.fromkeys(("paused", "stopping"), RoleStyle("state-pruned")),
        **dict.fromkeys(("waiting", "trouble"), RoleStyle("state-failed")),
        **dict.fromkeys(("stopped", "muted"), RoleStyle("dimmed")),
        "rest": RoleStyle("rule"),
        "best": RoleStyle("state-best"),
        "glow": RoleStyle("background", background="state-best"),
    }

    def __init__(self, *, id: str | None = None, has_unicode: bool = True) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._layout = HeaderLayout(unicode=has_unicode)
        self._summary: RunSummary | None = None
        self._best_number: int | None = None
        self._is_read = False
        self._is_glowing = False

    def show(self, snapshot: StudySnapshot) -> None:
        """Show another moment of the study."""
        is_new_best = self._is_read and snapshot.best_number not in (None, self._best_number)
        self._is_read = bool(snapshot.trials.directions) and snapshot.loading is None
        self._best_number = snapshot.best_number
        if is_new_best and snapshot.engine is not None:
            self._is_glowing = True
            call_after(self, _GLOW_S, self._stop_glowing)
        summary = summarize_run(snapshot, self.app.services.first_key_of)
        if summary != self._summary or is_new_best:
            self._summary = summary
            self.refresh()

    def _stop_glowing(self) -> None:
        self._is_glowing = False
        self.refresh()

    def get_content_height(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,  # noqa: ARG002
        width: int,
    ) -> int:
        """Return one line where that is enough, else two."""
        return 1 if width >= ONE_LINE_FROM else 2

    def render(self) -> Text:
        if self._summary is None:
            return draw_lines(self, [])
        lines = self._layout.lines(self._summary, self.size.width)
        if self._is_glowing:
            lines = [
                [(text, "glow" if role == "best" else role) for text, role in line]
                for line in lines
            ]
        return draw_lines(self, lines)
