"""Plays a drive script on the real application, without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual import events
from textual.pilot import WaitForScreenTimeout

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.ui.driving.drive_script import Click, Drag, Press, Resize, Screenshot, Type, Wait
from hptui.ui.driving.screen_text import screen_picture, screen_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from textual.pilot import Pilot

    from hptui.ui.application.app import HptuiApp
    from hptui.ui.driving.drive_script import Action, Step

_POLL_S: Final = 0.03
_TURNS: Final = 100
"""At most so many turns of the event loop; a message to a widget takes a few."""
_IDLE_TURNS: Final = 3
"""After so many in which nobody else had anything to do, nothing follows any more."""


class StepFailedError(HptuiError):
    """A step that could not be done, or whose expectation was not met."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a script stopped."""

    step: Step
    reason: str
    screen: str
    """The screen's text at that moment."""


async def play(
    app: HptuiApp,
    steps: Sequence[Step],
    *,
    size: Resize,
    say: Callable[[str], None],
    picture: str | None = None,
) -> Failure | None:
    """Open the application and do the steps; the first that fails ends it.

    Args:
        app: The application, not yet running.
        steps: What to do.
        size: Of the terminal that it believes to have.
        say: Told each step before it is done.
        picture: Where to write the last screen, also after a failure.
    """
    async with app.run_test(size=(size.width, size.height), notifications=True) as pilot:
        failure = await _play_all(pilot, app, steps, say)
        if picture is not None and app.return_code is None:
            await pilot.pause()
            write_screen(app, picture)
        return failure


async def _play_all(
    pilot: Pilot[int], app: HptuiApp, steps: Sequence[Step], say: Callable[[str], None]
) -> Failure | None:
    for step in steps:
        say(step.text)
        try:
            if app.return_code is not None:
                raise StepFailedError("The application has ended.")
            await _do(pilot, app, step.action)
        except WaitForScreenTimeout as error:
            return Failure(step, str(error), _last_screen(app))
        except HptuiError as error:
            return Failure(step, error.message, _last_screen(app))
        if app.defects:
            return Failure(step, f"A defect: {app.defects[0].what}", _last_screen(app))
    return None


def _last_screen(app: HptuiApp) -> str:
    return "" if app.return_code is not None else screen_text(app)


async def _do(pilot: Pilot[int], app: HptuiApp, action: Action) -> None:
    if isinstance(action, Press | Type | Click | Drag):
        app.messages.clear()
    match action:
        case Press(keys):
            await _press(pilot, app, keys)
        case Type(text):
            # Textual presses a single character as what its key types.
            await _press(pilot, app, tuple(text))
        case Wait():
            if not action.is_wanted:
                # What the keys before have brought about may not be on the screen yet.
                await _until_done_or_ended(pilot.pause(), app)
            await _wait(app, action)
        case Screenshot(file):
            await pilot.pause()
            write_screen(app, file)
        case Resize(width, height):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        case Click(x, y):
            moves = ((events.MouseMove, 0, x, y), (events.MouseDown, 1, x, y))
            steps = (*moves, (events.MouseUp, 1, x, y))
            await _until_done_or_ended(_use_mouse(pilot, app, steps), app)
        case Drag(Click(x, y), Click(to_x, to_y)):
            moves = ((events.MouseMove, 0, x, y), (events.MouseDown, 1, x, y))
            steps = (*moves, (events.MouseMove, 1, to_x, to_y), (events.MouseUp, 1, to_x, to_y))
            await _until_done_or_ended(_use_mouse(pilot, app, steps), app)


async def _press(pilot: Pilot[int], app: HptuiApp, keys: Sequence[str]) -> None:
    for key in keys:
        _require_running(app)
        await _until_done_or_ended(pilot.press(key), app)
        await let_messages_pass()


def _require_running(app: HptuiApp) -> None:
    if app.return_code is not None:
        raise StepFailedError("The application has ended.")


async def let_messages_pass() -> None:
    """Let the application handle what a key has brought about, and all that follows from it.

    The pilot takes a process that gets no time, on a busy machine, for one that has nothing to do.
    """
    # What the event loop is to do next; it has no public name. Other loops get all turns.
    ready = getattr(asyncio.get_running_loop(), "_ready", (None,))
    idle = 0
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        idle = 0 if ready else idle + 1
        if idle == _IDLE_TURNS:
            break


async def _use_mouse(
    pilot: Pilot[int], app: HptuiApp, steps: Sequence[tuple[type[events.MouseEvent], int, int, int]]
) -> None:
    """Move, press and release the button as a terminal tells it; the pilot's click is of no widget.

    Each step has the button that is down, and the cell.
    """
    for event, button, x, y in steps:
        if not app.screen.region.contains(x, y):
            raise StepFailedError(f"The terminal is {app.size.width}x{app.size.height}.")
        app.post_message(event(None, x, y, 0, 0, button, False, False, False))
        await pilot.pause()
        await let_messages_pass()


async def _until_done_or_ended(step: Coroutine[Any, Any, None], app: HptuiApp) -> None:
    """Do a step of the pilot, which would wait in vain for the widgets of an ended application."""
    task = asyncio.ensure_future(step)
    while not task.done() and app.return_code is None:
        await asyncio.wait({task}, timeout=_POLL_S)
    if task.done():
        await task
    else:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _is_seen(app: HptuiApp, action: Wait) -> bool:
    """Say whether a text is on the screen.

    What is wanted may also have been: a sentence that was shown for a few seconds since the last
    key, and is gone by the time at which a busy machine looks.
    """
    told = app.messages if action.is_wanted else ()
    return action.text in screen_text(app) or any(action.text in message for message in told)


async def _wait(app: HptuiApp, action: Wait) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + action.timeout_s
    looked_at: object = None
    while True:
        # To look is to draw the whole screen, which takes milliseconds.
        frame = (app.screen, app.n_frames, len(app.messages))
        if frame != looked_at and _is_seen(app, action) == action.is_wanted:
            return
        looked_at = frame
        _require_running(app)
        if loop.time() > deadline:
            state = "not" if action.is_wanted else "still"
            raise StepFailedError(f"It is {state} on the screen after {action.timeout_s:g} s.")
        await asyncio.sleep(_POLL_S)


def write_screen(app: HptuiApp, file: str) -> None:
    """Write the screen to a file: a picture when its name ends in `.svg`, else its text.

    Raises:
        StepFailedError: The file cannot be written.
    """
    is_picture = file.endswith(".svg")
    text = screen_picture(app) if is_picture else screen_text(app) + "\n"
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise StepFailedError(
            f"{safe_line(file)} cannot be written: {error.strerror or error}"
        ) from error
