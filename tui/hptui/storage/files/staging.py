"""Folders in which files are made before they get their names, and those that were left."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.storage.files.side_files import open_side_file

if TYPE_CHECKING:
    from collections.abc import Generator

_PREFIX: Final = ".hptui-new-"
# Earlier versions made upgrades in folders of another name.
_NAME: Final = re.compile(r"\.hptui-(?:new|upgrade)-[a-z0-9_]{8}", re.ASCII)
_OWNER: Final = "owner.json"
_MAX_OWNER_BYTES: Final = 10_000
_UNTOLD_S: Final = 600.0
"""How long ago a draft whose owner is not told was last written to, before it counts as left."""


@dataclass(frozen=True, slots=True)
class OrphanedStaging:
    """A draft that no process works on any more; its texts are not sanitised."""

    path: Path
    target: str
    """The name that the file was to get; empty where it is not known."""
    pid: int | None
    host: str
    begun_s: float
    n_bytes: int


@contextmanager
def staging_folder(target: Path) -> Generator[Path]:
    """Yield a folder beside `target` to make it in, and remove it at the end.

    A process that is killed leaves it. While it lives it holds a lock, which tells the two apart.

    Raises:
        OSError: It cannot be made, or not be written to.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=target.parent) as name:
        folder = Path(name)
        owner = os.open(folder / _OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Some network shares have no locks: then the draft is left only when it is old.
            with suppress(OSError):
                fcntl.flock(owner, fcntl.LOCK_EX)
                facts = {"pid": os.getpid(), "host": socket.gethostname(), "target": target.name}
                os.write(owner, json.dumps({**facts, "begun": time.time()}).encode())
            yield folder
        finally:
            os.close(owner)


@contextmanager
def temporary_folder(name: str) -> Generator[Path]:
    """Yield a folder of this process in the system's temporary one, and remove it at the end.

    Those that killed processes of this user have left are removed before.

    Args:
        name: What is made there, in a word.

    Raises:
        OSError: It cannot be made, or not be written to.
    """
    place = Path(tempfile.gettempdir())
    for left in find_orphaned_staging(place):
        with suppress(OSError):
            if left.path.lstat().st_uid == os.getuid():
                remove_orphaned_staging(place, left.path.name)
    with staging_folder(place / name) as folder:
        yield folder


def find_orphaned_staging(folder: Path) -> list[OrphanedStaging]:
    """Return the drafts in a folder that no process works on any more, in the order of names."""
    with suppress(OSError):
        names = sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))
        found = [_look_at(each) for each in names]
        return [each for each in found if each is not None]
    return []


def remove_orphaned_staging(folder: Path, name: str) -> bool:
    """Remove a draft that no process works on; False where there is none, or it does not go."""
    path = folder / name
    if not _NAME.fullmatch(name) or _look_at(path) is None:
        return False
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _look_at(path: Path) -> OrphanedStaging | None:
    if path.is_symlink() or not path.is_dir():
        return None
    facts = _facts_of_dead(path / _OWNER)
    if facts is None:
        return None
    written_s = _last_written_s(path)
    if not facts and time.time() - written_s < _UNTOLD_S:
        return None
    pid, begun_s = facts.get("pid"), facts.get("begun")
    return OrphanedStaging(
        path,
        str(facts.get("target", "")),
        pid if isinstance(pid, int) else None,
        str(facts.get("host", "")),
        begun_s if isinstance(begun_s, float) else written_s,
        bytes_of(path),
    )


def _facts_of_dead(owner: Path) -> dict[str, Any] | None:
    """Return what a dead owner has told, nothing where it has not; None while it lives."""
    try:
        descriptor = open_side_file(owner)
    except OSError:
        return {}
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        facts = json.loads(os.read(descriptor, _MAX_OWNER_BYTES))
    except BlockingIOError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return cast("dict[str, Any]", facts) if isinstance(facts, dict) else {}


def _last_written_s(path: Path) -> float:
    newest_s = 0.0
    for each in (path, *path.rglob("*")):
        with suppress(OSError):
            newest_s = max(newest_s, each.lstat().st_mtime)
    return newest_s


_MAX_WALKED: Final = 100_000


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of what is in a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return _size(str(path))
    total = n_seen = 0
    for parent, _, names in os.walk(path):
        for name in names:
            n_seen += 1
            if n_seen > _MAX_WALKED:
                return total
            total += _size(os.path.join(parent, name))  # noqa: PTH118 - faster over many files
    return total


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
