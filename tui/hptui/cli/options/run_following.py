"""The options of `hptui run` on what follows its trials, and its end."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.option_values import typed
from hptui.domain.following import (
    DEFAULT_TIMEOUT_S,
    PACKAGES,
    Following,
    read_hook,
    read_log_to,
    read_notify,
)
from hptui.domain.texts.run_text import read_duration
from hptui.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.following import Tracking


def add_following(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `hptui run`."""
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
        "--log-to",
        type=typed(read_log_to),
        action="append",
        default=[],
        metavar="SERVICE[:PLACE]",
        help="log trials to mlflow:URI or wandb:PROJECT; without URI or PROJECT, where the "
        "library logs by default",
    )
    group.add_argument(
        "--notify",
        type=typed(read_notify),
        action="append",
        default=[],
        metavar="URL",
        help="send a message to an apprise address when the run ends or fails",
    )
    group.add_argument(
        "--notify-best", action="store_true", help="with --notify, also for each new best trial"
    )
    group.add_argument(
        "--follow-timeout",
        type=typed(read_duration),
        metavar="TIME",
        help="how long each of these may take each time (default: 5m)",
    )


def following_of(args: argparse.Namespace) -> Following:
    """Return what the options say.

    Raises:
        ObjectiveError: A callback cannot be found.
        MissingExtraError: A library is not installed.
        UsageError: Options do not fit together.
    """
    from hptui.registry.source.callback_ref import read_callback

    timeout_s: float | None = args.follow_timeout
    if args.notify_best and not args.notify:
        raise UsageError("--notify-best needs --notify.", hint="Add --notify URL.")
    notify = [replace(each, tells_best=args.notify_best) for each in args.notify]
    tracking: tuple[Tracking, ...] = (*args.log_to, *notify)
    for each in tracking:
        _require_package(each)
    return Following(
        tracking=tracking,
        on_best=tuple(args.on_best),
        on_end=tuple(args.on_end),
        callbacks=tuple(read_callback(each, Path.cwd()) for each in args.callback),
        timeout_s=DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s,
    )


def _require_package(tracking: Tracking) -> None:
    package = PACKAGES[tracking.kind]
    if find_spec(package) is None:
        raise MissingExtraError(
            f"{tracking.shown} needs the package {package}: pip install 'hptui[{tracking.kind}]'"
        )
