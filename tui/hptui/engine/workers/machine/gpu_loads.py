"""How busy NVIDIA's GPUs are, if `nvidia-ml-py` is installed (the extra `gpu`).

The driver may take seconds, or hang: it is asked in a thread of its own that nobody waits for.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_LIBRARY: Final = "pynvml"
_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU at one moment."""

    names: frozenset[str]
    """Its number and its UUID."""
    percent: int
    """Of the time, that it computed."""
    pids: frozenset[int]
    """Processes that use it, as the driver numbers them."""


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy all GPUs are."""

    gpus: tuple[Gpu, ...] = ()

    def of_worker(self, devices: Collection[str], pids: Iterable[int]) -> int | None:
        """Return how busy a worker's GPUs are on average; None where it has none.

        Args:
            devices: Those that it has for itself; without, those that its processes use count.
            pids: Its processes.
        """
        used = frozenset(pids)
        found = [
            gpu.percent
            for gpu in self.gpus
            if (gpu.names.intersection(devices) if devices else gpu.pids & used)
        ]
        return round(sum(found) / len(found)) if found else None


class GpuLoads:
    """Asks the driver once a second, from the first time that somebody wants to know."""

    def __init__(self) -> None:
        self._latest = Busy()
        self._thread: threading.Thread | None = None
        self._is_closed = threading.Event()

    def latest(self) -> Busy:
        """Return what the driver said last; nothing where it cannot be asked."""
        if self._thread is None and importlib.util.find_spec(_LIBRARY) is not None:
            self._thread = threading.Thread(target=self._ask_on, name="gpus", daemon=True)
            self._thread.start()
        return self._latest

    def close(self) -> None:
        """Ask no more."""
        self._is_closed.set()

    def _ask_on(self) -> None:
        # Whatever a driver does, runs go on without these numbers.
        with contextlib.suppress(Exception):
            nvml: Any = importlib.import_module(_LIBRARY)
            nvml.nvmlInit()
            handles = [
                nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())
            ]
            names = [
                frozenset((str(at), _text(nvml.nvmlDeviceGetUUID(handle))))
                for at, handle in enumerate(handles)
            ]
            while not self._is_closed.is_set():
                self._latest = Busy(tuple(_look(nvml, handles, names)))
                self._is_closed.wait(_EVERY_S)
        self._latest = Busy()


def _look(nvml: Any, handles: Sequence[Any], names: Sequence[frozenset[str]]) -> Iterable[Gpu]:  # noqa: ANN401 - untyped
    for handle, own in zip(handles, names, strict=True):
        percent = 0
        with contextlib.suppress(Exception):
            # One that is divided (MIG) does not tell.
            percent = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        pids: frozenset[int] = frozenset()
        with contextlib.suppress(Exception):
            running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            pids = frozenset(int(each.pid) for each in running)
        yield Gpu(own, percent, pids)


def _text(name: str | bytes) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else name
