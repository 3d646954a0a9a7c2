"""The line in which a filter is typed: it offers completions and marks what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.highlighter import Highlighter
from textual.suggester import Suggester
from textual.widgets import Input

from hptui.analysis.filter_completion import CompletionNames, complete

if TYPE_CHECKING:
    from rich.text import Text


class FilterInput(Input):
    """A line for a filter of trials; the right arrow takes what is offered."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        self._offers = _Offers()
        self._place = _Place()
        super().__init__(
            id=id,
            placeholder="state:failed  lr<1e-3  kernel=rbf|poly  -note:bad",
            suggester=self._offers,
            highlighter=self._place,
        )

    def offer(self, names: CompletionNames) -> None:
        """Complete to these names from now on."""
        self._offers.names = names

    @property
    def offered(self) -> CompletionNames:
        """What is completed."""
        return self._offers.names

    @property
    def wrong(self) -> tuple[int, int] | None:
        """From where to where the filter is wrong."""
        return self._place.wrong

    @wrong.setter
    def wrong(self, place: tuple[int, int] | None) -> None:
        if place != self._place.wrong:
            self._place.wrong = place
            self.refresh()


class _Offers(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.names = CompletionNames(())

    async def get_suggestion(self, value: str) -> str | None:
        found = complete(value, len(value), self.names)
        # What is shown behind the cursor can only add to what was typed.
        return next((each for each in found if each.startswith(value)), None)


class _Place(Highlighter):
    def __init__(self) -> None:
        self.wrong: tuple[int, int] | None = None

    def highlight(self, text: Text) -> None:
        if self.wrong is not None:
            text.stylize("underline bold", *self.wrong)
