"""The lease of a study: who holds it, told in `engine.json` in the study's folder.

What keeps others away is the lock (`storage.study_lock`); the lease says whose it is, and by which
socket to reach it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.storage.files.side_files import read_side_object
from hptui.storage.files.study_folder import (
    OTHERS,
    folder_of,
    is_behind_link,
    real_file,
    run_file,
)
from hptui.storage.files.study_lock import byte_of, held_bytes
from hptui.storage.mirror.mirrors import ENGINE_LOCK, mirror_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set


def boot_id() -> str:
    """Return what tells this boot of the machine from others."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    import psutil

    return str(int(psutil.boot_time()))


def start_time(pid: int) -> str | None:
    """Return when process `pid` started, in a form that no clock change moves; None if dead.

    A zombie counts as dead: it does nothing any more.
    """
    with contextlib.suppress(OSError, IndexError):
        # proc(5): the name in parentheses may hold anything; field 22 is the start in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    if Path("/proc/self/stat").exists():
        return None
    import psutil

    with contextlib.suppress(psutil.Error):
        return f"{psutil.Process(pid).create_time():.2f}"
    return None


def pid_namespace() -> str:
    """Return what tells the processes that share pids with this one; empty where nothing does."""
    with contextlib.suppress(OSError):
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    return ""


LEASE: Final = "engine.json"
_MAX_BYTES: Final = 100_000
_MAX_PID: Final = 2**31
_LOOKS: Final = 4
_LOOK_EVERY_S: Final = 0.005
_AGE_S: Final = 0.05
"""How old may be what tells that nobody holds a study."""
_TEXTS: Final = ("study", "run", "started", "boot", "host", "socket")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a study."""

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
    namespace: str = ""
    """In which the pid is meant, see `process_identity.pid_namespace`."""
    inode: int = field(default=0, compare=False)
    """The number of the study's file; 0 where it is not told."""
    is_locked: bool = field(default=False, compare=False)
    """Whether the lock tells that somebody holds the study, whom the pid does not tell."""

    @classmethod
    def of_this_process(cls, study: str, run: str, socket_path: Path) -> Lease:
        """Return the lease that this process would hold."""
        pid = os.getpid()
        started, host = start_time(pid) or "", socket.gethostname()
        return cls(study, run, pid, started, boot_id(), host, str(socket_path), pid_namespace())

    @classmethod
    def unseen(cls, study: str) -> Lease:
        """Return the lease of somebody here who holds a study, and of whom no more is known."""
        return cls(study, "", 0, "", boot_id(), socket.gethostname(), "", is_locked=True)

    @property
    def is_here(self) -> bool:
        """Whether its engine runs, or ran, on this machine, which may have got another name."""
        is_same_boot = bool(self.namespace) and self.boot == boot_id()
        return is_same_boot or self.host == socket.gethostname()

    @property
    def is_unseen(self) -> bool:
        """Whether somebody holds the study of whom no more is known."""
        return self.is_locked and not self.pid

    @property
    def is_for_a_moment(self) -> bool:
        """Whether it is no engine's, but of a command here that changes the study."""
        return self.is_here and self.socket == str(Path())

    @property
    def is_alive(self) -> bool:
        """Whether its engine may still run; on another machine that cannot be known, so yes.

        A process with the same pid that started at another time, or before a reboot, is not it.
        """
        if self.is_locked or not self.is_here:
            return True
        is_same_boot = self.boot == boot_id()
        return is_same_boot and self._is_pid_ours and start_time(self.pid) == self.started

    @property
    def _is_pid_ours(self) -> bool:
        """Whether its pid means here what it means to its engine; another container's does not."""
        return self.namespace in ("", pid_namespace())

    def as_locked(self, held: Set[int]) -> Lease | None:
        """Return the lease as it is where these bytes of the file are locked.

        None where another one than its process holds the study.
        """
        if byte_of(self.study) not in held or self.is_alive:
            return self
        return None if self._is_pid_ours else replace(self, is_locked=True)

    def to_json(self) -> dict[str, Any]:
        """Return what its file holds."""
        texts = {key: getattr(self, key) for key in _TEXTS}
        return {**texts, "pid": self.pid, "namespace": self.namespace, "inode": self.inode}


def stored_lease(study_file: Path, study: str) -> Lease | None:
    """Return the lease that is written of a study, whether somebody holds it by it or not.

    None when there is none, or it is unreadable, or of another file.
    """
    folder = folder_of(study_file, study)
    lease = None if is_behind_link(folder, study_file) else _lease_of(study_file, folder / LEASE)
    return lease if lease is not None and lease.study == study else None


