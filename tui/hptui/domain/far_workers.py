"""Workers on other machines: which hosts, how many on each, and where their code is from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import MAX_WORKERS, read_duration
from hptui.domain.texts.text import redacted, safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from hptui.domain.resources import Resources

CodeFrom = Literal["same", "ship"]
"""Whether the objective has the same path everywhere, or is sent."""
CODE_FROM: Final[tuple[CodeFrom, ...]] = ("same", "ship")
DEFAULT_RETRIES: Final = 1
"""How often a trial is repeated whose connection was lost."""
MAX_RETRIES: Final = 100
DEFAULT_LOST_AFTER_S: Final = 30.0
"""How long a machine may be silent."""
_LEAST_LOST_AFTER_S: Final = 1.0
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][\w.+-]*@)?(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Za-z:.%]+\])")
"""No name begins with a dash: ssh would take it for an option."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, and how many workers it has at most."""

    name: str
    """As ssh takes it: `gpu1`, `me@gpu3`, or a name of the user's ssh configuration."""
    n_workers: int | None = None
    """None where nothing was said: one, or as many as its devices hold."""

    def __str__(self) -> str:
        return self.name if self.n_workers is None else f"{self.name}:{self.n_workers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A dask cluster."""

    scheduler: str = ""
    """An address, or the path of a scheduler's file; empty for a cluster on this machine."""
    resources: tuple[tuple[str, float], ...] = ()
    """What each worker takes of what dask's workers declare, such as GPU=1."""
    address: tuple[str, int] = ("", 0)
    """Where dask's workers reach this machine; empty, and 0, for what the system gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FarWorkers:
    """What a run was told of workers on other machines."""

    hosts: tuple[Host, ...] = ()
    cluster: Cluster | None = None
    """In the place of hosts."""
    code: CodeFrom = "same"
    python: str = ""
    """The interpreter there; empty for the path of the one that runs hptui."""
    retries: int = DEFAULT_RETRIES
    """How often a trial is repeated whose connection was lost."""
    lost_after_s: float = DEFAULT_LOST_AFTER_S
    """How long a machine may be silent before it counts as lost."""

    def to_json(self) -> dict[str, Any]:
        """Return what the record of a run keeps; what is as usual is left out."""
        told: dict[str, Any] = {}
        if self.cluster is None:
            told["hosts"] = [str(host) for host in self.hosts]
        else:
            told["scheduler"] = redacted(self.cluster.scheduler)
            if self.cluster.resources:
                told["resources"] = spell_worker_resources(self.cluster.resources)
            if self.cluster.scheduler and self.cluster.address[0]:
                told["address"] = spell_engine_address(self.cluster.address)
        told["code"] = self.code
        if self.python:
            told["python"] = self.python
        if self.retries != DEFAULT_RETRIES:
            told["retries"] = self.retries
        if self.lost_after_s != DEFAULT_LOST_AFTER_S:
            told["lost_after"] = self.lost_after_s
        return told

    @classmethod
    def from_json(cls, stored: object) -> FarWorkers | None:
        """Return what the record of a run tells; None where it tells nothing that can be used."""
        fields = cast("dict[str, object]", stored) if isinstance(stored, dict) else {}
        hosts, scheduler, code = (fields.get(key) for key in ("hosts", "scheduler", "code"))
        retries = fields.get("retries", DEFAULT_RETRIES)
        lost_after = fields.get("lost_after", DEFAULT_LOST_AFTER_S)
        try:
            cluster = None
            if isinstance(scheduler, str):
                resources, address = fields.get("resources"), fields.get("address")
                cluster = Cluster(
                    scheduler=read_scheduler(scheduler) if scheduler else "",
                    resources=read_worker_resources(str(resources)) if resources else (),
                    address=read_engine_address(str(address)) if address else ("", 0),
                )
            named = cast("list[object]", hosts) if isinstance(hosts, list) else []
            if (cluster is None) == (not named) or "***" in str(scheduler):
                # A password is stored nowhere.
                return None
            return cls(
                hosts=read_hosts(",".join(map(str, named))) if named else (),
                cluster=cluster,
                code="ship" if code == "ship" else "same",
                python=str(fields.get("python") or ""),
                retries=read_retries(str(retries)),
                lost_after_s=read_lost_after(str(lost_after)),
            )
        except UsageError:
            return None

    @property
    def shown(self) -> str:
        """Where the workers are, as a sentence goes on with it after `on`."""
        if self.cluster is None:
            return safe_line(", ".join(map(str, self.hosts)), max_chars=200)
        if not self.cluster.scheduler:
            return "a dask cluster of this machine"
        return f"the dask cluster {safe_line(self.cluster.scheduler, max_chars=200)}"


def workers_on_hosts(hosts: tuple[Host, ...], resources: Resources, asked: int | None) -> int:
    """Return how many workers a run has on hosts.

    Args:
        hosts: There are some.
        resources: What each worker gets; the devices are those of each host.
        asked: How many were asked for.

    Raises:
        UsageError: The hosts do not have places for so many.
    """
    on_devices = resources.n_on_devices
    for host in hosts:
        if on_devices is not None and (host.n_workers or 0) > on_devices:
            raise UsageError(
                f"{host} has {plural(host.n_workers or 0, 'worker')}, and its devices hold "
                f"{on_devices}.",
                hint="Name more devices, or add --per-device.",
            )
    n_places = sum(host.n_workers or on_devices or 1 for host in hosts)
    if asked is not None and asked > n_places:
        raise UsageError(
            f"{plural(asked, 'worker')} do not fit on {plural(len(hosts), 'host')} with "
            f"{plural(n_places, 'place')}.",
            hint=f"Give a host more, like {hosts[0].name}:{asked}.",
        )
    return asked or n_places


def read_hosts(text: str) -> tuple[Host, ...]:
    """Return the hosts of a list such as `gpu1,gpu2:4,me@gpu3`.

    Raises:
        UsageError: One is empty, is given twice, or is not a host's name.
    """
    hosts = tuple(_read_host(each.strip(), text) for each in text.split(","))
    names = [host.name for host in hosts]
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise UsageError(
            f"{_quoted(text)} names {safe_line(again)} twice; write {safe_line(again)}:2 for two "
            "workers"
        )
    if sum(host.n_workers or 1 for host in hosts) > MAX_WORKERS:
        raise UsageError(f"{_quoted(text)} has more than {MAX_WORKERS} workers")
    return hosts


def _read_host(word: str, text: str) -> Host:
    name, colon, count = word.rpartition(":")
    if not colon or (word.endswith("]") and "[" in word):
        name, count = word, ""
    if not _HOST.fullmatch(name) or (count and not re.fullmatch(r"[1-9][0-9]{0,5}", count)):
        raise UsageError(f"{_quoted(text)} is not a list of hosts; write gpu1,gpu2:4,me@gpu3")
    if colon and not count and name != word:
        raise UsageError(f"{_quoted(word)} gives no number of workers; write {safe_line(name)}:4")
    return Host(name, int(count) if count else None)


def read_scheduler(text: str) -> str:
    """Return the address of a scheduler, or the path of its file.

    Raises:
        UsageError: It is neither.
    """
    if re.fullmatch(r"(?:tcp|tls|ucx|ws|wss)://[^\s/]+:[0-9]{1,5}/?", text):
        return text
    if "://" in text or not text or "\0" in text:
        raise UsageError(f"{_quoted(text)} is not a scheduler; write tcp://head:8786, or a file")
    return text


def read_worker_resources(text: str) -> tuple[tuple[str, float], ...]:
    """Return what each worker takes of a dask worker: `GPU=1` or `GPU=1,MEMORY=8e9`.

    Raises:
        UsageError: The text is something else.
    """
    found: dict[str, float] = {}
    for each in text.split(","):
        name, _, amount = (part.strip() for part in each.partition("="))
        if not name or not re.fullmatch(r"\d+(?:\.\d+)?(?:[eE]\+?\d{1,2})?", amount):
            raise UsageError(f"{_quoted(text)} is not a list of resources; write GPU=1")
        found[name] = float(amount)
    return tuple(found.items())


def read_engine_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST`, `HOST:PORT` or `[::1]:PORT`; without a port it is 0.

    Raises:
        UsageError: The text is something else.
    """
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9][\w.-]*)(?::([0-9]{1,5}))?", text)
    if found is None or int(found[2] or 0) >= 1 << 16:
        raise UsageError(f"{_quoted(text)} is not an address; write HOST or HOST:PORT")
    return found[1].strip("[]"), int(found[2] or 0)


def read_retries(text: str) -> int:
    """Return how often a lost trial is repeated.

    Raises:
        UsageError: The text is no whole number from 0 to `MAX_RETRIES`.
    """
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MAX_RETRIES:
        raise UsageError(f"{_quoted(text)} is not a whole number from 0 to {MAX_RETRIES}")
    return int(text)


def read_lost_after(text: str) -> float:
    """Return how many seconds a machine may be silent.

    Raises:
        UsageError: The text is no duration, or less than a second.
    """
    seconds = read_duration(text)
    if seconds < _LEAST_LOST_AFTER_S:
        raise UsageError(f"{_quoted(text)} is less than a second")
    return seconds


def spell_worker_resources(resources: tuple[tuple[str, float], ...]) -> str:
    """Return what `read_worker_resources` reads."""
    return ",".join(f"{name}={str(amount).removesuffix('.0')}" for name, amount in resources)


def spell_engine_address(address: tuple[str, int]) -> str:
    """Return what `read_engine_address` reads."""
    host, port = address
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def _quoted(text: str) -> str:
    return safe_line(repr(text), max_chars=60)
