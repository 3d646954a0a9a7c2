"""`hptui show`: a study, or one of its trials, in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.output.detail_json import study_json, trial_json
from hptui.cli.output.study_text import study_text
from hptui.cli.output.trial_text import trial_text
from hptui.domain.texts.json_values import dump
from hptui.storage.read.study_detail import StudyDetail, read_study
from hptui.storage.read.trial_detail import TrialDetail, read_trial

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from hptui.domain.study_ref import StudyRef

_EPILOG = """\
With --json, a study has the keys name, file, size_bytes, directions, metric_names, objective,
counts, best, last_activity, runs, edits, changes (of space, workers and budget, by people), tags,
note, artifacts, user_attrs, system_attrs, mirror (of a study on a server or in a journal: address,
age_s, trouble; else null); a trial has study, number, state, values, feasible, start, complete,
duration_s, params, distributions,
reports, n_reports, constraints, error, pruned, tags, note, artifacts, user_attrs, system_attrs,
log, damage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui show`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument("trial", metavar="TRIAL", type=int, nargs="?", help="a trial's number")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the study, or the trial."""
    place = locate_study(args.study, studies=args.studies)
    if args.trial is None:
        study = read_study(place.path, place.study_name)
        best = _best_trial(study)
        print(dump(study_json(study, best)) if args.json else study_text(study, best))
        return 0
    trial = read_trial(place.path, place.study_name, args.trial)
    log = _log_of(place, trial.number)
    print(dump(trial_json(trial, log)) if args.json else trial_text(trial, log))
    return 0


def _best_trial(study: StudyDetail) -> TrialDetail | None:
    best = study.summary.best
    if best is None:
        return None
    return read_trial(study.summary.path, study.summary.name, best.number)


def _log_of(place: StudyRef, number: int) -> Path | None:
    """Return the file with a trial's output, None where there is none."""
    from hptui.storage.files.study_folder import folder_of, is_behind_link, log_path

    path = log_path(folder_of(place.path, place.study_name), number)
    is_own = path.is_file() and not is_behind_link(path, place.path)
    return path if is_own else None
