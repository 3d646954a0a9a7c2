"""A command as an objective: runs its program, and reports what that prints as it comes."""

from __future__ import annotations

import contextlib
import math
import os
import select
import shlex
import signal
import stat
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from optuna.exceptions import TrialPruned

from hptui.domain.spaces.space import ChoiceParam, IntParam
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_folder import VARIABLE
from hptui.engine.programs import inotify
from hptui.engine.programs.printed_metrics import (
    LAST_LINE,
    Best,
    LineSplitter,
    MetricReader,
    Reading,
    Source,
    Steps,
    names_in,
    plain_line,
    read_number,
)
from hptui.engine.programs.program import Program
from hptui.engine.run.outcome import TrialError, TrialFailed
from hptui.engine.workers.machine.processes import REPORT_VARIABLE, describe_exit
from hptui.engine.workers.trial_link import TrialEnded
from hptui.registry.commands.command_words import params_json
from hptui.registry.loading.process_ties import adopt_orphans

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from hptui.engine.workers.worker_trial import WorkerTrial
    from hptui.registry.commands.command import CommandSpec

MAX_REPORTS: Final = 10_000
"""Of one trial: a program may print a number for each of millions of batches."""
_ASKED_AT_ONCE: Final = 64
"""Of lines that came together, so many are asked about each; of more only the last."""
_LAST_READS: Final = 16
"""So many hold all that a pipe can: what was printed before the program ended is among it."""
_TAIL_BYTES: Final = 64 * 1024
_TOLD_BYTES: Final = 2_000
_LOOK_S: Final = 0.05
"""How often the report file is looked at where the system does not tell of it."""
_SELDOM_S: Final = 1.0
_MAX_REPORT_BYTES: Final = 64 << 20
_MAX_LAST_CHARS: Final = 200


