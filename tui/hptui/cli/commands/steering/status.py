"""What `hptui status` says of a study: of its run, or of the last one where nobody runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.domain.next_run import NextRun
from hptui.domain.resources import StoredPlace
from hptui.domain.texts.readable import plural, show_duration, show_thinking
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.recovery.lease import busy_error, dead_engine_text, read_lease
from hptui.engine.run.moment import in_one_moment
from hptui.engine.run.observer import reason_text
from hptui.errors import HptuiError
from hptui.storage.read.study_detail import count_run, read_study
from hptui.storage.sqlite.timestamps import iso_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.study_ref import StudyRef
    from hptui.storage.read.studies import BestTrial
    from hptui.storage.read.study_detail import RunRecord, StudyDetail

IDLE = "idle"


def status_of(place: StudyRef) -> dict[str, Any]:
    """Return what `hptui status --json` prints: the engine's answer and what the file has.

    Raises:
        HptuiError: The file cannot be read, or the engine does not answer.
    """
    if running_engine(place.path, place.study_name) is None:
        return _at_rest(place)
    try:
        answer = ask_engine(place.path, place.study_name, {"op": "status"})
    except HptuiError:
        if running_engine(place.path, place.study_name) is None:
            # It has just ended.
            return _at_rest(place)
        raise
    study = read_study(place.path, place.study_name)
    summary = study.summary
    before = [run for run in study.runs if run.id != answer.get("run")]
    told = in_one_moment(answer, summary.counts) | _in_file(study, before)
    return {key: value for key, value in told.items() if key not in ("ok", "others")}


def _in_file(study: StudyDetail, ended: Sequence[RunRecord]) -> dict[str, Any]:
    """Return what the file alone tells; `ended` are all runs but one that goes on."""
    summary = study.summary
    return {
        "best": _best(summary.best),
        "trials": {state.lower(): count for state, count in summary.counts.items()},
        "last_run": _last_run(ended[-1]) if ended else None,
        "prepared": study.prepared.to_json() or None,
    }


def _best(best: BestTrial | None) -> dict[str, Any] | None:
    return None if best is None else {"number": best.number, "value": best.value}


def _at_rest(place: StudyRef) -> dict[str, Any]:
    """Return the same keys for a study that nobody runs; counts are those of its last run."""
    study = read_study(place.path, place.study_name)
    summary = study.summary
    run = study.runs[-1] if study.runs else None
    counts = summary.counts
    lease = read_lease(place.path, place.study_name)
    trouble = ""
    if lease is not None and not lease.is_alive:
        trouble = dead_engine_text(lease, counts["STALE"])
    elif lease is not None and lease.is_unseen:
        trouble = busy_error(place.path, lease).message
    return {
        "study": summary.name,
        "file": str(summary.path),
        "objective": None if summary.objective is None else summary.objective.name,
        "run": None if run is None else run.id,
        "pid": None,
        "state": IDLE,
        "counts": count_run(place.path, place.study_name, "" if run is None else run.id),
        "running": counts["RUNNING"],
        "waiting": counts["WAITING"],
        "n_trials": None if run is None else run.n_trials,
        "target": None,
        "rate": 0.0,
        "eta_s": None,
        "elapsed_s": None if run is None else _lasted_s(run),
        "time_left_s": None,
        "directions": list(summary.directions),
        "sampler": None if run is None else run.sampler,
        "pruner": None if run is None else run.pruner,
        "sampler_ms_a_trial": None,
        "thinking_s": None,
        "ask_ahead": run is not None and run.asks_ahead,
        "backend": None if run is None else run.backend,
        "threads_per_slot": None,
        "trouble": trouble,
        "slots": [],
        "notes": [] if run is None else list(run.notes),
        **_in_file(study, study.runs),
    }


def _lasted_s(run: RunRecord) -> float | None:
    if run.started_s is None or run.ended_s is None:
        return None
    return max(0.0, run.ended_s - run.started_s)


def _last_run(run: RunRecord) -> dict[str, Any]:
    return {
        "started": iso_utc(run.started_s),
        "ended": iso_utc(run.ended_s),
        "reason": run.reason or None,
        "text": reason_text(run.reason) or None,
        "error": run.error or None,
    }


def describe_status(status: Mapping[str, Any]) -> list[str]:
    """Return the lines that `hptui status` prints."""
    return _describe_idle(status) if status["state"] == IDLE else _describe_run(status)


def _describe_idle(status: Mapping[str, Any]) -> list[str]:
    count = sum(status["trials"].values())
    lines = [f"{safe_line(status['study'])}: not running, {plural(count, 'trial')}"]
    run = status["last_run"]
    if run is not None:
        ended = "" if run["text"] is None else f"   {safe_line(run['text'])}"
        lines.append(f"  last run   {_counted(status['counts'])}{ended}")
        if run["error"] is not None:
            lines.append(f"  why        {safe_line(run['error'], max_chars=400)}")
    left = {"running": status["running"], "stale": status["trials"]["stale"]}
    left["waiting"] = status["waiting"]
    if any(left.values()):
        told = ", ".join(f"{count} {word}" for word, count in left.items() if count)
        lines.append(f"  left       {told}")
    prepared = NextRun.read(status["prepared"])
    if str(prepared):
        lines.append(f"  next run   {prepared}")
    return lines + _describe_both(status)


def _counted(counts: Mapping[str, int]) -> str:
    return f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['fail']} failed"


def _describe_run(status: Mapping[str, Any]) -> list[str]:
    counts = status["counts"]
    ended = sum(counts.values())
    budget = f"{ended}/{status['n_trials']}" if status["n_trials"] else plural(ended, "trial")
    rate = f"{status['rate']:.3g}/s" if status["rate"] else "-/s"
    eta = f", eta ~{show_duration(status['eta_s'])}" if status["eta_s"] is not None else ""
    left_s = status.get("time_left_s")
    left = f", ends in {show_duration(left_s)} at the latest" if left_s is not None else ""
    sampler_ms = status["sampler_ms_a_trial"]
    thinking = show_thinking(status.get("thinking_s"))
    cost = f" ({sampler_ms:.3g} ms per trial)" if sampler_ms is not None else ""
    return [
        f"{safe_line(status['study'])}: {safe_line(status['state'])}, {budget}, {rate}{eta}, "
        f"for {show_duration(status['elapsed_s'])}{left} (process {status['pid']})",
        f"  this run   {_counted(counts)}, {status['running']} running, "
        f"{status['waiting']} waiting",
        f"  search     {safe_line(status['sampler'])}{cost}, pruner {safe_line(status['pruner'])}"
        f"{', asks ahead' if status.get('ask_ahead') else ''}"
        f"{f', {thinking}' if thinking else ''}",
        f"  execution  {safe_line(status['backend'])}, {plural(len(status['slots']), 'worker')}, "
        f"{plural(status['threads_per_slot'], 'native thread')} each",
        *_describe_both(status),
        *(_describe_worker(worker) for worker in status["slots"]),
    ]


def _describe_both(status: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    best = status["best"]
    if best:
        lines.append(f"  best       {best['value']:.6g}  trial {best['number']}")
    if status["trouble"]:
        lines.append(f"  trouble    {safe_line(status['trouble'])}")
    notes = [safe_line(note, max_chars=400) for note in status.get("notes", [])]
    return lines + [f"  note       {note}" for note in notes]


def _describe_worker(worker: Mapping[str, Any]) -> str:
    place = StoredPlace.read(worker.get("place"))
    where = "" if place is None else f"  on {place}"
    if worker["trial"] is None:
        state = "starting" if worker.get("pid", 0) is None else "idle"
        return f"  worker {worker['slot'] + 1:<2}   {state}{where}"
    step = f"  step {worker['step']}  {worker['value']:.4g}" if worker["step"] is not None else ""
    ending = "  being ended" if worker["ending"] else ""
    thinking = show_thinking(worker.get("thinking_s"))
    if thinking:
        ending = f"  {thinking}{ending}"
    return (
        f"  worker {worker['slot'] + 1:<2}   trial {worker['trial']}  "
        f"{show_duration(worker['running_s'])}{step}{where}{ending}"
    )
