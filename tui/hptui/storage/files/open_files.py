"""Which programs have a file open: SQLite files must not be moved under them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError
from hptui.storage.files.study_lock import is_parked

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESSES: Final = Path("/proc")
_LOCK_FIELDS: Final = 8
_CONNECTED: Final = 128
"""The byte of the shared memory that each connection to a file in WAL mode holds locked."""
_FLOCK: Final = "@hhqqi0q"
"""Linux's `struct flock`: type, whence, start, length, pid."""
_OWN_READERS_TIMEOUT_S: Final = 3.0
_OTHERS_TIMEOUT_S: Final = 0.3
"""A process that one of ours just starts has our files open until it begins its own program."""
_LOOK_EVERY_S: Final = 0.02


def programs_with_open(path: Path) -> list[int]:
    """Return the pids of processes that have a file open, as far as this user can see.

    Without `/proc` none is seen. What is open for hptui's lock alone does not count.
    """
    wanted = path.stat()
    same = (wanted.st_dev, wanted.st_ino)
    found: list[int] = []
    with contextlib.suppress(OSError), os.scandir(_PROCESSES) as processes:
        for process in processes:
            # A process of another user, or one that ends meanwhile, cannot be looked at.
            with contextlib.suppress(OSError):
                if process.name.isdigit() and any(_uses_of(process.name, same)):
                    found.append(int(process.name))
    return sorted(found)


def _uses_of(pid: str, same: tuple[int, int]) -> Iterator[Literal["read", "write"]]:
    """Yield what a process has a file open for, once for each of its descriptors.

    Raises:
        OSError: The process cannot be looked at.
    """
    with os.scandir(_PROCESSES / pid / "fd") as files:
        for file in files:
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = file.stat()
                if (status.st_dev, status.st_ino) != same:
                    continue
                flags = _flags_of(pid, file.name)
                if not is_parked(flags):
                    yield "read" if flags & os.O_ACCMODE == os.O_RDONLY else "write"


def _flags_of(pid: str, fd: str) -> int:
    about = (_PROCESSES / pid / "fdinfo" / fd).read_text("ascii")
    return int(about.partition("flags:")[2].split()[0], 8)


def may_be_written_by_others(path: Path) -> bool:
    """Say whether another program has a study file open that could write to it.

    This process has it open through SQLite, whose lock in the file's shared memory tells the
    others; where it does not, there may be some.
    """
    try:
        if _is_alone(path):
            return False
        others = _connected_pids()
        wanted = path.stat()
    except OSError:
        return True
    same = (wanted.st_dev, wanted.st_ino)
    return others is None or any(_has_open_for_writing(pid, same) for pid in others)


def _is_alone(path: Path) -> bool:
    """Say whether this process is known to be the only one that is connected to a file.

    Who is connected stands in `/proc/locks`, but reading that stops all locking of the machine for
    a moment: some 10 ms. SQLite's own descriptor of the shared memory is asked instead, since
    closing another one would let go of its locks.

    Raises:
        OSError: There is no shared memory, or the system does not tell of it.
    """
    shared = os.stat(f"{path}-shm")  # noqa: PTH116 - the name of a path and more
    with os.scandir(_PROCESSES / "self" / "fd") as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(file.stat(), shared):
                    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _CONNECTED, 1, 0)
                    told = fcntl.fcntl(int(file.name), fcntl.F_GETLK, asked)
                    return struct.unpack(_FLOCK, told)[0] == fcntl.F_UNLCK
    return False


def _connected_pids() -> set[str] | None:
    """Return the other processes that are connected to a file that this one is connected to.

    None where that is not to be seen, as without shared memory.
    """
    own, connected = str(os.getpid()), str(_CONNECTED)
    by_file: dict[str, set[str]] = {}
    for line in (_PROCESSES / "locks").read_text("ascii", "replace").splitlines():
        fields = line.split()
        # Kind, pid, file, and first and last byte; `->` stands in lines of who waits.
        if len(fields) == _LOCK_FIELDS and fields[6:] == [connected, connected]:
            by_file.setdefault(fields[5], set()).add(fields[4])
    shared = [pids for pids in by_file.values() if own in pids]
    return set[str]().union(*shared) - {own} if shared else None


def _has_open_for_writing(pid: str, same: tuple[int, int]) -> bool:
    try:
        return "write" in _uses_of(pid, same)
    except OSError:
        # It is another user's, or has just ended.
        return (_PROCESSES / pid).exists() or pid == "0"


def require_closed(path: Path) -> None:
    """Refuse a file that a program has open; readers of this process get time to end.

    Raises:
        StudyBusyError: Somebody has it open; says who.
    """
    began_s = time.monotonic()
    while True:
        pids = programs_with_open(path)
        if not pids:
            return
        others = [pid for pid in pids if pid != os.getpid()]
        timeout_s = _OTHERS_TIMEOUT_S if others else _OWN_READERS_TIMEOUT_S
        if time.monotonic() > began_s + timeout_s:
            raise _open_error(path, others[0] if others else None)
        time.sleep(_LOOK_EVERY_S)


def _open_error(path: Path, pid: int | None) -> StudyBusyError:
    if pid is None:
        return StudyBusyError(
            f"{safe_line(path.name)} is still being read here.", hint="Try again in a moment."
        )
    name = _name_of(pid)
    return StudyBusyError(
        f"{safe_line(path.name)} is open in process {pid}{name}.", hint="End that program first."
    )


def _name_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        name = (_PROCESSES / str(pid) / "comm").read_text("utf-8", "replace").strip()
        return f" ({safe_line(name, max_chars=20)})" if name else ""
    return ""
