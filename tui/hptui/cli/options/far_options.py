"""The options of `hptui run` on workers on other machines."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.cli.options.option_values import typed
from hptui.domain.far_workers import (
    CODE_FROM,
    DEFAULT_LOST_AFTER_S,
    DEFAULT_RETRIES,
    Cluster,
    FarWorkers,
    read_engine_address,
    read_hosts,
    read_lost_after,
    read_retries,
    read_scheduler,
    read_worker_resources,
    workers_on_hosts,
)
from hptui.domain.resources import AUTO
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.resources import Resources
    from hptui.storage.read.study_facts import StudyFacts


def add_far_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `hptui run`."""
    group = parser.add_argument_group("workers on other machines")
    group.add_argument(
        "--hosts",
        type=typed(read_hosts),
        metavar="LIST",
        help="run trials on these machines over ssh, like gpu1,gpu2:4,me@gpu3; :4 means four "
        "workers there (default: one, or as many as --devices hold); by default, where the "
        "study's last run had its workers; --backend loky runs them here",
    )
    group.add_argument(
        "--scheduler",
        type=typed(read_scheduler),
        metavar="ADDRESS",
        help="run trials on the workers of this dask cluster: tcp://HOST:PORT, tls://HOST:PORT, or "
        "the scheduler's file; --backend dask alone starts a cluster on this machine",
    )
    group.add_argument(
        "--worker-resources",
        type=typed(read_worker_resources),
        metavar="LIST",
        help="what a trial takes of a dask worker's resources, like GPU=1",
    )
    group.add_argument(
        "--engine-address",
        type=typed(read_engine_address),
        metavar="HOST[:PORT]",
        help="where dask workers reach this machine (default: the address that the scheduler sees)",
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
        help="the Python on these machines, with Optuna 4 or 5 (default: the same path as here)",
    )
    group.add_argument(
        "--retry-lost",
        type=typed(read_retries),
        metavar="N",
        help="repeat a trial up to N times when the connection to its worker is lost (default "
        f"{DEFAULT_RETRIES})",
    )
    group.add_argument(
        "--lost-after",
        type=typed(read_lost_after),
        metavar="TIME",
        help="count a machine as lost after this long without a sign of life (default "
        f"{DEFAULT_LOST_AFTER_S:.0f}s); its workers end after four times that, and a run waits "
        "twice that for a scheduler",
    )


def as_in_last_run(args: argparse.Namespace, facts: StudyFacts | None) -> str:
    """Fill in where the study's last run had its workers, if nothing typed says where they are.

    A study may name any machine, so that only what this person has used is taken over.

    Returns:
        A sentence on what was taken over, or on what was not; empty where there is nothing to say.
    """
    last = facts.runs[-1].far if facts is not None and facts.runs else None
    asked = (args.hosts, args.scheduler, args.backend)
    if last is None or any(each is not None for each in asked):
        return ""
    from hptui.registry.known_code import is_known_far

    # These are for the machine that hptui runs on.
    is_for_here = args.pin or args.python is not None or args.devices == (AUTO,)
    is_of_cluster = last.cluster is not None
    if is_for_here or (is_of_cluster and args.devices) or not is_known_far(last):
        return f"The last run's workers were on {last.shown}; this one's are on this machine."
    if last.cluster is None:
        args.hosts = last.hosts
    else:
        args.backend, args.scheduler = "dask", last.cluster.scheduler or None
        args.worker_resources = args.worker_resources or last.cluster.resources or None
        if last.cluster.address[0]:
            args.engine_address = args.engine_address or last.cluster.address
    args.code = args.code or last.code
    args.host_python = args.host_python or last.python or None
    for option, value in (("retry_lost", last.retries), ("lost_after", last.lost_after_s)):
        if getattr(args, option) is None:
            setattr(args, option, value)
    return f"Workers run on {last.shown}, as in the last run; --backend loky brings them back here."


