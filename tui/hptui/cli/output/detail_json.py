"""Studies and trials in full, as JSON for programs: the keys are promised and keep their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.storage.mirror.mirrors import mirror_state
from hptui.storage.sqlite.timestamps import iso_utc

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.read.study_detail import RunRecord, StudyDetail
    from hptui.storage.read.trial_detail import TrialDetail


def study_json(study: StudyDetail, best: TrialDetail | None) -> dict[str, Any]:
    """Return what `hptui show STUDY --json` prints."""
    summary = study.summary
    return {
        "name": summary.name,
        "file": str(summary.path),
        "size_bytes": summary.size_bytes,
        "directions": summary.directions,
        "metric_names": study.metric_names,
        "objective": None if summary.objective is None else summary.objective.to_json(),
        "counts": {state.lower(): count for state, count in summary.counts.items()},
        "best": None
        if best is None or summary.best is None
        else {
            "number": best.number,
            "value": summary.best.value,
            "params": {param.name: param.value for param in best.params},
        },
        "last_activity": iso_utc(summary.last_activity_s),
        "runs": [_run_json(run) for run in study.runs],
        "edits": study.edits,
        "changes": [
            {
                "trial": change.number,
                "what": change.what,
                "text": change.text,
                "at": iso_utc(change.at_s),
                "by": change.who or None,
            }
            for change in study.changes
        ],
        "tags": summary.tags,
        "note": study.note.body,
        "artifacts": [each.to_json() for each in study.artifacts],
        "user_attrs": study.user_attributes.readable(),
        "system_attrs": study.system_attributes.readable(),
        "mirror": mirror_json(summary.path),
    }


def mirror_json(path: Path) -> dict[str, Any] | None:
    """Return of what a study's file is a mirror, and how old it is; None where it is none."""
    state = mirror_state(path)
    if state is None:
        return None
    return {
        "address": state.address,
        "age_s": state.age_s(),
        "trouble": state.trouble or None,
    }


def _run_json(run: RunRecord) -> dict[str, Any]:
    return {
        "started": iso_utc(run.started_s),
        "ended": iso_utc(run.ended_s),
        "sampler": run.sampler,
        "pruner": run.pruner,
        "n_trials": run.n_trials,
        "slots": run.workers,
        "backend": run.backend,
        "resources": dict(run.resources),
        "folder": run.place.folder or None,
        "python": run.place.python or None,
        "python_version": run.place.python_version or None,
        "seed": run.seed,
        "ask_ahead": run.asks_ahead,
        "reason": run.reason or None,
        "error": run.error or None,
        "notes": run.notes,
    }


def trial_json(trial: TrialDetail, log: Path | None) -> dict[str, Any]:
    """Return what `hptui show STUDY TRIAL --json` prints."""
    error, pruned = trial.error, trial.pruned
    return {
        "study": trial.study_name,
        "number": trial.number,
        "state": trial.state.lower(),
        "values": trial.values,
        "repeats": None if trial.repeats is None else trial.repeats.to_json(),
        "feasible": trial.is_feasible,
        "start": iso_utc(trial.start_s),
        "complete": iso_utc(trial.complete_s),
        "duration_s": trial.duration_s,
        "place": None if trial.place is None else trial.place.to_json(),
        "peak_memory": trial.peak_memory,
        "params": {param.name: param.value for param in trial.params},
        "distributions": {param.name: param.distribution for param in trial.params},
        "reports": trial.reports,
        "n_reports": trial.n_reports,
        "constraints": trial.constraints,
        "error": None
        if error is None
        else {
            "kind": error.kind,
            "type": error.type,
            "message": error.message,
            "traceback": error.traceback,
        },
        "pruned": None
        if pruned is None
        else {
            "step": pruned.step,
            "value": pruned.value,
            "by": pruned.by,
            "threshold": pruned.threshold,
            "text": pruned.text,
        },
        "tags": trial.tags,
        "note": trial.note.body,
        "artifacts": [each.to_json() for each in trial.artifacts],
        "user_attrs": trial.user_attributes.readable(),
        "system_attrs": trial.system_attributes.readable(),
        "log": None if log is None else str(log),
        "damage": trial.damage,
    }
