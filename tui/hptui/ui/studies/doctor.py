"""The doctor: what is wrong with a study, each thing with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.text import safe_line
from hptui.ui.dialogs.questions import ChoiceDialog, Dialog
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.studies.doctoring import Diagnosis, Found, diagnose, treat
from hptui.ui.widgets.scrolling import ChoiceList

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from hptui.errors import HptuiError
    from hptui.ui.studies.catalogue_feed import StudyRow

_KEYS: Final = "r look again   esc close"


class DoctorDialog(Dialog[bool]):
    """Lists findings; answers with whether something was mended."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("a", "mend_all", "fix all"),
        ("r", "look", "look again"),
        ("j", "move(1)", ""),
        ("k", "move(-1)", ""),
        ("q", "cancel", "close"),
    ]

    def __init__(self, row: StudyRow) -> None:
        super().__init__()
        self._row = row
        self._diagnosis: Diagnosis | None = None
        self._is_busy = False
        self._has_mended = False

    def compose(self) -> ComposeResult:
        """Lay out title, findings and what was done."""
        name = safe_line(self._row.name, max_chars=60)
        with DialogFrame(f"Doctor of {name}", keys=_KEYS, problem=""):
            yield Static(id="text")
            yield ChoiceList(id="findings")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.action_look()

    def action_look(self) -> None:
        self._do("Looking.", lambda: diagnose(self._row))

    def action_move(self, by: int) -> None:
        """Go to the next finding, or to the one before."""
        options = self.query_one(OptionList)
        (options.action_cursor_down if by > 0 else options.action_cursor_up)()

    def _do(self, what: str, work: Callable[[], Diagnosis]) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._tell(what)
            self.in_thread(work, self._show, self._tell_failure)

    def _tell(self, text: str) -> None:
        said = self.query_one("#text", Static)
        said.update(Text(text))
        said.display = bool(text)

    def _show(self, diagnosis: Diagnosis) -> None:
        """List what was found."""
        self._is_busy = False
        self._diagnosis = diagnosis
        self._has_mended |= bool(diagnosis.done)
        self._frame.tell("")
        self._tell(self._sentence(diagnosis))
        options = self.query_one(OptionList)
        at = options.highlighted or 0
        options.clear_options()
        options.add_options([self._option(each) for each in diagnosis.findings])
        options.display = bool(diagnosis.findings)
        if diagnosis.findings:
            options.highlighted = min(at, len(diagnosis.findings) - 1)
        can_mend = any(each.remedy for each in diagnosis.findings)
        keys = f"{'enter fix   ' * can_mend}{'a fix all   ' * bool(diagnosis.n_remedies)}{_KEYS}"
        self._frame.show_keys(keys)

    @property
    def _frame(self) -> DialogFrame:
        return self.query_one(DialogFrame)

    def _sentence(self, diagnosis: Diagnosis) -> str:
        lines = list(diagnosis.done)
        if diagnosis.is_running:
            lines.append("It is running now; fix problems after the run ends.")
        elif not any(each.is_trouble for each in diagnosis.findings):
            lines.append("It is healthy.")
        return "\n".join(lines)

    def _option(self, finding: Found) -> Option:
        mark = "!" if finding.is_trouble else " "
        colour = self.app.services.colour("state-failed" if finding.is_trouble else "dimmed")
        text = Text.assemble((f"{mark} ", colour), finding.text)
        below = f"enter: {finding.remedy}" if finding.remedy else finding.hint
        if below:
            text.append(f"\n  {below}", self.app.services.colour("dimmed"))
        # Without its id: there may be several of one kind.
        return Option(text)

    def _tell_failure(self, error: HptuiError) -> None:
        """Say why it could not be done."""
        self._is_busy = False
        self._tell("")
        self._frame.tell(f"{error.message} {error.hint}".strip())
        self.app.bell()

    @on(OptionList.OptionSelected)
    def mend(self, event: OptionList.OptionSelected) -> None:
        """Do the remedy of a finding, after a question where it takes something away."""
        found = () if self._diagnosis is None else self._diagnosis.findings
        if not event.option_index < len(found) or self._is_busy:
            return
        finding = found[event.option_index]
        if not finding.remedy:
            self.app.bell()
        elif finding.can_be_undone:
            self._treat(finding)
        else:
            self._ask(finding)

    def _ask(self, finding: Found) -> None:
        if finding.id == "leftover":
            choices = (
                ("f", "fail", "mark as failed"),
                ("t", "requeue", "mark as failed, and try the parameters again"),
            )
        else:
            choices = (("x", "fail", finding.remedy),)

        def decide(choice: str | None) -> None:
            if choice:
                self._treat(finding, requeue=choice == "requeue")

        self.app.push_screen(ChoiceDialog("Mend", finding.text, choices, no="do nothing"), decide)

    def _treat(self, finding: Found | None, *, requeue: bool = False) -> None:
        self._do("Mending.", lambda: treat(self._row, finding, requeue=requeue))

    def action_mend_all(self) -> None:
        """Do the remedies of all that is wrong, after a question."""
        diagnosis = self._diagnosis
        count = 0 if diagnosis is None else diagnosis.n_remedies
        if not count or self._is_busy:
            self.app.bell()
            return

        def decide(choice: str | None) -> None:
            if choice:
                self._treat(None)

        self.app.push_screen(
            ChoiceDialog(
                f"Fix {plural(count, 'thing')}?",
                "Stale trials are marked as failed; leftover files are removed.",
                (("m", "mend", by_count(count, "fix it", "fix them")),),
                no=by_count(count, "leave it", "leave them"),
            ),
            decide,
        )

    def after_defect(self) -> None:
        """Let it be closed, or looked at again."""
        self._is_busy = False
        self._tell("")

    def action_cancel(self) -> None:
        if not self._is_busy:
            self.dismiss(self._has_mended)
