"""From a plan to a running study: everything is checked before anything is written."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import optuna
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.edits import (
    ParamEdit,
    Unset,
    apply_edit,
    apply_edits,
    check_against_history,
    edits_from_json,
    edits_to_json,
    merge_edits,
    parse_fix_option,
    resolve_text,
    resolve_value,
    unknown_parameter,
)
from hptui.domain.sampling import check_fit, parse_pruner, parse_sampler
from hptui.domain.space import ParamSpec, spec_from_json
from hptui.domain.text import safe_line
from hptui.engine.effective_space import EditedSpace
from hptui.engine.lease import Lease, folder_of, release_lease, take_lease
from hptui.engine.outcome import TrialError
from hptui.engine.processes import boot_id
from hptui.engine.pruners import build_pruner
from hptui.engine.samplers import build_sampler
from hptui.engine.space_view import SpaceView, SpaceViewSampler
from hptui.engine.trials import TrialRecord, Trials
from hptui.errors import HptuiError, UsageError
from hptui.registry.load import source_sha
from hptui.registry.probe import probe
from hptui.storage.distributions import from_optuna, to_optuna
from hptui.storage.sqlite import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.engine.plan import RunPlan
    from hptui.engine.protocol import Message
    from hptui.engine.rules import EndReason

_MAX_RUNS_KEPT = 50
_PROBE_S = 20.0
_TRIALS_LOOKED_AT = 200


@dataclass(slots=True, eq=False)
class Run:
    """An open study and all that belongs to one run of it."""

    plan: RunPlan
    id: str
    storage: SqliteStorage
    study: optuna.Study
    trials: Trials
    lease: Lease
    sampler: str
    pruner: str
    n_leftover: int
    space: Mapping[str, ParamSpec]
    folder: Path
    log_handler: logging.Handler

    def log_of(self, number: int) -> Path:
        """Return where the output of a trial goes."""
        return self.folder / "logs" / f"trial-{number:06d}.log"

    def scratch_of(self, number: int) -> Path:
        """Return the folder a trial may use."""
        return self.folder / "scratch" / f"{number:06d}"

    def n_waiting(self) -> int:
        """Return how many trials are enqueued."""
        waiting = (TrialState.WAITING,)
        return len(
            self.storage.get_all_trials(self.study._study_id, deepcopy=False, states=waiting)
        )

    def params_of(self, number: int) -> dict[str, Any]:
        """Return the parameters of a trial."""
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(
            self.study._study_id, number
        )
        return self.storage.get_trial(trial_id).params

    def set_study_attr(self, key: str, text: str) -> None:
        """Set a user attribute of the study whose value is the JSON `text`."""
        self.study.set_user_attr(key, json.loads(text))

    def enqueue(self, params: Mapping[str, Any]) -> int:
        """Enqueue a trial by hand and return its number.

        Raises:
            SpaceError: A parameter that the study does not know, or a value out of its range.
            StudyBusyError: The file does not take a new trial now.
        """
        known = dict(self.space)
        for trial in self.study.get_trials(deepcopy=False)[-_TRIALS_LOOKED_AT:]:
            for name, distribution in trial.distributions.items():
                known[name] = from_optuna(distribution)
        check_params(params, known)
        self.study.enqueue_trial(dict(params))
        return self.study.get_trials(deepcopy=False)[-1].number

    def record_end(self, reason: EndReason) -> None:
        """Write when and why the run ended."""
        runs = _runs_of(self.study)
        for run in runs:
            if run.get("id") == self.id:
                run |= {"ended": _utc_now(), "reason": reason}
        self.storage.set_study_system_attr(self.study._study_id, "hptui:runs", cast("Any", runs))

    def spill(self, records: list[TrialRecord]) -> HptuiError:
        """Write trials that the study file did not take beside it, and return what to say."""
        lines = [
            json.dumps(
                {"number": r.number, "state": r.state, "values": r.values, "params": r.params}
            )
            for r in records
        ]
        name = f"unsaved-{self.id}.jsonl"
        for folder in (self.folder, Path.cwd(), Path("/tmp")):
            with contextlib.suppress(OSError):
                path = folder / name
                path.write_text("\n".join(lines) + "\n", "utf-8")
                return HptuiError(
                    f"The study file took no writes ({self.storage.trouble}); "
                    f"{len(lines)} trials that ended are in {safe_line(path)}."
                )
        return HptuiError(
            f"The study file took no writes ({self.storage.trouble}), nor did any other place; "
            f"these trials are not stored: {' '.join(lines)}"
        )

    def close(self, worker_log: Path) -> None:
        """Close the study and give it free."""
        with contextlib.suppress(OSError):
            text = worker_log.read_bytes()
            if text:
                with (self.folder / "engine.log").open("ab") as stream:
                    stream.write(text)
        self.storage.close()
        for name in ("scratch", "logs"):
            with contextlib.suppress(OSError):
                (self.folder / name).rmdir()
        logging.getLogger("hptui").removeHandler(self.log_handler)
        self.log_handler.close()
        with contextlib.suppress(OSError):
            if (self.folder / "engine.log").stat().st_size == 0:
                (self.folder / "engine.log").unlink()
        release_lease(self.plan.study_file, self.lease)


def open_run(plan: RunPlan, about: Message, socket_path: Path) -> Run:
    """Check the plan against objective and study, then open or create the study for this run.

    Args:
        plan: What to do.
        about: What a worker told of the objective it has loaded.
        socket_path: Where this engine listens.

    Raises:
        HptuiError: Something does not fit; nothing has been written.
    """
    lease = Lease.of_this_process(plan.study, secrets.token_hex(4), socket_path)
    choices: _Choices | None = None
    if not plan.study_file.exists():
        # All that can be refused is refused before the file is there.
        choices = _Choices.of(plan, about, None)
        plan.study_file.parent.mkdir(parents=True, exist_ok=True)
        _set_aside(plan)
    take_lease(plan.study_file, lease)
    try:
        return _open(plan, about, lease, choices)
    except BaseException:
        release_lease(plan.study_file, lease)
        folder = folder_of(plan.study_file, plan.study)
        with contextlib.suppress(OSError):
            (folder / "engine.lock").unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


def _set_aside(plan: RunPlan) -> None:
    """Move what a deleted study file has left beside it out of the new study's way."""
    folder = folder_of(plan.study_file, plan.study)
    if folder.exists() and any(folder.iterdir()):
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
        folder.rename(folder.with_name(f"{folder.name}.old-{stamp}"))


