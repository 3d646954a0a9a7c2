"""The fields of the set-up form on workers on other machines: checked, spelled, taken over."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from hptui.domain.far_workers import (
    CODE_FROM,
    DEFAULT_LOST_AFTER_S,
    DEFAULT_RETRIES,
    FarWorkers,
    read_engine_address,
    read_hosts,
    read_lost_after,
    read_retries,
    read_scheduler,
    read_worker_resources,
    spell_engine_address,
    spell_worker_resources,
    workers_on_hosts,
)
from hptui.domain.resources import AUTO, NONE, read_devices
from hptui.domain.texts.run_text import read_workers
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.setup.resource_fields import listed_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FarKey = Literal[
    "hosts",
    "scheduler",
    "worker-resources",
    "engine-address",
    "code",
    "host-python",
    "retry-lost",
    "lost-after",
]

FAR_KEYS: Final[tuple[FarKey, ...]] = get_args(FarKey)
FAR_BACKENDS: Final = ("ssh", "dask")
_OF_SSH: Final[tuple[FarKey, ...]] = ("hosts",)
_OF_DASK: Final[tuple[FarKey, ...]] = ("scheduler", "worker-resources", "engine-address")


def is_far(texts: Mapping[Any, str]) -> bool:
    """Say whether the workers are on other machines."""
    return texts.get("backend") in FAR_BACKENDS


def far_reason(key: FarKey, texts: Mapping[Any, str]) -> str | None:
    """Return why a field has no effect, or None."""
    backend = texts.get("backend")
    if key in _OF_SSH and backend != "ssh":
        return f"The field {key} needs the backend ssh."
    if key in _OF_DASK and backend != "dask":
        return f"The field {key} needs the backend dask."
    if not is_far(texts):
        return f"The field {key} needs the backend ssh or dask."
    return None


def check_far(key: FarKey, text: str) -> None:
    """Check what was typed into a field.

    Raises:
        UsageError: It is no value for it.
    """
    _READERS[key](text)


def far_options(texts: Mapping[Any, str]) -> list[str]:
    """Return the options of `hptui run` for what stands in the fields."""
    if not is_far(texts):
        return []
    options: list[str] = []
    if texts.get("backend") == "dask" and not texts.get("scheduler"):
        options += ["--backend", "dask"]
    for key in FAR_KEYS:
        text = texts.get(key, "")
        is_usual = key == "code" and text == CODE_FROM[0]
        if text and not is_usual and far_reason(key, texts) is None:
            options += [f"--{key}={text}"] if text.startswith("-") else [f"--{key}", text]
    return options


def far_problems(texts: Mapping[Any, str]) -> list[str]:
    """Return a sentence for each reason why a run cannot start with these fields."""
    if not is_far(texts):
        return []
    backend = texts.get("backend")
    devices = read_devices(texts["devices"]) if texts.get("devices") else ()
    found: list[str] = []
    if texts.get("pin") == "yes":
        found.append("The field pin is for workers on this machine.")
    if texts.get("python"):
        found.append("The field python is for this machine; host python names the one there.")
    if devices == (AUTO,):
        found.append("Name the devices of each host: 0,1.")
    if backend == "dask":
        if devices and devices != (NONE,):
            found.append("The devices of a dask cluster are its own; use worker resources.")
        if find_spec("distributed") is None:
            found.append("A dask cluster needs the package distributed: pip install 'hptui[dask]'.")
        return found
    return found + _problems_of_hosts(texts)


def _problems_of_hosts(texts: Mapping[Any, str]) -> list[str]:
    if not texts.get("hosts"):
        return ["Enter the machines in the field hosts, like gpu1,gpu2:4."]
    workers = read_workers(texts["workers"]) if texts.get("workers") else None
    try:
        workers_on_hosts(read_hosts(texts["hosts"]), listed_resources(texts), workers)
    except UsageError as error:
        return [error.message]
    return []


def texts_of_far(far: FarWorkers) -> dict[FarKey | Literal["backend"], str]:
    """Return the fields as a run had them, with its backend."""
    texts: dict[FarKey | Literal["backend"], str] = {
        "backend": "ssh",
        "code": far.code,
        "host-python": far.python,
    }
    texts["hosts"] = ",".join(map(str, far.hosts))
    if far.cluster is not None:
        texts["backend"] = "dask"
        texts["scheduler"] = far.cluster.scheduler
        texts["worker-resources"] = spell_worker_resources(far.cluster.resources)
        address = far.cluster.address
        texts["engine-address"] = spell_engine_address(address) if address[0] else ""
    if far.retries != DEFAULT_RETRIES:
        texts["retry-lost"] = str(far.retries)
    if far.lost_after_s != DEFAULT_LOST_AFTER_S:
        texts["lost-after"] = f"{far.lost_after_s:g}s"
    return {key: text for key, text in texts.items() if text}


def _check_scheduler(text: str) -> None:
    read_scheduler(text)
    if "://" not in text and not Path(text).is_file():
        raise UsageError(
            f"There is no file {safe_line(text, max_chars=60)}.",
            hint="Enter tcp://HOST:8786, or the scheduler's file.",
        )


def _check_code(text: str) -> None:
    if text not in CODE_FROM:
        raise UsageError("code must be same or ship.")


def _check_python(text: str) -> None:
    if "\0" in text:
        raise UsageError("No path holds a NUL character.")


_READERS: Final[Mapping[FarKey, Callable[[str], object]]] = {
    "hosts": read_hosts,
    "scheduler": _check_scheduler,
    "worker-resources": read_worker_resources,
    "engine-address": read_engine_address,
    "code": _check_code,
    "host-python": _check_python,
    "retry-lost": read_retries,
    "lost-after": read_lost_after,
}
