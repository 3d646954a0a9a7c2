"""What a run will use, chosen from plan, objective and study, and checked to fit together."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.attribute_keys import EDITED_KEY, EDITS_KEY, RUNS_KEY, STUDY_KEY, TRANSFERRED_KEY
from hptui.domain.methods.asked_methods import AUTO, check_fit, parse_pruner, parse_sampler
from hptui.domain.methods.auto_sampler import choose_sampler
from hptui.domain.methods.own_method import is_own
from hptui.domain.objective import ObjectiveInfo
from hptui.domain.repeats import MAX_REPEATS
from hptui.domain.run_place import RunPlace
from hptui.domain.spaces.choice_lists import parse_choices_option, spell_choices
from hptui.domain.spaces.edits import (
    UNSET,
    ParamEdit,
    Unset,
    apply_edit,
    check_params,
    choices_edit,
    edits_from_json,
    merge_edits,
    parse_fix_option,
    resolve_text,
    unknown_parameter,
)
from hptui.domain.spaces.resolved_space import resolve_space
from hptui.domain.spaces.space import ChoiceParam, ParamSpec, spec_from_json
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.run.repeating import PRUNER
from hptui.engine.run.start.changed_space import Probing, require_same_space
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.samplers import build_sampler, has_packages
from hptui.engine.sampling.space_view import SpaceView, SpaceViewSampler
from hptui.engine.studies.renaming import free_name
from hptui.errors import UsageError
from hptui.registry.catalogue import candidate_of, spell
from hptui.registry.loading.arguments import differing_arguments, show_arguments
from hptui.registry.own_methods import is_agreed_to
from hptui.registry.probing.probe import KnownParam, known_space
from hptui.registry.same_objective import is_same_objective, source_sha
from hptui.storage.read.studies import objective_of
from hptui.storage.sqlite.distributions import from_optuna, to_optuna

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from hptui.domain.methods.asked_methods import MethodSpec, SamplerSpec
    from hptui.domain.methods.options import Family
    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.start.plan import RunPlan


_SEVERAL = "Give --direction minimize or --direction maximize once for each value, in their order."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfiguration:
    """What a run will use, checked to fit together."""

    directions: tuple[str, ...]
    metric_names: tuple[str, ...]
    sampler: SpaceViewSampler
    sampler_spec: SamplerSpec
    why_sampler: str
    """A sentence; empty where it was asked for by name."""
    sampler_seed: int | None
    pruner: optuna.pruners.BasePruner
    pruner_text: str
    repeat: int
    """How often each configuration is run."""
    known: Mapping[str, ParamSpec]
    """The parameters without edits."""
    space: Mapping[str, ParamSpec]
    """With edits."""
    stored: Mapping[str, ParamSpec]
    """As the study's trials hold them."""
    edits: Mapping[str, ParamEdit]
    ever_edited: frozenset[str]
    view: SpaceView

    @classmethod
    def of(cls, plan: RunPlan, about: Message, study: optuna.Study | None) -> RunConfiguration:
        """Choose and check; `study` is None when it will be created."""
        attrs = {} if study is None else study._storage.get_study_system_attrs(study._study_id)
        _require_same_objective(plan, study, attrs)
        directions = _directions(plan, about, study)
        _require_count(plan, plan.n_values, directions, study)
        last_run = _last_run(attrs)
        sampler = parse_sampler(plan.sampler or str(last_run.get("sampler") or about["sampler"]))
        repeat = _repeat(plan, last_run)
        pruner_text = plan.pruner or _pruner(about, last_run, repeat)
        if plan.pruner is None and len(directions) > 1:
            pruner_text = "none"
        pruner = parse_pruner(pruner_text)
        _require_known("sampler", sampler, plan.sampler)
        _require_known("pruner", pruner, plan.pruner)
        misfit = check_fit(sampler, pruner, len(directions))
        if misfit is not None:
            raise UsageError(misfit)
        if plan.budget.target is not None and len(directions) > 1:
            raise UsageError(
                "A target needs one objective, but this study has several.",
                hint="Omit --target, or give --trials or --timeout.",
            )
        edits = _edits(plan, attrs.get(EDITS_KEY))
        ever = frozenset(map(str, _list(attrs.get(EDITED_KEY))))
        stored = {} if study is None else _stored_space(study)
        named = {parse_fix_option(text)[0] for text in plan.fixes}.union(plan.edits, plan.resets)
        named |= {parse_choices_option(text)[0] for text in plan.choices}
        probing = Probing(plan)
        grid = None if plan.script is None else plan.script.grid
        fixed = {} if plan.script is None else dict(plan.script.fixed)
        known = _known_space(
            plan,
            about,
            stored,
            probing,
            wanted=named.union(edits, *plan.enqueue),
            # What is stored of them is not what the objective asks.
            unsure=(named & ever) | _with_choices(edits),
            probe_all=sampler.name == AUTO or (sampler.name == "grid" and not grid),
        )
        space = {name: parameter.spec for name, parameter in known.items()}
        edits = _without_void(edits, known)
        for text in plan.choices:
            name, spelled = parse_choices_option(text, space)
            edits = merge_edits(edits, {name: choices_edit(name, spelled, space)})
        for text in plan.fixes:
            name, value = parse_fix_option(text, space)
            if name not in space:
                raise unknown_parameter(name, space)
            spec = apply_edit(name, space[name], edits.get(name, ParamEdit()))
            fix = ParamEdit(fixed=resolve_text(name, spec, value))
            edits = merge_edits(edits, {name: fix})
        resolved = resolve_space(space, {}, edits)
        effective = resolved.effective
        why_sampler = ""
        if sampler.name == AUTO:
            sampler, why_sampler = choose_sampler(
                effective,
                n_objectives=len(directions),
                n_trials=_n_trials_in_the_end(plan, study),
                has_gp=has_packages("gp"),
            )
        require_same_space(plan, space, edits, stored)
        _require_same_code(plan, about, attrs, probing, edits, stored)
        _require_count(plan, probing.values_returned, directions, study)
        for params in plan.enqueue:
            check_params(params, effective)
        # The places in a grid are in the order of its seed, so that a run goes on in that.
        seed = plan.seed if sampler.name == "grid" else _seed_for(plan, study)
        base = build_sampler(
            sampler,
            seed=seed,
            space=effective,
            fixed={**fixed, **resolved.fixed},
            n_objectives=len(directions),
            grid=grid,
            pruner="none" if is_own(pruner.name) else str(pruner),
        )
        watched = {
            name: to_optuna(effective[name]) for name in ever | set(edits) if name in effective
        }
        view = SpaceView(
            edited=set(ever | set(edits)),
            current=watched,
            transferred_to=_transferred_to(attrs.get(TRANSFERRED_KEY)),
        )
        return cls(
            directions=directions,
            metric_names=tuple(about.get("metric_names") or ()),
            sampler=SpaceViewSampler(base, view),
            sampler_spec=sampler,
            why_sampler=why_sampler,
            sampler_seed=seed,
            pruner=build_pruner(pruner),
            pruner_text=str(pruner),
            repeat=repeat,
            known=space,
            space=effective,
            stored=stored,
            edits=edits,
            ever_edited=ever,
            view=view,
        )


