"""What the process of a probe tells, put together to what it found."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, get_args

from hptui.domain.script_study import ScriptStudy
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError
from hptui.registry.probing.conditions import condition_of
from hptui.registry.probing.exploration import Observations, Plan
from hptui.registry.probing.observed import End, Observation, Suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.spaces.space import ParamSpec


@dataclass(frozen=True, slots=True)
class ProbedParam:
    """A parameter as probing saw it."""

    spec: ParamSpec
    """Its space when it was first suggested."""
    condition: str = ""
    """When it exists: `kernel = rbf`, `n_layers >= 2`, `sometimes`; empty when always."""
    first_seen: int = 0
    """The probe trial that first suggested it, from 0."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What probing found out about an objective."""

    parameters: Mapping[str, ProbedParam] = field(default_factory=dict[str, ProbedParam])
    """In the order in which they are suggested."""
    dynamic: frozenset[str] = frozenset()
    """Parameters whose space was not the same in all probe trials."""
    loaded: bool = False
    """Whether the objective could be imported; if not, `error` says why."""
    n_trials: int = 0
    complete: bool = False
    """Whether every choice, and both ends of every integer, have been tried."""
    error: str = ""
    """Why nothing was found: a sentence; empty as soon as one parameter was suggested."""
    hint: str = ""
    """What to do about the error; may be empty."""
    detail: str = ""
    """The end of the error's traceback."""
    fault: str = ""
    """Why trials will fail: the import did, or each probe trial; a sentence, or empty."""
    values_returned: int | None = None
    """How many values the objective returns; None when no probe trial ran to its end."""
    reports: bool = False
    """Whether it reports intermediate values or asks whether to prune."""
    studies: tuple[ScriptStudy, ...] = ()
    """Of a script: the study that was asked for, or all that it comes to where they are listed."""
    rest: str = ""
    """Of a script whose studies are listed: why there may be more."""


class Story:
    """What the process has told so far."""

    def __init__(self) -> None:
        self._seen = Observations()
        self._trial: Observation | None = None
        self._problem = ""
        self._hint = ""
        self._detail = ""
        self._fault = ""
        self._n_failed = 0
        self._values: int | None = None
        self._reports = False
        self._is_complete = False
        self._studies: list[ScriptStudy] = []
        self._rest = ""
        self.is_loaded = False
        self.is_done = False

    def take(self, line: bytes) -> None:
        """Take in one line; what is no message of ours is left out."""
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, SpaceError):
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"trial": int()}:
                self._close_trial()
                self._trial = Observation()
            case {"name": _} | {"end": _}:
                if self._trial is not None:
                    self._take_of_trial(self._trial, message)
            case {"loaded": True}:
                self.is_loaded = True
                self._rest = safe_line(message.get("rest", ""), max_chars=2_000)
            case {"study": _}:
                self._studies.append(ScriptStudy.from_json(message["study"]))
            case {"done": True}:
                self._is_complete = bool(message.get("complete"))
                self.is_done = True
            case _:
                self._take_of_call(message)

    def _take_of_trial(self, trial: Observation, message: dict[str, Any]) -> None:
        if "name" in message:
            suggestion = Suggestion.from_json(message)
            trial.suggestions[suggestion.name] = suggestion
        elif message["end"] in get_args(End):
            trial.end = cast("End", message["end"])
            self._close_trial()

    def _take_of_call(self, message: dict[str, Any]) -> None:
        match message:
            case {"reports": True}:
                self._reports = True
            case {"how": "returned", "values": int(values)}:
                self._values = values
            case {"how": "returned", "refused": str(kind)}:
                self._fail(f"The objective returns {_spell_type(kind)}.")
            case {"how": "raised", "message": str(text), "detail": str(detail)}:
                problem = f"The objective fails: {safe_line(text, max_chars=500)}"
                self._fail(problem)
                self._note(problem, detail)
            case {"how": "died", "code": int(code)}:
                problem = f"The objective ended its process ({_spell_exit(code)})."
                self._fail(problem)
                self._note(problem)
            case {"problem": str(text), "hint": str(hint), "detail": str(detail)}:
                self._fail(safe_line(text, max_chars=500))
                self._note(safe_line(text, max_chars=500), detail, hint)
            case _:
                pass

    def _note(self, problem: str, detail: str = "", hint: str = "") -> None:
        if not self._problem:
            self._problem, self._detail, self._hint = problem, detail, hint

    def _fail(self, problem: str) -> None:
        self._n_failed += 1
        self._fault = self._fault or problem

    def _close_trial(self) -> None:
        if self._trial is not None:
            self._seen.add(self._trial, Plan())
            self._trial = None

    def progress(self) -> tuple[int, int]:
        """Return how many trials and how many parameters have been seen."""
        names = set(self._seen.first_seen())
        if self._trial is not None:
            names.update(self._trial.suggestions)
        return len(self._seen.trials) + (self._trial is not None), len(names)

    def stopped(self) -> None:
        """Note that nobody wants to know the rest."""
        self._note("Probing was stopped.")

    def ended_early(self, code: int | None) -> None:
        """Note that the process fell silent before it was done; `code` is None if it lives on."""
        if code is None:
            self._note("The objective closed the pipe over which it is probed.")
            return
        what = "Probing" if self.is_loaded else "Importing the objective"
        problem = f"{what} ended the process ({_spell_exit(code)})."
        if not self.is_loaded:
            self._fail(problem)
        self._note(problem)

    def result(self, timeout_s: float) -> ProbeResult:
        """Return what all of it shows."""
        self._close_trial()
        if not self.is_done:
            what = "suggested nothing" if self.is_loaded else "was not imported"
            self._note(f"The objective {what} within {timeout_s:g} s.")
        first_seen = self._seen.first_seen()
        if not first_seen and not self._problem and self._ran_out():
            self._note(f"The objective suggested nothing within {timeout_s:g} s.")
        error = "" if first_seen else self._problem
        return ProbeResult(
            parameters={
                name: ProbedParam(spec, condition_of(name, self._seen.trials), number)
                for name, (number, spec) in first_seen.items()
            },
            dynamic=frozenset(self._seen.dynamic()),
            loaded=self.is_loaded,
            n_trials=len(self._seen.trials),
            complete=self._is_complete and self.is_done and not error,
            error=error,
            hint="" if first_seen else self._hint,
            detail="" if first_seen else self._detail,
            fault=self._fault if self._n_failed >= max(1, len(self._seen.trials)) else "",
            values_returned=self._values,
            reports=self._reports,
            studies=tuple(self._studies),
            rest=self._rest,
        )

    def _ran_out(self) -> bool:
        return any(trial.end == "deadline" for trial in self._seen.trials)


def _spell_type(name: str) -> str:
    if name == "NoneType":
        return "None instead of its value"
    return f"{safe_line(name, max_chars=60)} where a number is expected"


def _spell_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
