"""An open study and all that belongs to one run of it."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import datetime
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from optuna.trial import TrialState, create_trial

from hptui.domain.attribute_keys import CHANGES_KEY, ENQUEUED_KEY, IMPORT_KEY, RUNS_KEY, STUDY_KEY
from hptui.domain.spaces.edits import check_params
from hptui.domain.spaces.space import spec_to_json
from hptui.domain.study_changes import add_change
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import redacted, safe_line
from hptui.engine.recovery.unsaved_trials import leave
from hptui.engine.run.study_trials import Counts
from hptui.engine.sampling.own import OwnPruner, OwnSampler
from hptui.engine.workers.scratch import remove_empty
from hptui.engine.workers.trial_logs import cut_log, cut_logs
from hptui.errors import HptuiError, SpaceError
from hptui.storage.files.side_files import open_side_file
from hptui.storage.files.spooled_trials import Origin, spell_trial
from hptui.storage.files.study_folder import log_name, scratch_name
from hptui.storage.sqlite.writer import StudyGoneError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from hptui.domain.study_changes import ChangedWhat
    from hptui.engine.ipc.protocol import Message
    from hptui.engine.recovery.lease import StudyHold
    from hptui.engine.run.events import EndReason
    from hptui.engine.run.space_edits import SpaceEdits
    from hptui.engine.run.start.plan import RunPlan
    from hptui.engine.run.study_trials import StudyTrials
    from hptui.engine.studies.retrying import Retries
    from hptui.storage.sqlite.storage import SqliteStorage

_log = logging.getLogger("hptui.engine")


@dataclass(slots=True, eq=False)
class Run:
    """An open study and all that belongs to one run of it."""

    plan: RunPlan
    id: str
    storage: SqliteStorage
    study: optuna.Study
    trials: StudyTrials
    hold: StudyHold
    sampler: str
    why_sampler: str
    """Why it is that one, where `auto` was asked for."""
    pruner: str
    n_stale_trials: int
    """Stale trials; the plan says what became of them."""
    n_replayed: int
    """Trials of earlier runs that the file had not taken, and now has."""
    space: SpaceEdits
    folder: Path
    log_handler: logging.Handler
    retries: Retries
    """Failed trials that are to be tried again and are not all enqueued yet."""
    notes: list[str] = field(default_factory=list[str])
    """What libraries have warned of."""

    def log_of(self, number: int) -> str:
        """Return where the output of a trial goes."""
        return f"{self.folder}/{log_name(number)}"

    def scratch_of(self, number: int) -> str:
        """Return the folder a trial may use."""
        return f"{self.folder}/{scratch_name(number)}"

    def n_waiting(self) -> int:
        """Return how many trials are enqueued."""
        return self._count(TrialState.WAITING)

    def counts_of_others(self) -> Counts:
        """Return how many trials of the study have ended that are not of this run."""
        own = self.trials.counts
        return Counts(
            complete=self._count(TrialState.COMPLETE) - own.complete,
            pruned=self._count(TrialState.PRUNED) - own.pruned,
            fail=self._count(TrialState.FAIL) - own.fail,
        )

    def _count(self, state: TrialState) -> int:
        study_id = self.study._study_id
        return len(self.storage.get_all_trials(study_id, deepcopy=False, states=(state,)))

    def params_of(self, number: int) -> dict[str, Any]:
        """Return the parameters of a trial."""
        return self.trial_of(number).params

    def user_attrs_of(self, number: int) -> dict[str, Any]:
        """Return the user attributes of a trial."""
        return self.trial_of(number).user_attrs

    def trial_of(self, number: int) -> FrozenTrial:
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(
            self.study._study_id, number
        )
        return self.storage.get_trial(trial_id)

    def methods(self) -> Message:
        """Answer how the run's sampler and pruner are built."""
        edits = self.space
        resolved = edits.resolved()
        return {
            "v": {
                "sampler": self.sampler,
                "pruner": self.pruner,
                "seed": edits.seed,
                "space": {name: spec_to_json(spec) for name, spec in resolved.effective.items()},
                "fixed": resolved.fixed,
                "grid": edits.grid,
            }
        }

    def enqueue(self, params: Mapping[str, Any]) -> int:
        """Enqueue a trial by hand and return its number.

        Raises:
            SpaceError: A parameter that the study does not know, or a value out of its range.
            StudyBusyError: The file does not take a new trial now.
        """
        check_params(params, self.space.resolved().effective)
        self.study.enqueue_trial(dict(params))
        return self.study.get_trials(deepcopy=False)[-1].number

    def enqueue_rows(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Enqueue the parameters of rows of a file, all or none; return how many there are.

        Raises:
            SpaceError: A parameter that the study does not know, or a value out of its range.
            StudyBusyError: The file does not take a new trial now.
        """
        space = self.space.resolved().effective
        templates = [_of_row(row) for row in rows]
        for template in templates:
            check_params(template.system_attrs[ENQUEUED_KEY], space)
        for template in templates:
            # The first one takes the write lock, which is held till all of them are written.
            self.storage.create_new_trial(self.study._study_id, template)
        return len(templates)

    def record_end(self, reason: EndReason, error: str) -> None:
        """Write when and why the run ended, and what was wrong with it as a whole, if anything."""
        with contextlib.suppress(SpaceError):
            # Whoever edits the space till the next run sees what the code asks for now.
            self.space.store()
        self._record(ended=utc_now(), reason=reason, **({"error": error} if error else {}))

    def record_note(self, text: str) -> None:
        """Write what a library has warned of."""
        _log.warning("%s", text)
        self.notes.append(text)
        self._record(notes=self.notes)

    def record_change(self, what: ChangedWhat, text: str) -> None:
        """Write what this user has changed of the run now."""
        study_id = self.study._study_id
        known = self.storage.get_study_system_attrs(study_id).get(CHANGES_KEY)
        number = self.storage.get_n_trials(study_id)
        changes = add_change(known, number, what, text)
        self.storage.set_study_system_attr(study_id, CHANGES_KEY, cast("Any", changes))

    def _record(self, **fields: object) -> None:
        runs = runs_of(self.study)
        for run in runs:
            if run.get("id") == self.id:
                run |= fields
        self.storage.set_study_system_attr(self.study._study_id, RUNS_KEY, cast("Any", runs))

    def renew_folder(self) -> None:
        """Make the study's folder anew where somebody has removed it, with the lease."""
        with contextlib.suppress(OSError):
            if self.hold.renew_lease():
                handler = open_folder(self.folder)
                close_log(self.log_handler)
                self.log_handler = handler
                _log.warning("The study's folder was removed.")

    def close(self, worker_log: Path) -> HptuiError | None:
        """Close the study and give it free.

        Returns:
            What to say when the study file has not taken trials that have ended.
        """
        cut_logs(self.folder / "logs")
        cut_log(worker_log)
        with contextlib.suppress(OSError):
            text = worker_log.read_bytes()
            if text:
                fd = open_side_file(
                    self.folder / "engine.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND
                )
                with os.fdopen(fd, "ab") as stream:
                    stream.write(text)
                cut_log(self.folder / "engine.log")
        for method in (self.space.sampler.base, self.study.pruner):
            if isinstance(method, (OwnSampler, OwnPruner)):
                method.process.close()
        unstored = self._close_storage()
        for name in ("scratch", "logs"):
            remove_empty(self.folder / name)
        close_log(self.log_handler)
        with contextlib.suppress(OSError):
            if (self.folder / "engine.log").stat().st_size == 0:
                (self.folder / "engine.log").unlink()
        # Without a free descriptor the lease stays; it names a process that will be gone.
        with contextlib.suppress(OSError):
            self.hold.release()
        return unstored

    def _token(self) -> str | None:
        about = self.storage.get_study_system_attrs(self.study._study_id).get(STUDY_KEY)
        token = cast("dict[str, Any]", about).get("token") if isinstance(about, dict) else None
        return token if isinstance(token, str) else None

    def _close_storage(self) -> HptuiError | None:
        """Write what is buffered; what the file does not take goes into a file of its own."""
        why = ""
        try:
            if self.storage.close():
                return None
        except StudyGoneError:
            # There is nothing to keep, and ids have new meanings.
            self.storage.discard()
            return None
        except HptuiError as error:
            why = error.message
        unsaved = self.storage.unsaved()
        # What is in a file of its own must not come into the study some other way, too.
        self.storage.discard()
        if not unsaved:
            return None
        why = why or self.storage.trouble or "it cannot be written"
        file = str(self.plan.study_file.resolve())
        origin = Origin(file, self.plan.study, self._token(), self.id)
        lines = [spell_trial(origin, trial) for trial in unsaved]
        count = plural(len(lines), "trial")
        left = leave(self.folder, self.id, lines)
        if left is None:
            return HptuiError(
                f"{self.storage.called} could not be written ({why}), nor any other place; these "
                f"trials are not stored: {' '.join(lines)}"
            )
        return HptuiError(
            f"{self.storage.called} could not be written ({why}); {count} that it lacks are in "
            f"{safe_line(left)}",
            hint="The next run of the study from this machine stores them."
            if self.storage.server is not None
            else f"The next run stores them, or hptui doctor {safe_line(self.plan.study)} --fix.",
        )


def _of_row(row: Mapping[str, Any]) -> FrozenTrial:
    return create_trial(
        state=TrialState.WAITING,
        user_attrs=dict(row["user_attrs"]),
        system_attrs={ENQUEUED_KEY: dict(row["params"]), IMPORT_KEY: dict(row["origin"])},
    )


def runs_of(study: optuna.Study) -> list[dict[str, Any]]:
    """Return what is recorded of the runs of a study, newest last."""
    runs = study._storage.get_study_system_attrs(study._study_id).get(RUNS_KEY)
    items = cast("list[object]", runs) if isinstance(runs, list) else []
    return [dict(cast("dict[str, Any]", each)) for each in items if isinstance(each, dict)]


def open_folder(folder: Path) -> logging.Handler:
    """Make what a run needs in the study's folder, and log there until `close_log`.

    Raises:
        OSError: It cannot be made.
    """
    for name in ("logs", "scratch"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = logging.FileHandler(
        folder / "engine.log", encoding="utf-8", errors="backslashreplace"
    )
    handler.setFormatter(_Redacting("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.getLogger("hptui").addHandler(handler)
    return handler


def close_log(handler: logging.Handler) -> None:
    """Log no longer where `open_folder` has begun to."""
    logging.getLogger("hptui").removeHandler(handler)
    handler.close()


class _Redacting(logging.Formatter):
    """Leaves passwords in addresses out of a log."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def utc_now() -> str:
    """Return the time in UTC, as ISO 8601 to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
