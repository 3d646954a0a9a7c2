"""The lease of a study: who runs it, in `NAME.hptui/engine.json` beside the study file."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.storage.process_identity import boot_id, start_time
from hptui.storage.side_files import is_linked, read_side_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEASE_NAME: Final = "engine.json"
LOCK_NAME: Final = "engine.lock"
"""Held while a lease is taken or given back."""
_MAX_BYTES: Final = 10_000
OTHERS_NAME: Final = "studies"
"""In the folder of a file, that of the studies that are not called like it."""


def folder_of(study_file: Path, study: str) -> Path:
    """Return the folder of a study: `NAME.hptui` beside `NAME.db`.

    A study that is not called like its file (files may hold several) has a folder inside it.
    """
    beside = study_file.with_name(f"{study_file.stem}.hptui")
    if study == study_file.stem:
        return beside
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", study)[:40].strip("._") or "study"
    return beside / OTHERS_NAME / f"{plain}-{zlib.crc32(study.encode(errors='replace')):08x}"


def log_path(folder: Path, number: int) -> Path:
    """Return where the output of a trial is, in its study's folder."""
    return folder / "logs" / f"trial-{number:06d}.log"


def scratch_path(folder: Path, number: int) -> Path:
    """Return the folder that a trial may use, in its study's folder."""
    return folder / "scratch" / f"{number:06d}"


def is_behind_link(path: Path, study_file: Path) -> bool:
    """Say whether a link leads to what is in a study's folder: then it may be another study's."""
    return is_linked(path, folder_of(study_file, study_file.stem).parent)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who runs a study."""

    study: str
    """The study's name inside the file."""
    run: str
    """The run's id, as in `hptui:runs`."""
    pid: int
    started: str
    """The process's start, as `process_identity.start_time` spells it."""
    boot: str
    host: str
    socket: str

    @classmethod
    def of_this_process(cls, study: str, run: str, socket_path: Path) -> Lease:
        """Return the lease that this process would hold."""
        pid = os.getpid()
        started = start_time(pid) or ""
        return cls(study, run, pid, started, boot_id(), socket.gethostname(), str(socket_path))

    @property
    def is_here(self) -> bool:
        """Whether its engine runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_for_a_moment(self) -> bool:
        """Whether it is no engine's, but of a command here that changes the study."""
        return self.is_here and self.socket == str(Path())

    @property
    def is_alive(self) -> bool:
        """Whether its engine may still run; on another machine that cannot be known, so yes.

        A process with the same pid that started at another time, or before a reboot, is not it.
        """
        if not self.is_here:
            return True
        return self.boot == boot_id() and start_time(self.pid) == self.started


def read_lease(study_file: Path, study: str) -> Lease | None:
    """Return the lease of a study; None when there is none or it is unreadable."""
    return _read(folder_of(study_file, study) / LEASE_NAME)


def living_runs(study_file: Path) -> frozenset[str]:
    """Return the ids of the runs on this machine that work on a file's studies now."""
    leases = filter(None, map(_read, _lease_paths(study_file)))
    return frozenset(lease.run for lease in leases if lease.is_here and lease.is_alive)


def _lease_paths(study_file: Path) -> Iterator[Path]:
    folder = folder_of(study_file, study_file.stem)
    yield folder / LEASE_NAME
    with contextlib.suppress(OSError):
        for name in os.listdir(folder / OTHERS_NAME):  # noqa: PTH208 - many files are looked at
            yield folder / OTHERS_NAME / name / LEASE_NAME


def _read(path: Path) -> Lease | None:
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return _from_json(read_side_object(path, _MAX_BYTES))
    return None


def _from_json(data: Mapping[str, Any]) -> Lease:
    texts = {key: str(data[key]) for key in ("study", "run", "started", "boot", "host", "socket")}
    return Lease(pid=int(data["pid"]), **texts)
