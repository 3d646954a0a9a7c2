"""Places: which devices and cores a worker process has for itself as long as it lives.

A place belongs to a process, not to a slot's number: a process that was told to end, or is being
killed, may hold a device's memory for a while, and the next one must not get its place until then.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hptui.domain.resources import INTEL_VARIABLE, StoredPlace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hptui.domain.resources import Resources

_TOPOLOGY: Final = "/sys/devices/system/cpu/cpu{}/topology"
_HIDES_ALL: Final = "-1"
"""Of both variables: empty, one of them would mean all devices."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one worker process has for itself; any part may be empty."""

    devices: tuple[str, ...] = ()
    cores: tuple[int, ...] = ()
    host: str = ""
    """The machine; empty: the engine's."""

    def to_json(self) -> dict[str, Any]:
        """Return the place as it is stored with a trial."""
        return dict(_stored(self))


@lru_cache(maxsize=1_024)
def _stored(place: Place) -> Mapping[str, Any]:
    """Return what is stored of a place; each trial in it stores the same."""
    return StoredPlace(place.devices, spell_cores(place.cores), place.host).to_json()


class Places:
    """The places of one run, and how many living processes are on each.

    Args:
        resources: What the run was given.
        n_workers: How many workers it begins with.
        cores: The cores that may be shared out, neighbours beside each other.
    """

    def __init__(self, resources: Resources, n_workers: int, cores: tuple[int, ...] = ()) -> None:
        size = resources.devices_per_trial
        self._per_device = resources.per_device
        self._on_devices = {
            resources.devices[at * size : (at + 1) * size]: 0 for at in range(resources.n_groups)
        }
        n_each = resources.threads or max(1, len(cores) // n_workers)
        chunks = [cores[at : at + n_each] for at in range(0, len(cores) - n_each + 1, n_each)]
        self._on_cores = dict.fromkeys(chunks if resources.is_pinned else [], 0)

    @property
    def size(self) -> int | None:
        """How many processes have a place of their own; None where they need none."""
        sizes: list[int] = []
        if self._on_devices:
            sizes.append(len(self._on_devices) * self._per_device)
        if self._on_cores:
            sizes.append(len(self._on_cores))
        return min(sizes, default=None)

    @property
    def n_free(self) -> int | None:
        """How many more processes have a place; None: any number."""
        size = self.size
        taken = sum((self._on_devices or self._on_cores).values())
        return None if size is None else max(0, size - taken)

    @property
    def cores_each(self) -> int | None:
        """How many cores each place has; None where none are kept apart."""
        return min((len(each) for each in self._on_cores), default=None)

    def take(self) -> Place | None:
        """Return the place with the fewest living processes; None where there are no places."""
        if self.size is None:
            return None
        place = Place(_least_used(self._on_devices), _least_used(self._on_cores))
        if place.devices:
            self._on_devices[place.devices] += 1
        if place.cores:
            self._on_cores[place.cores] += 1
        return place

    def give_back(self, place: Place | None) -> None:
        """Free a place whose process is gone."""
        if place is None:
            return
        if place.devices:
            self._on_devices[place.devices] -= 1
        if place.cores:
            self._on_cores[place.cores] -= 1


_Part = TypeVar("_Part", tuple[str, ...], tuple[int, ...])


def _least_used(parts: dict[_Part, int]) -> _Part | tuple[()]:
    return min(parts, key=lambda each: parts[each], default=())


def device_variables(resources: Resources, place: Place | None) -> dict[str, str]:
    """Return the variables by which libraries see the devices of a place and no others.

    `ROCR_VISIBLE_DEVICES` stays the user's: HIP counts within what that one leaves. Level Zero's
    knows numbers only.
    """
    if not resources.asked:
        return {}
    devices = () if place is None else place.devices
    told = ",".join(devices) or _HIDES_ALL
    variables = {"CUDA_VISIBLE_DEVICES": told, "HIP_VISIBLE_DEVICES": told}
    if devices and not resources.is_cuda_order:
        # Without it CUDA numbers the fastest first, and not as nvidia-smi does.
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    if devices and all(each.replace(".", "", 1).isdecimal() for each in devices):
        variables[INTEL_VARIABLE] = told
    return variables


def cores_here() -> tuple[int, ...]:
    """Return the cores of this process, threads of one core beside each other; else nothing."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0), key=_where))


def _where(core: int) -> tuple[int, int, int]:
    folder = Path(_TOPOLOGY.format(core))
    with contextlib.suppress(OSError, ValueError):
        package = int((folder / "physical_package_id").read_text())
        return package, int((folder / "core_id").read_text()), core
    return 0, core, core


def keep_to(cores: Iterable[int]) -> None:
    """Keep this process, and all it starts from now on, to some cores."""
    # Libraries that are loaded already have threads of their own.
    for thread in list(Path("/proc/self/task").iterdir()):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(thread.name), cores)


def spell_cores(cores: Iterable[int]) -> str:
    """Return cores as `taskset` writes them: `0-3,8`."""
    ranges: list[str] = []
    for _, run in groupby(enumerate(sorted(cores)), key=lambda each: each[1] - each[0]):
        numbers = [core for _, core in run]
        first, last = numbers[0], numbers[-1]
        ranges.append(str(first) if first == last else f"{first}-{last}")
    return ",".join(islice(ranges, 1_000))
