"""How many files an engine may have open: what its workers need of them, and how many fit."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.engine.workers.worker_kinds import WorkerKind

_KEPT_FREE: Final = 24
"""Kept from clients and from what trials start, for the study file and for a new worker."""
_WANTED: Final = 65_536
_RESERVE: Final = 40
"""For the study file, its log, clients, and a worker that takes another one's place."""


def raise_limit() -> int:
    """Raise the limit of this process as far as it needs and may; return what it was."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft


def put_limit_back(soft: int) -> None:
    """Give this process the limit that `raise_limit` returned: select() knows no high numbers."""
    now, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or soft < now:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_scarce(fd: int) -> bool:
    """Say by a descriptor that was just made whether few are left: the lowest is given first."""
    return fd >= _limit() - _KEPT_FREE


def _limit() -> int:
    """Return how many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def require_room(n_workers: int, n_there: int, kind: WorkerKind) -> None:
    """Refuse more workers than there are descriptors for.

    Args:
        n_workers: How many there are to be.
        n_there: How many there are.
        kind: What they are.

    Raises:
        UsageError: They do not fit; the sentence says how many do.
    """
    n_open = _n_open()
    cost = kind.descriptors_each
    n_more = n_workers - n_there
    room = _limit() - n_open - _RESERVE
    if n_more <= 0 or n_more * cost <= room:
        return
    n_fit = n_there + max(0, room // cost)
    n_needed = n_open + n_more * cost + _RESERVE
    fit = plural(n_fit, "fits", "fit") if n_fit else "none fits"
    raise UsageError(
        f"{plural(n_workers, 'worker needs', 'workers need')} "
        f"{plural(n_needed, 'open file')}, but the limit here is {_limit()}: {fit}.",
        hint="Ask for fewer, or raise the limit (ulimit -n) before hptui starts.",
    )


def _n_open() -> int:
    try:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208
    except OSError:
        # None is free for looking.
        return _limit()
