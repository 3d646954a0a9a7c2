"""What a worker process has of the machine from its first instruction on, and a probe like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.engine.workers.machine.places import Place, Places, cores_here, device_variables
from hptui.registry.loading.core_count import core_variables
from hptui.registry.probing.probe import ProbePlace
from hptui.registry.scripts.script_process import hash_variables

if TYPE_CHECKING:
    from hptui.domain.resources import Resources
    from hptui.engine.workers.worker_kinds import WorkerPlaces
    from hptui.registry.loading.other_python import OtherPython


def worker_variables(resources: Resources, place: Place | None, n_threads: int) -> dict[str, str]:
    """Return what a worker's environment has from its first instruction on.

    Args:
        resources: What the run was given.
        place: What the worker has for itself.
        n_threads: How many native threads its trials may use.
    """
    return {
        **core_variables(n_threads, replace=resources.threads is not None),
        **far_variables(resources, place),
    }


def far_variables(resources: Resources, place: Place | None) -> dict[str, str]:
    """Return what does not depend on how many cores its machine has; see above."""
    return {
        **hash_variables(),
        **device_variables(resources, place),
        **dict(resources.environment),
    }


def threads_each(resources: Resources, places: WorkerPlaces, n_workers: int, n_cores: int) -> int:
    """Return how many native threads the code of each worker's trials may use.

    Args:
        resources: What the run was given.
        places: The places of its workers.
        n_workers: How many there are.
        n_cores: How many cores they share.
    """
    if resources.threads is not None:
        return resources.threads
    return places.cores_each or max(1, n_cores // max(1, n_workers))


def probe_place(
    resources: Resources, n_workers: int, n_cores: int, python: OtherPython | None = None
) -> ProbePlace:
    """Return where a probe runs that is to see what the trials of a run will see; see above."""
    places = Places(resources, n_workers, cores_here() if resources.is_pinned else ())
    place = places.take()
    n_threads = threads_each(resources, places, n_workers, n_cores)
    variables = worker_variables(resources, place, n_threads)
    return ProbePlace(variables, () if place is None else place.cores, python=python)
