"""The pane of the search space: its table, or a face while or where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual import getters
from textual.containers import Vertical
from textual.widgets import Static

from hptui.domain.texts.text import safe_line, safe_text, sentence
from hptui.ui.application.services import ServingApp
from hptui.ui.setup.probe_findings import findings, title_of
from hptui.ui.setup.space_table import SpaceTable
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from hptui.registry.probing.probe_result import ProbeResult
    from hptui.ui.commands.command_table import KeyOf

_MAX_DETAIL: Final = 2_000


class SpacePane(Vertical):
    """A sentence stands in the place of an empty table, and under one with parameters."""

    app = getters.app(ServingApp)

    def compose(self) -> ComposeResult:
        yield SpaceTable(id="space-table")
        yield Static(id="face")
        yield Static(id="findings")

    @property
    def table(self) -> SpaceTable:
        return self.query_one(SpaceTable)

    def tell(self, text: str, detail: str = "", *, is_trouble: bool = False) -> None:
        """Show a sentence and what stands below it; no text takes the face away."""
        face = self.query_one("#face", Static)
        face.display = bool(text)
        face.set_class(is_trouble, "-trouble")
        shown = Text(safe_text(text))
        if detail:
            shown.append("\n\n")
            shown.append(safe_text(detail[-_MAX_DETAIL:]), "dim")
        face.update(shown)
        self.table.display = bool(self.table.draft.known) or not text

    def show_found(
        self,
        probed: ProbeResult | None,
        took_s: float,
        notes: Sequence[str] = (),
    ) -> None:
        """Show in the title how much is known, and below the table what to know besides."""
        space = self.table.draft
        self.border_title = pane_title(title_of(space, probed, took_s))
        found = [] if probed is None else findings(probed, self.app.services.first_key_of)
        found += notes
        shown = self.query_one("#findings", Static)
        shown.display = bool(found) and bool(space.known)
        shown.update(Text("\n".join(safe_line(each, max_chars=400) for each in found)))


def nothing_found(probed: ProbeResult, key_of: KeyOf) -> tuple[str, str]:
    """Return what to say where probing found no parameter, and what stands below it."""
    if probed.error:
        return what_to_do(probed.error, probed.hint, key_of), probed.detail
    return f"The objective suggests no parameter. {key_of('probe')} looks again.", ""


def what_to_do(trouble: str, hint: str, key_of: KeyOf) -> str:
    """Return why there is no search space, with the keys that help."""
    again, other = key_of("probe"), key_of("pick-objective")
    keys = f"{again} looks again, {other} takes other arguments or another objective."
    return f"{sentence(trouble)} {hint}".strip() + f"  {keys}"
