"""The trial that an objective sees: forwards everything to the real trial in the engine."""

from __future__ import annotations

import copy
import datetime
import json
import math
import warnings
from typing import TYPE_CHECKING, Any, Protocol, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)
from optuna.trial import BaseTrial

from hptui.domain.choice_objects import storable_choices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.engine.protocol import Message

_BUILTIN_ERRORS = {"ValueError": ValueError, "TypeError": TypeError, "KeyError": KeyError}


class TrialEnded(BaseException):
    """Raised inside an objective whose trial the engine has ended; not caught by `Exception`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Link(Protocol):
    """What a trial needs of its connection to the engine."""

    def send(self, message: Message) -> None:
        """Send `message`, which is plain data."""
        ...

    def ask(self, message: Message) -> Message:
        """Send `message` and wait for its answer."""
        ...

    def has_news(self) -> bool:
        """Say whether a message waits to be received."""
        ...

    def receive(self) -> Message:
        """Wait for the next message and take it."""
        ...


class RemoteStudy:
    """The part of a study that an objective may use while its trial runs."""

    def __init__(self, link: Link, number: int, facts: Message) -> None:
        self._link = link
        self._number = number
        self._facts = facts

    @property
    def study_name(self) -> str:
        """The name of the study."""
        return self._facts["study_name"]

    @property
    def directions(self) -> list[Any]:
        """The directions, as `optuna.study.StudyDirection`."""
        from optuna.study import StudyDirection

        return [StudyDirection[name.upper()] for name in self._facts["directions"]]

    @property
    def direction(self) -> Any:  # noqa: ANN401 - optuna's enum, imported when asked for
        """The direction of a study with one objective."""
        if len(self.directions) > 1:
            raise RuntimeError("A study with several objectives has no single direction.")
        return self.directions[0]

    def _get(self, what: str) -> Any:  # noqa: ANN401 - plain data of many kinds
        return _value_of(self._link.ask({"op": "study", "n": self._number, "get": what}))

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The study's user attributes."""
        return self._get("user_attrs")

    @property
    def best_value(self) -> float:
        """The best value so far; raises ValueError when no trial has completed."""
        return self._get("best_value")

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best trial; raises ValueError when no trial has completed."""
        return self._get("best_params")

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - as Optuna's
        """Set a user attribute of the study."""
        self._link.send({"op": "study_attr", "key": key, "json": json.dumps(value)})

    def stop(self) -> None:
        """End the run after the trials that are running."""
        self._link.send({"op": "stop_study", "n": self._number})

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        raise AttributeError(
            f"trial.study.{name} is not available inside a worker; there are study_name, "
            "direction(s), best_value, best_params, user_attrs, set_user_attr and stop"
        )


def _value_of(answer: Message) -> Any:  # noqa: ANN401 - plain data of many kinds
    if "stop" in answer:
        raise TrialEnded(answer["stop"])
    if "error" in answer:
        name, text = answer["error"]
        kind = _BUILTIN_ERRORS.get(name)
        raise kind(text) if kind else RuntimeError(f"{name}: {text}")
    return answer["v"]


class WorkerTrial(BaseTrial):
    """A trial in a worker process, with the interface of `optuna.Trial`.

    Values come from the engine's sampler; `report` does not wait for an answer. What Optuna
    checks before it asks a sampler is checked here, with the same errors and warnings.
    """

    def __init__(self, link: Link, facts: Message) -> None:
        self._link = link
        self._number: int = facts["n"]
        self._facts = facts
        self._params: dict[str, Any] = {}
        self._distributions: dict[str, BaseDistribution] = {}
        self._user_attrs: dict[str, Any] = dict(facts.get("user_attrs", {}))
        self._reported: set[int] = set()
        self._constraints: dict[str, float] = {}
        self._is_multi = len(facts["directions"]) > 1
        self.study = RemoteStudy(link, self._number, facts)

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
        return self._suggest(name, fields, asked)

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
        return int(self._suggest(name, fields, asked))

    def suggest_categorical(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, name: str, choices: Sequence[Any]
    ) -> Any:  # noqa: ANN401 - one of the choices
        """Suggest one of `choices`, see `optuna.Trial.suggest_categorical`."""
        asked = CategoricalDistribution(choices)
        index = self._suggest(name, {"k": "c", "choices": storable_choices(asked.choices)}, asked)
        chosen = cast("Any", asked.choices[index])
        self._params[name] = chosen
        return chosen

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Suggest a float; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Suggest a float on a log scale; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Suggest a stepped float; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high, step=q)

    def _suggest(self, name: str, fields: Message, asked: BaseDistribution) -> Any:  # noqa: ANN401
        answer = self._link.ask({"op": "suggest", "n": self._number, "name": name, "d": fields})
        value = _value_of(answer)
        self._params[name] = value
        edited = answer.get("d")
        self._distributions.setdefault(name, json_to_distribution(edited) if edited else asked)
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
        if step < 0:
            raise ValueError(f"`step={step}` must be non-negative.")
        if step >= 2**63:
            raise OverflowError(f"`step={step}` does not fit into the study file (below 2**63).")
        if step in self._reported:
            warnings.warn(
                f"The reported value is ignored because this `step={step}` is already reported.",
                stacklevel=2,
            )
            return
        self._reported.add(step)
        self._link.send({"op": "report", "n": self._number, "value": value, "step": step})
        if self._facts.get("watch") and self._link.has_news():
            _value_of(self._link.receive())

    def should_prune(self) -> bool:
        """Ask the study's pruner, see `optuna.Trial.should_prune`."""
        if self._is_multi:
            raise NotImplementedError(
                "Trial.should_prune is not supported for multi-objective optimization."
            )
        return _value_of(self._link.ask({"op": "prune", "n": self._number}))

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - as Optuna's
        """Set an attribute of the trial; `value` must be JSON serialisable."""
        text = json.dumps(value)
        self._link.send({"op": "attr", "n": self._number, "key": key, "json": text})
        self._user_attrs[key] = value

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
        if key in self._constraints:
            warnings.warn(
                "The constraint value is ignored because this constraint "
                f"`key={key!r}` is already set.",
                stacklevel=2,
            )
            return
        self._constraints[key] = value
        self._link.send({"op": "constraint", "n": self._number, "key": key, "value": value})

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far."""
        return copy.deepcopy(self._params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions in effect, edits of the search space included."""
        return copy.deepcopy(self._distributions)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The trial's user attributes."""
        return copy.deepcopy(self._user_attrs)

    @property
    def constraints(self) -> dict[str, float]:
        """The constraints set so far."""
        return dict(self._constraints)

    @property
    def number(self) -> int:
        """The trial's number in its study."""
        return self._number

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When the trial started, local time."""
        return datetime.datetime.fromtimestamp(self._facts["started"])
