"""What a run gives its workers of the machine: devices, cores, threads, memory, variables."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.run_text import MAX_WORKERS
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTO: Final = "auto"
NONE: Final = "none"
_MAX_DEVICES: Final = 4_096
_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
"""A number, a UUID, or a name of MIG: `0`, `GPU-5d5ba0d6-...`, `MIG-GPU-.../1/0`, `0.1`."""
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?", re.IGNORECASE)
_SCALE: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_LEAST_MEMORY: Final = 1 << 20
_MOST_MEMORY: Final = 1 << 50
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_PREFIX: Final = "HPTUI_"
_MANY_DIGITS: Final = 6

DEVICE_VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES")
INTEL_VARIABLE: Final = "ZE_AFFINITY_MASK"
SET_FOR_DEVICES: Final = (*DEVICE_VARIABLES, INTEL_VARIABLE)
"""What `--devices` sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a run was told of devices, cores, memory and variables; nothing of it by default."""

    asked: str = ""
    """The list of devices as it was typed, `auto`, `none`, or empty."""
    devices: tuple[str, ...] = ()
    """The devices themselves, as CUDA names them."""
    is_cuda_order: bool = False
    """Whether their numbers are those of the user's own CUDA_VISIBLE_DEVICES, in its order."""
    per_device: int = 1
    """Workers that share one device."""
    devices_per_trial: int = 1
    threads: int | None = None
    """Native threads of a trial; None: its share of the cores."""
    is_pinned: bool = False
    """Whether each worker keeps to cores of its own."""
    memory: int | None = None
    """What a trial's processes may take, in bytes."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables of all trials; only their names are ever stored."""

    @property
    def n_groups(self) -> int:
        """How many groups of devices there are for trials."""
        return len(self.devices) // self.devices_per_trial

    @property
    def n_on_devices(self) -> int | None:
        """How many workers the devices hold; None where none are given."""
        return self.n_groups * self.per_device if self.devices else None

    def to_json(self) -> dict[str, Any]:
        """Return what the record of a run keeps; empty where nothing was given."""
        told = {
            "devices": self.asked or None,
            "per_device": self.per_device if self.per_device > 1 else None,
            "devices_per_trial": self.devices_per_trial if self.devices_per_trial > 1 else None,
            "threads": self.threads,
            "pin": self.is_pinned or None,
            "memory": self.memory,
            "env": [name for name, _ in self.environment] or None,
        }
        return {key: value for key, value in told.items() if value is not None}


def read_devices(text: str) -> tuple[str, ...]:
    """Return the devices of a list, or `auto` or `none` alone; they are names, not numbers.

    Raises:
        UsageError: One is empty, is given twice, or is not a device's name.
    """
    names = [each.strip() for each in text.split(",")]
    if len(names) == 1 and names[0].lower() in (AUTO, NONE):
        return (names[0].lower(),)
    for name in names:
        if not _DEVICE.fullmatch(name) or name.lower() in (AUTO, NONE):
            raise UsageError(
                f"{_quoted(text)} is not a list of devices; write 0,1,2,3 (or UUIDs), auto or none"
            )
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise UsageError(
            f"{_quoted(text)} names the device {safe_line(again)} twice; "
            "--per-device lets several trials share one"
        )
    if len(names) > _MAX_DEVICES:
        raise UsageError(f"{plural(len(names), 'device')} are more than {_MAX_DEVICES}")
    return tuple(names)


def read_memory(text: str) -> int:
    """Return the bytes that `8G`, `1.5G` or `500M` mean; a G is 1024 M, as systemd has it.

    Raises:
        UsageError: The text is something else, below 1 M or beyond all machines.
    """
    found = _MEMORY.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{_quoted(text)} is not an amount of memory; write 8G or 500M")
    size = int(float(found[1]) * _SCALE[found[2].lower()])
    if not _LEAST_MEMORY <= size <= _MOST_MEMORY:
        raise UsageError(f"{_quoted(text)} is not an amount of memory from 1M to 1024T")
    return size


def spell_memory(size: int) -> str:
    """Return an amount as `--memory` takes it."""
    for unit, scale in (("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20)):
        if size >= scale and size % scale == 0:
            return f"{size // scale}{unit}"
    return f"{size / (1 << 20):.6f}".rstrip("0").rstrip(".") + "M"


def show_memory(size: int, digits: int = 2) -> str:
    """Return an amount for people: `9.1 GB`, `312 MB`; a GB is 1024 MB, as for `--memory`."""
    for unit, scale in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20)):
        if size >= scale or unit == "MB":
            number = size / scale
            whole = len(str(int(number)))
            return f"{number:.{max(digits, whole)}g} {unit}"
    raise AssertionError("the loop returns")


def above_limit_text(taken: int, limit: int) -> str:
    """Return why a trial was ended that took more memory than it may."""
    digits = 2
    while digits < _MANY_DIGITS and show_memory(taken, digits) == show_memory(limit, digits):
        digits += 1
    return f"The trial used {show_memory(taken, digits)}; its limit is {show_memory(limit)}."


