"""What stands above the list where there is no study yet, and finds objectives to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import getters
from textual.message import Message
from textual.widgets import Static

from hptui.ui.application.services import ServingApp
from hptui.ui.studies.studies_head import shown_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.registry.catalogue import FoundObjective


class FirstStart(Static):
    """A sentence, and the objectives once they have been found in a thread."""

    app = getters.app(ServingApp)

    @dataclass
    class ObjectivesFound(Message):
        """The objectives that could be started first are known."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self.found: Sequence[FoundObjective] | None = None
        """The objectives; None until they have been found."""
        self._has_asked = False

    def begin(self) -> None:
        """Say what to do, and look for objectives."""
        key_of = self.app.services.first_key_of
        start, new = key_of("open-study"), key_of("new-study")
        what = f"{start} sets up the objective under the cursor, {new} your own function."
        where = shown_place(self.app.services.place)
        self.update(Text.assemble("There are no studies in ", where, " yet.\n", (what, "dim")))
        if not self._has_asked:
            self._has_asked = True
            self.screen.run_worker(self._find, thread=True, exit_on_error=False)

    def _find(self) -> None:
        from hptui.registry.catalogue import find_objectives

        self.found = find_objectives()
        self.post_message(self.ObjectivesFound())