def _run_files(study_file: Path) -> list[Path]:
    """Return the files by which the studies of a file are run."""
    state = mirror_state(study_file)
    if state is None or state.study is not None:
        return [study_file]
    own = [path.with_suffix(".db") for path in study_file.parent.glob(f"*{ENGINE_LOCK}")]
    others = {path: told for path in own if (told := mirror_state(path)) is not None}
    return [study_file] + [
        path for path, told in others.items() if told.address == state.address and told.study
    ]


def read_lease(study_file: Path, study: str) -> Lease | None:
    """Return who holds a study, or has held it and died; None when nobody has.

    Of an engine in another container or of another user, or whose folder was removed, only the
    lock may tell: then it is `Lease.unseen`.
    """
    study_file = run_file(study_file, study)
    for look in range(_LOOKS):
        # Who takes or releases a study is without a lease for a moment.
        if look:
            time.sleep(_LOOK_EVERY_S)
        lease = stored_lease(study_file, study)
        if lease is not None and lease.is_alive:
            return lease
        held = held_bytes(study_file, max_age_s=0.0 if look else _AGE_S)
        if byte_of(study) not in held:
            return lease
        if lease is not None and (seen := lease.as_locked(held)) is not None:
            return seen
    return Lease.unseen(study)


@dataclass(frozen=True, slots=True)
class Living:
    """What is known of who works on a file's studies now, on this machine."""

    runs: frozenset[str] = frozenset()
    """The ids of their runs."""
    unseen: frozenset[int] = frozenset()
    """The bytes by which studies are held, see `study_lock.byte_of`, whose runs are not known."""

    def may_run(self, study: str) -> bool:
        """Say whether any run of a study may be working now."""
        return bool(self.unseen) and byte_of(study) in self.unseen


def living_runs(study_file: Path) -> Living:
    """Return which runs on this machine work on a file's studies now."""
    found = [_living_of(path) for path in _run_files(study_file)]
    runs = frozenset[str]().union(*(each.runs for each in found))
    return Living(runs, frozenset[int]().union(*(each.unseen for each in found)))


def _living_of(study_file: Path) -> Living:
    living = _living_runs(study_file, held_bytes(study_file, max_age_s=_AGE_S))
    return _living_runs(study_file, held_bytes(study_file)) if living.unseen else living


def _living_runs(study_file: Path, held: frozenset[int]) -> Living:
    alive: list[Lease] = []
    for path in _lease_paths(study_file):
        stored = _lease_of(study_file, path)
        lease = None if stored is None else stored.as_locked(held)
        if lease is not None and lease.is_here and lease.is_alive:
            alive.append(lease)
    runs = frozenset(lease.run for lease in alive)
    return Living(runs, held.difference(byte_of(lease.study) for lease in alive))


def _lease_paths(study_file: Path) -> Iterator[Path]:
    file = real_file(study_file)
    folder = folder_of(file, file.stem)
    if folder.is_symlink() or (folder / OTHERS).is_symlink():
        return
    yield folder / LEASE
    with contextlib.suppress(OSError):
        for name in os.listdir(folder / OTHERS):  # noqa: PTH208 - many files are looked at
            yield folder / OTHERS / name / LEASE


def _lease_of(study_file: Path, path: Path) -> Lease | None:
    lease = lease_at(path)
    if lease is None or not lease.inode:
        return lease
    # It may have come with a copied folder.
    with contextlib.suppress(OSError):
        return lease if lease.inode == study_file.stat().st_ino else None
    return lease


def lease_at(path: Path) -> Lease | None:
    """Return the lease in a file; None when there is none or it is unreadable."""
    return lease_from(read_side_object(path, _MAX_BYTES))


def lease_from(data: Mapping[str, Any]) -> Lease | None:
    """Return the lease that `Lease.to_json` has spelled; None where it is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, OverflowError):
        return _from_json(data)
    return None


def _from_json(data: Mapping[str, Any]) -> Lease:
    texts = {key: str(data[key]) for key in _TEXTS}
    pid = int(data["pid"])
    if not 0 <= pid < _MAX_PID:
        raise ValueError("no process")
    return Lease(
        **texts,
        pid=pid,
        namespace=str(data.get("namespace", "")),
        inode=int(data.get("inode", 0)),
        is_locked=False,
    )
