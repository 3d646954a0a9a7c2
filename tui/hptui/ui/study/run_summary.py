"""What the header of a study says: state, progress, rate, time left, best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.number_styles import value_style
from hptui.domain.texts.readable import plural, show_duration, show_moment, show_thinking
from hptui.domain.texts.text import safe_line
from hptui.ui.commands.command_table import KeyOf, default_key

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import EngineState, StudySnapshot

_NAME_CHARS: Final = 60
_METHOD_CHARS: Final = 40
_MIN_RATE: Final = 0.095
"""Trials a second; slower ones are shown a minute, then an hour."""
_STATE_WORDS: Final = {"waiting": "waits for the file"}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The parts of the header, safe for a terminal; what cannot be told is empty."""

    name: str
    state: str
    """`running`, `paused`, `stopping`, `waiting`, `loading`, `other`, `trouble` or `stopped`."""
    word: str
    """The state as people read it."""
    fraction: float | None
    """How much of the budget, or of the loading, is done; None where there is no end to reach."""
    progress: str
    rate: str
    eta: str
    best: str
    """Without its mark."""
    method: str
    """Sampler and pruner, or how long the sampler has been thinking."""
    failed: str = ""
    """How many trials have failed, without their mark, and the key that lists them."""


def summarize_run(snapshot: StudySnapshot, key_of: KeyOf = default_key) -> RunSummary:
    """Return what the header says of this moment; `key_of` names the keys of commands."""
    state, word = _state(snapshot)
    engine = snapshot.engine
    fraction, progress = _progress(snapshot)
    sampler, pruner = (snapshot.sampler, snapshot.pruner)
    if engine is not None:
        sampler, pruner = engine.sampler, engine.pruner
    # Their options would push the numbers aside; the set-up shows them.
    names = [each.partition(":")[0] for each in (sampler, pruner)]
    methods = [safe_line(name, max_chars=_METHOD_CHARS) for name in names if name]
    thinking = "" if engine is None else show_thinking(engine.thinking_s)
    n_failed = snapshot.counts.get("FAIL", 0)
    return RunSummary(
        name=safe_line(snapshot.name, max_chars=_NAME_CHARS),
        state=state,
        word=word,
        fraction=fraction,
        progress=progress,
        rate="" if engine is None else show_rate(engine.rate),
        eta=_eta(engine),
        failed=f"{n_failed:,} failed ({key_of('failures')})" if n_failed else "",
        best=best_text(snapshot),
        method=thinking or ", ".join(methods),
    )


def _state(snapshot: StudySnapshot) -> tuple[str, str]:
    if snapshot.loading is not None:
        return "loading", "loading"
    if snapshot.engine is not None:
        state = snapshot.engine.state
        if state in ("running", "paused", "stopping", "waiting"):
            return state, _STATE_WORDS.get(state, state)
        return "running", safe_line(state, max_chars=20)
    if snapshot.trouble:
        return "trouble", "cannot be read"
    if snapshot.is_mirror:
        return "other", "mirror"
    if snapshot.is_filled:
        return "other", "run here" if snapshot.is_here else "run elsewhere"
    if not snapshot.read_at_s and not snapshot.trials.directions:
        # Nothing is known yet, an engine neither.
        return "loading", "loading"
    return "stopped", "not running"


def _progress(snapshot: StudySnapshot) -> tuple[float | None, str]:
    if snapshot.loading is not None:
        done, total = snapshot.loading
        return (done / total, f"{done:,} of {plural(total, 'trial')}") if total else (None, "")
    engine = snapshot.engine
    if engine is None and not snapshot.trials.directions:
        return None, ""
    if engine is None:
        text = plural(snapshot.n_trials, "trial")
        if str(snapshot.prepared):
            return None, f"{text}; next run: {snapshot.prepared}"
        last_s = _last_activity_s(snapshot)
        return None, text if last_s is None else f"{text}, the last {show_moment(last_s)[:-3]}"
    if engine.n_trials is None:
        return None, plural(engine.n_ended, "trial")
    total = engine.n_trials
    done = f"{engine.n_ended:,}"
    return (
        (min(1.0, engine.n_ended / total) if total else None),
        f"{done:>{len(f'{total:,}')}}/{total:,}",
    )


def _last_activity_s(snapshot: StudySnapshot) -> float | None:
    ended = snapshot.trials.completes_s[np.isfinite(snapshot.trials.completes_s)]
    return float(ended.max()) if len(ended) else None


def show_rate(rate: float) -> str:
    """Return trials a second as `3.1/s`, slow ones as `4.2/min` or `1.5/h`."""
    if not math.isfinite(rate) or rate <= 0:
        return "-/s"
    for unit, seconds in (("s", 1), ("min", 60)):
        if rate * seconds >= _MIN_RATE:
            return f"{_two_digits(rate * seconds)}/{unit}"
    return f"{_two_digits(rate * 3600)}/h"


def _two_digits(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"  # noqa: PLR2004 - two digits


def _eta(engine: EngineState | None) -> str:
    if engine is None or engine.eta_s is None or engine.state in ("paused", "stopping"):
        return ""
    return f"eta ~{show_duration(engine.eta_s)}"


def best_text(snapshot: StudySnapshot) -> str:
    """Return the best value and its trial, or how many trials stand on the Pareto front."""
    if len(snapshot.trials.directions) > 1:
        count = len(snapshot.front)
        return f"{count} on the Pareto front" if count else ""
    if snapshot.best_number is None or snapshot.best_value is None:
        return ""
    best = value_style(snapshot.trials, 0).alone(snapshot.best_value)
    return f"{best} (#{snapshot.best_number})"


def notice(snapshot: StudySnapshot, now_s: float) -> str:
    """Return the sentence that stands under the header; empty where all is well.

    Args:
        snapshot: What is shown.
        now_s: Seconds since 1970; says how old what is shown has become.
    """
    if snapshot.trouble:
        reason = safe_line(snapshot.trouble, max_chars=400)
        if not snapshot.read_at_s:
            return reason
        return f"Last read {show_duration(max(0.0, now_s - snapshot.read_at_s))} ago: {reason}"
    if snapshot.engine is not None and snapshot.engine.trouble:
        return safe_line(snapshot.engine.trouble, max_chars=400)
    return safe_line(snapshot.runner, max_chars=400) or _said_of_the_run(snapshot)


def _said_of_the_run(snapshot: StudySnapshot) -> str:
    """Return why the last run failed as a whole, or what libraries warned of in it."""
    run = snapshot.runs[-1] if snapshot.runs else None
    if run is None:
        return ""
    if run.error and snapshot.engine is None:
        return safe_line(f"The last run failed. {run.error}", max_chars=400)
    if not run.notes:
        return ""
    more = len(run.notes) - 1
    rest = f" ({plural(more, 'more warning')})" if more else ""
    return f"{safe_line(run.notes[0], max_chars=400)}{rest}"


def empty_face(snapshot: StudySnapshot, key_of: KeyOf = default_key) -> str:
    """Return the sentence for a study that has nothing to show yet; empty where it has."""
    if snapshot.n_trials:
        return ""
    if snapshot.loading is not None:
        done, total = snapshot.loading
        return (
            f"Reading {plural(total, 'trial')}; {done:,} so far." if total else "Reading the study."
        )
    if not snapshot.trials.directions:
        return safe_line(snapshot.trouble, max_chars=400) or "Reading the study."
    if snapshot.engine is not None:
        return "The first trial is about to start."
    failed = _said_of_the_run(snapshot)
    sentence = f"This study has no trials yet; {key_of('run-study')} runs it."
    return f"{failed} {sentence}" if failed else sentence
