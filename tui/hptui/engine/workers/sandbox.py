"""What surrounds a trial in its worker: its log, its folder, its seeds; and putting all back."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import random
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO, cast

# Before the folder of the objective, which may hold a `secrets.py`, comes first on the path.
from numpy import random as numpy_random

from hptui.domain.trial_folder import VARIABLE, set_trial_dir
from hptui.engine.workers.scratch import ScratchFolders, SharedScratchFolders
from hptui.storage.files.side_files import open_side_file

if TYPE_CHECKING:
    from hptui.engine.workers.worker_process import StreamRouter

_MANY_DESCRIPTORS = 2048
_OWN_DESCRIPTORS = 64
_SIGNALS_TO_RESET = (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)


class Sandbox(Protocol):
    """Prepares for a trial and puts back what it has changed."""

    watches_for_stop: bool
    """Whether a trial must look for itself whether it was ended: nobody can kill it."""

    def begin(self, log: str, scratch: str, seed: int) -> None:
        """Give a trial its log file, its folder and its seed (0 to 2**32 - 1).

        Where the disk refuses log or folder the trial runs without: it may need neither.
        """
        ...

    def end(self, *, keep: bool) -> bool:
        """Put all back; the trial's folder stays with `keep`, unless it is empty.

        Returns:
            Whether another trial can run here: not all can be put back.
        """
        ...

    def close(self) -> None:
        """Remove what was prepared for a next trial."""
        ...


class TrialLog:
    """Standard output and error of a process, sent to one trial's log after the other.

    A log that a trial left empty becomes the next trial's: silent trials cost one renaming.
    """

    def __init__(self, rest: Path) -> None:
        self._rest = rest
        """Where output goes before the first and after the last trial."""
        self._path = ""
        self._identity: tuple[int, int] | None = None

    def begin(self, path: str) -> None:
        """Send what is written from now on to `path`."""
        if self._path and self._is_untouched():
            with contextlib.suppress(OSError):
                os.rename(self._path, path)  # noqa: PTH104 - a hot path
                self._path = path
                return
        try:
            write_to(path, fresh=True)
        except OSError:
            # Never to the log of the trial before.
            self._path, self._identity = "", None
            with contextlib.suppress(OSError):
                write_to(str(self._rest))
            return
        self._path, self._identity = path, _identity(1)

    def _is_untouched(self) -> bool:
        try:
            out, err = os.fstat(1), os.fstat(2)
        except OSError:
            return False
        same = (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino) == self._identity
        return same and out.st_size == 0

    def end(self) -> None:
        """Take the streams back from an objective that has closed or moved them."""
        with contextlib.suppress(OSError):
            if self._identity == _identity(1) == _identity(2):
                return
        self._path = ""
        write_to(str(self._rest))

    def close(self) -> None:
        """Send what is written from now on to the process's own log."""
        is_silent = bool(self._path) and self._is_untouched()
        write_to(str(self._rest))
        if is_silent:
            with contextlib.suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108
        self._path = ""


class ProcessSandbox:
    """Of trials in a process of their own."""

    watches_for_stop = False

    def __init__(self, home: Path, process_log: Path) -> None:
        self._home = home
        self._libc = ctypes.CDLL(None)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._null = _identity(0)
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS_TO_RESET}
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._environment = _raw_environment()
        self._log = TrialLog(process_log)
        self._folders = ScratchFolders()
        self._scratch = ""

    def begin(self, log: str, scratch: str, seed: int) -> None:
        self._scratch = scratch
        with contextlib.suppress(OSError):
            self._folders.begin(scratch)
        self._environment = _raw_environment()
        os.environ[VARIABLE] = scratch
        set_trial_dir(scratch)
        self._log.begin(log)
        seed_everything(seed)

    def end(self, *, keep: bool) -> bool:
        signal.alarm(0)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        self._flush()
        set_trial_dir(None)
        _restore_environment(self._environment)
        os.umask(self._umask)
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
        try:
            self._put_descriptors_back()
            os.chdir(self._home)
            is_whole = _has_descriptors()
        except OSError:
            # Without free descriptors, or without the folder hptui was started in.
            is_whole = False
        self._folders.end(self._scratch, keep=keep)
        return is_whole

    def _put_descriptors_back(self) -> None:
        self._log.end()
        with contextlib.suppress(OSError):
            if _identity(0) != self._null:
                os.close(0)
        if _descriptor_is_free(0):
            point_to(0, os.open(os.devnull, os.O_RDONLY))
        # A script may have put an object of its own there, which writes on and knows no more.
        if any(getattr(stream, "closed", False) for stream in self._streams):
            self._streams = _new_streams()
            sys.stdin, sys.stdout, sys.stderr = self._streams

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # An objective may have closed or replaced them.
            with contextlib.suppress(Exception):
                stream.flush()
        self._libc.fflush(None)

    def close(self) -> None:
        self._log.close()
        self._folders.close()