def read_variable(text: str) -> tuple[str, str]:
    """Return the name and the value of `NAME=VALUE`.

    Raises:
        UsageError: It is not of this form, or the name is one that hptui itself sets.
    """
    name, equals, value = text.partition("=")
    # The value may be a secret: no sentence repeats it.
    if not equals:
        raise UsageError(f"{_quoted(name)} gives no value; write NAME=VALUE")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{_quoted(name)} is not a variable's name; write NAME=VALUE")
    if "\0" in value:
        raise UsageError(f"the value of {name} holds a NUL character")
    if name.startswith(_OWN_PREFIX):
        raise UsageError(f"{safe_line(name, max_chars=60)} is hptui's own variable")
    return name, value


def read_variables(text: str) -> tuple[tuple[str, str], ...]:
    """Return the names and values of `A=1 B="two words"`, quoted as for a shell; the last counts.

    Raises:
        UsageError: It is no such list.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError("a quotation mark is not closed") from None
    return tuple(dict(map(read_variable, words)).items())


def require_fit(resources: Resources, n_workers: int, n_cores: int) -> None:
    """Refuse more workers than have a place of their own.

    Args:
        resources: What was given.
        n_workers: How many workers there are to be.
        n_cores: How many cores there are to be shared out.

    Raises:
        UsageError: They do not fit; the sentence says how many do.
    """
    n_fit = resources.n_on_devices
    if n_fit is not None and n_workers > n_fit:
        devices = plural(len(resources.devices), "device") + _by(resources)
        raise UsageError(
            f"{plural(n_workers, 'worker')} do not fit on {devices}: "
            f"{plural(n_fit, 'fits', 'fit')}.",
            hint="Ask for fewer workers, or start the run with a greater --per-device.",
        )
    if resources.is_pinned:
        each = resources.threads or 1
        n_fit = n_cores // each
        if n_workers > n_fit:
            raise UsageError(
                f"{plural(n_workers, 'worker')} cannot have {plural(each, 'core')} each: there "
                f"{by_count(n_cores, 'is', 'are')} {n_cores}, enough for "
                f"{plural(n_fit, 'worker')}.",
                hint="Ask for fewer workers, or omit --pin.",
            )


def usual_workers(resources: Resources, n_cores: int) -> int:
    """Return how many workers a run has that was told no number."""
    n_workers = resources.n_on_devices or n_cores
    if resources.threads is not None and (resources.is_pinned or not resources.devices):
        n_workers = min(n_workers, max(1, n_cores // resources.threads))
    elif resources.is_pinned:
        n_workers = min(n_workers, n_cores)
    return min(n_workers, MAX_WORKERS)


def unused_text(resources: Resources) -> str:
    """Return a sentence on the devices that no trial gets; empty where each gets used."""
    rest = resources.devices[resources.n_groups * resources.devices_per_trial :]
    if not rest:
        return ""
    verb = by_count(len(rest), "stays", "stay")
    return (
        f"{_names(rest)} {verb} unused: {plural(len(resources.devices), 'device')} make "
        f"{plural(resources.n_groups, 'group')} of {resources.devices_per_trial}."
    )


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """Machine, devices and cores of a worker, as `hptui:place` and an engine's status tell them."""

    devices: tuple[str, ...] = ()
    cores: str = ""
    host: str = ""
    """Empty for the engine's own machine."""
    folder: str = ""
    """Where the files of a trial are on its machine, which the engine's cannot reach."""

    @classmethod
    def read(cls, stored: object) -> StoredPlace | None:
        """Return what was stored; None where it is nothing of the kind."""
        if not isinstance(stored, dict):
            return None
        fields = cast("dict[str, object]", stored)
        devices, cores = fields.get("devices"), fields.get("cores")
        names = cast("list[object]", devices) if isinstance(devices, list) else []
        host, folder = fields.get("host"), fields.get("folder")
        place = cls(
            tuple(map(str, names)),
            cores if isinstance(cores, str) else "",
            host if isinstance(host, str) else "",
            folder if isinstance(folder, str) else "",
        )
        return place if place.devices or place.cores or place.host else None

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        told: dict[str, Any] = {"host": self.host} if self.host else {}
        told |= {"devices": list(self.devices)} if self.devices else {}
        told |= {"cores": self.cores} if self.cores else {}
        return told | ({"folder": self.folder} if self.folder else {})

    def __str__(self) -> str:
        return show_place(self.devices, self.cores, self.host, self.folder)


def show_place(devices: Sequence[str], cores: str, host: str = "", folder: str = "") -> str:
    """Return the place of a worker for people: `n07, GPU 0, cores 0-3`; empty where there is none.

    With the folder of a trial's files: `n07, GPU 0, files in /home/me/...`.
    """
    told = [host] if host else []
    told += [f"GPU {'+'.join(devices)}"] if devices else []
    if cores:
        told.append(f"{'core' if cores.isdecimal() else 'cores'} {cores}")
    if folder:
        told.append(f"files in {folder}")
    return safe_line(", ".join(told), max_chars=200)


def _by(resources: Resources) -> str:
    told: list[str] = []
    if resources.devices_per_trial > 1:
        told.append(f"{resources.devices_per_trial} for each trial")
    if resources.per_device > 1:
        told.append(f"{resources.per_device} trials on each")
    return f", {', '.join(told)}" if told else ""


def _names(devices: Sequence[str]) -> str:
    names = safe_line(", ".join(devices), max_chars=200)
    return f"{by_count(len(devices), 'Device')} {names}"


def _quoted(text: str) -> str:
    return safe_line(repr(text), max_chars=60)