def far_of(args: argparse.Namespace, ref: ObjectiveRef) -> FarWorkers | None:
    """Return what the options give; None: the workers are on this machine.

    Raises:
        UsageError: They do not go together.
    """
    kind = _kind(args)
    if kind is None:
        return None
    given = {
        "--python": (args.python, "--host-python names the Python on the other machines."),
        "--pin": (args.pin, "Omit --pin."),
        "--devices auto": (args.devices == (AUTO,), "Name those of each host: --devices 0,1."),
    }
    for option, (value, hint) in given.items():
        if value:
            raise UsageError(f"{option} does not go with {kind}.", hint=hint)
    if args.hosts is None and args.devices is not None:
        raise UsageError(
            "--devices does not go with a dask cluster, whose devices are its own.",
            hint="Start its workers with --resources GPU=1, and add --worker-resources GPU=1.",
        )
    far = FarWorkers(
        hosts=args.hosts or (),
        cluster=None if args.hosts is not None else _cluster(args),
        code=args.code or "same",
        python=args.host_python or "",
        retries=DEFAULT_RETRIES if args.retry_lost is None else args.retry_lost,
        lost_after_s=args.lost_after or DEFAULT_LOST_AFTER_S,
    )
    if far.code == "ship":
        from hptui.engine.workers.remote.shipping import shipped_ref

        shipped_ref(ref)
    if far.hosts:
        from hptui.engine.workers.remote.ssh import ssh_words

        ssh_words()
    return far


def _kind(args: argparse.Namespace) -> str | None:
    """Return the option that asks for other machines; None where none does.

    Raises:
        UsageError: Several do, or one that does nothing was given.
    """
    asked = {
        "--hosts": args.hosts is not None,
        "--scheduler": args.scheduler is not None,
        "--backend dask": args.backend == "dask" and args.scheduler is None,
    }
    named = [option for option, is_given in asked.items() if is_given]
    if len(named) > 1:
        raise UsageError(f"{named[0]} does not go with {named[1]}.", hint="Omit one of them.")
    if not named:
        if args.backend == "ssh":
            raise UsageError("--backend ssh needs hosts.", hint="Add --hosts gpu1,gpu2.")
        _require_none(args, _OF_DASK + _OF_ALL, "--hosts or --scheduler")
        return None
    fits = "ssh" if args.hosts is not None else "dask"
    if args.backend not in (None, fits):
        raise UsageError(
            f"{named[0]} does not go with --backend {args.backend}.", hint="Omit one of them."
        )
    if args.hosts is not None:
        _require_none(args, _OF_DASK, "--scheduler")
    return named[0]


_OF_DASK: Final = ("worker_resources", "engine_address")
_OF_ALL: Final = ("code", "host_python", "retry_lost", "lost_after")


def _require_none(args: argparse.Namespace, options: tuple[str, ...], without: str) -> None:
    for option in options:
        if getattr(args, option) is not None:
            name = f"--{option.replace('_', '-')}"
            raise UsageError(
                f"{name} has no effect without {without}.",
                hint=f"Add {without}, or omit {name}.",
            )


def _cluster(args: argparse.Namespace) -> Cluster:
    if find_spec("distributed") is None:
        raise UsageError(
            "Workers on a dask cluster need dask.distributed, which is not installed.",
            hint="pip install 'hptui[dask]'",
        )
    scheduler: str = args.scheduler or ""
    if scheduler and "://" not in scheduler:
        if not Path(scheduler).is_file():
            raise UsageError(
                f"There is no file {safe_line(scheduler)}.",
                hint="Write --scheduler tcp://HOST:8786, or the file of `dask scheduler "
                "--scheduler-file`.",
            )
        scheduler = str(Path(scheduler).absolute())
    return Cluster(
        scheduler=scheduler,
        resources=args.worker_resources or (),
        address=args.engine_address or ("", 0),
    )


def far_slots(far: FarWorkers, resources: Resources, asked: int | None, usual: int) -> int:
    """Return how many workers a run has on other machines.

    Args:
        far: Where they are.
        resources: What each gets.
        asked: How many were asked for.
        usual: How many a run has on this machine.

    Raises:
        UsageError: More were asked for than the hosts have places for.
    """
    if far.cluster is not None:
        # Without a number: as many as the cluster has threads, once it has told.
        return asked or (1 if far.cluster.scheduler else usual)
    return workers_on_hosts(far.hosts, resources, asked)
