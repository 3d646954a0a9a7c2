"""The process of a sampler or pruner of the person's own: the study comes in, answers go out.

Run as `python -m hptui.engine.sampling.own_process FD PARENT_PID`. On the descriptor, a socket,
each line is a message of plain data (`engine.protocol`). The first one says what to make; every
later one holds what has changed in the study, and a call of Optuna's interface.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import copy
import json
import logging
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn, cast

import optuna
from optuna import pruners
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study._study_direction import StudyDirection
from optuna.trial import TrialState

from hptui.domain.methods.asked_methods import parse_pruner
from hptui.domain.methods.options import MethodSpec
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.protocol import Lines, pack, unpack
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.space_view import _forget_search_space
from hptui.engine.workers.trial_messages import read_trial, spell_params
from hptui.errors import HptuiError
from hptui.registry.loading.load import describe_error
from hptui.registry.loading.own_loading import load_own
from hptui.registry.loading.process_ties import die_with_parent
from hptui.storage.sqlite.attribute_values import stored_value
from hptui.storage.sqlite.distributions import dump_distribution, parse_distribution

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message

_RECEIVE_BYTES = 1 << 20
_STUDY_ID = 0


def main() -> None:
    """Serve until the engine closes the connection."""
    descriptor, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent_pid)
    with socket.socket(fileno=descriptor) as connection:
        arriving = _messages(connection)
        first = next(arriving, None)
        if first is None:
            return
        heard = _Heard()
        served = _made(first, heard)
        connection.sendall(pack({"error": served} if isinstance(served, dict) else {"v": None}))
        if isinstance(served, dict):
            return
        for message in arriving:
            connection.sendall(pack(served.answer(message)))


def _messages(connection: socket.socket) -> Iterator[Message]:
    lines = Lines()
    while data := connection.recv(_RECEIVE_BYTES):
        for line in lines.feed(data):
            yield unpack(line)


def _made(first: Message, heard: _Heard) -> _Served | Message:
    """Return what answers calls, or what is wrong with the class."""
    spec = MethodSpec(first["name"], tuple((name, text) for name, text in first["options"]))
    try:
        made = load_own(first["family"], spec, first["seed"])
        pruner = build_pruner(parse_pruner(first["pruner"]))
    except HptuiError as error:
        return {"message": error.message, "hint": error.hint, "detail": error.detail}
    return _Served(made, pruner, heard)


class _Heard(logging.Handler):
    """What the class's code warns of, until it is told to the engine."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        for name in ("", "optuna"):
            logging.getLogger(name).addHandler(self)
        warnings.showwarning = self._warn

    def _warn(self, message: Warning | str, *_: object, **__: object) -> None:
        self.texts.append(str(message))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self.texts.append(record.getMessage())

    def take(self) -> list[str]:
        """Return what was heard since the last time."""
        texts, self.texts = self.texts, []
        return texts


class _Served:
    """The sampler or pruner, and the study as it sees it."""

    def __init__(self, made: BaseSampler | BasePruner, pruner: BasePruner, heard: _Heard) -> None:
        self._made = made
        self._pruner = pruner
        self._heard = heard
        self._storage = _Mirror()
        self._study: Study | None = None

    def _study_of(self, message: Message) -> Study:
        if self._study is None:
            self._storage.begin(message["directions"], message["study"])
            made = self._made
            is_sampler = isinstance(made, optuna.samplers.BaseSampler)
            self._study = optuna.Study(
                message["study"],
                self._storage,
                sampler=made if is_sampler else None,
                pruner=self._pruner if is_sampler else made,
            )
            # As in `Study.optimize`, so that it may be stopped.
            self._study._thread_local.in_optimize_loop = True
        return self._study

    def answer(self, message: Message) -> Message:
        """Take over what has changed, carry a call out, and return its answer."""
        answer: Message
        try:
            self._take_over(message)
            answer = {"v": self._call(message, self._study_of(message))}
        except Exception as error:  # noqa: BLE001 - the person's own code
            text, detail = describe_error(error)
            answer = {"error": {"message": text, "hint": "", "detail": detail}}
        answer["writes"] = self._storage.take_writes()
        answer["stop"] = self._study is not None and self._study._stop_flag
        answer["warned"] = [safe_line(each, max_chars=1_000) for each in self._heard.take()]
        return answer

    def _take_over(self, message: Message) -> None:
        if message["anew"]:
            self._storage.forget()
            if isinstance(self._made, optuna.samplers.BaseSampler):
                _forget_search_space(self._made)
        for each in message["trials"]:
            self._storage.put(read_trial(each))
        if message["attrs"] is not None:
            self._storage.put_attrs(message["attrs"])

    def _call(self, message: Message, whole: Study) -> object:
        call = message["call"]
        if call in ("before_trial", "prune"):
            # As `Study.ask` does: within a trial, samplers see the others as they were then.
            whole._thread_local.cached_all_trials = None
        trial = self._storage.get_trial(message["trial"])
        if call == "prune":
            return bool(cast("BasePruner", self._made).prune(whole, trial))
        # A bracket of Hyperband, as Optuna shows it to samplers.
        return self._sample(call, pruners._filter_study(whole, trial), trial, message)

    def _sample(self, call: str, study: Study, trial: FrozenTrial, message: Message) -> object:
        sampler = cast("BaseSampler", self._made)
        match call:
            case "before_trial":
                sampler.before_trial(study, trial)
            case "after_trial":
                state = TrialState[message["state"]]
                sampler.after_trial(study, trial, state, message["values"])
            case "infer_relative_search_space":
                space = sampler.infer_relative_search_space(study, trial)
                return [(name, dump_distribution(each)) for name, each in space.items()]
            case "sample_relative":
                space = {name: parse_distribution(text)[0] for name, text in message["space"]}
                params = sampler.sample_relative(study, trial, dict(space))
                return spell_params(_known(params, space), space)
            case "sample_independent":
                distribution = parse_distribution(message["distribution"])[0]
                value = sampler.sample_independent(study, trial, message["name"], distribution)
                return distribution.to_internal_repr(value)
            case _:
                raise ValueError(f"there is no call {call!r}")
        return None


