"""The options of `hptui run` on what follows its trials, and its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.following import DEFAULT_TIMEOUT_S, Following, read_hook
from hptui.domain.run_text import read_duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add_following(
    parser: argparse.ArgumentParser,
    typed: Callable[[Callable[[str], object]], Callable[..., object]],
) -> None:
    """Add the options.

    Args:
        parser: The parser of `hptui run`.
        typed: Makes of a function that reads a text what argparse wants.
    """
    group = parser.add_argument_group("what follows trials")
    group.add_argument(
        "--callback",
        action="append",
        default=[],
        metavar="FILE.py:FUNCTION",
        help="call function(study, trial) for each trial that has ended, in order, as "
        "study.optimize does; or package.module:function",
    )
    group.add_argument(
        "--on-best",
        type=typed(read_hook),
        action="append",
        default=[],
        metavar="COMMAND",
        help="run a shell command for each new best trial, with the trial as JSON on its "
        "standard input",
    )
    group.add_argument(
        "--on-end",
        type=typed(read_hook),
        action="append",
        default=[],
        metavar="COMMAND",
        help="run a shell command when the run has ended, with its summary as JSON",
    )
    group.add_argument(
        "--follow-timeout",
        type=typed(read_duration),
        metavar="TIME",
        help="what each of these may take each time (default 5m)",
    )


def following_of(args: argparse.Namespace) -> Following:
    """Return what the options say.

    Raises:
        ObjectiveError: A callback cannot be found.
    """
    from hptui.registry.callback import read_callback

    timeout_s: float | None = args.follow_timeout
    return Following(
        on_best=tuple(args.on_best),
        on_end=tuple(args.on_end),
        callbacks=tuple(read_callback(each, Path.cwd()) for each in args.callback),
        timeout_s=DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
    )
