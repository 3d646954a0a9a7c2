"""From a plan to a running study: everything is checked before anything is written."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import datetime
import secrets
import socket
from typing import TYPE_CHECKING, Any, cast

import optuna
from optuna.exceptions import DuplicatedStudyError

from hptui.domain.attribute_keys import (
    ASKED_KEY,
    EDITED_KEY,
    EDITS_KEY,
    METRICS_KEY,
    NEXT_KEY,
    RUNS_KEY,
    SINCE_KEY,
    STUDY_KEY,
)
from hptui.domain.next_run import NextRun
from hptui.domain.spaces.edits import edits_from_json
from hptui.domain.spaces.edits_since import edits_since, read_since
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import A_MOMENT_S, Lease, StudyHold, folder_of, hold_study
from hptui.engine.recovery.stale_trials import treat_stale_trials
from hptui.engine.recovery.unsaved_trials import find_spools, is_any_left, use_up
from hptui.engine.run.effective_space import EditedSpace
from hptui.engine.run.open_run import Run, open_folder, runs_of, utc_now
from hptui.engine.run.space_edits import SpaceEdits
from hptui.engine.run.start.changed_space import CodeWatch
from hptui.engine.run.start.configuration import RunConfiguration
from hptui.engine.run.start.on_server import claim, open_server
from hptui.engine.run.start.script_plan import begin_like_script
from hptui.engine.run.study_trials import StudyTrials
from hptui.engine.run.tried_params import TriedParams
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.studies.retrying import Retries
from hptui.errors import HptuiError, StudyFileError
from hptui.registry.same_objective import resolved_file, source_sha
from hptui.storage.files.leases import LEASE, boot_id
from hptui.storage.files.study_folder import LOCK, OTHERS, require_no_link_in
from hptui.storage.files.study_identity import token_of
from hptui.storage.files.validation import inspect_file, require_writable
from hptui.storage.read.session import read_study_file
from hptui.storage.read.studies import study_names
from hptui.storage.server.engines import MAX_RUNS
from hptui.storage.sqlite.connection import study_path
from hptui.storage.sqlite.creation import create_study_file, fill_empty_file
from hptui.storage.sqlite.next_run import spell_edits
from hptui.storage.sqlite.storage import SqliteStorage
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.start.plan import RunPlan
    from hptui.storage.server.study_server import StudyServer

_MAX_VANISHED = 10


def open_run(plan: RunPlan, about: Message, socket_path: Path) -> Run:
    """Check the plan against objective and study, then open or create the study for this run.

    Args:
        plan: What to do.
        about: What a worker told of the objective it has loaded.
        socket_path: Where this engine listens.

    Raises:
        HptuiError: Something does not fit; nothing has been written.
    """
    folder = folder_of(plan.study_file, plan.study)
    require_no_link_in(folder, inside=True)
    choices: RunConfiguration | None = None
    server = None
    if plan.server is not None:
        server, choices = open_server(plan, about, plan.server)
    elif inspect_file(plan.study_file, check_budget_s=0.0).kind in ("missing", "empty"):
        # All that can be refused is refused before the file is there.
        choices = RunConfiguration.of(plan, about, None)
    lease = Lease.of_this_process(plan.study, secrets.token_hex(4), socket_path)
    with contextlib.ExitStack() as undone:
        if server is not None:
            undone.callback(server.close)
        hold = _hold(plan, lease)
        undone.callback(hold.release, tidy=True)
        _begin_folder(plan, hold)
        run = _open(plan, about, hold, choices, server)
        undone.pop_all()
        return run


def _hold(plan: RunPlan, lease: Lease) -> StudyHold:
    """Take the study, in a new file where there is none, before anything of it is looked at.

    Raises:
        StudyBusyError: Somebody holds it.
        StudyFileError: It cannot be written there.
    """
    file = study_path(plan.study_file)
    vanished = 0
    while True:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            create_study_file(file)
            return hold_study(file, lease, patience_s=A_MOMENT_S)
        except FileNotFoundError as error:
            # It has been moved or deleted at this moment.
            vanished += 1
            if vanished == _MAX_VANISHED:
                raise _nothing_beside(plan, error) from error
        except OSError as error:
            if file.exists():
                require_writable(file)
            raise _nothing_beside(plan, error) from error


def _nothing_beside(plan: RunPlan, error: OSError) -> StudyFileError:
    return StudyFileError(
        f"Nothing can be written beside {safe_line(plan.study_file)}: {error.strerror}.",
        hint="Choose another place with --studies DIR or --storage FILE.",
    )


def _begin_folder(plan: RunPlan, hold: StudyHold) -> None:
    """Write the lease; what a deleted study of the name has left is out of the new one's way."""
    fill_empty_file(study_path(plan.study_file))
    is_known = read_study_file(
        plan.study_file, lambda connection: study_id_of(connection, plan.study) is not None
    )
    try:
        if not is_known:
            _set_aside(hold.folder)
        hold.write_lease()
    except OSError as error:
        raise _nothing_beside(plan, error) from error


