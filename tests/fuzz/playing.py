"""Plays random steps on the real application, over studies that are looked at, run and damaged."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import faulthandler
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import unicodedata
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from tests.fuzz.steps import SIZES, steps_of
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import check_safe
from tests.ui.hostile_studies import build_hostile_study, build_wide_study
from tests.ui.studies_to_view import write_studies
from tests.waiting import DEADLINE_S
from textual import events
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.widgets import Input

import hptui.ui
from hptui.cli.commands.application import open_place
from hptui.ui.application.app import HptuiApp
from hptui.ui.driving.drive import let_messages_pass
from hptui.ui.driving.screen_text import screen_text
from hptui.ui.trials.filter_input import FilterInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.steps import Step
    from textual.pilot import Pilot

OBJECTIVES: Final = Path(__file__).with_name("objectives.py")
MARKED: Final = "HPTUI_FUZZ"
"""Names the folder to which a process that a person's steps have started belongs."""
N_BIG: Final = 5_000
_N_TOLD: Final = 60
_STDERR: Final = 2
"""The real one: Textual replaces `sys.stderr`."""


class FoundError(Exception):
    """What must not happen, with the steps that led there."""


def build_studies(folder: Path) -> None:
    """Make the studies that each session gets a copy of."""
    (studies := folder / "studies").mkdir(parents=True)
    build_hostile_study(studies)
    build_wide_study(studies)
    write_studies(studies / "views.db")
    shutil.copy(OBJECTIVES, folder)
    with StudyFile(studies / "empty.db") as empty:
        empty.add_study("empty")
    (studies / "broken.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    with StudyFile(studies / "big.db") as big:
        big.run("BEGIN")
        big.add_study("big")
        rng = random.Random(1)
        for _ in range(N_BIG):
            params = {name: (rng.random(), FLOAT) for name in "xyz"}
            big.add_trial(rng.random(), params=params, reports={0: 1.0, 1: rng.random()})
        big.run("COMMIT")


class FuzzedApp(HptuiApp):
    """The application, which notes that it was told to end."""

    # Where the application has it; Textual looks beside the file of the subclass.
    CSS_PATH = Path(hptui.ui.__path__[0]) / "styles" / "base.tcss"
    is_told_to_end = False

    def do_quit(self) -> None:
        self.is_told_to_end = True
        super().do_quit()


class Session:
    """One application from its start to its end, in a folder of its own.

    Args:
        seed: Of its steps, its first size and what it opens.
        folder: With the studies that `build_studies` makes.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.n_steps = 0
        self.done: deque[Step] = deque(maxlen=_N_TOLD)
        self._rng = random.Random(f"outside {seed}")
        self._engines: list[subprocess.Popen[bytes]] = []

    async def play(self, n_steps: int) -> None:
        """Play so many steps, or fewer when one of them ends the application.

        Raises:
            FoundError: Something happened that must not.
        """
        studies = self.folder / "studies"
        opened = (studies, studies, studies / "big.db", studies / "views.db", studies / "empty.db")
        app = FuzzedApp(open_place(str(self._rng.choice(opened))))
        size = self._rng.choice(SIZES)
        try:
            async with app.run_test(size=size, notifications=True) as pilot:
                await self._play(app, pilot, n_steps)
        except FoundError:
            raise
        except Exception as error:
            raise FoundError(self._told(f"{type(error).__name__}: {error}")) from error
        finally:
            faulthandler.cancel_dump_traceback_later()

    async def _play(self, app: FuzzedApp, pilot: Pilot[int], n_steps: int) -> None:
        for step in steps_of(self.seed):
            self.done.append(step)
            self.n_steps += 1
            self._do(app, step)
            if step.what == "wait":
                await pilot.pause(int(step.arguments[0]) / 1000)
            if not step.is_last:
                continue
            # A loop that stands still can only be told from without.
            faulthandler.dump_traceback_later(DEADLINE_S, exit=True, file=_STDERR)
            await self._answered(app)
            self._look(app)
            if app.return_code is not None or self.n_steps >= n_steps:
                return

    async def _answered(self, app: FuzzedApp) -> None:
        """Wait until the application and the screen have handled all that was sent."""
        await let_messages_pass()
        screen = app.screen_stack[-1] if app.screen_stack else app
        for pump in (app, screen):
            is_handled = asyncio.Event()
            pump.call_later(is_handled.set)
            try:
                async with asyncio.timeout(DEADLINE_S):
                    while not is_handled.is_set() and _is_there(app, pump):
                        await let_messages_pass()
            except TimeoutError:
                raise FoundError(self._told(f"{pump} does not answer")) from None

    def _look(self, app: FuzzedApp) -> None:
        if app._exception is not None:
            raise app._exception
        if app.defects:
            raise FoundError(self._told(f"a defect: {app.defects[0].what} {app.defects[0].report}"))
        if app.return_code is not None:
            if not app.is_told_to_end or app.return_code:
                raise FoundError(self._told(f"it ended by itself with {app.return_code}"))
        elif self.n_steps % 5 == 0:
            check_safe(screen_text(app))

    def _told(self, what: str) -> str:
        steps = "\n".join(f"  {step}" for step in self.done)
        return f"seed {self.seed}, step {self.n_steps}: {what}\n{steps}"

    def _do(self, app: FuzzedApp, step: Step) -> None:
        """Send what a terminal would, or do what happens elsewhere."""
        driver = app._driver
        assert isinstance(driver, HeadlessDriver)
        sent = _key_events(app, step) or _mouse_events(app, step)
        for event in sent:
            driver.process_message(event)
        if step.what == "size":
            width, height = map(int, step.arguments)
            driver._size = (width, height)
            driver.process_message(events.Resize(Size(width, height), Size(width, height)))
        elif not sent:
            self._do_elsewhere(step.what)

    def _do_elsewhere(self, what: str) -> None:
        files = sorted((self.folder / "studies").glob("*.db"))
        at = self._rng.choice(files) if files else None
        if what == "run":
            self._run_engine()
        elif what in ("stop", "kill") and self._engines:
            engine = self._engines.pop()
            engine.send_signal(signal.SIGINT if what == "stop" else signal.SIGKILL)
        elif what == "add":
            with StudyFile(self.folder / "studies" / f"new-{self.n_steps}.db") as new:
                new.add_study("new")
        elif what == "remove" and at is not None:
            at.unlink()
        elif what == "damage" and at is not None:
            os.truncate(at, at.stat().st_size // 2)

    def _run_engine(self) -> None:
        name = self._rng.choice(("run-1", "run-2", "big", "empty"))
        command = [sys.executable, "-m", "hptui", "run", f"{OBJECTIVES.name}:fast", "--jobs", "2"]
        options = ["--study", name, "--trials", "200"]
        engine = subprocess.Popen(
            [*command, *options],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._engines.append(engine)
        if len(self._engines) > 2:
            self._engines.pop(0).kill()


def _is_there(app: FuzzedApp, pump: object) -> bool:
    return app.return_code is None and (pump is app or pump in app.screen_stack)


def _leaves_the_folder(app: FuzzedApp, key: str) -> bool:
    """Say whether a key could begin the path of a file elsewhere."""
    return key in ("/", "~", "slash", "tilde") and (
        bool(app.screen_stack)
        and isinstance(app.focused, Input)
        and not isinstance(app.focused, FilterInput)
    )


def _key_events(app: FuzzedApp, step: Step) -> list[events.Event]:
    match step.what, step.arguments:
        case "press", (str(key),):
            return [] if _leaves_the_folder(app, key) else [_key(key)]
        case "paste", (str(text),):
            return [events.Paste(text)]
        case "blur", ():
            return [events.AppBlur()]
        case "focus", ():
            return [events.AppFocus()]
        case _:
            return []


def _key(key: str) -> events.Key:
    if len(key) == 1 and not key.isalnum():
        key = _character_to_key(key)
    try:
        character = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        character = key if len(key) == 1 else None
    return events.Key(key, character)


def _mouse_events(app: FuzzedApp, step: Step) -> list[events.Event]:
    match step.what, step.arguments:
        case "click", (int(x), int(y)):
            kinds = (events.MouseMove, events.MouseDown, events.MouseUp)
            return [_mouse(kind, app, x, y) for kind in kinds]
        case "drag", (int(x), int(y), int(to_x), int(to_y)):
            return [
                _mouse(events.MouseDown, app, x, y),
                _mouse(events.MouseMove, app, to_x, to_y),
                _mouse(events.MouseUp, app, to_x, to_y),
            ]
        case "scroll", (int(x), int(y), int(way)):
            kind = events.MouseScrollDown if way > 0 else events.MouseScrollUp
            return [_mouse(kind, app, x, y, button=0)]
        case _:
            return []


def _mouse(
    kind: Callable[..., events.MouseEvent], app: FuzzedApp, x: int, y: int, *, button: int = 1
) -> events.MouseEvent:
    """Return an event at a place that is told in thousandths of the screen."""
    at_x, at_y = x * app.size.width // 1000, y * app.size.height // 1000
    return kind(None, at_x, at_y, 0, 0, button, False, False, False, at_x, at_y)


def play_session(seed: int, n_steps: int, template: Path, folder: Path) -> int:
    """Play a session in a copy of the template, end what it has started, and return its steps.

    Raises:
        FoundError: Something happened that must not.
    """
    shutil.copytree(template, folder)
    places = {
        "HPTUI_STUDIES": str(folder / "studies"),
        "HPTUI_SETTINGS": str(folder / "settings.toml"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        MARKED: str(folder),
    }
    os.environ.update(places)
    os.chdir(folder)
    session = Session(seed, folder)
    try:
        asyncio.run(session.play(n_steps))
    finally:
        _end_all(folder)
        for thread in threading.enumerate():
            if thread.name.endswith(" feed"):
                thread.join(DEADLINE_S)
        os.chdir(folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
    return session.n_steps


def _end_all(folder: Path) -> None:
    """End the processes that a session has left: runs, which outlive the application."""
    left: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get(MARKED) == str(folder) and process.pid != os.getpid()
        except (psutil.Error, OSError):
            continue
        if is_ours:
            process.kill()
            left.append(process)
    psutil.wait_procs(left, timeout=DEADLINE_S)
