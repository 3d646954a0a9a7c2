"""A program that a trial runs: its start, its output, and its end with all that it has started.

The program leads a process group of its own in the worker's session. The worker adopts what the
program's descendants leave behind, so that no child of theirs, in whatever group or session, gets
out of reach.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import termios
import threading
import time
from typing import TYPE_CHECKING, Final

import psutil

from hptui.domain.trial_folder import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_READ_BYTES: Final = 64 * 1024
_TICK_S: Final = 0.01
_ROUNDS: Final = 50
"""How often what is left is looked for and killed: it may start more meanwhile."""


class Program:
    """A running program.

    Args:
        words: The command line.
        env: All its environment variables.
        cwd: Where it runs.
        pty: Whether its output goes to a terminal of its own.
        scratch: The folder of its trial, by which its processes are known among others.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], cwd: str, *, pty: bool, scratch: str
    ) -> None:
        self._mark = f"{VARIABLE}={scratch}".encode()
        self.out, target = _terminal() if pty else os.pipe()
        """Where its output is read."""
        try:
            os.set_blocking(self.out, False)
            # With neither a function to call in the child nor another user it is no fork of this
            # large process.
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                env=env,
                cwd=cwd or None,
                process_group=0,
            )
        except BaseException:
            os.close(self.out)
            raise
        finally:
            os.close(target)
        self.pid = self._process.pid
        self.exit_fd = _pidfd(self.pid)
        """Readable when it has ended; None where the system has no such thing."""
        self._is_at_end = False

    def read(self) -> bytes:
        """Return what it has printed since; empty where there is nothing, or nothing will come."""
        if self._is_at_end:
            return b""
        try:
            data = os.read(self.out, _READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            # A terminal says so that nobody writes to it any more.
            data = b""
        self._is_at_end = not data
        return data

    @property
    def is_silent(self) -> bool:
        """Whether it has closed its output, it and all that it has started."""
        return self._is_at_end

    def exit_code(self) -> int | None:
        """Return how it has ended, below zero the signal; None while it runs."""
        return self._process.poll()

    def end(self, grace_s: float, take: Callable[[], object]) -> None:
        """Ask it, and all that it has started, to end; kill what is left after the grace.

        Args:
            grace_s: The seconds that they may take.
            take: Called again and again, to take what they print.
        """
        deadline = time.monotonic() + grace_s
        asks_group = self.exit_code() is None
        if asks_group:
            self._signal_group(signal.SIGTERM)
            self._signal_group(signal.SIGCONT)
            while self.exit_code() is None and (left_s := deadline - time.monotonic()) > 0:
                self._wait(left_s)
                take()
        while (left := self._left()) and time.monotonic() < deadline:
            for each in left:
                # A second request means to some programs that they must not tidy up.
                if not (asks_group and _group_of(each) == self.pid):
                    _send(each, signal.SIGTERM)
                    _send(each, signal.SIGCONT)
            while left and time.monotonic() < deadline:
                self._wait(_TICK_S)
                take()
                left = [each for each in left if not _has_ended(each)]
        self._kill()
        take()

    def close(self) -> None:
        """Let go of its descriptors."""
        os.close(self.out)
        if self.exit_fd is not None:
            os.close(self.exit_fd)

    def _wait(self, timeout_s: float) -> None:
        poller = select.poll()
        if not self._is_at_end:
            poller.register(self.out, select.POLLIN)
        is_running = self._process.returncode is None
        if is_running and self.exit_fd is not None:
            poller.register(self.exit_fd, select.POLLIN)
        else:
            timeout_s = min(timeout_s, _TICK_S)
        poller.poll(timeout_s * 1000)

    def _kill(self) -> None:
        for _ in range(_ROUNDS):
            if self.exit_code() is None:
                self._signal_group(signal.SIGKILL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_TICK_S)
            left = self._left()
            if not left and self._process.returncode is not None:
                return
            for each in left:
                _send(each, signal.SIGKILL)
            psutil.wait_procs(left, timeout=10 * _TICK_S)

    def _signal_group(self, number: signal.Signals) -> None:
        # As long as its exit status is not taken no other group can have its number.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _left(self) -> list[psutil.Process]:
        """Return the living processes that it has started, its own apart."""
        if not has_children():
            return []
        with contextlib.suppress(psutil.Error, OSError):
            found = psutil.Process().children(recursive=True)
            own: dict[int, psutil.Process] = {}
            for each in found:
                if each.pid != self.pid and self._is_own(each, own) and not _has_ended(each):
                    own[each.pid] = each
            return list(own.values())
        return []

    def _is_own(self, process: psutil.Process, own: Mapping[int, psutil.Process]) -> bool:
        with contextlib.suppress(OSError, psutil.Error):
            if threading.current_thread() is threading.main_thread():
                # No other trial runs in this process.
                return True
            if _group_of(process) == self.pid or process.ppid() in (self.pid, *own):
                return True
            with open(f"/proc/{process.pid}/environ", "rb") as stream:  # noqa: PTH123 - many
                return self._mark in stream.read().split(b"\0")
        return False


def has_children() -> bool:
    """Say whether this process has any child; without one it has no descendants.

    For it adopts the children of those that end.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # macOS
        pass
    return True


def _has_ended(process: psutil.Process) -> bool:
    """Say whether a process has ended; collects it where this process has adopted it."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(process.pid, os.WNOHANG)[0] == process.pid
    with contextlib.suppress(psutil.Error):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def _group_of(process: psutil.Process) -> int | None:
    with contextlib.suppress(OSError):
        return os.getpgid(process.pid)
    return None


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error, OSError):
        process.send_signal(number)


def _pidfd(pid: int) -> int | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return None


def _terminal() -> tuple[int, int]:
    """Return both ends of a terminal that passes on what is written as it is."""
    ours, theirs = os.openpty()
    try:
        settings = termios.tcgetattr(theirs)
        # No carriage returns before the ends of lines.
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        termios.tcsetwinsize(theirs, (24, 80))
    except termios.error:
        pass
    return ours, theirs
