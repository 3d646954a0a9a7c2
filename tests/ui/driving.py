"""Plays drive scripts on the real application in this process."""

from __future__ import annotations

import asyncio
import textwrap
import threading
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import DEADLINE_S

from hptui.cli.commands.application import open_place
from hptui.domain.texts.text import escape_line
from hptui.ui.application.app import HptuiApp
from hptui.ui.driving.drive import play
from hptui.ui.driving.drive_script import Wait, read_script, read_size
from hptui.ui.driving.screen_text import screen_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.screen import Screen

    from hptui.ui.application.settings import Settings
    from hptui.ui.driving.drive_script import Step


def drive(
    script: str,
    path: Path | str | None = None,
    *,
    size: str = "120x40",
    settings: Settings | None = None,
    has_unicode: bool = True,
    home: Callable[[], Screen[Any]] | None = None,
    observe: Callable[[HptuiApp], None] | None = None,
) -> HptuiApp:
    """Open the application as `hptui PATH` would and play a script; fails at a failed step.

    Before each step the screen must hold nothing that a terminal would obey. What looks at the
    screen waits as long as a test may, whatever it says. That something does not come can only be
    known where something else has come: an `expect-not` follows a `wait` or an `expect`.

    Args:
        script: Steps as `hptui drive` takes them; indentation does not matter.
        path: What to open; without, the studies folder, which is the test's own.
        size: Of the terminal.
        settings: In the place of the settings file.
        has_unicode: Whether the terminal shows more than ASCII.
        home: Makes the first screen, to try one that is not the list of studies.
        observe: Called before each step.

    Returns:
        The application, ended.
    """
    place = open_place(None if path is None else str(path))
    app = HptuiApp(place, settings=settings, has_unicode=has_unicode, home=home)
    steps = [_patient(step) for step in read_script(textwrap.dedent(script))]
    for before, step in pairwise(steps):
        is_known = isinstance(before.action, Wait) or not step.text.startswith("expect-not")
        assert is_known, f"line {step.line}: nothing tells that {before.text!r} is done"
    said: list[str] = []
    sight = _Sight()

    def say(text: str) -> None:
        beside = steps[max(0, len(said) - 1) : len(said) + 1]
        said.append(text)
        if app.return_code is None:
            if not any(map(_looks, beside)):
                sight.look(app)
            if observe is not None:
                observe(app)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hptui.ui.driving.drive.screen_text", sight.look)
        failure = asyncio.run(play(app, steps, size=read_size(size), say=say))
    for thread in threading.enumerate():
        if thread.name.endswith(" feed"):
            # It may still hold a file open; another application is another process.
            thread.join(DEADLINE_S)
    if failure is not None:
        done = "\n".join(f"  {text}" for text in said)
        pytest.fail(f"{failure.reason}\n{done}\n{failure.screen}", pytrace=False)
    return app


class _Sight:
    """Looks at screens, each of which must be safe to show.

    One that was not drawn since it was looked at is not made again.
    """

    def __init__(self) -> None:
        self._frame: object = None
        self._text = ""

    def look(self, app: HptuiApp) -> str:
        frame = (app.screen, app.n_frames)
        if frame != self._frame:
            text = screen_text(app)
            if text != self._text:
                check_safe(text)
            self._frame, self._text = frame, text
        return self._text


def _looks(step: Step) -> bool:
    """Say whether a step begins, and ends, with a look at the screen."""
    return isinstance(step.action, Wait) and step.action.is_wanted


def _patient(step: Step) -> Step:
    if isinstance(step.action, Wait):
        action = replace(step.action, timeout_s=max(DEADLINE_S, step.action.timeout_s))
        return replace(step, action=action)
    return step


def check_safe(text: str) -> None:
    """Fail when a screen's text holds control characters, or ones that turn the direction."""
    for line in text.splitlines():
        assert escape_line(line) == line, f"not safe to show: {line!r}"
