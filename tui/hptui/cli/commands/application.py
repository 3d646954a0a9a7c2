"""`hptui [PATH]`: what it opens, what the terminal must be able to, and how it ends."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import select
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from hptui.cli.options.locate import (
    finish_left_change,
    is_file_name,
    locate_study,
    studies_folder,
    study_in,
    typed_path,
)
from hptui.cli.options.mirrored import mirrored_source, source_of
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.studies_folder import study_file
from hptui.ui.application.ending import CertainEnd, has_reader, is_in_browser
from hptui.ui.application.place import OpenPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from typing_extensions import Buffer

    from hptui.storage.mirror.address import SourceAddress
    from hptui.ui.application.app import HptuiApp

_MOUSE_PIXELS_OFF: Final = b"\x1b[?1016l"
_RESTORE: Final = (
    b"\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"
    b"\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l" + _MOUSE_PIXELS_OFF
)
"""What Textual writes when it restores the terminal."""
_COERCED: Final = "C.UTF-8"
_FALLBACK_EXIT: Final = 1


class ApplicationError(HptuiError):
    """The application ended by a defect of its own."""


def open_place(path: str | None, after_dashes: Sequence[str] | None = None) -> OpenPlace:
    """Return what `hptui [PATH]` opens.

    Nothing is the studies folder; a folder is its studies; a file is the studies in it, and at
    once the only one; a Python file is an objective to tune; anything else is a study as the
    commands take it.

    Args:
        path: What was typed.
        after_dashes: What followed `--`, for a script; None without.

    Raises:
        UsageError: There is no such file or study.
        ObjectiveError: There is no such objective, or there are several.
        StudyFileError: The file is no study file, or cannot be read.
    """
    if path is None:
        finish_left_change(studies_folder(None))
        return OpenPlace(studies_folder(None), None, None)
    address = source_of(path)
    if address is not None:
        return _mirrored_place(address)
    path = typed_path(path)
    if is_objective(path):
        from hptui.registry.catalogue import resolve

        folder = studies_folder(None)
        finish_left_change(folder)
        found = resolve(path, Path.cwd(), argv=after_dashes)
        return OpenPlace(folder, None, None, objective=found.ref)
    try:
        is_folder, is_file = Path(path).is_dir(), Path(path).is_file()
    except (OSError, ValueError):
        is_folder = is_file = False
    if is_folder:
        finish_left_change(Path(path).absolute())
        return OpenPlace(Path(path).absolute(), None, None)
    if is_file:
        from hptui.storage.read.studies import study_names

        file = Path(path).absolute()
        finish_left_change(file.parent)
        names = study_names(file)
        return OpenPlace(None, file, names[0] if len(names) == 1 else None)
    location = locate_study(path)
    folder = studies_folder(None)
    is_of_folder = location.path.parent == folder
    return OpenPlace(folder if is_of_folder else None, location.path, location.study_name)


def _mirrored_place(address: SourceAddress) -> OpenPlace:
    from hptui.storage.read.studies import study_names

    address, file = mirrored_source(address)
    if address.study is not None:
        return OpenPlace(None, file, study_in(file, address.study).study_name, source=address)
    names = study_names(file)
    return OpenPlace(None, file, names[0] if len(names) == 1 else None, source=address)


def is_objective(text: str) -> bool:
    """Say whether a text means a Python file, or a function in one, and no study of that name."""
    file, _, function = text.partition(".py:")
    file = f"{file}.py" if function else text
    if ".db:" in text or not file.endswith(".py"):
        return False
    try:
        is_study = study_file(studies_folder(None), text).is_file()
        return Path(file).is_file() or not (Path(text).is_dir() or is_study)
    except (OSError, ValueError):
        return False


def can_open(text: str) -> bool:
    """Say whether `hptui TEXT` means something to open rather than a command."""
    if is_file_name(text) or is_objective(text):
        return True
    if not text:
        return False
    if source_of(text) is not None:
        return True
    try:
        return Path(text).is_dir() or study_file(studies_folder(None), text).is_file()
    except (OSError, ValueError):
        return False


def make_app(path: str | None) -> HptuiApp:
    """Return the application for `hptui [PATH]`, not yet running."""
    place = open_place(path)
    from hptui.ui.application.app import HptuiApp

    return HptuiApp(place, has_unicode=has_unicode())


def has_unicode() -> bool:
    """Say whether the terminal shows more than ASCII, by what the locale says of it."""
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    if encoding and not encoding.startswith("utf"):
        return False
    # Python makes UTF-8 of the C locale, so its own view does not tell what was asked for; it
    # also sets LC_CTYPE to C.UTF-8 then, which so tells nothing.
    ctype = os.environ.get("LC_CTYPE")
    named = (
        os.environ.get("LC_ALL")
        or (ctype if ctype != _COERCED else None)
        or os.environ.get("LANG")
        or ""
    )
    return not named or "utf" in named.lower()


def open_application(path: str | None, after_dashes: Sequence[str] | None = None) -> int:
    """Run the application on this terminal and return the exit code; see `open_place`.

    Raises:
        UsageError: There is no terminal, or PATH is nothing that can be opened.
        ApplicationError: It failed; the hint names the file with the traceback.
    """
    is_served = is_in_browser()
    if not is_served:
        _demand_terminal()
    # Until the first frame, which then comes some 20 ms earlier.
    gc.disable()
    place = open_place(path, after_dashes)
    has_utf8 = is_served or has_unicode()

    def make() -> HptuiApp:
        from hptui.ui.application.app import HptuiApp

        return HptuiApp(place, has_unicode=has_utf8)

    return run_in_browser(make) if is_served else run_on_terminal(make)


def run_on_terminal(make: Callable[[], HptuiApp]) -> int:
    """Make an application, run it with the terminal to itself, and return its exit code.

    Raises:
        ApplicationError: It failed; the terminal is restored.
    """
    with _screen_alone() as terminal:
        app = make()
        app.ending = ending = CertainEnd(_restoring(terminal))
        try:
            app.run()
        finally:
            # Textual turns the mouse's pixel mode on and not off again.
            with contextlib.suppress(OSError):
                os.write(terminal, _MOUSE_PIXELS_OFF)
            ending.restore = None
    return _outcome_of(app)


def run_in_browser(make: Callable[[], HptuiApp]) -> int:
    """Make an application, run it for textual-serve, which reads its frames, and return its code.

    Raises:
        ApplicationError: It failed.
    """
    with _screen_alone():
        app = make()
        app.ending = CertainEnd(lambda: None, is_there=has_reader)
        app.run()
    return _outcome_of(app)


def _outcome_of(app: HptuiApp) -> int:
    if app.failure is not None:
        kept = f"The traceback is in {app.failure.report}. " if app.failure.report else ""
        raise ApplicationError(
            f"The application failed: {app.failure.what}",
            hint=f"{kept}Runs in progress keep running.",
        )
    return app.return_code if app.return_code is not None else _FALLBACK_EXIT


def _restoring(terminal: int) -> Callable[[], None]:
    """Return what gives the terminal back as it is now when Textual cannot."""
    try:
        settings = termios.tcgetattr(0)
    except termios.error:
        settings = None

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error):
            if settings is not None:
                termios.tcsetattr(0, termios.TCSANOW, settings)
            os.write(terminal, _RESTORE)

    return restore


def _demand_terminal() -> None:
    if not (_is_terminal(0) and _is_terminal(1)):
        raise UsageError(
            "The application needs a terminal for its input and output.",
            hint="`hptui --help` lists the commands that work without one; `hptui drive SCRIPT` "
            "runs the application from a script.",
        )
    if os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError(
            "This terminal can only show plain lines (TERM is dumb or unset).",
            hint="Set TERM, for instance to xterm-256color; `hptui --help` lists the commands.",
        )


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


class TerminalOutput(io.FileIO):
    """A terminal's output that takes everything: what is written after the terminal is gone, too.

    Textual draws in a thread that an exception ends, and its queue of 30 texts then blocks the
    event loop for ever: neither a signal nor the end of the terminal would end the program.
    """

    def write(self, data: Buffer, /) -> int:
        """Write some of the data and return how much; all of it when the terminal is gone."""
        while True:
            try:
                # None, not told by its types: the terminal takes nothing now.
                n_written = cast("int | None", super().write(data))
            except OSError:
                return memoryview(data).nbytes
            if n_written is not None:
                return n_written
            # Another program on this terminal has made it non-blocking.
            select.select([], [self], [])


@contextlib.contextmanager
def _screen_alone() -> Generator[int]:
    """Keep descriptors 1 and 2 from the terminal, and give Textual one of its own.

    What a library, a warning or a child process prints would otherwise tear the screen. Yields
    the descriptor of the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = os.dup(1), os.dup(2)
    terminal = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    kept = sys.__stdout__, sys.__stderr__
    stream = io.TextIOWrapper(
        io.BufferedWriter(TerminalOutput(terminal, "w", closefd=False)),
        encoding="utf-8",
        errors="replace",
        line_buffering=True,
    )
    # Textual draws on `sys.__stderr__`, and asks the size of `sys.__stdout__`.
    sys.__stdout__ = sys.__stderr__ = stream  # pyright: ignore[reportAttributeAccessIssue]
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        yield terminal
    finally:
        stream.flush()
        sys.stdout.flush()
        sys.stderr.flush()
        sys.__stdout__, sys.__stderr__ = kept  # pyright: ignore[reportAttributeAccessIssue]
        os.dup2(out, 1)
        os.dup2(err, 2)
        for fd in (out, err, terminal, null):
            os.close(fd)
