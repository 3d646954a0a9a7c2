"""What `hptui run` prints: a live line, plain lines, or JSON."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from hptui.cli.options.locate import address_of
from hptui.cli.output.run_failures import SHOWN_OF_A_CAUSE, Failures
from hptui.cli.output.table import cut
from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.readable import four_digits, plural, show_duration, show_thinking
from hptui.domain.texts.text import safe_line, safe_text
from hptui.engine.run.observer import Finished, Progress, Silent, Started
from hptui.storage.mirror.mirrors import place_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.engine.run.study_trials import TrialRecord

_PLAIN_EVERY_S = 10.0
_BAR_CELLS = 16
_COLUMNS_FOR_BAR = 100
_FALLBACK_COLUMNS = 80
_NOTE_CHARS = 1_000
_SHOWN_PARAMS = 30


def show_params(params: Mapping[str, Any]) -> str:
    """Return parameters in one line, `lr 0.0031  hidden 128`; of very many the first."""
    shown = list(params.items())[:_SHOWN_PARAMS]
    texts = [f"{safe_line(name)} {show_choice(value)}" for name, value in shown]
    if len(params) > len(shown):
        texts.append(f"and {len(params) - len(shown)} more")
    return "  ".join(texts)


class RunOutput(Silent):
    """What is told of a run; says nothing by itself."""

    followed: TextIO | None = None
    """Where a reader follows the run; None where nothing is printed unless something goes wrong."""

    def loading(self, objective: str) -> None:
        """Say what is waited for before a run begins."""

    def clear(self) -> None:
        """Take a live line away, so that something else can be printed."""


class JsonLines(RunOutput):
    """One JSON object a line: `started`, `trial` for each, `note`, `finished`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = self.followed = out
        self._err = err

    def _print(self, event: str, fields: Mapping[str, Any]) -> None:
        data = {"event": event, **fields}
        self._out.write(json.dumps(data, ensure_ascii=True, default=str) + "\n")
        self._out.flush()

    def started(self, event: Started) -> None:
        """Print the run's facts."""
        self._print(
            "started",
            {**asdict(event), "study_file": str(event.study_file)},
        )
        # On standard output they are in the event.
        for note in event.notes:
            self._warn(note)

    def trial(self, record: TrialRecord) -> None:
        """Print a trial that has ended."""
        fields: dict[str, Any] = {
            "number": record.number,
            "state": record.state,
            "values": None if record.values is None else [plain(v) for v in record.values],
            "params": {name: plain(value) for name, value in record.params.items()},
            "duration_s": round(record.duration_s, 6),
        }
        if not record.is_feasible:
            fields["feasible"] = False
        if record.error is not None:
            fields["error"] = record.error.to_json()
        self._print("trial", fields)

    def note(self, text: str) -> None:
        """Print a note as an event, and on standard error."""
        self._print("note", {"text": safe_line(text, max_chars=_NOTE_CHARS)})
        self._warn(text)

    def _warn(self, text: str) -> None:
        self._err.write(f"hptui: {safe_line(text, max_chars=_NOTE_CHARS)}\n")
        self._err.flush()

    def finished(self, event: Finished) -> None:
        """Print how the run ended."""
        best = None
        if event.best is not None:
            best = {
                "number": event.best.number,
                "value": plain(event.best.value),
                "params": {name: plain(value) for name, value in event.best_params.items()},
            }
        self._print(
            "finished",
            {
                "reason": event.reason,
                "counts": asdict(event.counts),
                "best": best,
                "wall_s": round(event.wall_s, 3),
            },
        )