def _known(params: dict[str, Any], space: dict[str, BaseDistribution]) -> dict[str, Any]:
    for name in params:
        if name not in space:
            raise ValueError(f"sample_relative gave {name!r}, which is not in its search space")
    return params


class _Mirror(InMemoryStorage):
    """The study in memory: what is read is here, what is written goes to the engine, too."""

    def __init__(self) -> None:
        super().__init__()
        self._directions: list[StudyDirection] = []
        self._name = ""
        self._attrs: dict[str, Any] = {}
        self._all: list[FrozenTrial] = []
        self._place_of: dict[int, int] = {}
        self._writes: list[tuple[object, ...]] = []

    def begin(self, directions: Sequence[str], name: str) -> None:
        """Be the storage of a study with this name."""
        self._directions = [StudyDirection[each.upper()] for each in directions]
        self._name = name

    def forget(self) -> None:
        """Forget all trials: they come anew."""
        self._all, self._place_of = [], {}

    def put(self, trial: FrozenTrial) -> None:
        """Take a new trial, or one that has changed."""
        place = self._place_of.setdefault(trial._trial_id, len(self._all))
        if place == len(self._all):
            self._all.append(trial)
        else:
            self._all[place] = trial

    def put_attrs(self, attrs: dict[str, dict[str, Any]]) -> None:
        """Take the attributes of the study."""
        self._attrs = attrs

    def take_writes(self) -> list[tuple[object, ...]]:
        """Return what was written since the last time."""
        writes, self._writes = self._writes, []
        return writes

    # -- what Optuna's study and samplers ask for

    def get_study_id_from_name(self, study_name: str) -> int:
        del study_name
        return _STUDY_ID

    def get_study_name_from_id(self, study_id: int) -> str:
        del study_id
        return self._name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        del study_id
        return self._directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the study's user attributes."""
        del study_id
        return dict(self._attrs.get("user", {}))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the study's system attributes."""
        del study_id
        return dict(self._attrs.get("system", {}))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of the study."""
        del study_id
        self._attrs.setdefault("system", {})[key] = self._written("study", None, key, value)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse: a person's attributes are not a sampler's to set."""
        del study_id, key, value
        _refuse("set a user attribute of the study")

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Set a system attribute of a trial."""
        trial = self._all[self._place_of[trial_id]]
        trial._system_attrs[key] = self._written("trial", trial_id, key, value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        """Refuse: a person's attributes are not a sampler's to set."""
        del trial_id, key, value
        _refuse("set a user attribute of a trial")

    def _written(self, whose: str, owner: int | None, key: str, value: object) -> Any:  # noqa: ANN401
        text = stored_value(value).json
        self._writes.append((whose, owner, key, text))
        return json.loads(text)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Refuse: trials are the run's to make."""
        del study_id, template_trial
        _refuse("add a trial")

    def set_trial_param(self, *_: object, **__: object) -> None:
        """Refuse."""
        _refuse("set a parameter; return it instead")

    def set_trial_intermediate_value(self, *_: object, **__: object) -> None:
        """Refuse."""
        _refuse("report a value")

    def set_trial_state_values(self, *_: object, **__: object) -> bool:
        """Refuse."""
        _refuse("end a trial")

    def delete_study(self, study_id: int) -> None:
        """Refuse."""
        del study_id
        _refuse("delete the study")

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return copy.copy(self._all[self._place_of[trial_id]])

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of the trial that has this number."""
        del study_id
        for trial in reversed(self._all):
            if trial.number == trial_number:
                return trial._trial_id
        raise KeyError(f"There is no trial {trial_number}.")

    def get_trial_number_from_id(self, trial_id: int) -> int:
        return self._all[self._place_of[trial_id]].number

    get_best_trial = BaseStorage.get_best_trial
    get_trial_param = BaseStorage.get_trial_param

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials in some states, or all."""
        del study_id
        found = [each for each in self._all if states is None or each.state in states]
        return copy.deepcopy(found) if deepcopy else found


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(f"A sampler or pruner cannot {what}.")


if __name__ == "__main__":
    # Objects of this module are known by its name, not as `__main__`.
    from hptui.engine.sampling import own_process

    own_process.main()
