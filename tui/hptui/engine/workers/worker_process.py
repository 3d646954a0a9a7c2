"""A worker process: how it protects the engine and itself from the objective."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO, cast

from hptui.engine.ipc.protocol import high_descriptor
from hptui.engine.workers.sandbox import point_to, write_to


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
    point_to(0, os.open(os.devnull, os.O_RDONLY))
    write_to(str(log))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
                line_buffering=True, errors="backslashreplace"
            )


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
        stream: TextIO | None = getattr(self._of_thread, "stream", None)
        self._of_thread.stream = None
        if stream is not None:
            # The objective may have closed its descriptor.
            with contextlib.suppress(OSError):
                stream.close()

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
