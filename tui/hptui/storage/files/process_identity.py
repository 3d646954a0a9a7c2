"""What tells a process from another one that has its pid later; light enough for any client."""

from __future__ import annotations

import contextlib
from pathlib import Path


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
