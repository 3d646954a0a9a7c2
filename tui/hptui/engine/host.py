"""A worker process: how it protects the engine and itself from the objective."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from hptui.domain.trial_folder import VARIABLE, set_trial_dir
from hptui.engine.protocol import high_descriptor

if TYPE_CHECKING:
    from collections.abc import Generator

_SIGNALS_TO_RESET = (signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)


def settle(log: Path) -> None:
    """Leave the terminal, read nothing, and write everything to `log`."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open_now = Path("/proc/self/fd")
    for entry in list(open_now.iterdir()) if open_now.exists() else []:
        with contextlib.suppress(OSError):
            # The parent takes the end of these pipes for the death of this process.
            if int(entry.name) > 2 and str(entry.readlink()).startswith("pipe:"):  # noqa: PLR2004
                high_descriptor(int(entry.name), keep=True)
    _point_to(0, os.open(os.devnull, os.O_RDONLY))
    _write_to(log)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                line_buffering=True, errors="backslashreplace"
            )


def _point_to(number: int, fd: int) -> None:
    if fd != number:
        os.dup2(fd, number)
        os.close(fd)


def _open_log(path: Path, *, fresh: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags | (os.O_TRUNC if fresh else 0), 0o600)


def _write_to(log: Path, *, fresh: bool = False) -> None:
    fd = _open_log(log, fresh=fresh)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _flush_streams(libc: ctypes.CDLL) -> None:
    for stream in (sys.stdout, sys.stderr):
        # An objective may have closed or replaced them.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    libc.fflush(None)


class ProcessTrialEnvironment:
    """What surrounds one trial in a process of its own: streams, folders, seeds, restoring."""

    watches_for_stop = False

    def __init__(self, home: Path, host_log: Path) -> None:
        self._home = home
        self._host_log = host_log
        self._libc = ctypes.CDLL(None)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)

    @contextlib.contextmanager
    def around(self, log: Path, scratch: Path, seed: int) -> Generator[None]:
        """Run one trial with its own log, scratch folder and seeds; restore what it changes."""
        environment = dict(os.environ)
        umask = os.umask(0o077)
        os.umask(umask)
        handlers = {number: signal.getsignal(number) for number in _SIGNALS_TO_RESET}
        scratch.mkdir(parents=True, exist_ok=True)
        os.environ[VARIABLE] = str(scratch)
        set_trial_dir(scratch)
        _write_to(log, fresh=True)
        seed_everything(seed)
        try:
            yield
        finally:
            signal.alarm(0)
            sys.stdin, sys.stdout, sys.stderr = self._streams
            _flush_streams(self._libc)
            _point_to(0, os.open(os.devnull, os.O_RDONLY))
            _write_to(self._host_log)
            _remove_if_empty_file(log)
            set_trial_dir(None)
            if os.environ != environment:
                os.environ.clear()
                os.environ.update(environment)
            os.chdir(self._home)
            os.umask(umask)
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)


class ThreadTrialEnvironment:
    """What surrounds one trial in a thread: its own log and folder; the rest is shared."""

    watches_for_stop = True

    def __init__(self, home: Path, router: StreamRouter) -> None:
        self._home = home
        self._router = router

    @contextlib.contextmanager
    def around(self, log: Path, scratch: Path, seed: int) -> Generator[None]:
        """Run one trial with its own log and scratch folder."""
        scratch.mkdir(parents=True, exist_ok=True)
        set_trial_dir(scratch)
        seed_everything(seed)
        stream = os.fdopen(_open_log(log, fresh=True), "w", buffering=1, errors="backslashreplace")
        self._router.open(stream)
        try:
            yield
        finally:
            self._router.close()
            # The objective may have closed the descriptor.
            with contextlib.suppress(OSError):
                stream.close()
            set_trial_dir(None)
            os.chdir(self._home)
            _remove_if_empty_file(log)


class StreamRouter:
    """Stands for `sys.stdout` or `sys.stderr` and writes to the log of the calling thread."""

    def __init__(self, fallback: TextIO) -> None:
        self._fallback = fallback
        self._of_thread = threading.local()

    def open(self, stream: TextIO) -> None:
        """Send what the calling thread writes to `stream`."""
        self._of_thread.stream = stream

    def close(self) -> None:
        """Send what the calling thread writes to the common log again."""
        self._of_thread.stream = None

    def _target(self) -> TextIO:
        stream: TextIO | None = getattr(self._of_thread, "stream", None)
        return stream if stream is not None and not stream.closed else self._fallback

    def write(self, text: str) -> int:
        """Write to the calling thread's stream."""
        return self._target().write(text)

    def flush(self) -> None:
        """Flush the calling thread's stream."""
        self._target().flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands in for a text stream
        return getattr(self._target(), name)


def install_router() -> StreamRouter:
    """Replace `sys.stdout` and `sys.stderr` of this process by one router."""
    router = StreamRouter(sys.stderr)
    stand_in = cast("TextIO", router)
    sys.stdout = sys.stderr = stand_in
    logging.lastResort = logging.StreamHandler(stand_in)
    return router


def _remove_if_empty_file(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


def seed_everything(seed: int) -> None:
    """Seed `random` and NumPy's global generator with `seed` (0 to 2**32 - 1)."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
