"""Optuna's storage interface over one SQLite file: reads from memory, writes in groups."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import math
import uuid
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import DuplicatedStudyError
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from hptui.storage.annotations.changes import Annotation, Edit, annotate
from hptui.storage.sqlite.added_trials import buffer_template
from hptui.storage.sqlite.buffered_storage import BufferedStorage
from hptui.storage.sqlite.distributions import dump_distribution, dump_json, parse_distribution
from hptui.storage.sqlite.memory import detached_copy
from hptui.storage.sqlite.numbers import as_stored
from hptui.storage.sqlite.rows import StoredStudy
from hptui.storage.sqlite.schema import TABLES_OF_STUDY, TABLES_OF_TRIAL
from hptui.storage.sqlite.server_trials import create_on_server, take_up_on_server
from hptui.storage.sqlite.timestamps import now
from hptui.storage.sqlite.write_buffer import AttributeKind, NewTrial

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime

    from optuna.study import StudyDirection

    from hptui.storage.server.study_server import StudyServer
    from hptui.storage.sqlite.memory import Seen

_ANNOTATING_TIMEOUT_S = 0.2
"""An engine waits for the lock no longer: its trials must not."""


class SqliteStorage(BufferedStorage):
    """The studies of one SQLite file, for Optuna.

    Every write is in the file when the method returns. With `grouped` set, writes change memory at
    once and the file in `flush`. May be shared between threads, not between processes.
    """

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study; it is in the file on return, also when grouped."""
        name = DEFAULT_STUDY_NAME_PREFIX + str(uuid.uuid4()) if study_name is None else study_name
        with self._lock:
            if self._file.server is not None:
                return self._create_study_on(self._file.server, name, directions)
            with self._file.transaction() as connection:
                if self._file.memory.study_named(name) is not None:
                    raise DuplicatedStudyError(f"A study named {name!r} already exists.")
                cursor = connection.execute("INSERT INTO studies (study_name) VALUES (?)", (name,))
                study_id = int(cursor.lastrowid or 0)
                connection.executemany(
                    "INSERT INTO study_directions (direction, study_id, objective)"
                    " VALUES (?, ?, ?)",
                    [(each.name, study_id, index) for index, each in enumerate(directions)],
                )
            self._file.memory.add_study(StoredStudy(study_id, name, list(directions)))
            return study_id

    def _create_study_on(
        self, server: StudyServer, name: str, directions: Sequence[StudyDirection]
    ) -> int:
        is_new = server.create_study(name, [each.name for each in directions])
        self._file.read_back(self._file.busy_timeout_s)
        if not is_new:
            raise DuplicatedStudyError(f"A study named {name!r} already exists.")
        study = self._file.memory.study_named(name)
        if study is None:
            raise KeyError(f"No study is named {name!r}.")
        return study.row.study_id

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials from the file, also when grouped."""
        with self._lock:
            self._flush_or_raise()
            if self._file.server is not None:
                self._file.memory.study(study_id)
                self._file.server.delete_study(study_id)
                self._file.read_back(self._file.busy_timeout_s)
                return
            with self._file.transaction() as connection:
                self._file.memory.study(study_id)
                for table in TABLES_OF_TRIAL:
                    connection.execute(
                        f"DELETE FROM {table} WHERE trial_id IN"
                        " (SELECT trial_id FROM trials WHERE study_id = ?)",
                        (study_id,),
                    )
                for table in ("trials", *TABLES_OF_STUDY, "studies"):
                    connection.execute(f"DELETE FROM {table} WHERE study_id = ?", (study_id,))
            self._file.memory.drop_study(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a user attribute of a study."""
        self._set_study_attribute("user", study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of a study."""
        self._set_study_attribute("system", study_id, key, value)

    def _set_study_attribute(
        self, kind: AttributeKind, study_id: int, key: str, value: object
    ) -> None:
        key = str(key)
        text, stored = dump_json(value)
        with self._lock:
            with self._file.writing:
                row = self._file.memory.study(study_id).row
                self._file.buffer.set_study_attribute(kind, study_id, key, text)
            if kind == "user":
                row.user_attrs = {**row.user_attrs, key: stored}
            else:
                row.system_attrs = {**row.system_attrs, key: stored}

    def get_study_id_from_name(self, study_name: str) -> int:
        with self._lock:
            self._refresh_if_shared()
            study = self._file.memory.study_named(study_name)
            if study is None:
                raise KeyError(f"No study is named {study_name!r}.")
            return study.row.study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._study_row(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the direction of each objective."""
        return self._study_row(study_id).directions.copy()

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._study_row(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes of a study."""
        return self._study_row(study_id).system_attrs

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies, by id."""
        with self._lock:
            self._refresh_if_shared()
            rows = [study.row for _, study in sorted(self._file.memory.studies.items())]
            return [
                FrozenStudy(
                    study_name=row.name,
                    direction=None,
                    directions=row.directions,
                    user_attrs=copy.deepcopy(row.user_attrs),
                    system_attrs=copy.deepcopy(row.system_attrs),
                    study_id=row.study_id,
                )
                for row in rows
            ]

    def _study_row(self, study_id: int) -> StoredStudy:
        with self._lock:
            self._refresh_if_shared()
            return self._file.memory.study(study_id).row

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial.

        Grouped, this takes the write lock of the file, which is held until `flush`.

        Raises:
            StorageBusyError: Another program holds the lock; nothing was changed.
        """
        file = self._file
        with self._lock:
            if file.server is not None:
                return create_on_server(file, file.server, study_id, template_trial)
            with file.writing:
                file.open_transaction()
                study = file.memory.study(study_id)
                trial_id, number = file.next_trial_id(), len(study.trials)
                if template_trial is None:
                    start, text = now()
                    state = TrialState.RUNNING
                    trial = FrozenTrial(
                        number, state, None, start, None, {}, {}, {}, {}, {}, trial_id
                    )
                    file.buffer.add_trial(NewTrial(trial_id, number, study_id, state, text, None))
                else:
                    trial = buffer_template(file.buffer, study, trial_id, template_trial)
            file.memory.put(study, trial)
            study.remember_distributions(trial)
            return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter; as in `RDBStorage`, the first value that a trial gets for it stays."""
        file = self._file
        with self._lock:
            with file.writing:
                trial = self._updatable(trial_id)
                study = file.memory.study_of(trial_id)
                first = study.distributions.get(param_name)
                if first is not None:
                    check_distribution_compatibility(first, distribution)
                if param_name in trial._params:
                    return
                text = dump_distribution(distribution)
                stored, convert = parse_distribution(text)
                value = as_stored(param_value_internal)
                external = value if convert is None else convert(value)
                file.buffer.add_param(trial_id, param_name, value, text)
            trial = study.writable(trial_id)
            trial._params[param_name] = external
            trial._distributions[param_name] = stored
            if first is None:
                study.distributions[param_name] = stored

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set the state of a trial, and its values.

        Grouped, taking up a waiting trial takes the write lock of the file, held until `flush`.

        Returns:
            False when the trial is to run, but another program has taken it up.

        Raises:
            StorageBusyError: Another program holds the lock; nothing was changed.
            ValueError: A value is not a number.
        """
        numbers = None if values is None else [as_stored(value) for value in values]
        if numbers and any(math.isnan(number) for number in numbers):
            raise ValueError("The value of a trial cannot be NaN.")
        file = self._file
        with self._lock:
            with file.writing:
                trial = self._updatable(trial_id)
                if state is TrialState.RUNNING:
                    if trial.state is TrialState.WAITING:
                        # Another program may take it up at this moment.
                        file.open_transaction()
                        trial = self._updatable(trial_id)
                    if trial.state is not TrialState.WAITING:
                        return False
                time, text = self._now()
                if file.server is not None and state is TrialState.RUNNING:
                    return take_up_on_server(file, file.server, trial, time, text)
                is_start, is_end = state is TrialState.RUNNING, state.is_finished()
                for objective, number in enumerate(numbers or ()):
                    file.buffer.set_value(trial_id, objective, number)
                file.buffer.change_trial(
                    trial_id,
                    state,
                    text if is_start else None,
                    text if is_end else None,
                    is_taken_up=is_start,
                )
            study = file.memory.study_of(trial_id)
            trial = study.writable(trial_id)
            if numbers is not None:
                trial.values = numbers
            if is_start:
                trial.datetime_start = time
            if is_end:
                trial.datetime_complete = time
            study.set_state(trial_id, state)
            return True

    def set_trial_start(self, trial_id: int) -> None:
        """Have a running trial, which was made before its objective began, start now."""
        with self._lock:
            with self._file.writing:
                self._updatable(trial_id)
                time, text = self._now()
                self._file.buffer.change_trial(trial_id, TrialState.RUNNING, text, None)
            self._writable(trial_id).datetime_start = time

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set the value reported at a step."""
        step, value = int(step), as_stored(intermediate_value)
        with self._lock:
            with self._file.writing:
                self._updatable(trial_id)
                self._file.buffer.set_report(trial_id, step, value)
            self._writable(trial_id).intermediate_values[step] = value

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a user attribute of a trial."""
        self._set_trial_attribute("user", trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of a trial."""
        self._set_trial_attribute("system", trial_id, key, value)

    def _set_trial_attribute(
        self, kind: AttributeKind, trial_id: int, key: str, value: object
    ) -> None:
        key = str(key)
        text, stored = dump_json(value)
        with self._lock:
            with self._file.writing:
                self._updatable(trial_id)
                self._file.buffer.set_trial_attribute(kind, trial_id, key, text)
            trial = self._writable(trial_id)
            (trial._user_attrs if kind == "user" else trial._system_attrs)[key] = stored

    def set_ended_attrs(self, study_id: int, attrs: Mapping[int, Mapping[str, Any]]) -> None:
        """Set system attributes of trials of a study by their ids, also of those that have ended.

        Optuna's interface refuses that.
        """
        if not attrs:
            return
        stored: dict[int, dict[str, Any]] = {}
        with self._lock:
            with self._file.writing:
                for trial_id, own in attrs.items():
                    stored[trial_id] = {}
                    for key, value in own.items():
                        text, stored[trial_id][key] = dump_json(value)
                        self._file.buffer.set_trial_attribute("system", trial_id, key, text)
            self._file.memory.study(study_id).annotate({}, stored)

    def annotate(self, study_id: int, edit: Edit) -> Annotation:
        """Save a note or tags, of finished trials too; they are in the file on return.

        Raises:
            UsageError: There is no such trial, or one would have too many tags.
            NoteConflictError: Somebody else has saved the note since it was read.
            StorageBusyError: Another program holds the lock.
            StorageWriteError: The disk refuses.
        """
        with self._lock:
            with self._file.transaction(_ANNOTATING_TIMEOUT_S) as connection:
                study = self._file.memory.study(study_id)
                done = annotate(connection, study_id, study.row.name, edit)
            row = study.row
            row.system_attrs = {**row.system_attrs, **done.study_system}
            row.user_attrs = {**row.user_attrs, **done.study_user}
            study.annotate(done.trial_user)
            return done

    def _now(self) -> tuple[datetime, str]:
        """Return the present time as it is stored."""
        return now() if self._file.server is None else self._file.server.now()

    def _updatable(self, trial_id: int) -> FrozenTrial:
        trial = self._file.memory.trial(trial_id)
        if trial.state.is_finished():
            self.check_trial_is_updatable(trial_id, trial.state)
        return trial

    def _writable(self, trial_id: int) -> FrozenTrial:
        return self._file.memory.study_of(trial_id).writable(trial_id)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of the trial that has this number."""
        with self._lock:
            self._refresh_if_shared()
            return self._file.memory.study(study_id).numbered(trial_number)._trial_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial; one that is not finished as a copy that the caller may change."""
        with self._lock:
            trial = self._trial(trial_id)
            return trial if trial.state.is_finished() else detached_copy(trial)

    def get_trial_params(self, trial_id: int) -> dict[str, Any]:
        """Return the parameters of a trial."""
        with self._lock:
            return self._trial(trial_id)._params.copy()

    def get_trial_user_attrs(self, trial_id: int) -> dict[str, Any]:
        """Return the user attributes of a trial."""
        with self._lock:
            return self._trial(trial_id)._user_attrs.copy()

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """Return the system attributes of a trial."""
        with self._lock:
            return self._trial(trial_id)._system_attrs.copy()

    def get_trial_param(self, trial_id: int, param_name: str) -> float:
        """Return a parameter in Optuna's internal representation."""
        with self._lock:
            trial = self._trial(trial_id)
            distribution = trial._distributions[param_name]
            return distribution.to_internal_repr(trial._params[param_name])

    def get_trial_number_from_id(self, trial_id: int) -> int:
        with self._lock:
            return self._trial(trial_id).number

    def _trial(self, trial_id: int) -> FrozenTrial:
        self._refresh_if_shared()
        return self._file.memory.trial(trial_id)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study, in the order of their ids."""
        with self._lock:
            self._refresh_if_shared()
            trials = self._file.memory.study(study_id).matching(states)
        return copy.deepcopy(trials) if deepcopy else trials

    def ended_since(
        self, study_id: int, seen: Seen | None
    ) -> tuple[list[FrozenTrial], list[FrozenTrial], Seen, bool]:
        """Return the trials that ended since `seen`, those that have not ended, and a new `seen`.

        The flag says that all is handed out anew, since some had changed after their end.
        """
        with self._lock:
            self._refresh_if_shared()
            study = self._file.memory.study(study_id)
            unfinished = study.matching((TrialState.RUNNING, TrialState.WAITING))
            ended, now, is_other = study.ended_since(seen)
            return ended, unfinished, now, is_other

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the completed trial with the best value; of equals the first."""
        with self._lock:
            self._refresh_if_shared()
            study = self._file.memory.study(study_id)
            if len(study.row.directions) > 1:
                raise RuntimeError(
                    "Best trial can be obtained only for single-objective optimization."
                )
            if study.best is None:
                raise ValueError("No trials are completed yet.")
            return study.best
