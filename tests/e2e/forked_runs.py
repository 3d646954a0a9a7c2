"""Starts one `hptui` after the other from a process that has imported what they need.

What `python -m tests.e2e.forked_runs ADDRESS [PACKAGE...]` starts is a process of its own with its
own descriptors, which does all that `python -m hptui` does once its modules are there, from
`hptui/__main__.py` to what is to be done at its exit. Its workers are forked, too (`nursery.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, Self

from tests.e2e.ask_starter import Started
from tests.e2e.nursery import ROOT, end_with, import_modules, open_nursery
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


class ForkedProgram(subprocess.Popen[str]):
    """An `hptui` that was forked from a starter, with what tests use of a process of their own.

    Args:
        program: What was started.
        out: Reads its output, where that is a pipe.
        err: Reads its errors.
    """

    def __init__(self, program: Started, out: int | None = None, err: int | None = None) -> None:
        self._program = program
        self.pid, self.returncode = program.pid, None
        self.args, self.stdin = "hptui", None
        self.stdout = None if out is None else os.fdopen(out)
        self.stderr = None if err is None else os.fdopen(err)

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self.returncode if not self._program.has_ended(0) else self.wait()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code.

        Raises:
            TimeoutExpired: It still runs after so many seconds.
        """
        if self.returncode is None:
            if not self._program.has_ended(timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = self._program.wait()
        return self.returncode

    def communicate(
        self,
        input: str | None = None,  # noqa: A002
        timeout: float | None = None,
    ) -> tuple[str, str]:
        """Read to the end of its output and its errors, and wait for its own."""
        assert input is None
        assert self.stdout is not None
        assert self.stderr is not None
        late = threading.Timer(DEADLINE_S if timeout is None else timeout, self.kill)
        late.start()
        try:
            with ThreadPoolExecutor(1) as pool:
                reading = pool.submit(_rest_of, self.stderr)
                said = _rest_of(self.stdout)
                self.wait()
                return said, reading.result()
        finally:
            late.cancel()
            self.stdout.close()
            self.stderr.close()

    def send_signal(self, sig: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill it outright."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()

    def __del__(self) -> None:
        """Close what the test has left; a process of Python's own would be told of, too."""
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()


def _rest_of(stream: IO[str]) -> str:
    return "" if stream.closed else stream.read()


STARTING = (["run"], ["objectives"], ["page"], ["plot"], ["report"])
"""Commands that start workers, probes or the process of the importances."""


class Starter:
    """The process that starts others, seen from the test.

    Args:
        packages: What it imports besides all that commands, runs and their workers need.
    """

    def __init__(self, *packages: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.address = os.path.join(self._folder.name, "starter")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forked_runs", self.address, *packages],
            cwd=ROOT,
            # A process with threads should not fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def start(
        self, arguments: Sequence[str], cwd: Path, variables: Mapping[str, str], *, out: int
    ) -> Started:
        """Start `hptui` with these arguments and more environment variables; it writes to `out`."""
        return self._start(arguments, cwd, variables, out, 2)

    def begin(
        self, arguments: Sequence[str], cwd: Path, variables: Mapping[str, str]
    ) -> ForkedProgram:
        """Start `hptui` with these arguments and more environment variables; pipes are read."""
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        try:
            return ForkedProgram(self._start(arguments, cwd, variables, its_out, its_err), out, err)
        finally:
            os.close(its_out)
            os.close(its_err)

    def begin_on_terminal(
        self,
        module: str,
        arguments: Sequence[str],
        cwd: Path,
        variables: Mapping[str, str],
        terminal: int,
        *,
        is_controlling: bool,
    ) -> ForkedProgram:
        """Start a module in a session of its own, whose standard streams are a terminal.

        Args:
            module: What `-m` would be given.
            arguments: Of the program.
            cwd: Its folder.
            variables: More environment variables.
            terminal: The descriptor.
            is_controlling: Whether the terminal ends the session when it goes.
        """
        started = Started(
            self.address,
            arguments,
            cwd=str(cwd),
            environment={**os.environ, **variables},
            descriptors=(terminal, terminal, terminal),
            module=module,
            session="terminal" if is_controlling else "own",
        )
        return ForkedProgram(started)

    def _start(
        self, arguments: Sequence[str], cwd: Path, variables: Mapping[str, str], out: int, err: int
    ) -> Started:
        with open(os.devnull) as nothing:
            return Started(
                self.address,
                arguments,
                cwd=str(cwd),
                environment={**os.environ, **variables},
                descriptors=(nothing.fileno(), out, err),
            )

    def run(
        self, arguments: Sequence[str], cwd: Path, variables: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """Run `hptui` to its end: exit code, standard output, standard error."""
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        with open(out) as out_stream, open(err) as err_stream, ThreadPoolExecutor(1) as pool:
            try:
                program = self._start(arguments, cwd, variables, its_out, its_err)
            finally:
                os.close(its_out)
                os.close(its_err)
            late = threading.Timer(DEADLINE_S, os.kill, (program.pid, signal.SIGKILL))
            late.start()
            reading = pool.submit(err_stream.read)
            said = out_stream.read()
            code = program.wait()
            late.cancel()
            return code, said, reading.result()

    def close(self) -> None:
        """Have it end."""
        self._process.communicate(timeout=DEADLINE_S)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _serve(address: str, *packages: str) -> None:
    """Start what is ordered until standard input ends; in what is started it returns at its end."""
    import_modules(*packages)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    # Children that watch a program go when it has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(connection)
            return
        connection.close()


def _watch(connection: socket.socket) -> None:
    """Start a program, tell its pid and, when it has ended, its exit code."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while more := connection.recv(1 << 20):
        data += more
    pid = os.fork()
    if not pid:
        connection.close()
        _be_hptui(json.loads(data), descriptors)
        return
    for each in (0, 1, 2, *descriptors):
        os.close(each)
    connection.send(b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    connection.send(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _be_hptui(order: dict[str, Any], descriptors: Sequence[int]) -> None:
    for own, given in enumerate(descriptors):
        os.dup2(given, own)
    os.closerange(3, 64)
    if order["session"]:
        os.setsid()
    if order["session"] == "terminal":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Streams know what kind of file they were made for.
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", errors="backslashreplace", closefd=False)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    # As `python -m` would.
    sys.path[0] = order["cwd"]
    if order["arguments"][:1] in STARTING:
        become = open_nursery()
        if become is not None:
            become()
            return
    sys.argv[1:] = order["arguments"]
    end_with(lambda: runpy.run_module(order["module"], run_name="__main__", alter_sys=True))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
