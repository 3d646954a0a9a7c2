"""A search space that has changed in the code, in a way that Optuna refuses within one study."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from hptui.domain.attribute_keys import ERROR_KEY, RUN_KEY
from hptui.domain.spaces.choice_lists import spell_choices
from hptui.domain.spaces.edits import ParamEdit, apply_edit, check_against_history
from hptui.domain.spaces.space import ChoiceParam, ParamSpec
from hptui.domain.texts.text import safe_line
from hptui.engine.run.start.plan import available_cores
from hptui.engine.studies.renaming import free_name
from hptui.engine.workers.machine.worker_variables import probe_place
from hptui.errors import SpaceError
from hptui.registry.commands.typed_command import spelled_run
from hptui.registry.probing.probe import probe
from hptui.storage.files.studies_folder import study_file
from hptui.storage.sqlite.distributions import from_optuna

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.distributions import BaseDistribution

    from hptui.engine.run.start.plan import RunPlan
    from hptui.registry.probing.probe_result import ProbeResult

_PROBE_S = 20.0
_BRIEF_TRIALS = 3


class Probing:
    """Probes an objective when that is needed, and not twice: ask for `whole` before `brief`."""

    def __init__(self, plan: RunPlan) -> None:
        self._ref = plan.ref
        self._place = probe_place(plan.resources, plan.n_workers, available_cores(), plan.python)
        self._result: ProbeResult | None = None

    @property
    def values_returned(self) -> int | None:
        """How many values the objective returned; None where no probe has seen it."""
        return None if self._result is None else self._result.values_returned

    def whole(self) -> ProbeResult:
        """Return all that probing finds."""
        if self._result is None:
            self._result = probe(self._ref, timeout_s=_PROBE_S, place=self._place)
        return self._result

    def brief(self, n_params: int) -> ProbeResult:
        """Return what is found until so many parameters were seen, in a few trials."""
        if self._result is not None:
            return self._result

        def go_on(trials: int, params: int) -> bool:
            return trials <= _BRIEF_TRIALS or params < n_params

        self._result = probe(self._ref, timeout_s=_PROBE_S, on_progress=go_on, place=self._place)
        return self._result


def require_same_space(
    plan: RunPlan,
    asked: Mapping[str, ParamSpec],
    edits: Mapping[str, ParamEdit],
    stored: Mapping[str, ParamSpec],
) -> None:
    """Refuse parameters that Optuna does not let change so within the study.

    Args:
        plan: The run.
        asked: What the objective asks for.
        edits: What is edited of it.
        stored: What the study's trials hold.

    Raises:
        SpaceError: One has another kind, scale or list of choices than the study holds; the hint
            has the commands that carry the trials over.
    """
    changed: dict[str, ParamSpec] = {}
    first: SpaceError | None = None
    for name, spec in asked.items():
        effective = apply_edit(name, spec, edits.get(name, ParamEdit()))
        try:
            if name in stored:
                check_against_history(name, effective, stored[name])
        except SpaceError as error:
            changed[name] = effective
            first = first or error
    if first is not None:
        raise SpaceError(first.message, hint=_remedy(plan, changed, stored))


class CodeWatch:
    """Tells why a run must stop whose code asks for what the study's trials do not go with.

    Optuna refuses every such trial, so that the first one says all. Where one run had trials of
    both kinds, the space is dynamic by itself: then the refused trials are failures like others.

    Args:
        plan: The run.
        study: Its study, of which nothing was asked yet.
        stored: What its trials hold.
    """

    def __init__(self, plan: RunPlan, study: optuna.Study, stored: Mapping[str, ParamSpec]) -> None:
        self._plan, self._study, self._stored = plan, study, stored
        self.unseen = set(stored)
        """Parameters of earlier runs that no trial of this one has got so far."""
        self._refusals: dict[int, SpaceError] = {}

    def refused(self, number: int, name: str, asked: BaseDistribution, message: str) -> None:
        """Note that Optuna does not give a trial a parameter, with its own message."""
        if name not in self.unseen or self._is_dynamic(name, message):
            return
        try:
            spec = from_optuna(asked)
        except SpaceError:
            return
        try:
            require_same_space(self._plan, {name: spec}, {}, self._stored)
        except SpaceError as error:
            self._refusals[number] = error

    def unfit(self, number: int, name: str, error: SpaceError) -> None:
        """Note that an edit in force does not suit what a trial asks for."""
        if name in self.unseen and not self._is_dynamic(name, error.message):
            self._refusals[number] = error

    def refusal_of(self, number: int) -> SpaceError | None:
        """Return why the run must stop, where this trial has failed by it."""
        return self._refusals.pop(number, None)

    def _is_dynamic(self, name: str, message: str) -> bool:
        has_failed: set[str] = set()
        has_got: set[str] = set()
        for trial in self._study.get_trials(deepcopy=False):
            run = str(trial.system_attrs.get(RUN_KEY))
            if name in trial.params:
                has_got.add(run)
            elif message == _message_of(trial.system_attrs.get(ERROR_KEY)):
                has_failed.add(run)
        return bool(has_failed & has_got)


def _message_of(error: object) -> object:
    return cast("dict[str, object]", error).get("message") if isinstance(error, dict) else None


def _remedy(
    plan: RunPlan, changed: Mapping[str, ParamSpec], stored: Mapping[str, ParamSpec]
) -> str:
    """Return the commands with which a run goes on in a space that the study cannot have."""
    new = free_name(plan.study_file.parent, plan.study)
    address = plan.address or f"{plan.study_file}:{plan.study}"
    place = ["--study", new]
    if "/" in address:
        place = ["--storage", str(study_file(plan.study_file.parent, new)), *place]
    words = spelled_run(plan.ref)
    # What stands behind -- is the command's own.
    words = [*place, *words] if "--" in words else [*words, *place]
    runs = safe_line(shlex.join(["hptui", "run", *words]), max_chars=1_000)
    options: list[str] = []
    for name, spec in changed.items():
        if type(spec) is not type(stored[name]):
            return f"Its trials cannot be carried over. For a new study: {runs}"
        options += _option(name, spec, stored[name])
    fork = safe_line(shlex.join(["hptui", "fork", address, new, *options]), max_chars=4_000)
    return f"Copy the trials that fit into a new study: {fork}\nThen continue it: {runs}"


def _option(name: str, spec: ParamSpec, stored: ParamSpec) -> list[str]:
    """Return the option of `hptui fork` that makes of a stored parameter what is asked now."""
    if isinstance(spec, ChoiceParam):
        return ["--choices", f"{name}={spell_choices(spec.choices)}"]
    scale = ":log" if spec.log else ":linear"
    try:
        # The bounds stay the code's own, where they need not be said.
        apply_edit(name, stored, ParamEdit(log=spec.log))
        return ["--space", f"{name}={scale}"]
    except SpaceError:
        return ["--space", f"{name}={spec.low!r}..{spec.high!r}{scale}"]
