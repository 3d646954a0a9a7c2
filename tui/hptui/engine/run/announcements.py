"""What an engine tells of its run: how it began, where it stands, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural, show_duration
from hptui.engine.recovery.stale_trials import settled_text
from hptui.engine.run.observer import REASON_TEXTS, Finished, Progress, Started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hptui.engine.run.background import Lane
    from hptui.engine.run.events import Finish
    from hptui.engine.run.observer import Pace
    from hptui.engine.run.open_run import Run
    from hptui.engine.run.rules import Rules
    from hptui.engine.run.start.plan import RunPlan
    from hptui.errors import HptuiError

_TELL_LEFT_S: Final = 1.0
_ASKED_AHEAD: Final = (
    "The next trial is asked for while others run: it is drawn without their results, as with one "
    "more worker."
)


def started(plan: RunPlan, run: Run) -> Started:
    """Return what is announced when the first trials can begin."""
    asked_ahead = _ASKED_AHEAD if plan.ask_ahead else ""
    return Started(
        study=plan.study,
        study_file=plan.study_file,
        objective=plan.ref.name,
        directions=tuple(run.trials.directions),
        sampler=run.sampler,
        pruner=run.pruner,
        n_slots=plan.n_workers,
        backend=plan.backend,
        n_trials=plan.budget.n_trials,
        n_waiting=run.n_waiting(),
        n_stale_trials=run.n_stale_trials if plan.leftovers == "leave" else 0,
        notes=(*plan.notes, *filter(None, [run.why_sampler, asked_ahead])),
    )


def notes_at_start(plan: RunPlan, run: Run) -> Iterator[str]:
    """Yield what was done with what earlier runs have left."""
    if run.n_stale_trials and plan.leftovers != "leave":
        yield settled_text(run.n_stale_trials, plan.leftovers)
    if run.n_replayed:
        yield f"Stored {plural(run.n_replayed, 'trial')} that an earlier run could not store."


def progress_of(
    run: Run, rules: Rules, pace: Pace, *, trouble: str, thinking_s: float | None, now_s: float
) -> Progress:
    """Return where a run stands.

    Args:
        run: The run.
        rules: Its budget and state.
        pace: How fast its trials end.
        trouble: Why the file takes no writes; empty where it does.
        thinking_s: How long the sampler has been at work for.
        now_s: The time by the engine's clock.
    """
    rate = pace.rate(rules.started_s, now_s)
    left = rules.n_left
    if left is not None:
        left += len(run.trials.live)
    return Progress(
        state="waiting" if trouble else rules.phase.value,
        counts=run.trials.counts,
        n_running=len(run.trials.live),
        n_trials=rules.budget.n_trials,
        rate=rate,
        eta_s=left / rate if left is not None and rate > 0 else None,
        best=run.trials.best,
        trouble=trouble,
        thinking_s=thinking_s,
    )


def finished(run: Run, finish: Finish, wall_s: float) -> Finished:
    """Return what is announced when all is stored."""
    best = run.trials.best
    return Finished(
        reason=finish.reason,
        text=REASON_TEXTS[finish.reason],
        counts=run.trials.counts,
        best=best,
        best_params=run.params_of(best.number) if best else {},
        wall_s=wall_s,
    )


def error_of(run: Run, finish: Finish, failure: HptuiError | None) -> str:
    """Return what was wrong with the run as a whole; empty where nothing was."""
    if failure is not None:
        return failure.message
    counts = run.trials.counts
    is_ended_by_hand = finish.reason in ("stopped", "interrupted")
    if counts.complete or not counts.fail or is_ended_by_hand:
        return ""
    return run.trials.common_error.sentence(counts.fail)


def left_at_work(lanes: Mapping[str, Lane], now_s: float) -> Iterator[str]:
    """Yield a sentence for a sampler or pruner, by its name, that does not come to its end."""
    for name, lane in lanes.items():
        busy_s = lane.busy_s(now_s)
        if busy_s is not None and busy_s >= _TELL_LEFT_S:
            yield f"The {name} was still busy after {show_duration(busy_s)} and was abandoned."
