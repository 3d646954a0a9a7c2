"""The fields of the set-up form on devices, cores and memory: checked, spelled, taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from hptui.domain.resources import (
    AUTO,
    NONE,
    Resources,
    read_devices,
    read_memory,
    require_fit,
    spell_memory,
)
from hptui.domain.run_text import read_count, read_slots
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ResourceKey = Literal["devices", "per-device", "devices-per-trial", "threads", "memory", "pin"]

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
}


def check_resource(key: ResourceKey, text: str) -> None:
    """Check what was typed into a field.

    Raises:
        UsageError: It is no value for it.
    """
    if key == "pin":
        if text not in PIN:
            raise UsageError("pin is yes or no.")
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
    if not named or named[0] in (AUTO, NONE):
        return []
    resources = Resources(
        devices=named,
        per_device=read_count(texts.get("per-device") or "1"),
        devices_per_trial=read_count(texts.get("devices-per-trial") or "1"),
    )
    if not resources.n_groups:
        return [f"There are fewer devices than the {resources.devices_per_trial} of each trial."]
    try:
        require_fit(resources, read_slots(texts.get("workers") or "1"), 0)
    except UsageError as error:
        return [error.message]
    return []


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
