"""The trial that an objective sees: forwards everything to the real trial in the engine."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import datetime
import json
import math
import warnings
from typing import TYPE_CHECKING, Any, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)

from hptui.domain.attribute_keys import ENQUEUED_KEY
from hptui.domain.spaces.choice_objects import storable_choices
from hptui.engine.workers.remote_storage import RemoteStorage
from hptui.engine.workers.remote_study import RemoteStudy
from hptui.engine.workers.trial_messages import checked_step, read_params
from hptui.storage.sqlite.attribute_values import stored_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.workers.trial_link import TrialLink


class WorkerTrial(optuna.Trial):
    """An `optuna.Trial` in a worker process, or in a process that its objective has started.

    Values come from the engine's sampler; `report` does not wait for an answer. What Optuna
    checks before it asks a sampler is checked here, with the same errors and warnings. It may be
    used in several threads, and as a pickled or forked copy as long as the trial runs.

    Args:
        link: The trial's way to the engine.
        facts: What the engine tells of it: the number `n`, its start, the study.
        storage: The worker's; None makes one when it is asked for.
    """

    def __init__(
        self, link: TrialLink, facts: Message, storage: RemoteStorage | None = None
    ) -> None:
        # Optuna's own would read the trial from the storage and ask a sampler.
        self._link = link
        self._number: int = facts["n"]
        self._facts = facts
        self._params: dict[str, Any] = {}
        self._distributions: dict[str, BaseDistribution] = {}
        self._user_attrs: dict[str, Any] = dict(facts.get("user_attrs", {}))
        self._replaced: dict[str, Any] = {}
        """What is stored of those user attributes that JSON cannot hold."""
        self._reported: set[int] = set()
        self._constraints: dict[str, float] = {}
        self._is_multi = len(facts["directions"]) > 1
        self._is_repeated = bool(facts.get("repeat"))
        """Whether the steps of its reports are repetitions, and not those of the objective."""
        self._storage = storage
        self._study: RemoteStudy | None = None

    def __getstate__(self) -> dict[str, Any]:
        stored = {**self._user_attrs, **self._replaced}
        return {
            **vars(self),
            "_user_attrs": stored,
            "_replaced": {},
            "_storage": None,
            "_study": None,
        }

    def suggest_float(
        self,
        name: str,
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
    ) -> float:
        """Suggest a float, see `optuna.Trial.suggest_float`."""
        asked = FloatDistribution(low, high, log=log, step=step)
        fields = {
            "k": "f",
            "low": asked.low,
            "high": asked.high,
            "log": bool(log),
            "step": asked.step,
        }
        return self._ask_for(name, fields, asked)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Suggest an integer, see `optuna.Trial.suggest_int`."""
        asked = IntDistribution(low, high, log=log, step=step)
        fields = {
            "k": "i",
            "low": asked.low,
            "high": asked.high,
            "log": bool(log),
            "step": asked.step,
        }
        return int(self._ask_for(name, fields, asked))

    def suggest_categorical(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, name: str, choices: Sequence[Any]
    ) -> Any:  # noqa: ANN401 - one of the choices
        """Suggest one of `choices`, see `optuna.Trial.suggest_categorical`."""
        asked = CategoricalDistribution(choices)
        storable = storable_choices(asked.choices)
        return self._ask_for(name, {"k": "c", "choices": storable}, asked)

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:  # noqa: ANN401
        """Suggest a value of a distribution, as Optuna's own code asks for it."""
        if isinstance(distribution, CategoricalDistribution):
            return self.suggest_categorical(name, distribution.choices)
        if isinstance(distribution, IntDistribution):
            return self.suggest_int(
                name,
                distribution.low,
                distribution.high,
                step=distribution.step,
                log=distribution.log,
            )
        asked = cast("FloatDistribution", distribution)
        return self.suggest_float(name, asked.low, asked.high, step=asked.step, log=asked.log)

    def _ask_for(self, name: str, fields: Message, asked: BaseDistribution) -> Any:  # noqa: ANN401
        with self._link.lock:
            answer = self._link.ask({"op": "suggest", "name": name, "d": fields})
            edited, value = answer.get("d"), answer["v"]
            if isinstance(asked, CategoricalDistribution):
                # Choices are answered by their place, so that the objective gets its own object.
                value = cast("Any", asked.choices[value])
            self._distributions.setdefault(name, json_to_distribution(edited) if edited else asked)
            self._params[name] = value
        return value

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value, see `optuna.Trial.report`; does not wait."""
        if self._is_multi:
            raise NotImplementedError(
                "Trial.report is not supported for multi-objective optimization."
            )
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"The `value` argument is of type '{type(value)}' but supposed to be a float."
            ) from None
        try:
            step = int(step)
        except (TypeError, ValueError):
            raise TypeError(
                f"The `step` argument is of type '{type(step)}' but supposed to be an int."
            ) from None
        checked_step(step)
        if self._is_repeated:
            return
        self._report(value, step)

    def _report(self, value: float, step: int) -> None:
        with self._link.lock:
            is_new = step not in self._reported
            if is_new:
                self._reported.add(step)
                self._link.tell({"op": "report", "value": value, "step": step})
        if not is_new:
            warnings.warn(
                f"The reported value is ignored because this `step={step}` is already reported.",
                stacklevel=3,
            )

    def should_prune(self) -> bool:
        """Ask the study's pruner, see `optuna.Trial.should_prune`."""
        if self._is_multi:
            raise NotImplementedError(
                "Trial.should_prune is not supported for multi-objective optimization."
            )
        return not self._is_repeated and self._link.ask({"op": "prune"})["v"]

    def begin_repetition(self, seed: int) -> None:
        """Take that the objective is called with this seed now."""
        self._facts = {**self._facts, "seed": seed}

    def ends_after(self, value: float, repetition: int) -> bool:
        """Report the value of a repetition, and ask the study's pruner."""
        self._report(value, repetition)
        return self._link.ask({"op": "prune"})["v"]

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - as Optuna's
        """Set an attribute of the trial; of what JSON cannot hold, its text is stored."""
        stored = stored_value(value)
        with self._link.lock:
            self._link.tell({"op": "attr", "key": key, "json": stored.json})
            self._user_attrs[key] = value
            self._replaced.pop(key, None)
            if stored.replaced:
                self._replaced[key] = json.loads(stored.json)
        if stored.replaced:
            what = f"The user attribute {key!r} of trial {self._number}"
            warnings.warn(stored.warning(what), stacklevel=2)

    def set_constraint(self, key: str, value: float) -> None:
        """Set a constraint, feasible when at most 0, see `optuna.Trial.set_constraint`."""
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"The `value` argument is of type '{type(value)}' but supposed to be a float."
            ) from None
        if math.isnan(value):
            raise ValueError(f"Attempted to set a constraint for {key!r}, but NaN is not allowed.")
        with self._link.lock:
            is_new = key not in self._constraints
            if is_new:
                self._constraints[key] = value
                self._link.tell({"op": "constraint", "key": key, "value": value})
        if not is_new and not self._is_repeated:
            warnings.warn(
                "The constraint value is ignored because this constraint "
                f"`key={key!r}` is already set.",
                stacklevel=2,
            )

    # Other threads may add to what follows: it is copied in one step before all else.

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far."""
        return copy.deepcopy(self._params.copy())

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions in effect, edits of the search space included."""
        return copy.deepcopy(self._distributions.copy())

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The trial's user attributes, as they were set."""
        attrs, replaced = self._user_attrs.copy(), self._replaced
        # A model need not be copyable, and whoever set it wants itself.
        return {
            key: value if key in replaced else copy.deepcopy(value) for key, value in attrs.items()
        }

    @property
    def constraints(self) -> dict[str, float]:
        """The constraints set so far."""
        return self._constraints.copy()

    @property
    def number(self) -> int:
        """The trial's number in its study."""
        return self._number

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When the trial started, local time."""
        return datetime.datetime.fromtimestamp(self._facts["started"])

    # -- what the program of a command needs of its trial

    @property
    def seed(self) -> int:
        """The trial's seed, or that of its repetition, 0 to 2**32 - 1."""
        return int(self._facts["seed"])

    @property
    def scratch(self) -> str:
        """The path of the trial's folder."""
        return str(self._facts["scratch"])

    @property
    def study_name(self) -> str:
        return str(self._facts["study_name"])

    @property
    def runtime_folder(self) -> Path:
        """The private folder of the engine, on this machine."""
        return self._link.folder

    @property
    def link_descriptor(self) -> int | None:
        """What becomes readable when the engine says something; None without a connection."""
        return self._link.fileno()

    def look(self) -> None:
        """Look what the engine says that nobody has asked for.

        Raises:
            TrialEnded: It has ended the trial.
            ConnectionError: It has ended itself.
        """
        self._link.look()

    # -- what Optuna's own code and integrations use of a trial

    @property
    def storage(self) -> RemoteStorage:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The storage, which the engine answers."""
        if self._storage is None:
            self._storage = RemoteStorage(self._link)
        return self._storage

    @property
    def study(self) -> RemoteStudy:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The study, as an `optuna.Study`."""
        if self._study is None:
            self._study = RemoteStudy(self.storage, self._facts)
        return self._study

    @property
    def _trial_id(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._facts["trial_id"]

    @property
    def _cached_frozen_trial(self) -> FrozenTrial:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.storage.get_trial(self._trial_id)

    @property
    def _fixed_params(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._cached_frozen_trial.system_attrs.get(ENQUEUED_KEY, {})

    def _relative(self) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        answer = self._link.ask({"op": "relative"})
        return read_params(answer["v"])

    @property
    def relative_params(self) -> dict[str, Any]:
        """What the sampler has chosen for the trial before it was asked."""
        return self._relative()[0]

    @property
    def relative_search_space(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> dict[str, BaseDistribution]:
        """The distributions of `relative_params`."""
        return self._relative()[1]