class CommandObjective:
    """Runs a command for each trial and returns the values of its metrics.

    Args:
        spec: The command.

    It changes the process that it is made in for good: what the programs leave behind becomes that
    process's children, and an interrupt of its terminal does not end it.
    """

    def __init__(self, spec: CommandSpec) -> None:
        self._spec = spec
        self._of_thread = threading.local()
        adopt_orphans()
        if threading.current_thread() is threading.main_thread():
            # What a process ignores its programs ignore, too; what it handles they do not.
            signal.signal(signal.SIGINT, _ignore)

    def __call__(self, trial: WorkerTrial) -> float | list[float]:
        """Run the program of one trial.

        Raises:
            TrialPruned: The pruner has ended it.
            TrialFailed: It has no value; the error says why.
            TrialEnded: The engine, or a signal, has ended it.
        """
        values = {name: _suggest(trial, name, self._spec) for name in self._spec.spaces}
        report = self._report_file(trial)
        with _stop_requests() as stop:
            run = _Run(self._spec, trial, values, report, stop)
            try:
                return run.result()
            finally:
                run.close()

    def _report_file(self, trial: WorkerTrial) -> ReportFile:
        files: ReportFolder | None = getattr(self._of_thread, "files", None)
        if files is None:
            files = self._of_thread.files = ReportFolder(trial.runtime_folder)
        return files.file_of(trial.number)


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing about a signal."""


class ReportFolder:
    """Where the programs of one worker write their report files, and how it hears of that."""

    def __init__(self, runtime_folder: Path) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="report-", dir=runtime_folder))
        self.fd = inotify.watch_folder(self._path)

    def file_of(self, number: int) -> ReportFile:
        """Return the file of a trial, which is not there yet."""
        # A program may have removed what is not its own.
        self._path.mkdir(mode=0o700, exist_ok=True)
        return ReportFile(self._path / f"{number}.jsonl", self.fd)


class ReportFile:
    """Lines of JSON that a program appends, at `$HPTUI_REPORT`."""

    def __init__(self, path: Path, fd: int | None) -> None:
        self.path = path
        self.fd = fd
        """Readable when something was written beside it; None where the system does not tell."""
        self._lines = LineSplitter()
        self._n_read = 0

    def new_lines(self) -> list[bytes]:
        """Return the lines that were written since."""
        if self.fd is not None:
            inotify.drain(self.fd)
        with contextlib.suppress(OSError):
            # The program may have put anything there.
            fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                return self._lines.feed(self._read(fd))
            finally:
                os.close(fd)
        return []

    def _read(self, fd: int) -> bytes:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode):
            return b""
        if seen.st_size < self._n_read:
            # It was written anew instead of on.
            self._n_read = 0
            self._lines.end()
        data = os.pread(fd, min(seen.st_size, _MAX_REPORT_BYTES) - self._n_read, self._n_read)
        self._n_read += len(data)
        return data

    def last_lines(self) -> list[bytes]:
        """Return the rest, whatever ends it, and remove the file."""
        lines = [*self.new_lines(), *self._lines.end()]
        with contextlib.suppress(OSError):
            self.path.unlink()
        return lines


class StopRequests:
    """Whether this process was asked to end, and a descriptor that tells of it."""

    def __init__(self, fd: int | None) -> None:
        self.fd = fd
        self.is_asked = False

    def drain(self) -> None:
        """Take what signals have written, whichever they were."""
        if self.fd is not None:
            with contextlib.suppress(BlockingIOError):
                os.read(self.fd, _TAIL_BYTES)


@contextlib.contextmanager
def _stop_requests() -> Generator[StopRequests]:
    """Take SIGTERM for a request, so that the program is ended before this process."""
    if threading.current_thread() is not threading.main_thread():
        yield StopRequests(None)
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    stop = StopRequests(reader)

    def handle(_number: int, _frame: object) -> None:
        stop.is_asked = True

    before_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.set_wakeup_fd(before_fd)
        os.close(reader)
        os.close(writer)


def _suggest(trial: WorkerTrial, name: str, spec: CommandSpec) -> Any:  # noqa: ANN401 - any value
    space = spec.spaces[name].spec
    if isinstance(space, ChoiceParam):
        return trial.suggest_categorical(name, space.choices)
    if isinstance(space, IntParam):
        return trial.suggest_int(name, space.low, space.high, step=space.step, log=space.log)
    return trial.suggest_float(name, space.low, space.high, step=space.step, log=space.log)


class _Run:
    """One trial's program."""

    def __init__(
        self,
        spec: CommandSpec,
        trial: WorkerTrial,
        values: Mapping[str, Any],
        report: ReportFile,
        stop: StopRequests,
    ) -> None:
        self._spec = spec
        self._trial = trial
        self._report = report
        self._stop = stop
        self._log = _log_descriptor()
        self._lines = LineSplitter()
        self._reader = MetricReader(spec.metrics, spec.regexes)
        self._best = [Best(spec.take) for _ in spec.metrics]
        self._steps = Steps()
        self._waiting: float | None = None
        """The first value without a step: a program that tells no other is never pruned."""
        self._source: Source = "text"
        self._n_reports = 0
        self._tail: deque[bytes] = deque()
        self._n_tail = 0
        self._program = self._start(values)

    def _start(self, values: Mapping[str, Any]) -> Program:
        spec, scratch = self._spec, self._trial.scratch
        texts = {name: space.text_of(values[name]) for name, space in spec.spaces.items()}
        params = params_json(values)
        macros = {
            "params": params,
            "params_file": str(Path(scratch) / "params.json"),
            "trial": str(self._trial.number),
            "trial_dir": scratch,
            "seed": str(self._trial.seed),
            "study": self._trial.study_name,
        }
        words = spec.template.render(values, texts | macros)
        env = {
            **os.environ,
            **spec.env,
            VARIABLE: scratch,
            "HPTUI_TRIAL_NUMBER": macros["trial"],
            "HPTUI_STUDY": macros["study"],
            "HPTUI_PARAMS": params,
            "HPTUI_SEED": macros["seed"],
            REPORT_VARIABLE: str(self._report.path),
        }
        env.setdefault("PYTHONUNBUFFERED", "1")
        self._write(f"$ {shlex.join(words)}\n".encode(errors="backslashreplace"))
        try:
            if "params_file" in spec.template.macros:
                Path(macros["params_file"]).write_text(params + "\n", encoding="utf-8")
            return Program(words, env, spec.cwd, pty=spec.pty, scratch=scratch)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise TrialFailed(
                TrialError("died", "", f"{safe_line(words[0])} cannot be started: {why or error}.")
            ) from error

    def result(self) -> float | list[float]:
        """Follow the program to its end."""
        code = self._follow()
        self._take_report(self._report.last_lines())
        self._take_output(_LAST_READS)
        self._take_lines(self._lines.end())
        if code != 0:
            raise TrialFailed(self._exit_error(code))
        return self._values()

    def close(self) -> None:
        """End all that the program has started; nothing of it is left."""
        try:
            self._program.end(self._spec.grace_s, self._drain)
        finally:
            self._program.close()
            self._report.last_lines()

    def _follow(self) -> int:
        """Report what comes until the program has ended; returns its exit code."""
        program, report = self._program, self._report
        link = self._trial.link_descriptor
        poller = select.poll()
        for fd in (program.out, program.exit_fd, report.fd, self._stop.fd, link):
            if fd is not None:
                poller.register(fd, select.POLLIN)
        is_told = None not in (program.exit_fd, report.fd)
        timeout_ms = 1000 * (_SELDOM_S if is_told else _LOOK_S)
        while True:
            ready = dict(poller.poll(timeout_ms))
            self._stop.drain()
            if self._stop.is_asked:
                raise TrialEnded("The worker was asked to end.")
            if link in ready:
                self._trial.look()
            # Before its output: what it had printed then is all there is.
            code = program.exit_code()
            # What is in the report was written before what is in the output is read.
            if report.fd is None or report.fd in ready:
                self._take_report(report.new_lines())
            if program.out in ready:
                self._take_output(1)
                if program.is_silent:
                    # It may go on without it.
                    poller.unregister(program.out)
            if code is not None:
                return code

    def _take_output(self, at_most: int) -> None:
        for _ in range(at_most):
            data = self._program.read()
            if not data:
                return
            self._write(data)
            self._keep(data)
            self._take_lines(self._lines.feed(data))

    def _drain(self) -> None:
        """Take what it prints while it ends; that counts no more."""
        for _ in range(_LAST_READS):
            data = self._program.read()
            if not data:
                return
            self._write(data)

    def _keep(self, data: bytes) -> None:
        self._tail.append(data)
        self._n_tail += len(data)
        while self._n_tail - len(self._tail[0]) > _TAIL_BYTES:
            self._n_tail -= len(self._tail.popleft())

    def _write(self, data: bytes) -> None:
        # The disk may be full; the training goes on.
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self._log, data) :]

    def _take_lines(self, lines: list[bytes]) -> None:
        self._take([each for line in lines for each in self._reader.of_line(line)])

    def _take_report(self, lines: list[bytes]) -> None:
        self._take([each for line in lines for each in self._reader.of_report(line)])

    def _take(self, readings: list[Reading]) -> None:
        for place, reading in enumerate(readings):
            is_new = self._best[reading.metric].add(reading.value, reading.source)
            if is_new and reading.source != self._source:
                self._source, self._waiting = reading.source, None
            if is_new and len(self._best) == 1:
                n_after = len(readings) - 1 - place
                self._tell(reading, asks=not n_after or place < _ASKED_AT_ONCE)

    def _tell(self, reading: Reading, *, asks: bool) -> None:
        if self._n_reports >= MAX_REPORTS:
            return
        if reading.step is None and self._n_reports == 0:
            if self._waiting is None:
                self._waiting = reading.value
                return
            self._report_value(self._waiting, None)
        if self._report_value(reading.value, reading.step) and asks and self._should_prune():
            raise TrialPruned

    def _report_value(self, value: float, step: float | None) -> bool:
        number = self._steps.next(step)
        if number is None:
            return False
        self._trial.report(value, number)
        self._n_reports += 1
        if self._n_reports == MAX_REPORTS:
            self._write(b"\n[hptui: from here on values count, but are no longer reported]\n")
        return True

    def _should_prune(self) -> bool:
        # What has ended needs no pruning, and its value is worth more.
        return self._program.exit_code() is None and self._trial.should_prune()

    # -- the end

    def _values(self) -> float | list[float]:
        if self._spec.metrics == (LAST_LINE,):
            return self._checked(self._last_line_value(), "its last line")
        missing = [
            name
            for name, best in zip(self._spec.metrics, self._best, strict=True)
            if best.value is None
        ]
        if missing:
            raise TrialFailed(TrialError("value", "", self._missing_text(missing)))
        values = [
            self._checked(best.value, name)
            for name, best in zip(self._spec.metrics, self._best, strict=True)
        ]
        return values if len(values) > 1 else values[0]

    def _checked(self, value: float | None, name: str) -> float:
        assert value is not None
        if math.isnan(value):
            raise TrialFailed(TrialError("value", "", f"{safe_line(name)} is NaN at the end"))
        return value

    def _last_line_value(self) -> float:
        last = self._last_line()
        value = read_number(last)
        if value is None:
            text = f"the command's last line is not a number: {last}" if last else _NOTHING
            raise TrialFailed(TrialError("value", "", text))
        return value

    def _missing_text(self, missing: list[str]) -> str:
        names = " and no ".join(safe_line(each, max_chars=60) for each in missing)
        if self._reader.unread:
            return f"the command printed no number as {names}, but {self._reader.unread!r}"
        seen = names_in(self._tail_lines())
        if not self._n_tail:
            return f"the command printed no {names}; it printed nothing"
        told = ", ".join(seen) if seen else "no number with a name"
        return f"the command printed no {names}; it printed {told}"

    def _tail_lines(self) -> list[bytes]:
        splitter = LineSplitter()
        return [*splitter.feed(b"".join(self._tail)), *splitter.end()]

    def _last_line(self) -> str:
        lines = (plain_line(each) for each in reversed(self._tail_lines()))
        return safe_line(next((each for each in lines if each), ""), max_chars=_MAX_LAST_CHARS)

    def _exit_error(self, code: int) -> TrialError:

        told = b"".join(self._tail)[-_TOLD_BYTES:].decode("utf-8", "backslashreplace")
        text = self._last_line() or "it printed nothing"
        return TrialError("died", describe_exit(code), text, told)


_NOTHING: Final = "the command printed nothing"


def _log_descriptor() -> int:
    """Return where the trial's output goes."""
    sys.stdout.flush()
    try:
        return sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):
        return 1
