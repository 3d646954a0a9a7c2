"""The commands on notes and tags, for any screen that shows what has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.ui.application.command_screen import ScreenPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.application.stacked import StackedScreen
    from hptui.ui.dialogs.annotating import Annotated


class NoteActions(ScreenPart):
    """Edits the note and the tags of what is under the cursor.

    Args:
        screen: The screen.
        what: Returns what is under the cursor; None for nothing.
        after_saving: Reads anew what was saved.
    """

    def __init__(
        self,
        screen: StackedScreen[Any],
        what: Callable[[], Annotated | None],
        after_saving: Callable[[], object] = lambda: None,
    ) -> None:
        self._screen, self._what, self._after_saving = screen, what, after_saving

    def do_edit_note(self) -> None:
        if (what := self._what()) is not None:
            self.edit_note_of(what)

    def edit_note_of(self, what: Annotated) -> None:
        """Open the note of something else than what is under the cursor."""
        from hptui.ui.dialogs.note import NoteDialog

        self._screen.app.push_screen(NoteDialog(what), self._tell)

    def do_edit_tags(self) -> None:
        if (what := self._what()) is not None:
            from hptui.ui.dialogs.annotations import TagsDialog

            self._screen.app.push_screen(TagsDialog(what), self._tell)

    def _tell(self, text: str | None) -> None:
        if text is not None:
            self._screen.notify(text)
            self._screen.app.services.followers.nudge()
            self._after_saving()
