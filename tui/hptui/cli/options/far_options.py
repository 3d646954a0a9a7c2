"""The options of `hptui run` on workers on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.far_workers import (
    CODE_FROM,
    DEFAULT_RETRIES,
    FarWorkers,
    read_hosts,
    read_retries,
)
from hptui.domain.readable import plural
from hptui.domain.resources import AUTO
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.resources import Resources


def add_far_options(
    parser: argparse.ArgumentParser,
    typed: Callable[[Callable[[str], object]], Callable[..., object]],
) -> None:
    """Add the options.

    Args:
        parser: The parser of `hptui run`.
        typed: Makes of a function that reads a text what argparse wants.
    """
    group = parser.add_argument_group("workers on other machines")
    group.add_argument(
        "--hosts",
        type=typed(read_hosts),
        metavar="LIST",
        help="run trials on these machines over ssh, like gpu1,gpu2:4,me@gpu3; :4 means four "
        "workers there (default: one, or as many as --devices hold)",
    )
    group.add_argument(
        "--code",
        choices=CODE_FROM,
        help="same: the objective has the same path on all machines (default); ship: send it, "
        "the Python files beside it, and hptui",
    )
    group.add_argument(
        "--host-python",
        metavar="PATH",
        help="the Python on these machines, with Optuna 4 or 5 (default: the path of this one)",
    )
    group.add_argument(
        "--retry-lost",
        type=typed(read_retries),
        metavar="N",
        help="repeat a trial up to N times when the connection to its worker is lost (default "
        f"{DEFAULT_RETRIES})",
    )


def far_of(args: argparse.Namespace, ref: ObjectiveRef) -> FarWorkers | None:
    """Return what the options give; None: the workers are on this machine.

    Raises:
        UsageError: They do not go together.
    """
    if args.hosts is None:
        _require_none(args)
        return None
    if args.backend not in (None, "ssh"):
        raise UsageError(
            f"--hosts does not go with --backend {args.backend}.", hint="Omit one of them."
        )
    given = {
        "--python": (args.python, "--host-python names the Python on the hosts."),
        "--pin": (args.pin, "Omit --pin."),
        "--devices auto": (
            args.devices == (AUTO,),
            "Name the devices of each host: --devices 0,1.",
        ),
    }
    for option, (value, hint) in given.items():
        if value:
            raise UsageError(f"{option} does not go with --hosts.", hint=hint)
    far = FarWorkers(
        hosts=args.hosts,
        code=args.code or "same",
        python=args.host_python or "",
        retries=DEFAULT_RETRIES if args.retry_lost is None else args.retry_lost,
    )
    if far.code == "ship":
        from hptui.engine.workers.remote.shipping import shipped_ref

        shipped_ref(ref)
    from hptui.engine.workers.remote.ssh import ssh_words

    ssh_words()
    return far


def _require_none(args: argparse.Namespace) -> None:
    if args.backend == "ssh":
        raise UsageError("--backend ssh needs hosts.", hint="Add --hosts gpu1,gpu2.")
    for option in ("code", "host_python", "retry_lost"):
        if getattr(args, option) is not None:
            name = f"--{option.replace('_', '-')}"
            raise UsageError(
                f"{name} has no effect without --hosts.", hint=f"Add --hosts, or omit {name}."
            )


def far_slots(far: FarWorkers, resources: Resources, asked: int | None) -> int:
    """Return how many workers a run has on other machines.

    Raises:
        UsageError: More were asked for than the hosts have places for.
    """
    on_devices = resources.n_on_devices
    for host in far.hosts:
        if on_devices is not None and (host.n_workers or 0) > on_devices:
            raise UsageError(
                f"{host} has {plural(host.n_workers or 0, 'worker')}, and its devices hold "
                f"{on_devices}.",
                hint="Name more devices, or add --per-device.",
            )
    n_places = sum(host.n_workers or on_devices or 1 for host in far.hosts)
    if asked is not None and asked > n_places:
        raise UsageError(
            f"{plural(asked, 'worker')} do not fit on {plural(len(far.hosts), 'host')} with "
            f"{plural(n_places, 'place')}.",
            hint=f"Give a host more, like {far.hosts[0].name}:{asked}.",
        )
    return asked or n_places
