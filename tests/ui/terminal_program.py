"""Runs the application on a terminal with a small screen that can do harm."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.widgets import Static

from hptui.cli.commands.application import run_on_terminal
from hptui.errors import HptuiError
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.application.place import OpenPlace
from hptui.ui.widgets.command_footer import CommandFooter

if TYPE_CHECKING:
    from textual.app import ComposeResult


N_FRAMES: Final = 300
"""So many frames are more than Textual's queue and the terminal's own hold."""


def note(name: str) -> None:
    """Leave a file that tells the test how far this is."""
    (Path(os.environ["XDG_STATE_HOME"]) / name).touch()


class HarmfulScreen(CommandScreen[None]):
    PLACE = "studies"

    def compose(self) -> ComposeResult:
        yield Static("the screen is up")
        yield CommandFooter()

    def do_new_study(self) -> None:
        secret = "hunter2"
        raise ZeroDivisionError(f"a defect of {len(secret)}")

    def do_duplicate_study(self) -> None:
        frames = itertools.count()
        text = self.query_one(Static)

        def draw() -> None:
            number = next(frames)
            # All cells change, so that a terminal that reads nothing soon takes no more.
            text.update(f"frame {number} {'ab'[number % 2] * 2000}")
            if number == N_FRAMES:
                note("drawn")

        self.set_interval(0.01, draw)

    def do_delete_study(self) -> None:
        note("hangs")
        threading.Event().wait()

    def do_rename_study(self) -> None:
        self.run_worker(threading.Event().wait, thread=True, exit_on_error=False)
        note("hangs")

    def do_export_study(self) -> None:
        print("stray: print")
        print("stray: stderr", file=sys.stderr)
        os.write(1, b"stray: descriptor 1")
        os.write(2, b"stray: descriptor 2")
        subprocess.run(["echo", "stray: subprocess"], check=True)
        subprocess.run("echo stray: subprocess on stderr >&2", shell=True, check=True)
        warnings.warn("stray: warning", stacklevel=1)
        logging.getLogger("stray").warning("stray: log")
        thread = threading.Thread(target=os.write, args=(2, b"stray: thread"))
        thread.start()
        thread.join()
        self.notify("all printed")


def main() -> int:
    place = OpenPlace(Path.cwd(), None, None)
    try:
        return run_on_terminal(lambda: HptuiApp(place, home=HarmfulScreen))
    except HptuiError as error:
        print(f"{error.message}\n{error.hint}")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