def _open(plan: RunPlan, about: Message, lease: Lease, choices: _Choices | None) -> Run:
    storage = SqliteStorage(plan.study_file, create=not plan.study_file.exists())
    try:
        study = _find_study(storage, plan.study)
        if choices is None:
            choices = _Choices.of(plan, about, study)
        if study is None:
            study = _create_study(storage, plan, choices)
        return _start(plan, lease, storage, study, choices)
    except BaseException:
        storage.grouped = False
        storage.close()
        raise


def _find_study(storage: SqliteStorage, name: str) -> optuna.Study | None:
    if not any(each.study_name == name for each in storage.get_all_studies()):
        return None
    return optuna.Study(study_name=name, storage=storage)


def _create_study(storage: SqliteStorage, plan: RunPlan, choices: _Choices) -> optuna.Study:
    study_id = storage.create_new_study(
        [optuna.study.StudyDirection[each.upper()] for each in choices.directions], plan.study
    )
    if choices.metric_names:
        # What `Study.set_metric_names` writes.
        storage.set_study_system_attr(
            study_id, "study:metric_names", cast("Any", list(choices.metric_names))
        )
    return optuna.Study(study_name=plan.study, storage=storage)


def _start(
    plan: RunPlan,
    lease: Lease,
    storage: SqliteStorage,
    study: optuna.Study,
    choices: _Choices,
) -> Run:
    folder = folder_of(plan.study_file, plan.study)
    for name in ("logs", "scratch"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = _log_to(folder / "engine.log")
    study.sampler = choices.sampler
    study.pruner = choices.pruner
    n_leftover = _treat_leftovers(study, plan.leftovers)
    _write_study_attrs(plan, lease, study, choices)
    for params in plan.enqueue:
        study.enqueue_trial(dict(params))
    storage.grouped = True
    trials = Trials(
        study,
        space=EditedSpace(choices.edits, choices.ever_edited, choices.view),
        run_id=lease.run,
        seed=plan.seed,
        target=plan.budget.target,
    )
    return Run(
        plan=plan,
        id=lease.run,
        storage=storage,
        study=study,
        trials=trials,
        lease=lease,
        sampler=choices.sampler_text,
        pruner=choices.pruner_text,
        n_leftover=n_leftover,
        space=choices.space,
        folder=folder,
        log_handler=handler,
    )


def _log_to(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.getLogger("hptui").addHandler(handler)
    return handler


def _write_study_attrs(plan: RunPlan, lease: Lease, study: optuna.Study, choices: _Choices) -> None:
    storage, study_id = study._storage, study._study_id
    about = storage.get_study_system_attrs(study_id).get("hptui:study") or {
        "token": secrets.token_hex(16),
        "created": _utc_now(),
    }
    runs = _runs_of(study)[-_MAX_RUNS_KEPT + 1 :]
    runs.append(
        {
            "id": lease.run,
            "started": _utc_now(),
            "ended": None,
            "host": socket.gethostname(),
            "boot": boot_id(),
            "objective": plan.ref.to_json(),
            "code_sha": source_sha(plan.ref),
            "sampler": choices.sampler_text,
            "pruner": choices.pruner_text,
            "n_trials": plan.budget.n_trials,
            "slots": plan.n_slots,
            "backend": plan.backend,
            "seed": plan.seed,
            "reason": None,
        }
    )
    written: dict[str, Any] = {
        "hptui:study": {**about, "objective": plan.ref.to_json()},
        "hptui:edits": edits_to_json(choices.edits),
        "hptui:edited": sorted(choices.ever_edited | set(choices.edits)),
        "hptui:runs": runs,
    }
    for key, value in written.items():
        storage.set_study_system_attr(study_id, key, value)


def _runs_of(study: optuna.Study) -> list[dict[str, Any]]:
    runs = study._storage.get_study_system_attrs(study._study_id).get("hptui:runs")
    return [dict(run) for run in runs] if isinstance(runs, list) else []  # pyright: ignore


def _utc_now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def leftover_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the RUNNING trials that runs of hptui on this machine have left.

    The caller holds the study's lease, so none of those runs is alive. Trials of plain Optuna
    programs and of other machines are not among them.
    """
    here = {run.get("id") for run in _runs_of(study) if run.get("host") == socket.gethostname()}
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial for trial in running if trial.system_attrs.get("hptui:run") in here]


def _treat_leftovers(study: optuna.Study, what: str) -> int:
    """Fail or requeue leftover trials; returns how many were left as they are."""
    left = leftover_trials(study)
    if what == "leave":
        return len(left)
    for trial in left:
        resolve_leftover(study, trial, requeue=what == "requeue")
    return 0


def resolve_leftover(study: optuna.Study, trial: FrozenTrial, *, requeue: bool) -> None:
    """Mark a leftover trial as failed, and with `requeue` enqueue its parameters again."""
    error = TrialError("died", "", "The engine that ran this trial ended before the trial did.")
    storage = study._storage
    if requeue:
        fixed = trial.system_attrs.get("fixed_params", {})
        study.enqueue_trial({**fixed, **trial.params})
    storage.set_trial_system_attr(trial._trial_id, "hptui:error", cast("Any", error.to_json()))
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choices:
    """What a run will use, checked to fit together."""

    directions: tuple[str, ...]
    metric_names: tuple[str, ...]
    sampler: optuna.samplers.BaseSampler
    sampler_text: str
    pruner: optuna.pruners.BasePruner
    pruner_text: str
    space: Mapping[str, ParamSpec]
    edits: Mapping[str, ParamEdit]
    ever_edited: frozenset[str]
    view: SpaceView

    @classmethod
    def of(cls, plan: RunPlan, about: Message, study: optuna.Study | None) -> _Choices:
        """Choose and check; `study` is None when it will be created."""
        attrs = {} if study is None else study._storage.get_study_system_attrs(study._study_id)
        directions = _directions(plan, about, study)
        runs: list[dict[str, Any]] = attrs.get("hptui:runs") or []
        last_run = runs[-1] if runs else {}
        sampler = parse_sampler(plan.sampler or last_run.get("sampler") or about["sampler"])
        pruner_text = plan.pruner or last_run.get("pruner") or about["pruner"]
        if plan.pruner is None and len(directions) > 1:
            pruner_text = "none"
        pruner = parse_pruner(pruner_text)
        misfit = check_fit(sampler, pruner, len(directions))
        if misfit is not None:
            raise UsageError(misfit)
        if plan.budget.target is not None and len(directions) > 1:
            raise UsageError(
                "A target needs one objective, but this study has several.",
                hint="Leave --target away, or give --trials or --timeout.",
            )
        edits = merge_edits(edits_from_json(attrs.get("hptui:edits") or {}), plan.edits)
        stored = {} if study is None else _stored_space(study)
        fixed_names = [parse_fix_option(text)[0] for text in plan.fixes]
        wanted = set(edits).union(fixed_names, *plan.enqueue)
        space = _known_space(plan, about, stored, wanted, probe_all=sampler.name == "grid")
        for text in plan.fixes:
            name, value = parse_fix_option(text, space)
            if name not in space:
                raise unknown_parameter(name, space)
            spec = apply_edit(name, space[name], edits.get(name, ParamEdit()))
            fix = ParamEdit(fixed=resolve_text(name, spec, value))
            edits = merge_edits(edits, {name: fix})
        effective = apply_edits(space, edits)
        for name, spec in effective.items():
            if name in stored:
                check_against_history(name, spec, stored[name])
        for params in plan.enqueue:
            check_params(params, effective)
        fixed = {
            name: resolve_value(name, effective[name], edit.fixed)
            for name, edit in edits.items()
            if not isinstance(edit.fixed, Unset)
        }
        ever = frozenset(str(name) for name in attrs.get("hptui:edited") or ())
        base = build_sampler(
            sampler,
            seed=_seed_for(plan, study),
            space=effective,
            fixed=fixed,
            n_objectives=len(directions),
        )
        watched = {
            name: to_optuna(effective[name]) for name in ever | set(edits) if name in effective
        }
        view = SpaceView(edited=set(ever | set(edits)), current=watched)
        return cls(
            directions=directions,
            metric_names=tuple(about.get("metric_names") or ()),
            sampler=SpaceViewSampler(base, view),
            sampler_text=str(sampler),
            pruner=build_pruner(pruner),
            pruner_text=str(pruner),
            space=effective,
            edits=edits,
            ever_edited=ever,
            view=view,
        )


def _directions(plan: RunPlan, about: Message, study: optuna.Study | None) -> tuple[str, ...]:
    if study is None:
        return plan.directions or tuple(about["directions"])
    stored = tuple(each.name.lower() for each in study.directions)
    if plan.directions is not None and plan.directions != stored:
        raise UsageError(
            f"The study {safe_line(plan.study)} has the direction {', '.join(stored)}, "
            f"not {', '.join(plan.directions)}; it cannot change.",
            hint="Leave --direction away, or give --study another name.",
        )
    return stored


def _seed_for(plan: RunPlan, study: optuna.Study | None) -> int | None:
    """Return the sampler's seed: a study that goes on must not repeat its first points."""
    n_trials = 0 if study is None else len(study.get_trials(deepcopy=False))
    if plan.seed is None or n_trials == 0:
        return plan.seed
    import numpy as np

    return int(np.random.SeedSequence([plan.seed, n_trials]).generate_state(1)[0])


def _stored_space(study: optuna.Study) -> dict[str, ParamSpec]:
    """Return the latest distribution of each parameter in the study's trials."""
    space: dict[str, ParamSpec] = {}
    for trial in study.get_trials(deepcopy=False):
        for name, distribution in trial.distributions.items():
            space[name] = from_optuna(distribution)
    return space


def _known_space(
    plan: RunPlan,
    about: Message,
    stored: Mapping[str, ParamSpec],
    wanted: set[str],
    *,
    probe_all: bool,
) -> dict[str, ParamSpec]:
    """Return the parameters as the objective has them: declared, probed, or seen in trials.

    The objective is probed only where `wanted` names one that is not known otherwise.
    """
    declared = {name: spec_from_json(text) for name, text in about["space"].items()}
    known = {**stored, **declared}
    if wanted <= set(known) and not (probe_all and not declared):
        return known
    probed = probe(plan.ref, timeout_s=_PROBE_S)
    seen = {name: parameter.spec for name, parameter in probed.parameters.items()}
    return {**stored, **seen, **declared}


def check_params(params: Mapping[str, Any], space: Mapping[str, ParamSpec]) -> None:
    """Check the parameters of a trial by hand.

    Raises:
        SpaceError: A name that is no parameter, or a value that it may not have.
    """
    for name, value in params.items():
        if name not in space:
            raise unknown_parameter(name, space)
        resolve_value(name, space[name], value)
