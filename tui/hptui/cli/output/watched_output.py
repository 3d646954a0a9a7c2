"""What a run prints, until nobody can read it any more: then the run ends."""

from __future__ import annotations

import errno
import os
import select
from typing import TYPE_CHECKING

from hptui.cli.output.run_output import RunOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.cli.output.shield import Output
    from hptui.engine.run.engine import Engine
    from hptui.engine.run.observer import Finished, Progress, Started
    from hptui.engine.run.study_trials import TrialRecord


class WatchedOutput(RunOutput):
    """Passes everything on; a stream that takes nothing interrupts the run, as Ctrl+C does.

    It also looks for a reader that is gone, since the next trial may take hours to end.
    """

    def __init__(
        self, shown: RunOutput, output: Output, *, on_start: Callable[[], None] = lambda: None
    ) -> None:
        self._shown = shown
        self._on_start = on_start
        self._output = output
        self._engine: Engine | None = None
        self.lost: OSError | None = None
        """Why nothing can be printed any more."""

    def interrupts(self, engine: Engine) -> None:
        """Interrupt this engine when the output is lost."""
        self._engine = engine
        if self.lost is not None:
            engine.interrupt()

    def _pass(self, tell: Callable[[], None]) -> None:
        if self.lost is not None:
            return
        try:
            tell()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        self._output.abandon_lost()
        if self._engine is not None:
            self._engine.interrupt()

    def drain(self) -> None:
        """Wait until all has been read, or cannot be."""
        self._pass(self._output.drain)

    def loading(self, objective: str) -> None:
        self._pass(lambda: self._shown.loading(objective))

    def clear(self) -> None:
        self._pass(self._shown.clear)

    def started(self, event: Started) -> None:
        self._on_start()
        self._pass(lambda: self._shown.started(event))

    def trial(self, record: TrialRecord) -> None:
        self._pass(lambda: self._shown.trial(record))

    def progress(self, progress: Progress) -> None:
        followed = self._shown.followed
        if self.lost is None and self._output.error is not None:
            self._lose(self._output.error)
        elif self.lost is None and followed is not None and _has_no_reader(followed.fileno()):
            self._lose(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
        self._pass(lambda: self._shown.progress(progress))

    def note(self, text: str) -> None:
        self._pass(lambda: self._shown.note(text))

    def finished(self, event: Finished) -> None:
        self._pass(lambda: self._shown.finished(event))


def _has_no_reader(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
