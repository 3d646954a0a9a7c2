"""The base of all screens: one way to leave, at any moment, and one way to work in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from textual import getters
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.screen import Screen, ScreenResultType

from hptui.errors import HptuiError
from hptui.ui.application.services import ServingApp

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Offset
    from textual.widget import Widget
    from textual.worker import Worker


class LatestMessage(Message):
    """Replaces those of its class that still wait for the same receiver."""

    def can_replace(self, message: Message) -> bool:
        """Say whether a message that came later makes this one needless."""
        return isinstance(message, type(self))


Found = TypeVar("Found")


class StackedScreen(Screen[ScreenResultType]):
    """A screen that can be told to leave twice, late, or under others.

    Two keys that arrive together answer a dialog twice, and what a thread finds out arrives when
    the screen has been left, or while another one lies over it.
    """

    app = getters.app(ServingApp)

    @property
    def is_open(self) -> bool:
        """Whether this screen is shown, or lies under others; False once it has been left."""
        return self in self.app.screen_stack

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with an answer, and close what lies over this screen; only the first answer counts.

        The screen at the bottom of the stack stays.
        """
        stack = self.app.screen_stack
        if self not in stack[1:]:
            return AwaitComplete.nothing()
        for above in reversed(stack[stack.index(self) + 1 :]):
            above.dismiss()
        return super().dismiss(result)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """Return what can be selected at a place; nothing where a widget has just been removed."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        # Textual asks a widget for its parent, and looks at places of before the next layout.
        return (None, None) if widget is None or widget.parent is None else (widget, offset)

    def give_way_to(self, screen: Screen[Any]) -> None:
        """Show another screen in the place of this one, or over it at the bottom of the stack."""
        if self.is_open:
            self.dismiss()
            self.app.push_screen(screen)

    def in_thread(
        self,
        work: Callable[[], Found],
        take: Callable[[Found], object],
        fail: Callable[[HptuiError], object] | None = None,
    ) -> None:
        """Do work in a thread, and go on in the loop with what came of it, if the screen is there.

        Args:
            work: What is done in the thread.
            take: Gets what it returned.
            fail: Gets the `HptuiError` that it raised; without, such an error is a defect too.
        """

        def do() -> None:
            try:
                found = work()
            except HptuiError as error:
                if fail is None:
                    raise
                self.call_later(fail, error)
            else:
                self.call_later(take, found)

        self.run_worker(do, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say so when work in a thread has ended by a defect."""
        if self.app.services.tell_failed_work(event):
            self.after_defect()

    def after_defect(self) -> None:
        """Wait no longer for what will not come."""
