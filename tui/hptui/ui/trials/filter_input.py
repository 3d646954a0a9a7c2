"""The line in which a filter is typed: it offers completions and marks what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from rich.highlighter import Highlighter
from textual import getters, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input

from hptui.analysis.filters.completion import CompletionNames, common_start, complete
from hptui.errors import HptuiError
from hptui.ui.application.services import ServingApp
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.trials.saved_filters import name_problem, save_filter
from hptui.ui.trials.trial_model import completions_of, words_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from hptui.ui.study.snapshot import StudySnapshot


class FilterInput(Input):
    """A line for a filter of trials; tab completes it, ctrl+s saves it.

    The right arrow takes what stands behind the cursor. With several completions tab adds what they
    have in common, and then goes through them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", "complete", show=False),
        Binding("shift+tab", "complete(-1)", "complete", show=False),
        Binding("ctrl+s", "save_filter", "save the filter", show=False, id="save-filter"),
    ]

    app = getters.app(ServingApp)

    @dataclass
    class Saved(Message):
        """A filter is in the settings file, or could not be written there."""

        name: str
        text: str
        problem: str = ""

    @dataclass
    class Offered(Message):
        """A filter was completed to one of several."""

        terms: Sequence[str]
        """The last terms of those that there are."""
        chosen: int
        """Which of them stands there; -1: none of them yet."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        self._offers = _Offers()
        self._place = _Place()
        self._going_through: tuple[Sequence[str], int] = ((), 0)
        super().__init__(
            id=id,
            placeholder="state:failed  lr<1e-3  kernel=rbf|poly  -note:bad",
            suggester=self._offers,
            highlighter=self._place,
        )

    def offer(self, names: CompletionNames) -> None:
        """Complete to these names from now on."""
        self._offers.names = names

    def offer_of(self, snapshot: StudySnapshot) -> None:
        """Complete to what a study has; its tags, hosts and more are read in a thread."""
        saved = self.app.services.settings.filters
        self.offer(completions_of(snapshot, saved))

        def offer_words() -> None:
            self.offer(completions_of(snapshot, saved, words_in(snapshot)))

        self.screen.run_worker(offer_words, thread=True, exit_on_error=False)

    @property
    def offered(self) -> CompletionNames:
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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave tab to the screen where there is nothing to complete."""
        del parameters
        return action != "complete" or bool(self._completions())

    def _completions(self) -> Sequence[str]:
        """Return what tab goes through: what it went through last, where that still stands."""
        offered, at = self._going_through
        if offered and self.value == offered[at]:
            return offered
        return complete(self.value, self.cursor_position, self.offered)

    def action_complete(self, by: int) -> None:
        """Complete the term before the cursor, or go on to the next completion."""
        offered, at = self._completions(), -1
        behind = self.value[self.cursor_position :]
        if self._going_through[0] is offered:
            at = (self._going_through[1] + by) % len(offered)
        elif len(common := common_start(offered).removesuffix(behind)) > self.cursor_position and (
            len(offered) > 1
        ):
            self.value = common + behind
            self.cursor_position = len(common)
            self._tell(offered, -1)
            return
        else:
            at = 0 if by > 0 else len(offered) - 1
        self._going_through = (offered if len(offered) > 1 else (), at)
        self.value = offered[at]
        self.cursor_position = len(offered[at]) - len(behind)
        if len(offered) > 1:
            self._tell(offered, at)

    def _tell(self, offered: Sequence[str], chosen: int) -> None:
        """Say what there is: the part of each in which they differ."""
        start = common_start(offered).rfind(" ") + 1
        self.post_message(self.Offered([each[start:] for each in offered], chosen))

    def action_save_filter(self) -> None:
        """Ask for a name and save the filter under it."""
        text = self.value.strip()
        saved = self.app.services.settings.filters
        if not text:
            self.app.notify("There is no filter to save; type one first.")
            return

        def save(name: str | None) -> None:
            if name is None:
                return
            if saved.get(name, text) == text:
                self._save(name, text)
            else:
                self.app.push_screen(
                    ChoiceDialog(
                        f"Replace @{name}?",
                        f"It is {saved[name]} now.",
                        (("r", "replace", "replace it"),),
                        no="keep it",
                    ),
                    lambda choice: self._save(name, text) if choice else None,
                )

        self.app.push_screen(
            TextDialog(
                "Save the filter",
                f"{text}\n\nWhich name? @name then stands for it, in commands too.",
                check=lambda name: name_problem(name, text, saved),
            ),
            save,
        )

    def _save(self, name: str, text: str) -> None:
        def write() -> None:
            try:
                save_filter(name, text)
            except HptuiError as error:
                self.post_message(self.Saved(name, text, f"{error.message} {error.hint}".strip()))
            else:
                self.post_message(self.Saved(name, text))

        self.screen.run_worker(write, thread=True, exit_on_error=False)

    @on(Saved)
    def _tell_saved(self, message: Saved) -> None:
        message.stop()
        if message.problem:
            self.app.notify(message.problem, severity="error")
            return
        settings = self.app.services.settings
        filters = {**settings.filters, message.name: message.text}
        self.app.services.settings = replace(settings, filters=filters)
        self.offer(replace(self.offered, saved=tuple(filters)))
        self.app.notify(f"Saved as @{message.name}.")


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
