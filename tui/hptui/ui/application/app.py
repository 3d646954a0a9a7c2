"""The application: what is open, settings, theme, and the commands of everywhere."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import events
from textual._context import active_message_pump
from textual.app import ScreenError
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.scrollbar import ScrollBar
from textual.widget import MountError, Widget
from textual.worker import Worker, WorkerState

from hptui.domain.texts.text import escape_text, safe_text
from hptui.ui.application.all_screens import AllScreens
from hptui.ui.application.message_place import place_messages
from hptui.ui.application.quiet_collector import QuietCollector
from hptui.ui.application.services import AppServices, ServingApp
from hptui.ui.application.settings import load_settings
from hptui.ui.commands.command_table import CommandHost
from hptui.ui.look.stylesheet import OnceReadStylesheet
from hptui.ui.look.themes import DEFAULT_THEME, in_sixteen_colours, own_themes, with_own_variables
from hptui.ui.widgets.scrolling import ThinScrollBar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rich.console import RenderableType
    from textual.binding import BindingType
    from textual.driver import Driver
    from textual.filter import LineFilter
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from hptui.ui.application.ending import ApplicationFailure, CertainEnd
    from hptui.ui.application.place import OpenPlace
    from hptui.ui.application.settings import Settings


_MAX_MESSAGES: Final = 20
_COLLECTING_PERIOD_S: Final = 5.0

ScrollBar.renderer = ThinScrollBar


class HptuiApp(ServingApp, inherit_bindings=False):
    """The terminal application.

    Args:
        place: What is open.
        settings: The settings; without, they are read from the person's file.
        has_unicode: Whether the terminal shows more than ASCII.
        home: Makes the screen at the bottom of the stack; without, the list of studies.
    """

    TITLE = "hptui"
    CSS_PATH = "../styles/base.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+c", "hint_quit", "")]

    def __init__(
        self,
        place: OpenPlace,
        *,
        settings: Settings | None = None,
        has_unicode: bool = True,
        home: Callable[[], Screen[Any]] | None = None,
    ) -> None:
        self._collector = QuietCollector()
        self.services = AppServices(
            place=place,
            settings=load_settings() if settings is None else settings,
            unicode=has_unicode,
            has_ramp=self._has_ramp,
            set_title=self._set_title,
            set_progress=self._set_progress,
            write=self._write,
            screens=AllScreens(),
            quit=self.do_quit,
            tell_failed_work=self.tell_failed_work,
            untouched_s=lambda: self._collector.untouched_s,
        )
        super().__init__()
        self.stylesheet = OnceReadStylesheet(variables=self.get_css_variables())
        self.failure: ApplicationFailure | None = None
        self._thread_hook = threading.excepthook
        self.defects: list[ApplicationFailure] = []
        """Those that did not end the application."""
        self.n_frames = 0
        """So often the screen was drawn: what has not been drawn since looks as it did."""
        self.messages: deque[str] = deque(maxlen=_MAX_MESSAGES)
        """The last sentences that were shown for a few seconds."""
        self._home = home
        self.ending: CertainEnd | None = None
        """Makes the end certain; None where the application is not the whole process."""
        for theme in own_themes():
            self.register_theme(theme)
        chosen = self.services.settings
        self.theme = DEFAULT_THEME if self._theme_trouble() else chosen.theme
        self.set_keymap({name: ",".join(keys) for name, keys in chosen.keys.items()})

    def _has_ramp(self) -> bool:
        is_ansi = self.services.theme_variables.get("background", "").startswith("ansi_")
        has_colours = self.is_headless or self.console.color_system in ("truecolor", "256")
        return has_colours and not is_ansi

    @property
    def _has_sixteen_colours(self) -> bool:
        is_on_terminal = self._driver is not None and not self.is_headless
        return is_on_terminal and self.console.color_system == "standard"

    def _set_title(self, title: str) -> None:
        from hptui.ui.application.terminal import TerminalDriver

        if isinstance(self._driver, TerminalDriver):
            self._driver.set_title(title)

    def _set_progress(self, progress: str) -> None:
        from hptui.ui.application.terminal import TerminalDriver, shows_progress

        if not isinstance(self._driver, TerminalDriver):
            return
        wanted = self.services.settings.taskbar
        if wanted == "always" or (wanted == "auto" and shows_progress(os.environ)):
            self._driver.set_progress(progress)

    def _write(self, text: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(text)

    def get_default_screen(self) -> Screen[Any]:
        """Return the screen at the bottom: the studies."""
        screen = self.services.screens.studies() if self._home is None else self._home()
        # Textual 8.2.8 loads the style sheets of screens that are pushed, not of this one.
        self._load_screen_css(screen)  # pyright: ignore[reportUnknownMemberType] - of any screen
        return screen

    async def on_mount(self) -> None:
        """Open the study that was asked for, and say what was wrong with the settings."""
        threading.excepthook = self._take_thread_failure
        if self._has_sixteen_colours:
            self.refresh_css(animate=False)
        if self.ending is not None:
            loop = asyncio.get_running_loop()
            self.ending.hear(
                lambda code: loop.call_soon_threadsafe(lambda: self.exit(return_code=code))
            )
        if not gc.isenabled():
            # Who starts the application leaves it off until the first frame.
            self.call_after_refresh(self._collector.start)
            self.set_interval(_COLLECTING_PERIOD_S, self._collector.look)
        place = self.services.place
        if place.file is not None and place.study is not None and self._home is None:
            await self.push_screen(self.services.screens.study(place.file, place.study))
        if place.objective is not None and self._home is None:
            await self.push_screen(self.services.screens.setup(place.objective))
        self.call_after_refresh(self._follow_sources)
        for trouble in (self.services.settings.trouble, self._theme_trouble()):
            if trouble:
                self.notify(trouble, severity="warning", timeout=10)

    def _follow_sources(self) -> None:
        place, followers = self.services.place, self.services.followers
        if place.source is not None:
            followers.follow(place.source)
        if place.folder is None:
            return
        for trouble in followers.follow_storages(self.services.settings.storages):
            self.notify(trouble, severity="warning", timeout=10)

    def on_unmount(self) -> None:
        threading.excepthook = self._thread_hook
        self._collector.stop()
        self.services.stop()

    async def on_event(self, event: events.Event) -> None:
        """Take note that somebody is at the keys; what a screen gets waits until it is built."""
        if isinstance(event, events.InputEvent | events.Paste):
            self._collector.touch()
            if self.screen_stack:
                built = cast(
                    "asyncio.Event",
                    self.screen._mounted_event,  # pyright: ignore[reportPrivateUsage,reportUnknownMemberType]
                )
                await built.wait()
        if isinstance(event, events.Paste):
            # A field shows, and a path or a note gets, what a terminal lets through.
            event.text = escape_text(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super().on_event(event)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002 - Textual asks for it
    ) -> None:
        """Show a sentence for a few seconds; it is never read as markup."""
        text = safe_text(message, max_chars=500)
        self.messages.append(text)
        super().notify(
            text,
            title=safe_text(title, max_chars=80),
            severity=severity,
            timeout=timeout,
            markup=False,
        )

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's variables with the ones for states and charts."""
        variables = with_own_variables(super().get_css_variables())
        if self._has_sixteen_colours:
            variables = in_sixteen_colours(variables)
        self.services.theme_variables = variables
        return self.services.theme_variables

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters of all lines: a terminal without UTF-8 gets ASCII alone."""
        filters = super().get_line_filters()
        if self.services.unicode:
            return filters
        from hptui.ui.application.terminal import AsciiFilter

        return [*filters, AsciiFilter()]

    def get_driver_class(self) -> type[Driver]:
        """Return what draws on a terminal, or in a browser, see `is_in_browser`."""
        from hptui.ui.application.ending import is_in_browser
        from hptui.ui.application.terminal import TerminalDriver

        return super().get_driver_class() if is_in_browser() else TerminalDriver

    def exit(
        self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """End the application; the process ends within some seconds, whatever hangs."""
        super().exit(result, return_code, message)
        self._end_for_certain(return_code)

    def _end_for_certain(self, code: int) -> None:
        if self.ending is not None:
            self.ending.ask(code)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        self.n_frames += 1
        super()._display(screen, renderable)  # pyright: ignore[reportUnknownMemberType] - of any
        if self._notifications:
            # The cursor, or a dialog, may have come to where they stand.
            self.call_later(self._place_messages)

    def _place_messages(self) -> None:
        if self.screen_stack:
            place_messages(self.screen_stack)

    def _handle_exception(self, error: Exception) -> None:
        # What a thread or a timer brings, and what a handler does after waiting, may come while the
        # screen or widget that it is for, or the whole application, is being taken apart.
        if isinstance(error, MountError | NoMatches | NoScreen | ScreenError) and self._is_going():
            return
        super()._handle_exception(error)

    def _is_going(self) -> bool:
        """Say whether the application, or what handles a message now, is being taken apart."""
        handling = active_message_pump.get(None)
        return self.return_code is not None or (
            isinstance(handling, Widget) and handling._pruning  # pyright: ignore[reportPrivateUsage]
        )

    def _fatal_error(self) -> None:
        # Textual would print the values of all variables over the restored terminal.
        from hptui.ui.application.ending import keep_failure

        if self._exception is not None and self.failure is None:
            self.failure = keep_failure(self._exception)
        self._close_messages_no_wait()
        self._end_for_certain(1)

    def tell_failed_work(self, event: Worker.StateChanged) -> bool:
        """Tell of a defect that has ended a worker.

        Returns:
            Whether one has.
        """
        worker = cast("Worker[Any]", event.worker)  # pyright: ignore[reportUnknownMemberType]
        if event.state is not WorkerState.ERROR or worker.error is None:
            return False
        self._tell_defect(worker.error)
        return True

    def _take_thread_failure(self, failure: threading.ExceptHookArgs) -> None:
        """Take what has ended a thread, in that thread."""
        if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
            self.call_later(self._tell_defect, failure.exc_value)

    def _tell_defect(self, error: BaseException) -> None:
        """Say what went wrong in a thread, and keep its traceback; the application goes on."""
        from hptui.ui.application.ending import keep_failure

        defect = keep_failure(error)
        self.defects.append(defect)
        kept = f"\nThe traceback is in {defect.report}" if defect.report else ""
        self.notify(
            f"This is a defect of hptui: {defect.what}{kept}",
            title="That did not work",
            severity="error",
            timeout=20,
        )

    def _theme_trouble(self) -> str:
        if self.services.settings.theme in self.available_themes:
            return ""
        own = ", ".join(theme.name for theme in own_themes())
        return f"There is no theme {self.services.settings.theme!r}; use one of {own}."

    def action_hint_quit(self) -> None:
        """Say how to leave: Ctrl+C ends other programs."""
        self.notify(f"{self.services.first_key_of('quit')} leaves hptui.")

    def do_theme(self) -> None:
        """Use the next theme and remember it."""
        from hptui.ui.application.settings import remember_theme

        names = [theme.name for theme in own_themes()]
        now = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(now + 1) % len(names)]
        remember_theme(self.theme)
        self.notify(f"Theme {self.theme}")

    def do_help(self) -> None:
        from hptui.ui.commands.help import HelpScreen

        if isinstance(self.screen, CommandHost):
            self.push_screen(HelpScreen(self.screen))

    def do_palette(self) -> None:
        from hptui.ui.commands.palette import command_picker

        screen = self.screen
        if not isinstance(screen, CommandHost):
            return

        async def run(command_id: str | None) -> None:
            if command_id is not None:
                await screen.run_command(command_id)

        self.push_screen(command_picker(screen, self.services.keys_of), run)

    def do_quit(self) -> None:
        """Leave; where a study runs that a screen shows, ask what becomes of the run."""
        from hptui.ui.application.leaving import Leaving, runs_on

        if runs := runs_on(self.screen_stack):
            Leaving(self, runs).ask()
        else:
            self.exit(0)
