"""The options of `hptui run` on devices, cores, memory and variables."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.cli.options.option_values import typed
from hptui.domain.resources import (
    NONE,
    SET_FOR_DEVICES,
    Resources,
    read_devices,
    read_memory,
    read_variable,
    require_fit,
    usual_workers,
)
from hptui.domain.texts.run_text import read_count
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_MAX_THREADS: Final = 4_096
_OPTIONS: Final[tuple[tuple[str, Callable[[str], object], str, str], ...]] = (
    (
        "--devices",
        read_devices,
        "LIST",
        "GPUs to share out, like 0,1,2,3; auto: all; none: hide them",
    ),
    ("--per-device", read_count, "N", "how many trials share one device (default: 1)"),
    ("--devices-per-trial", read_count, "N", "how many devices each trial gets (default: 1)"),
    ("--threads", read_count, "N", "native threads per trial (default: cores / workers)"),
    ("--memory", read_memory, "SIZE", "end a trial whose processes use more memory, like 8G"),
)


def add_resources(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `hptui run`."""
    group = parser.add_argument_group("devices, cores and memory")
    for name, read, metavar, text in _OPTIONS:
        group.add_argument(name, type=typed(read), metavar=metavar, help=text)
    group.add_argument("--pin", action="store_true", help="pin each worker to its own cores")
    group.add_argument(
        "--env",
        action="append",
        default=[],
        type=typed(read_variable),
        metavar="NAME=VALUE",
        help="set an environment variable for all trials; its value is never stored",
    )


def resources_of(args: argparse.Namespace) -> Resources:
    """Return what the options give, with the devices that there are.

    Raises:
        UsageError: They do not go together, or not with this machine.
    """
    _require_sense(args)
    resources = Resources(
        per_device=args.per_device or 1,
        devices_per_trial=args.devices_per_trial or 1,
        threads=args.threads,
        is_pinned=args.pin,
        memory=args.memory,
        environment=tuple(dict(args.env).items()),
    )
    if args.devices is None:
        return resources
    if args.hosts is not None:
        # They are those of each host, where nobody has looked.
        return replace(resources, asked=",".join(args.devices), devices=_listed(args.devices))
    from hptui.engine.workers.machine.gpus import resolve_devices

    return resolve_devices(resources, args.devices)


def _listed(devices: tuple[str, ...]) -> tuple[str, ...]:
    return () if devices == (NONE,) else devices


def workers_of(args: argparse.Namespace, resources: Resources, prepared: int | None = None) -> int:
    """Return how many workers the run has: as many as were asked for, else as have room.

    Args:
        args: What was typed.
        resources: What it gives each worker.
        prepared: How many `hptui workers` has prepared for it.

    Raises:
        UsageError: More were asked for than have devices or cores of their own.
    """
    from hptui.engine.run.start.plan import available_cores
    from hptui.engine.workers.machine.places import cores_here

    n_cores = len(cores_here()) if resources.is_pinned else available_cores()
    n_workers: int = args.workers or prepared or usual_workers(resources, n_cores)
    require_fit(resources, n_workers, n_cores)
    return n_workers


def _require_sense(args: argparse.Namespace) -> None:
    has_devices = args.devices is not None and args.devices != (NONE,)
    for option, value in (
        ("--per-device", args.per_device),
        ("--devices-per-trial", args.devices_per_trial),
    ):
        if value is not None and not has_devices:
            raise UsageError(
                f"{option} has no effect without devices.",
                hint=f"Add --devices auto, or omit {option}.",
            )
    given = {"--devices": args.devices, "--pin": args.pin, "--memory": args.memory}
    for option, value in given.items():
        if value and args.backend == "threading":
            raise UsageError(
                f"{option} does not work with --backend threading: threads share their devices, "
                "cores and memory.",
                hint=f"Omit {option}, or --backend threading.",
            )
    for name, _ in args.env:
        if args.devices is not None and name in SET_FOR_DEVICES:
            raise UsageError(
                f"--env {safe_line(name)} and --devices set the same variable.",
                hint="Give only one.",
            )
    _require_system(args)


def _require_system(args: argparse.Namespace) -> None:
    if args.threads is not None and args.threads > _MAX_THREADS:
        raise UsageError(f"--threads {args.threads} is more than {_MAX_THREADS}.")
    if args.pin and not hasattr(os, "sched_setaffinity"):
        raise UsageError("--pin needs Linux: this system cannot pin processes to cores.")
    if args.memory is not None and not Path("/proc/self/stat").exists():
        raise UsageError("--memory needs Linux: this system has no /proc.")
