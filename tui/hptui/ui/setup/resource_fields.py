"""The fields of the set-up form on devices, cores and memory: checked, spelled, taken over."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from hptui.domain.resources import (
    AUTO,
    NONE,
    SET_FOR_DEVICES,
    Resources,
    read_devices,
    read_memory,
    read_variables,
    require_fit,
    spell_memory,
    usual_workers,
)
from hptui.domain.texts.run_text import read_count, read_workers
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hptui.registry.probing.probe import ProbePlace

ResourceKey = Literal[
    "devices", "per-device", "devices-per-trial", "threads", "memory", "pin", "env"
]

RESOURCE_KEYS: Final[tuple[ResourceKey, ...]] = get_args(ResourceKey)
OF_DEVICES: Final[tuple[ResourceKey, ...]] = ("per-device", "devices-per-trial")
"""Fields that are nothing without devices."""
PIN: Final = ("no", "yes")
_READERS: Final[Mapping[ResourceKey, Callable[[str], object]]] = {
    "devices": read_devices,
    "per-device": read_count,
    "devices-per-trial": read_count,
    "threads": read_count,
    "memory": read_memory,
    "env": read_variables,
}
_SEEN_BY_TRIALS: Final[tuple[ResourceKey, ...]] = (
    "devices",
    "devices-per-trial",
    "threads",
    "pin",
    "env",
)
"""What the code of an objective can see, and its search space depend on."""


def check_resource(key: ResourceKey, text: str) -> None:
    """Check what was typed into a field.

    Raises:
        UsageError: It is not a value for it.
    """
    if key == "pin":
        if text not in PIN:
            raise UsageError("pin must be yes or no.")
        return
    _READERS[key](text)


def has_devices(texts: Mapping[Any, str]) -> bool:
    """Say whether trials get devices."""
    return texts.get("devices", "") not in ("", NONE)


def resource_options(texts: Mapping[Any, str]) -> list[str]:
    """Return the options of `hptui run` for what stands in the fields."""
    options: list[str] = []
    for key in RESOURCE_KEYS:
        text = texts.get(key, "")
        if key == "pin":
            options += ["--pin"] if text == "yes" else []
        elif key == "env":
            for name, value in read_variables(text):
                options += ["--env", f"{name}={value}"]
        elif text and (key not in OF_DEVICES or has_devices(texts)):
            options += [f"--{key}", text]
    return options


def resource_problems(texts: Mapping[Any, str]) -> list[str]:
    """Return a sentence for each reason why a run cannot start with these fields."""
    if texts.get("backend") == "threading":
        given = [key for key in ("devices", "memory") if texts.get(key)]
        given += ["pin"] if texts.get("pin") == "yes" else []
        return [f"The field {each} needs the backend loky." for each in given]
    named = read_devices(texts["devices"]) if texts.get("devices") else ()
    resources = _without_devices(texts)
    if named and (again := set(SET_FOR_DEVICES) & set(dict(resources.environment))):
        return [f"The fields devices and variables both set {', '.join(sorted(again))}."]
    if not named or named[0] in (AUTO, NONE):
        return []
    resources = replace(resources, devices=named)
    if not resources.n_groups:
        return [f"There are fewer devices than the {resources.devices_per_trial} of each trial."]
    if texts.get("backend") == "ssh":
        # They are those of each host.
        return []
    try:
        require_fit(resources, read_workers(texts.get("workers") or "1"), 0)
    except UsageError as error:
        return [error.message]
    return []


def seen_by_trials(texts: Mapping[Any, str]) -> tuple[str, ...]:
    """Return what stands in the fields that the code of an objective can see."""
    return tuple(texts.get(key, "") for key in _SEEN_BY_TRIALS)


def probe_place_of(texts: Mapping[Any, str]) -> ProbePlace:
    """Return where trials will be, for a probe; may ask the driver for its GPUs.

    Raises:
        UsageError: There are no such devices, with the reason.
    """
    from hptui.engine.workers.machine.gpus import resolve_devices
    from hptui.engine.workers.machine.worker_variables import probe_place

    resources = _without_devices(texts)
    if texts.get("backend") == "ssh":
        # The devices of other machines are not looked for here.
        resources = listed_resources(texts)
    elif texts.get("devices"):
        resources = resolve_devices(resources, read_devices(texts["devices"]))
    n_cores = core_count()
    workers = texts.get("workers")
    n_workers = read_workers(workers) if workers else usual_workers(resources, n_cores)
    return probe_place(resources, n_workers, n_cores)


def listed_resources(texts: Mapping[Any, str]) -> Resources:
    """Return what the fields give, with the devices that they name, wherever those are."""
    named = read_devices(texts["devices"]) if texts.get("devices") else ()
    return replace(
        _without_devices(texts),
        asked=texts.get("devices", ""),
        devices=() if named in ((AUTO,), (NONE,)) else named,
    )


def core_count() -> int:
    """Return how many cores this process may use; joblib, which counts quotas, is not imported."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _without_devices(texts: Mapping[Any, str]) -> Resources:
    """Return what the fields give, but for the devices, of which a machine has its own."""
    return Resources(
        per_device=read_count(texts.get("per-device") or "1"),
        devices_per_trial=read_count(texts.get("devices-per-trial") or "1"),
        threads=read_count(texts["threads"]) if texts.get("threads") else None,
        is_pinned=texts.get("pin") == "yes",
        environment=read_variables(texts.get("env", "")),
    )


def texts_of_record(stored: Mapping[str, Any]) -> dict[ResourceKey, str]:
    """Return the fields as a run had them; what cannot be read is left out."""
    size = stored.get("memory")
    texts: dict[ResourceKey, str] = {
        "devices": str(stored.get("devices") or ""),
        "per-device": str(stored.get("per_device") or ""),
        "devices-per-trial": str(stored.get("devices_per_trial") or ""),
        "threads": str(stored.get("threads") or ""),
        "memory": spell_memory(size) if isinstance(size, int) else "",
        "pin": "yes" if stored.get("pin") is True else "",
    }
    kept: dict[ResourceKey, str] = {}
    for key, text in texts.items():
        try:
            if text:
                check_resource(key, text)
                kept[key] = text
        except UsageError:
            continue
    return kept


def lost_variables(stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of variables that a run had, and whose values are stored nowhere."""
    names = stored.get("env")
    return tuple(map(str, cast("list[object]", names))) if isinstance(names, list) else ()
