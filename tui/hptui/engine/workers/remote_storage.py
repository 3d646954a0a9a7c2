"""The storage behind a trial in a worker: Optuna's interface, answered by the engine."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import json
import time
import warnings
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import TrialState

from hptui.engine.workers.trial_messages import MAX_TRIALS, checked_step, read_trial, spell_trial
from hptui.storage.sqlite.attribute_values import stored_value
from hptui.storage.sqlite.distributions import dump_distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.workers.trial_link import TrialLink

_BUSY_S = 60.0
"""How long a new trial waits while other programs hold the study file."""
_BUSY_PAUSE_S = 0.05


class RemoteBackend(RDBStorage):
    """What Optuna's cache of a study file reads and writes, over a trial's link.

    It stands for Optuna's `RDBStorage`, which integrations ask for, since like that it is shared by
    processes; but it never connects to a database. A trial may write its own attributes, reports
    and parameters and the attributes of its study, and add trials; all else is refused.
    """

    heartbeat_interval = None
    heartbeat_stale_trial_callback = None

    def __init__(self, link: TrialLink) -> None:
        # Optuna's own would connect.
        self.link = link

    def _call(self, call: str, **fields: object) -> Any:  # noqa: ANN401 - plain data of many kinds
        message: Message = {"op": "storage", "call": call, **fields}
        deadline_s = time.monotonic() + _BUSY_S
        while "busy" in (answer := self.link.ask(message)):
            if time.monotonic() > deadline_s:
                raise StorageInternalError(answer["busy"])
            time.sleep(_BUSY_PAUSE_S)
        return answer["v"]

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"The storage of a trial has no {name!r}: it is not connected to the study file, which "
            "the engine alone writes."
        )

    @property
    def url(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The address under which Optuna opens the study file."""
        return self._call("address")

    # -- studies

    def _study(self, study_id: int) -> Message:
        return self._call("study", study=study_id)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._call("study_id", name=study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._study(study_id)["name"]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the direction of each objective."""
        return [StudyDirection[name] for name in self._study(study_id)["directions"]]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._study(study_id)["user_attrs"]

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes of a study."""
        return self._study(study_id)["system_attrs"]

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies of the file."""
        return [
            FrozenStudy(
                study_name=study["name"],
                direction=None,
                directions=[StudyDirection[name] for name in study["directions"]],
                user_attrs=study["user_attrs"],
                system_attrs=study["system_attrs"],
                study_id=study["id"],
            )
            for study in self._call("studies")
        ]

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a user attribute of the trial's study."""
        self._set("study", study_id, "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of the trial's study."""
        self._set("study", study_id, "system", key, value)

    def _set(
        self,
        whose: Literal["study", "trial"],
        owner: int,
        kind: Literal["user", "system"],
        key: str,
        value: object,
    ) -> None:
        fields: dict[str, Any] = {whose: owner, "kind": kind, "key": str(key)}
        what = f"The {kind} attribute {key!r} of the {whose}"
        self._call(f"set_{whose}_attr", json=self._plain(what, value), **fields)

    def _plain(self, what: str, value: object) -> str:
        stored = stored_value(value)
        if stored.replaced:
            of_trial = f"In trial {self.link.number}: {stored.warning(what)}"
            warnings.warn(of_trial, stacklevel=2)
        return stored.json

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Refuse: a trial makes studies in files of its own."""
        del directions, study_name
        _refuse(self.link, "create a study in the file of its study", "Use another file, or none.")

    def delete_study(self, study_id: int) -> None:
        """Refuse."""
        del study_id
        _refuse(self.link, "delete a study", "Use hptui delete, or study.stop().")

    # -- trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial that waits or has ended."""
        return self._create_new_trial(study_id, template_trial)._trial_id

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        if template_trial is None or template_trial.state is TrialState.RUNNING:
            _refuse(self.link, "start another trial", "Enqueue it, or use a study of your own.")
        template = copy.copy(template_trial)
        template._user_attrs = self._plain_attrs(template._user_attrs)
        template._system_attrs = self._plain_attrs(template._system_attrs)
        return self.get_trial(
            self._call("add_trial", study=study_id, template=spell_trial(template))
        )

    def _plain_attrs(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {
            key: json.loads(self._plain(f"The attribute {key!r} of a new trial", value))
            for key, value in attrs.items()
        }

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter of the trial."""
        self._call(
            "set_param",
            trial=trial_id,
            name=param_name,
            value=float(param_value_internal),
            distribution=dump_distribution(distribution),
        )

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None = None,
    ) -> None:
        del previous_distribution
        self.set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Refuse: the objective's return ends its trial."""
        del trial_id, state, values
        _refuse(self.link, "end a trial", "Return the value, or raise optuna.TrialPruned.")

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Report a value of the trial."""
        step = checked_step(step)
        self._call("report", trial=trial_id, step=step, value=float(intermediate_value))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a user attribute of the trial."""
        self._set("trial", trial_id, "user", key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of the trial."""
        self._set("trial", trial_id, "system", key, value)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of the trial that has this number."""
        return self._call("trial_id", study=study_id, number=trial_number)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return read_trial(self._call("trial", trial=trial_id))

    get_trial_param = BaseStorage.get_trial_param
    get_trial_user_attrs = BaseStorage.get_trial_user_attrs
    get_trial_system_attrs = BaseStorage.get_trial_system_attrs
    get_best_trial = BaseStorage.get_best_trial

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study; they are the caller's own."""
        del deepcopy
        return self._get_trials(study_id, states, set(), -1)

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        after = trial_id_greater_than
        also = sorted(trial_id for trial_id in included_trial_ids if trial_id <= after)
        trials: list[FrozenTrial] = []
        while also:
            part = self._call("trials_with", trials=also[:MAX_TRIALS])
            trials += [read_trial(each) for each in part]
            also = also[len(part) :]
        is_more = True
        while is_more:
            answer = self._call("trials_after", study=study_id, after=after)
            trials += [read_trial(each) for each in answer["trials"]]
            is_more = answer["more"]
            after = trials[-1]._trial_id if is_more else after
        return [trial for trial in trials if states is None or trial.state in states]

    def _get_best_trial_id(self, study_id: int, direction: StudyDirection) -> int:
        del direction
        return self._call("best", study=study_id)

    def remove_session(self) -> None:
        """Do nothing: there is none."""

    def record_heartbeat(self, trial_id: int) -> None:
        """Do nothing: the engine sees its workers."""
        del trial_id

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        del study_id
        return []

    def get_heartbeat_interval(self) -> int | None:
        """Return None: there is no heartbeat."""
        return None

    def get_heartbeat_stale_trial_callback(
        self,
    ) -> Callable[[optuna.Study, FrozenTrial], None] | None:
        """Return None: there is no heartbeat."""
        return None

    def upgrade(self) -> None:
        """Refuse: the file is in use."""
        _refuse(self.link, "upgrade its study file", "Use hptui upgrade.")


class RemoteStorage(_CachedStorage):
    """A worker's storage: trials that have ended are kept, others asked for again.

    Each trial has its own, so that what outlives a trial cannot act for the next one; those of a
    worker share what they keep. A pickled one keeps nothing.
    """

    _backend: RemoteBackend  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, link: TrialLink) -> None:
        super().__init__(RemoteBackend(link))

    def for_trial(self, link: TrialLink) -> RemoteStorage:
        """Return the storage of another trial, which shares what this one keeps."""
        other = RemoteStorage.__new__(RemoteStorage)
        vars(other).update(vars(self), _backend=RemoteBackend(link))
        return other

    @property
    def link(self) -> TrialLink:
        """The link of the trial that it reads and writes for."""
        return self._backend.link

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a parameter of the trial; Optuna's own expects to have created it."""
        self._backend.set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteStorage, (self.link,)

    def __deepcopy__(self, _: object) -> RemoteStorage:
        return self


def _refuse(link: TrialLink, what: str, hint: str) -> NoReturn:
    raise RuntimeError(f"A {link.user} cannot {what}. {hint}")