class ThreadSandbox:
    """Of a trial in a thread: its own log and folder; the rest is shared with its neighbours."""

    watches_for_stop = True

    def __init__(self, home: Path, router: StreamRouter, folders: SharedScratchFolders) -> None:
        self._home = home
        self._router = router
        self._folders = folders
        self._log = self._scratch = ""
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def begin(self, log: str, scratch: str, seed: int) -> None:
        self._log, self._scratch = log, scratch
        with contextlib.suppress(OSError):
            self._folders.begin(scratch)
        set_trial_dir(scratch)
        seed_everything(seed)
        with contextlib.suppress(OSError):
            fd = open_log(log, fresh=True)
            self._router.open(os.fdopen(fd, "w", buffering=1, errors="backslashreplace"))

    def end(self, *, keep: bool) -> bool:
        self._router.close()
        set_trial_dir(None)
        sys.stdout = sys.stderr = cast("TextIO", self._router)
        os.umask(self._umask)
        try:
            os.chdir(self._home)
            is_whole = _has_descriptors()
        except OSError:
            is_whole = False
        with contextlib.suppress(OSError):
            log = Path(self._log)
            if log.stat().st_size == 0:
                log.unlink()
        self._folders.end(self._scratch, keep=keep)
        return is_whole

    def close(self) -> None:
        """See `Sandbox`; the folders are closed by who shares them."""


def seed_everything(seed: int) -> None:
    """Seed `random` and NumPy's global generator with `seed` (0 to 2**32 - 1)."""
    random.seed(seed)
    numpy_random.seed(seed)


def open_log(path: str, *, fresh: bool = False) -> int:
    """Open a log for appending, with `fresh` without what was in it, and return its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return open_side_file(path, flags | (os.O_TRUNC if fresh else 0))


def write_to(path: str, *, fresh: bool = False) -> None:
    """Send standard output and error of this process to a log."""
    fd = open_log(path, fresh=fresh)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    if fd > 2:  # noqa: PLR2004 - an objective may have closed 1 or 2
        os.close(fd)


def _new_streams() -> tuple[TextIO, TextIO, TextIO]:
    out, err = (
        open(  # noqa: SIM115 - closing these leaves the descriptors open
            number, "w", buffering=1, errors="backslashreplace", closefd=False
        )
        for number in (1, 2)
    )
    return open(0, closefd=False), out, err


def _has_descriptors() -> bool:
    """Say whether enough descriptors are free for a next trial.

    Raises:
        OSError: None is, or standard input is closed.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    middle = _MANY_DESCRIPTORS
    if limit != resource.RLIM_INFINITY:
        middle = min(middle, limit // 2)
    # Leaks fill the numbers from below; a few high ones are the worker's own.
    found = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, middle)
    os.close(found)
    return found < middle + _OWN_DESCRIPTORS


def point_to(number: int, fd: int) -> None:
    """Make `number` mean what `fd` means, and close `fd`."""
    if fd != number:
        os.dup2(fd, number)
        os.close(fd)


def _identity(number: int) -> tuple[int, int]:
    seen = os.fstat(number)
    return seen.st_dev, seen.st_ino


def _descriptor_is_free(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _raw_environment() -> dict[bytes, bytes]:
    # Copying os.environ itself decodes each variable, which costs more than a short trial.
    return dict(os.environ._data)  # pyright: ignore


def _restore_environment(saved: dict[bytes, bytes]) -> None:
    own = os.environ.get(VARIABLE)
    if own is not None:
        del os.environ[VARIABLE]
    if _raw_environment() != saved:
        os.environ.clear()
        for name, value in saved.items():
            os.environb[name] = value
