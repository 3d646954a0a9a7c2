"""The header of a trial: its number, state and value, and in a sentence how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import safe_line
from hptui.ui.look.marks import mark_of
from hptui.ui.trial.trial_page_lines import headline
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled, draw_lines
from hptui.ui.widgets.wrapped_lines import wrap_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text
    from textual.geometry import Size

    from hptui.ui.trial.trial_page import TrialPage
    from hptui.ui.widgets.wrapped_lines import Span

_MAX_SENTENCE_LINES = 3


class TrialHeader(RoleStyled):
    """One line about a trial, and up to three with the sentence about its end."""

    DEFAULT_CSS = """
    TrialHeader {
        height: auto;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "name": RoleStyle(text_style="bold"),
        "muted": RoleStyle("dimmed"),
        **{
            state: RoleStyle(f"state-{state}")
            for state in ("running", "complete", "pruned", "failed", "waiting")
        },
        "stale": RoleStyle("dimmed"),
        "damaged": RoleStyle("state-failed"),
    }

    def __init__(self, *, has_unicode: bool = True) -> None:
        super().__init__()
        self._has_unicode = has_unicode
        self._first: list[Span] = []
        self._sentence = ""

    def show(self, study_name: str, page: TrialPage) -> None:
        """Show another moment of a trial."""
        before = self._first, self._sentence
        word, self._sentence = headline(page)
        self._first = [
            (f" {safe_line(study_name, max_chars=60)}", "muted"),
            ("  ", ""),
            (f"#{page.number}", "name"),
        ]
        if word:
            mark = "!" if word == "damaged" else mark_of(word, has_unicode=self._has_unicode)
            self._first += [("  ", ""), (f"{mark} {word}", word)]
        if page.detail is not None:
            shown = [four_digits(value) for value in page.detail.values if value is not None]
            self._first += [("   ", ""), (", ".join(shown), "name")] if shown else []
            if shown and word == "pruned":
                # As in the table: a pruned trial's value is no match for a complete one's.
                self._first.append((" ·" if self._has_unicode else " .", "muted"))
        if page.detail is not None and page.trouble:
            self._sentence = safe_line(page.trouble, max_chars=400)
        if (self._first, self._sentence) != before:
            self.refresh(layout=True)

    def _lines(self, width: int) -> list[list[Span]]:
        lines = [self._first]
        if self._sentence:
            wrapped = wrap_lines([[(f" {self._sentence}", "")]], width - 1, hang=1)
            lines += wrapped[:_MAX_SENTENCE_LINES]
        return lines

    def get_content_height(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,  # noqa: ARG002
        width: int,
    ) -> int:
        """Return the lines that the sentence needs, and one."""
        return len(self._lines(width))

    def render(self) -> Text:
        return draw_lines(self, self._lines(self.size.width))