def _n_trials_in_the_end(plan: RunPlan, study: optuna.Study | None) -> int | None:
    there = 0 if study is None else len(study.get_trials(deepcopy=False))
    return None if plan.budget.n_trials is None else there + plan.budget.n_trials


def _require_known(family: Family, spec: MethodSpec, typed: str | None) -> None:
    """Refuse code that only the study's file names.

    Raises:
        UsageError: It does, and this person has not run it before.
    """
    if typed is None and is_own(spec.name) and not is_agreed_to(spec):
        raise UsageError(
            f"The study's last run used the {family} {safe_line(spec.name)}, code that you have "
            "not run yet.",
            hint=f"Look at it, then give --{family} {safe_line(shlex.quote(str(spec)))}, or name "
            f"another {family}.",
        )


def _transferred_to(stored: object) -> int:
    return stored if isinstance(stored, int) else -1


def _with_choices(edits: Mapping[str, ParamEdit]) -> set[str]:
    """Return the parameters whose choices are edited: a fork may have some that nobody asks for."""
    return {name for name, edit in edits.items() if not isinstance(edit.choices, Unset)}


def _require_same_objective(
    plan: RunPlan, study: optuna.Study | None, attrs: Mapping[str, Any]
) -> None:
    """Refuse a study whose trials are of another objective.

    Raises:
        UsageError: They are; the hint says what to type.
    """
    stored = attrs.get(STUDY_KEY)
    about = cast("dict[str, Any]", stored) if isinstance(stored, dict) else {}
    was = objective_of(about.get("objective"))
    if plan.any_objective or was is None or study is None or not study.get_trials(deepcopy=False):
        return
    file, is_same_code = str(about.get("file", "")), _is_code_of_last_run(plan, attrs)
    other = free_name(plan.study_file.parent, plan.study)
    folders = (str(_last_run(attrs).get("folder") or ""), RunPlace.here().folder)
    if is_same_objective(
        was,
        plan.ref,
        file=file,
        is_same_code=is_same_code,
        study_file=plan.study_file,
        folders=folders,
    ):
        _require_same_arguments(plan, was, other, folders)
        return
    raise UsageError(
        f"The study {safe_line(plan.study)} holds trials of {safe_line(spell(was))}, not of "
        f"{safe_line(spell(plan.ref))}.",
        hint=f"Give this one a study of its own with --study {safe_line(shlex.quote(other))}. "
        "Add --any-objective to use this study anyway.",
    )


