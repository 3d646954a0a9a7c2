"""`hptui drive`: the application played from a script, without a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.driving.drive_script import STEP_HELP, is_screenshot_file, read_script, read_size

if TYPE_CHECKING:
    from hptui.ui.driving.drive_script import Step

EXIT_OK, EXIT_FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add SCRIPT, PATH and the options."""
    width = max(len(form) for form, _ in STEP_HELP)
    steps = "\n".join(f"  {form:<{width}}  {what}" for form, what in STEP_HELP)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"The steps of a script, one per line:\n{steps}"
    parser.add_argument("script", metavar="SCRIPT", help="a file of steps, or - for standard input")
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="what to open, as `hptui PATH` takes it"
    )
    parser.add_argument(
        "--size", metavar="WxH", default="120x40", help="size of the terminal (default: 120x40)"
    )
    parser.add_argument(
        "--screenshot", metavar="FILE", help="write the last screen to a .svg or .txt file"
    )


def run(args: argparse.Namespace) -> int:
    """Play the script; the exit code is 1 when a step failed."""
    import asyncio

    from hptui.cli.commands.application import make_app
    from hptui.storage.files.staging import temporary_folder
    from hptui.ui.application.settings import set_settings_aside
    from hptui.ui.application.ui_state import keep_in_memory
    from hptui.ui.driving.drive import play

    steps = _steps(args.script)
    size = read_size(args.size)
    if args.screenshot is not None and not is_screenshot_file(args.screenshot):
        raise UsageError("--screenshot needs a file that ends in .svg or .txt.")
    # What a script does depends on nothing that the person has arranged, and changes nothing of it.
    keep_in_memory()
    with temporary_folder("drive") as folder:
        set_settings_aside(folder / "settings.toml")
        app = make_app(args.path)
        failure = asyncio.run(play(app, steps, size=size, say=_say, picture=args.screenshot))
    if failure is None:
        print(f"{plural(len(steps), 'step')} done")
        return EXIT_OK
    print(f"line {failure.step.line}: {safe_line(failure.step.text)}", file=sys.stderr)
    print(f"  {safe_line(failure.reason)}", file=sys.stderr)
    print(f"The screen:\n{failure.screen}", file=sys.stderr)
    return EXIT_FAILED


def _say(text: str) -> None:
    print(safe_line(text), flush=True)


def _steps(script: str) -> tuple[Step, ...]:
    if script == "-":
        return read_script(sys.stdin.read())
    try:
        text = Path(script).read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            f"The script {safe_line(script)} cannot be read: {safe_line(error)}",
            hint="`hptui drive - < SCRIPT` reads it from standard input.",
        ) from error
    return read_script(text)