def plain(value: object) -> object:
    """Return a value that strict JSON can hold: infinities and NaN become their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


class Lines(RunOutput):
    """For people: a line that is drawn anew on a terminal, else a line now and then."""

    def __init__(self, err: TextIO, out: TextIO, *, is_live: bool, unicode: bool) -> None:
        self._err = self.followed = err
        self._out = out
        self._is_live = is_live
        self._marks = ("✓", "◐", "✗", "★", "█", "░") if unicode else ("C", "P", "F", "*", "#", ".")
        self._last_plain_s = time.monotonic()
        self._n_objectives = 1
        self._has_line = False
        self._address = ""
        self._failures = Failures()

    def _say(self, text: str) -> None:
        self.clear()
        self._err.write(text + "\n")
        self._err.flush()

    def _draw(self, line: str, columns: int) -> None:
        self._err.write(f"\r\x1b[K{cut(line, columns - 1)}")
        self._err.flush()
        self._has_line = True

    def clear(self) -> None:
        """Take the live line away."""
        if self._has_line:
            self._err.write("\r\x1b[K")
            self._err.flush()
            self._has_line = False

    def loading(self, objective: str) -> None:
        """Say what is waited for before a run begins."""
        if self._is_live:
            self._draw(f"loading {safe_line(objective)} ...", self._columns())

    def _columns(self) -> int:
        # Standard output is not asked: in a run its descriptor is not the terminal's.
        try:
            return os.get_terminal_size(self._err.fileno()).columns or _FALLBACK_COLUMNS
        except (OSError, ValueError):
            return _FALLBACK_COLUMNS

    def started(self, event: Started) -> None:
        """Say what runs."""
        self._n_objectives = len(event.directions)
        self._address = safe_line(address_of(event.study_file, event.study))
        workers = plural(event.n_slots, "worker")
        if event.backend == "threading":
            workers += " (threads)"
        goal = ", ".join(event.directions)
        place = safe_line(place_name(event.study_file))
        self._say(
            f"{safe_line(event.study)}: {goal} {safe_line(event.objective)} with "
            f"{event.sampler}, pruner {event.pruner}, {workers}  ->  {place}"
        )
        if event.n_waiting:
            trials = plural(event.n_waiting, "enqueued trial runs", "enqueued trials run")
            self._say(f"{trials} first.")
        if event.n_stale_trials:
            stale = plural(event.n_stale_trials, "trial is stale (its", "trials are stale (their")
            self._say(
                f"{stale} engine died); once this run has ended, fix that with "
                f"hptui doctor --fix {self._address}"
            )
        for note in event.notes:
            self._say(safe_line(note, max_chars=_NOTE_CHARS))

    def trial(self, record: TrialRecord) -> None:
        """Say when a trial has failed, unless others have failed alike."""
        if record.error is not None:
            for line in self._failures.add(record.number, record.error):
                self._say(f"{self._marks[2]} {line}")

    def note(self, text: str) -> None:
        """Say what the user must know."""
        self._say(safe_line(text, max_chars=_NOTE_CHARS))

    def progress(self, progress: Progress) -> None:
        """Draw the live line."""
        now_s = time.monotonic()
        if not self._is_live:
            if now_s < self._last_plain_s + _PLAIN_EVERY_S:
                return
            self._last_plain_s = now_s
            self._say(self._line(progress, with_bar=False))
            return
        columns = self._columns()
        self._draw(self._line(progress, with_bar=columns >= _COLUMNS_FOR_BAR), columns)

    def _line(self, progress: Progress, *, with_bar: bool) -> str:
        done, pruned, failed, star, full, empty = self._marks
        counts = progress.counts
        parts: list[str] = []
        if progress.state != "running":
            parts.append(progress.state)
        if progress.n_trials:
            share = min(1.0, counts.ended / progress.n_trials)
            if with_bar:
                cells = round(share * _BAR_CELLS)
                parts.append(full * cells + empty * (_BAR_CELLS - cells))
            parts.append(f"{counts.ended}/{progress.n_trials}")
        else:
            parts.append(plural(counts.ended, "trial"))
        parts.append(f"{done} {counts.complete}  {pruned} {counts.pruned}  {failed} {counts.fail}")
        parts.append(f"{progress.rate:.3g}/s" if progress.rate else "-/s")
        thinking = show_thinking(progress.thinking_s)
        if thinking:
            parts.append(thinking)
        elif progress.eta_s is not None:
            parts.append(f"eta ~{show_duration(progress.eta_s)}")
        if progress.best is not None:
            parts.append(f"{star} {four_digits(progress.best.value)} (#{progress.best.number})")
        return "   ".join(parts)

    def finished(self, event: Finished) -> None:
        """Say how the run ended and what is best."""
        counts = event.counts
        self._say(
            f"{event.text} {counts.complete} complete, {counts.pruned} pruned, "
            f"{counts.fail} failed in {show_duration(event.wall_s)}."
        )
        if counts.fail > SHOWN_OF_A_CAUSE:
            for line in self._failures.summary():
                self._say(f"{self._marks[2]} {line}")
        if self._failures.example is not None:
            number, trace = self._failures.example
            self._say(f"hptui show {self._address} {number} shows the {trace}.")
        if event.best is not None:
            params = safe_text(show_params(event.best_params))
            best = f"best {event.best.value!r}  trial {event.best.number}  {params}"
            self._out.write(f"{best.rstrip()}\n")
        elif self._n_objectives > 1 and counts.complete:
            self._out.write(f"hptui best {self._address} shows the Pareto front.\n")
        self._out.flush()


class Quiet(RunOutput):
    """Only what went wrong."""

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self._failures = Failures()

    def note(self, text: str) -> None:
        """Say what the user must know."""
        self._err.write(f"hptui: {safe_line(text, max_chars=_NOTE_CHARS)}\n")
        self._err.flush()

    def trial(self, record: TrialRecord) -> None:
        """Count a trial that has failed."""
        if record.error is not None:
            self._failures.add(record.number, record.error)

    def finished(self, event: Finished) -> None:
        """Say which errors there were, and why the run ended early."""
        for line in self._failures.summary():
            self.note(line)
        if not event.counts.complete:
            self.note(f"No trial completed. {event.text}")
        elif event.reason == "objective":
            self.note(event.text)
