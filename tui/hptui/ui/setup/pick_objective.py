"""Picking an objective: one of those that are here, or a file, or anything importable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType

from hptui.domain.texts.text import escape_line
from hptui.registry.catalogue import find_objectives
from hptui.registry.commands.typed_command import is_command
from hptui.registry.loading.arguments import missing_arguments
from hptui.ui.dialogs.pick import PickFrame, PickItem
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.setup.objective_completion import common_start, complete_objective
from hptui.ui.setup.setup_sources import ArgumentsMissingError, Opened, with_text
from hptui.ui.widgets.field_table import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from hptui.errors import HptuiError
    from hptui.registry.catalogue import FoundObjective

_KEYS: Final = "enter choose   tab complete   esc cancel"


class ObjectivePicker(Dialog[str]):
    """Lists the objectives, and completes the path of a file.

    It returns what stands for the objective, which has been found to mean one. Enter on a folder
    goes into it, on a file lists its functions where there are several.

    Args:
        opened: The form.
        typed: What was typed before and given up; empty: the present objective where it is a
            command or has arguments, which nobody types twice.
        note: Takes what is typed.
    """

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/pick.tcss"]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    def __init__(self, opened: Opened, typed: str, note: Callable[[str], object]) -> None:
        super().__init__()
        self._opened, self._first_typed, self._note = opened, typed, note
        self._listed_for = ""
        self._to_say = ""
        """What is said of the text that is being written into the field."""
        self._n_looks = 0
        self._completing = ""
        """The text whose completions are looked for."""
        self._is_submitted = False
        """Whether enter was pressed meanwhile."""

    def compose(self) -> ComposeResult:
        spelled = self._opened.draft.spelled
        is_long = " " in spelled and escape_line(spelled) == spelled
        yield PickFrame(
            "Choose an objective",
            [_item(found) for found in self._opened.objectives],
            self._pick,
            chosen=spelled,
            prompt="type to filter, or a path, or --metric NAME -- COMMAND",
            keys=_KEYS,
            typed=self._first_typed or (spelled if is_long else ""),
            narrow=self._narrow,
            submit=self._submit,
        )

    def on_mount(self) -> None:
        """List the objectives as they are now: a file may have been mended since."""
        self.in_thread(lambda: [_item(found) for found in find_objectives()], self._renew)

    def _renew(self, items: list[PickItem]) -> None:
        is_submitted = self._is_submitted
        if self._frame.renew(items):
            self._narrow(self._frame.typed)
            self._is_submitted = is_submitted

    def on_resize(self) -> None:
        """Give the list the room that the terminal has."""
        self._frame.fit(self.rows_beside)

    @property
    def _frame(self) -> PickFrame:
        return self.query_one(PickFrame)

    def _narrow(self, text: str) -> None:
        """Narrow the list, and look for what a path can become."""
        text = text.strip()
        self._is_submitted = False
        self._note(text)
        self._frame.tell(self._to_say)
        self._to_say = ""
        if not is_path(text):
            self._list(text, self._frame.matching(text))
        if text and not is_command(text):
            self._complete(text)

    def _list(self, text: str, items: list[PickItem]) -> None:
        self._listed_for = text
        if not items and text:
            if is_command(text):
                # It may be longer than a line, and stands above.
                items = [PickItem(text, "use this command", text)]
            else:
                note = "" if is_path(text) else "use this: a file, or package.module:name"
                items = [PickItem(text, text, note)]
        self._frame.show_items(items)

    def _complete(self, text: str) -> None:
        self._completing = text
        self.in_thread(
            lambda: [PickItem(each, each) for each in complete_objective(text, Path.cwd())],
            lambda items: self._list_completions(text, items),
        )

    def _list_completions(self, text: str, items: list[PickItem]) -> None:
        """List what a text can become, if it still stands there."""
        if self._frame.typed != text:
            return
        self._completing = ""
        if items or is_path(text):
            found = [] if is_path(text) else self._frame.matching(text)
            # What is only mentioned in a description comes last.
            named = [item for item in found if text.lower() in item.name.lower()]
            mentioned = [item for item in found if item not in named]
            self._list(text, [*named, *items, *mentioned])
        if self._is_submitted:
            self._is_submitted = False
            self._frame.pick()

    def _submit(self, text: str) -> bool:
        """Pick what was typed where that is not yet what the list is of."""
        text, frame = text.strip(), self._frame
        is_first = frame.under_cursor in (None, *frame.shown[:1])
        if self._completing == text != "" and is_first and not self._is_named(text):
            # A file of this name comes before what only mentions it.
            self._is_submitted = True
            return True
        if self._listed_for == text:
            return False
        self._pick(text)
        return True

    def _is_named(self, text: str) -> bool:
        item = self._frame.under_cursor
        return is_path(text) or (item is not None and text.lower() in item.name.lower())

    def action_complete(self) -> None:
        """Lengthen the text as far as all that is listed agrees, or to what is under the cursor."""
        frame = self._frame
        typed, item = frame.typed, frame.under_cursor
        common = common_start([each.result for each in frame.shown])
        if len(common) > len(typed) and common.startswith(typed):
            frame.put(common)
        elif item is not None:
            frame.put(item.result)

    def _pick(self, result: str) -> None:
        """Go into a folder, or look whether there is such an objective."""
        if not result:
            return
        if result.endswith("/") and not is_command(result):
            self._frame.put(result)
        else:
            self._check(result)

    def _check(self, text: str) -> None:
        self._n_looks += 1
        number = self._n_looks

        def found(_: object) -> None:
            if number == self._n_looks:
                self.dismiss(text)

        def refused(error: HptuiError) -> None:
            if number == self._n_looks:
                self._explain(text, error)

        self.in_thread(lambda: with_text(self._opened, text), found, refused)

    def _explain(self, text: str, error: HptuiError) -> None:
        """Say why a text is no objective, and what a file holds."""
        frame, problem = self._frame, told(error)
        if isinstance(error, ArgumentsMissingError):
            if not text.endswith("--arg"):
                self._to_say = problem
                frame.put(f"{text} --arg ")
        elif text.endswith(".py") and frame.typed != text:
            frame.put(text)
        elif text.endswith(".py"):
            self._complete(text)
        frame.tell(problem)


def is_path(text: str) -> bool:
    """Say whether a text looks like the path of a file rather than a name."""
    if is_command(text):
        return False
    return (
        "/" in text
        or text.startswith(("~", "."))
        or text.endswith(".py")
        or ".py:" in text
        or " -- " in text
    )


def _item(found: FoundObjective) -> PickItem:
    info, name = found.info, found.ref.name
    note = info.summary or (found.ref.target if found.ref.kind in ("file", "script") else "")
    if found.lacks_arguments:
        needed = missing_arguments(info, found.ref.arguments)
        note = f"needs {', '.join(each.name for each in needed)}   {note}".rstrip()
    about = f"{note}   {', '.join(info.directions)}"
    if info.tags:
        about += f"   {', '.join(info.tags)}"
    return PickItem(name, name, note, "" if found.lacks_arguments else found.problem, about)