def _require_same_arguments(
    plan: RunPlan, was: ObjectiveRef, other: str, folders: tuple[str, str]
) -> None:
    """Refuse a study whose trials are of other arguments: their values are not to be compared.

    Raises:
        UsageError: They are; the hint says what to type.
    """
    candidate = candidate_of(plan.ref)
    info = ObjectiveInfo("") if candidate is None else candidate.info
    before, now = differing_arguments(was.arguments, plan.ref.arguments, info, folders)
    if not before and not now:
        return
    raise UsageError(
        f"The study {safe_line(plan.study)} holds trials with "
        f"{show_arguments(before) or 'no arguments'}, not with "
        f"{show_arguments(now) or 'no arguments'}.",
        hint=f"Give them a study of their own with --study {safe_line(shlex.quote(other))}. "
        "Add --any-objective to continue in the study anyway.",
    )


def _last_run(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded of the study's latest run; nothing where there is no such record."""
    last = next(reversed(_list(attrs.get(RUNS_KEY))), None)
    return cast("dict[str, Any]", last) if isinstance(last, dict) else {}


def _list(stored: object) -> list[object]:
    return cast("list[object]", stored) if isinstance(stored, list) else []


def _is_code_of_last_run(plan: RunPlan, attrs: Mapping[str, Any]) -> bool:
    return _last_run(attrs).get("code_sha") == source_sha(plan.ref)


def _directions(plan: RunPlan, about: Message, study: optuna.Study | None) -> tuple[str, ...]:
    if study is None:
        return _new_directions(plan, about)
    stored = tuple(each.name.lower() for each in study.directions)
    script = plan.script
    if script is not None and plan.directions is None and script.directions != stored:
        raise UsageError(
            f"{safe_line(plan.ref.name)} says {', '.join(script.directions)}, but the study "
            f"{safe_line(plan.study)} has the direction {', '.join(stored)}; it cannot change.",
            hint="Give --study another name.",
        )
    if plan.directions is not None and plan.directions != stored:
        raise UsageError(
            f"The study {safe_line(plan.study)} has the direction {', '.join(stored)}, "
            f"not {', '.join(plan.directions)}; it cannot change.",
            hint="Omit --direction, or give --study another name.",
        )
    return stored


def _new_directions(plan: RunPlan, about: Message) -> tuple[str, ...]:
    """Return the directions of a new study: those given, declared, or told by the file."""
    doubt = str(about.get("doubt") or "")
    if plan.directions is None and doubt:
        is_one = plan.n_values in (None, 1)
        raise UsageError(
            f"{safe_line(plan.ref.name)} {doubt}, so hptui cannot tell which trial is best.",
            hint="Add --direction maximize, or --direction minimize." if is_one else _SEVERAL,
        )
    return plan.directions or tuple(about["directions"])


def _require_count(
    plan: RunPlan, n_values: int | None, directions: tuple[str, ...], study: optuna.Study | None
) -> None:
    """Refuse an objective that returns more or fewer values than there are directions.

    Raises:
        UsageError: It does; the hint says what to type.
    """
    if n_values is None or n_values == len(directions):
        return
    returns = f"{safe_line(plan.ref.name)} returns {plural(n_values, 'value')}"
    if study is None:
        raise UsageError(
            f"{returns}, but its direction is {', '.join(directions)}.",
            hint=_SEVERAL if n_values > 1 else "Give --direction once.",
        )
    raise UsageError(
        f"{returns}, but the study {safe_line(plan.study)} has "
        f"{plural(len(directions), 'objective')}.",
        hint="Give --study another name, and --direction once for each value.",
    )


def _edits(plan: RunPlan, stored: object) -> dict[str, ParamEdit]:
    """Return the edits of earlier runs with those of the plan over them, but not its fixes."""
    earlier = edits_from_json(stored or {})
    kept = {name: edit for name, edit in earlier.items() if name not in plan.resets}
    return merge_edits(kept, plan.edits)


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
    probing: Probing,
    *,
    wanted: set[str],
    unsure: set[str],
    probe_all: bool,
) -> dict[str, KnownParam]:
    """Return the parameters as the objective has them: declared, probed, or seen in trials.

    The objective is probed only where `wanted` names one that is not known otherwise, or `unsure`
    one that it does not declare.
    """
    declared = _declared(about)
    known = known_space(declared, None, stored)
    is_known = wanted <= set(known) and unsure <= set(declared)
    if not is_known or (probe_all and not declared):
        known = known_space(declared, probing.whole(), stored)
    for name in plan.resets:
        if name not in known:
            raise unknown_parameter(name, known)
    return known


