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

from hptui.analysis.filters.completion import CompletionNames, complete
from hptui.errors import HptuiError
from hptui.ui.application.services import ServingApp
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.trials.saved_filters import name_problem, save_filter
from hptui.ui.trials.trial_model import completions_of, tags_in

if TYPE_CHECKING:
    from rich.text import Text

    from hptui.ui.study.snapshot import StudySnapshot


class FilterInput(Input):
    """A line for a filter of trials; the right arrow takes what is offered, ctrl+s saves it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save_filter", "save the filter", show=False, id="save-filter"),
    ]

    app = getters.app(ServingApp)

    @dataclass
    class Saved(Message):
        """A filter is in the settings file, or could not be written there."""

        name: str
        text: str
        problem: str = ""

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

    def offer_of(self, snapshot: StudySnapshot) -> None:
        """Complete to what a study has; its tags are read from its file in a thread."""
        saved = self.app.services.settings.filters
        self.offer(completions_of(snapshot, saved))

        def offer_tags() -> None:
            self.offer(completions_of(snapshot, saved, tags=tags_in(snapshot)))

        self.screen.run_worker(offer_tags, thread=True, exit_on_error=False)

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
