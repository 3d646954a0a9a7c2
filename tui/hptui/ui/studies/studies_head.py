"""What stands above the list: where the studies are, how many, and how to begin without one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import getters
from textual.message import Message
from textual.widgets import Static

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.ui.application.services import ServingApp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.registry.catalogue import FoundObjective
    from hptui.ui.application.place import OpenPlace
    from hptui.ui.studies.catalogue_feed import Catalogue


class StudiesHead(Static):
    """Says what is open, how far reading it is, and since when it could not be read."""

    app = getters.app(ServingApp)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self._read_at_s: float | None = None

    def show(self, catalogue: Catalogue | None, n_marked: int, n_shown: int | None = None) -> None:
        """Tell of the studies as they are now: how many are marked, and shown where not all are."""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("hptui", "bold")
        text.append(f"   {shown_place(self.app.services.place)}")
        if catalogue is not None:
            self._tell(text, catalogue, n_marked, n_shown)
        self.update(text)

    def _tell(self, text: Text, catalogue: Catalogue, n_marked: int, n_shown: int | None) -> None:
        rows, dimmed = catalogue.rows, self.app.services.colour("dimmed")
        if rows:
            studies = plural(len(rows), "study", "studies")
            some = "" if n_shown is None else f"{n_shown:,} of "
            text.append(f"   {some}{studies}", dimmed)
        if n_running := sum(row.engine is not None for row in rows):
            text.append(f", {n_running} running", self.app.services.state_style("running"))
        if n_marked:
            text.append(f"   {n_marked} marked", self.app.services.state_style("best"))
        if catalogue.loading is not None:
            n_read, n_files = catalogue.loading
            text.append(f"   reading {n_read:,} of {plural(n_files, 'file')}", dimmed)
        if not catalogue.trouble:
            self._read_at_s = time.time()
        elif rows:
            when = time.strftime("%H:%M:%S", time.localtime(self._read_at_s))
            trouble = f"   as of {when}: {safe_line(catalogue.trouble)}"
            text.append(trouble, self.app.services.state_style("failed"))


def shown_place(place: OpenPlace) -> str:
    """Return how the folder or file that is open is called, as short as it is clear."""
    path = place.path
    if place.source is not None:
        return safe_line(place.source.shown)
    shown = str(path)
    for base, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if path != base and path.is_relative_to(base):
            shown = f"{prefix}{path.relative_to(base)}"
            break
    return safe_line(shown if place.folder is None else f"{shown}/")


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
