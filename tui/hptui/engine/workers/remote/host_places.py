"""The places of workers on other machines: which host takes the next one, and which is full."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from hptui.engine.workers.machine.places import Place, Places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.far_workers import Host
    from hptui.domain.resources import Resources

AT_ONCE: Final = 8
"""So many agents start at a time on one machine: sshd refuses some of more than ten."""
_MAX_DELAY_S: Final = 60.0


@dataclass(slots=True, eq=False)
class _Host:
    """One machine and its places."""

    name: str
    size: int
    on_devices: Places | None
    n_taken: int = 0
    n_starting: int = 0
    cores: int | None = None
    """How many it has told of."""
    failures: int = 0
    """Agents one after the other that did not start."""
    back_at_s: float | None = None
    """When it is tried again after it could not be reached."""

    @property
    def n_free(self) -> int:
        if self.back_at_s is not None:
            return 0
        # After a failure one is tried alone.
        at_once = 1 if self.failures else AT_ONCE
        return max(0, min(self.size - self.n_taken, at_once - self.n_starting))


@dataclass(slots=True)
class HostPlaces:
    """The places of one run on other machines.

    Args:
        given: The hosts, each with the number of its workers where one was given.
        resources: What each worker gets; the devices are those of each host.
    """

    given: Sequence[Host]
    resources: Resources
    due_s: float | None = field(default=None, init=False)
    """When a host is tried again."""
    _hosts: dict[str, _Host] = field(default_factory=dict[str, _Host])

    def __post_init__(self) -> None:
        on_devices = self.resources.n_on_devices
        for host in self.given:
            size = host.n_workers or on_devices or 1
            places = None if on_devices is None else Places(self.resources, size)
            self._hosts[host.name] = _Host(host.name, size, places)

    @property
    def size(self) -> int:
        """How many workers there can be."""
        return sum(host.size for host in self._hosts.values())

    @property
    def n_free(self) -> int:
        """How many more can start now."""
        return sum(host.n_free for host in self._hosts.values())

    @property
    def cores_each(self) -> int | None:
        """How many cores each worker has; None while no host has told of its own."""
        told = [max(1, each.cores // each.size) for each in self._hosts.values() if each.cores]
        return min(told, default=None)

    def share_of(self, host: str) -> int:
        """Return how many workers share a host's cores."""
        return self._hosts[host].size

    def take(self) -> Place | None:
        """Return a place on the host that is used least; None where none is free."""
        free = [host for host in self._hosts.values() if host.n_free]
        if not free:
            return None
        host = min(free, key=lambda each: each.n_taken / each.size)
        host.n_taken += 1
        host.n_starting += 1
        own = None if host.on_devices is None else host.on_devices.take()
        return Place(host=host.name) if own is None else replace(own, host=host.name)

    def give_back(self, place: Place | None) -> None:
        """Free the place of a process that is gone."""
        if place is None:
            return
        host = self._hosts[place.host]
        host.n_taken -= 1
        if host.on_devices is not None:
            host.on_devices.give_back(replace(place, host=""))

    def note_start(self, host: str, cores: int | None) -> None:
        """Note that an agent has connected, with the cores of its machine, or that it will not."""
        there = self._hosts[host]
        there.n_starting = max(0, there.n_starting - 1)
        if cores is not None:
            there.cores, there.failures = cores, 0

    def note_failure(self, host: str, now_s: float) -> float:
        """Plan when to try a host again that cannot be reached, later each time; return when."""
        there = self._hosts[host]
        there.failures += 1
        there.back_at_s = now_s + min(_MAX_DELAY_S, 2.0**there.failures)
        self._note_due()
        return there.back_at_s

    def _note_due(self) -> None:
        times = [host.back_at_s for host in self._hosts.values() if host.back_at_s is not None]
        self.due_s = min(times, default=None)

    def tick(self, now_s: float) -> bool:
        """Make hosts available again whose time has come; return whether there are any."""
        if self.due_s is None or now_s < self.due_s:
            return False
        for host in self._hosts.values():
            if host.back_at_s is not None and host.back_at_s <= now_s:
                host.back_at_s = None
        self._note_due()
        return True

    @property
    def is_any_there(self) -> bool:
        """Whether some host is not known to be out of reach."""
        return any(not host.failures for host in self._hosts.values())