def _set_aside(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        content = [each for each in folder.iterdir() if each.name not in (OTHERS, LOCK, LEASE)]
        if not content:
            return
        moment = datetime.datetime.now(datetime.UTC)
        while True:
            aside = folder.with_name(f"{folder.name}.old-{moment:%Y%m%d-%H%M%S}")
            with contextlib.suppress(FileExistsError):
                aside.mkdir(mode=0o700)
                break
            moment += datetime.timedelta(seconds=1)
        for each in content:
            each.rename(aside / each.name)


def _open(
    plan: RunPlan,
    about: Message,
    hold: StudyHold,
    choices: RunConfiguration | None,
    server: StudyServer | None = None,
) -> Run:
    n_replayed = 0 if server is not None else _replay(plan)
    storage = SqliteStorage(plan.study_file, server=server)
    try:
        study = _find_study(storage, plan.study)
        if choices is None or study is not None:
            choices = RunConfiguration.of(plan, about, study)
        if study is None:
            study = _create_study(storage, plan, choices)
        left = None
        if server is not None:
            locked_study = claim(plan, hold, storage, server, study)
            study, left, n_replayed = (
                locked_study.study,
                locked_study.abandoned,
                locked_study.n_replayed,
            )
            # Others may have added to it.
            choices = RunConfiguration.of(plan, about, study)
        attrs = storage.get_study_system_attrs(study._study_id)
        plan = plan.with_prepared(NextRun.read(attrs.get(NEXT_KEY)))
        return _start(plan, hold, storage, study, choices, n_replayed, left)
    except BaseException:
        storage.grouped = False
        storage.close()
        raise


def _replay(plan: RunPlan) -> int:
    """Store the trials that an earlier run of the study could not; return how many."""
    if not is_any_left(folder_of(plan.study_file, plan.study)):
        return 0
    if plan.study not in study_names(plan.study_file):
        return 0
    token = read_study_file(plan.study_file, lambda connection: token_of(connection, plan.study))
    count = 0
    for spool in find_spools(plan.study_file, plan.study, token):
        # What cannot be stored stays where it is; `hptui doctor` tells of it.
        with contextlib.suppress(HptuiError):
            count += use_up(plan.study_file, plan.study, spool).n_stored
    return count


def _find_study(storage: SqliteStorage, name: str) -> optuna.Study | None:
    if not any(each.study_name == name for each in storage.get_all_studies()):
        return None
    return optuna.Study(study_name=name, storage=storage)


def _create_study(storage: SqliteStorage, plan: RunPlan, choices: RunConfiguration) -> optuna.Study:
    directions = [optuna.study.StudyDirection[each.upper()] for each in choices.directions]
    try:
        study_id = storage.create_new_study(directions, plan.study)
    except DuplicatedStudyError:
        # Another engine has been quicker.
        return optuna.Study(study_name=plan.study, storage=storage)
    if choices.metric_names:
        # What `Study.set_metric_names` writes.
        storage.set_study_system_attr(
            study_id, METRICS_KEY, cast("Any", list(choices.metric_names))
        )
    return optuna.Study(study_name=plan.study, storage=storage)


def _start(
    plan: RunPlan,
    hold: StudyHold,
    storage: SqliteStorage,
    study: optuna.Study,
    choices: RunConfiguration,
    n_replayed: int,
    left: Sequence[FrozenTrial] | None,
) -> Run:
    handler = open_folder(hold.folder)
    study.sampler = choices.sampler
    study.pruner = choices.pruner
    n_stale_trials = treat_stale_trials(study, hold.folder, plan.leftovers, left)
    since = _since(study, choices)
    _write_study_attrs(plan, hold.lease, study, choices, since)
    if isinstance(choices.sampler.base, KnownGridSampler):
        trials_before = study.get_trials(deepcopy=False)
        marks = choices.sampler.base.learn(trials_before)
        storage.set_ended_attrs(study._study_id, marks)
    for params in plan.enqueue:
        study.enqueue_trial(dict(params))
    storage.grouped = True
    storage.keep_to(study._study_id)
    if plan.script is not None:
        # There may be thousands, which are in the file with the first trial.
        begin_like_script(study, plan.script)
    edited = EditedSpace(choices.edits, choices.ever_edited, choices.view)
    trials = StudyTrials(
        study,
        space=edited,
        run_id=hold.lease.run,
        seed=plan.seed,
        target=plan.budget.target,
        watch=CodeWatch(plan, study, choices.stored),
        repeat=choices.repeat,
        tried=TriedParams(study, hold.lease.run) if plan.skip_duplicates else None,
        draws_ahead=plan.ask_ahead,
    )
    return Run(
        plan=plan,
        id=hold.lease.run,
        storage=storage,
        study=study,
        trials=trials,
        hold=hold,
        sampler=str(choices.sampler_spec),
        why_sampler=choices.why_sampler,
        pruner=choices.pruner_text,
        n_stale_trials=n_stale_trials,
        n_replayed=n_replayed,
        space=SpaceEdits(
            study=study,
            storage=storage,
            sampler=choices.sampler,
            sampler_spec=choices.sampler_spec,
            seed=choices.sampler_seed,
            edited=edited,
            known=choices.known,
            grid=None if plan.script is None else plan.script.grid,
            since=since,
        ),
        folder=hold.folder,
        log_handler=handler,
        retries=Retries(study),
    )


def _since(study: optuna.Study, choices: RunConfiguration) -> dict[str, int]:
    """Return the first trial for which each edit of this run holds, where that is known."""
    attrs = study._storage.get_study_system_attrs(study._study_id)
    return edits_since(
        edits_from_json(attrs.get(EDITS_KEY) or {}),
        read_since(attrs.get(SINCE_KEY)),
        choices.edits,
        len(study.get_trials(deepcopy=False)),
    )


def _write_study_attrs(
    plan: RunPlan,
    lease: Lease,
    study: optuna.Study,
    choices: RunConfiguration,
    since: dict[str, int],
) -> None:
    storage, study_id = study._storage, study._study_id
    attrs = storage.get_study_system_attrs(study_id)
    stored: object = attrs.get(STUDY_KEY)
    about = cast("dict[str, Any]", stored) if isinstance(stored, dict) else {}
    about = about or {"token": secrets.token_hex(16), "created": utc_now()}
    runs = runs_of(study)[-MAX_RUNS + 1 :]
    place = plan.place
    runs.append(
        {
            "id": lease.run,
            "started": utc_now(),
            "ended": None,
            "host": socket.gethostname(),
            "boot": boot_id(),
            "folder": place.folder,
            "python": place.python,
            "python_version": place.python_version,
            **({"optuna": place.optuna, "other_python": True} if place.is_other else {}),
            "objective": plan.ref.to_json(),
            "code_sha": source_sha(plan.ref),
            "sampler": str(choices.sampler_spec),
            "pruner": choices.pruner_text,
            **({"why_sampler": choices.why_sampler} if choices.why_sampler else {}),
            "n_trials": plan.budget.n_trials,
            "slots": plan.n_workers,
            "backend": plan.backend,
            **({} if plan.far is None else {"far": plan.far.to_json()}),
            **({"resources": told} if (told := plan.resources.to_json()) else {}),
            "seed": plan.seed,
            **({"repeat": choices.repeat} if choices.repeat > 1 else {}),
            **({"ask_ahead": True} if plan.ask_ahead else {}),
            "reason": None,
        }
    )
    written: dict[str, Any] = {
        STUDY_KEY: {
            **about,
            "objective": plan.ref.to_json(),
            "file": resolved_file(plan.ref),
        },
        RUNS_KEY: runs,
    }
    ever = choices.ever_edited | set(choices.edits)
    told = spell_edits(choices.edits, ever, since, choices.known)
    # A study whose space was never edited has no attributes that say so, but what the objective
    # has and no trial had yet is told to whoever prepares the next run.
    kept = {EDITS_KEY, EDITED_KEY}
    if attrs.get(ASKED_KEY) or choices.known.keys() - choices.stored.keys():
        kept.add(ASKED_KEY)
    written |= {key: value for key, value in told.items() if ever or key in kept}
    if attrs.get(NEXT_KEY):
        # It counts for this run alone.
        written[NEXT_KEY] = {}
    for key, value in written.items():
        storage.set_study_system_attr(study_id, key, value)