def _declared(about: Message) -> dict[str, ParamSpec]:
    return {name: spec_from_json(text) for name, text in about["space"].items()}


def _repeat(plan: RunPlan, last_run: Mapping[str, Any]) -> int:
    stored = last_run.get("repeat")
    last = stored if isinstance(stored, int) and 1 <= stored <= MAX_REPEATS else 1
    return plan.repeat or last


def _pruner(about: Message, last_run: Mapping[str, Any], repeat: int) -> str:
    """Return the pruner where none is typed: the last run's, if that repeated as this one does."""
    if last_run and (last_run.get("repeat", 1) > 1) == (repeat > 1):
        return str(last_run.get("pruner") or about["pruner"])
    return PRUNER if repeat > 1 else str(about["pruner"])


def _without_void(
    edits: Mapping[str, ParamEdit], known: Mapping[str, KnownParam]
) -> dict[str, ParamEdit]:
    """Return the edits without lists of choices that are what the objective asks for.

    A fork has them, until the code asks so too; kept, they would hide what the code adds later.
    """
    needed: dict[str, ParamEdit] = {}
    for name, edit in edits.items():
        param = known.get(name)
        if (
            param is not None
            and param.origin != "seen"
            and isinstance(param.spec, ChoiceParam)
            and not isinstance(edit.choices, Unset)
            and spell_choices(edit.choices) == spell_choices(param.spec.choices)
        ):
            edit = replace(edit, choices=UNSET)
        if not edit.is_empty:
            needed[name] = edit
    return needed


def _require_same_code(
    plan: RunPlan,
    about: Message,
    attrs: Mapping[str, Any],
    probing: Probing,
    edits: Mapping[str, ParamEdit],
    stored: Mapping[str, ParamSpec],
) -> None:
    """Refuse code that was edited so that its trials would not go into the study.

    The objective is probed only where it does not declare all that the trials hold.
    """
    declared = _declared(about)
    if set(stored) <= set(declared) or _is_code_of_last_run(plan, attrs):
        return
    found = probing.brief(len(stored))
    asked = {
        name: param.spec
        for name, param in found.parameters.items()
        if name not in declared and name not in found.dynamic
    }
    require_same_space(plan, asked, edits, stored)
