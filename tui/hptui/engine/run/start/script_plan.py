"""What a script sets for its study, taken into the plan of a run; what was typed counts first."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.script_study import ScriptStudy
from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import DEFAULT_TRIALS
from hptui.domain.texts.script_text import Typed, script_notes
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.sqlite.sent_trials import missing_of, read_sent

if TYPE_CHECKING:
    import optuna

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.start.plan import RunPlan

_FINITE = ("grid", "bruteforce")
"""Samplers that end a study by themselves."""


def with_script(plan: RunPlan, about: Message) -> RunPlan:
    """Return the plan with what the script has told that a worker has run; unchanged for others.

    Args:
        plan: What was typed.
        about: What the worker tells of its objective.

    Raises:
        UsageError: Other directions were typed than the objective can have.
    """
    told = about.get("script")
    if told is None:
        return plan
    script = ScriptStudy.from_json(told)
    if plan.sampler is not None:
        script = replace(script, fixed={})
    if script.sqlite_file and (script.name, Path(script.sqlite_file).resolve()) == (
        plan.study,
        plan.study_file.resolve(),
    ):
        # It goes on where the script has it.
        script = replace(script, storage="")
    if plan.directions is not None and len(plan.directions) != len(script.directions):
        raise UsageError(
            f"{safe_line(plan.ref.name)} has {plural(len(script.directions), 'objective')} "
            f"({', '.join(script.directions)}), not {len(plan.directions)}.",
            hint="Omit --direction, or give it once for each.",
        )
    budget = plan.budget
    ends = any(each is not None for each in (budget.n_trials, budget.timeout_s, budget.target))
    typed = Typed(
        direction=plan.directions is not None,
        sampler=plan.sampler is not None,
        pruner=plan.pruner is not None,
        seed=plan.seed is not None,
        budget=ends,
        study=bool(plan.ref.attribute),
    )
    n_objectives = len(plan.directions or script.directions)
    sampler = plan.sampler or script.sampler or None
    if not ends:
        n_trials = script.n_trials
        is_finite = (sampler or "").partition(":")[0] in _FINITE
        has_no_end = n_trials is None and script.timeout_s is None and not script.callbacks
        if has_no_end and not is_finite:
            n_trials = DEFAULT_TRIALS
        budget = replace(budget, n_trials=n_trials, timeout_s=script.timeout_s)
    return replace(
        plan,
        script=script,
        sampler=sampler,
        # Optuna's own pruner is made for every study, and judges none with several objectives.
        pruner=plan.pruner or (script.pruner if n_objectives == 1 else "") or None,
        seed=script.seed if plan.seed is None else plan.seed,
        budget=budget,
        notes=(*plan.notes, *script_notes(plan.ref, script, typed)),
    )


def begin_like_script(study: optuna.Study, script: ScriptStudy) -> None:
    """Give a study the attributes and trials that a script gives to its own.

    What the study has already, from an earlier run of the script, is not added again.
    """
    for key, value in script.user_attrs.items():
        if study.user_attrs.get(key) != value or key not in study.user_attrs:
            study.set_user_attr(key, value)
    if script.trials:
        before = study.get_trials(deepcopy=False)
        for trial in list(missing_of(map(read_sent, script.trials), before)):
            study._storage.create_new_trial(study._study_id, trial)
