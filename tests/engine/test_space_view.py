"""Samplers and an edited space: the history counts under the bounds of now."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.methods.asked_methods import parse_sampler
from hptui.engine.sampling import history_view, safe_cmaes
from hptui.engine.sampling.history_view import CMA_PREFIXES, GENERATION_KEYS, value_under
from hptui.engine.sampling.samplers import build_sampler
from hptui.engine.sampling.space_view import PARENT_PREFIXES, SpaceView, SpaceViewSampler
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler
from optuna.samplers._ga import BaseGASampler

F, N = FloatDistribution, IntDistribution
WIDE, NARROW = F(-5, 10), F(-2, 2)
JOINT = ["tpe", "tpe:group=true", "cmaes", "gp:n_startup_trials=2"]
OTHERS = [
    "random",
    "tpe:multivariate=false",
    "cmaes:use_separable_cma=true",
    "cmaes:with_margin=true",
    "qmc",
    "nsgaii",
]


def build(text: str, *, n_objectives: int = 1, **fixed: Any) -> BaseSampler:
    if text.startswith("gp"):
        pytest.importorskip("torch")
    return build_sampler(
        parse_sampler(text), seed=5, space={}, fixed=fixed, n_objectives=n_objectives
    )


def few(text: str, n_trials: int) -> int:
    """Return how many trials to do: half, of a sampler that takes a second for each."""
    return n_trials // 2 if text.startswith("gp") else n_trials


def objective(x: BaseDistribution, y: BaseDistribution = WIDE) -> Callable[[optuna.Trial], float]:
    """Return an objective that asks for these distributions, as the engine substitutes them."""

    def call(trial: optuna.Trial) -> float:
        values = [trial._suggest("x", x), trial._suggest("y", y)]
        return (values[0] - 1) ** 2 + (values[1] - 1) ** 2

    return call


def history(
    *values: Any,
    distribution: BaseDistribution = WIDE,
    name: str = "x",
    state: TrialState = TrialState.COMPLETE,
    **attrs: Any,
) -> list[FrozenTrial]:
    """Return finished trials of one parameter."""
    trials: list[FrozenTrial] = []
    for number, value in enumerate(values):
        trial = optuna.create_trial(
            state=state,
            params={name: value},
            distributions={name: distribution},
            value=float(number) if state is TrialState.COMPLETE else None,
            system_attrs=dict(attrs),
        )
        trial.number = number
        trial._trial_id = number
        trials.append(trial)
    return trials


def params_of(study: Study, first: int = 0) -> list[dict[str, Any]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)[first:]]


def attrs_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return the attributes, without optimizers: those hold uninitialized memory."""
    return {key: value for key, value in trial.system_attrs.items() if "optimizer" not in key}


def joint_space(study: Study) -> dict[str, BaseDistribution]:
    """Return the joint search space that the next trial would draw from."""
    trial = study.ask()
    frozen = study._storage.get_trial(trial._trial_id)
    space = study.sampler.infer_relative_search_space(study, frozen)
    study.tell(trial, state=TrialState.FAIL)
    return space


@pytest.mark.parametrize("text", JOINT)
def test_an_edited_parameter_stays_in_the_joint_space_where_plain_optuna_loses_it(
    text: str,
) -> None:
    view = SpaceView()
    ours = optuna.create_study(sampler=SpaceViewSampler(build(text), view))
    plain = optuna.create_study(sampler=build(text))
    for study in (ours, plain):
        study.optimize(objective(WIDE), n_trials=few(text, 6))
        assert joint_space(study).keys() == {"x", "y"}
    view.edit("x", NARROW)
    for study in (ours, plain):
        study.optimize(objective(NARROW), n_trials=few(text, 3))
    space = joint_space(ours)
    assert space == {"x": NARROW, "y": WIDE}
    if "group" in text:
        # Grouped TPE keeps the bounds that it saw first.
        assert joint_space(plain) == {"x": WIDE, "y": WIDE}
    else:
        assert joint_space(plain).keys() == {"y"}


@pytest.mark.parametrize("text", [*JOINT, *OTHERS])
def test_what_is_drawn_after_an_edit_is_inside_the_new_bounds(text: str) -> None:
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build(text), view))
    study.optimize(objective(WIDE), n_trials=few(text, 8))
    view.edit("x", NARROW)
    study.optimize(objective(NARROW), n_trials=few(text, 8))
    drawn = params_of(study, few(text, 8))
    assert len(drawn) == few(text, 8)
    assert all(-2 <= params["x"] <= 2 for params in drawn)


@pytest.mark.parametrize("text", [*JOINT, *OTHERS, "bruteforce", "nsgaiii"])
def test_without_an_edit_every_number_is_optunas_own(text: str) -> None:
    step = F(-5, 10, step=1)
    runs: list[list[Any]] = []
    for wrapped in (True, False):
        sampler = build(text)
        study = optuna.create_study(
            sampler=SpaceViewSampler(sampler, SpaceView()) if wrapped else sampler
        )
        study.optimize(objective(step, step), n_trials=few(text, 14))
        trials = study.get_trials(deepcopy=False)
        runs.append([(t.params, t.distributions, t.value, attrs_of(t)) for t in trials])
    assert runs[0] == runs[1]


@pytest.mark.parametrize("text", ["tpe", "cmaes", "nsgaii"])
def test_bounds_edited_before_the_first_trial_are_as_if_the_objective_had_them(text: str) -> None:
    edited = optuna.create_study(
        sampler=SpaceViewSampler(build(text), SpaceView({"x"}, {"x": NARROW}))
    )
    edited.optimize(objective(NARROW), n_trials=20)
    plain = optuna.create_study(sampler=build(text))
    plain.optimize(objective(NARROW), n_trials=20)
    assert params_of(edited) == params_of(plain)


@pytest.mark.parametrize(
    ("before", "now", "values", "kept"),
    [
        (F(-5, 10), F(-2, 2), [-5.0, -2.0, 0.5, 2.0, 2.1], [-2.0, 0.5, 2.0]),
        (F(-2, 2), F(-5, 10), [-2.0, 0.5, 2.0], [-2.0, 0.5, 2.0]),
        (F(0, 1), F(0, 1, step=0.1), [0.0, 0.1 + 0.2, 0.35], [0.0, 0.3]),
        (F(0, 1, step=0.25), F(0, 1), [0.25, 0.5], [0.25, 0.5]),
        (F(0, 1, step=0.25), F(0, 1, step=0.5), [0.25, 0.5, 1.0], [0.5, 1.0]),
        (F(0, 1), F(1e-3, 1, log=True), [0.0, 1e-4, 1e-3, 1.0], [1e-3, 1.0]),
        (F(1e-5, 1, log=True), F(1e-5, 0.1), [1e-5, 0.1 * (1 + 1e-15), 0.11], [1e-5, 0.1]),
        (F(-5, 10), F(1, 1), [0.0, 1.0], [1.0]),
        (N(1, 9), N(3, 9, step=2), [1, 3, 4, 9], [3, 9]),
        (N(1, 9, step=2), N(1, 10), [1, 9], [1, 9]),
        (N(1, 9), N(2, 8, log=True), [1, 2, 8, 9], [2, 8]),
        (F(0, 4), N(1, 3), [0.0, 1.0, 2.5, 3.0], [1, 3]),
        (N(1, 3), F(0, 2), [1, 2, 3], [1.0, 2.0]),
    ],
)
def test_trials_inside_count_with_the_distribution_of_now(
    before: BaseDistribution, now: BaseDistribution, values: list[Any], kept: list[Any]
) -> None:
    trials = history(*values, distribution=before)
    view = SpaceView({"x"}, {"x": now})
    assert view.scan(trials)
    seen = view.history(trials)
    assert [trial.params["x"] for trial in seen] == kept
    assert [type(trial.params["x"]) for trial in seen] == [type(value) for value in kept]
    assert all(trial.distributions == {"x": now} for trial in seen)
    assert view.counts() == (len(kept), len(values) - len(kept))
    # What is stored is as it happened.
    assert [trial.params["x"] for trial in trials] == values
    assert all(trial.distributions == {"x": before} for trial in trials)


def test_a_value_that_cannot_be_spelled_in_the_new_kind_is_outside() -> None:
    assert value_under(CategoricalDistribution(["a", "b"]), "b") == "b"
    assert value_under(CategoricalDistribution(["a"]), "b") is None
    assert value_under(F(0, 1), "a") is None
    assert value_under(F(0.1, 1, log=True), -1.0) is None


def test_a_trial_that_never_asked_for_the_edited_parameter_counts() -> None:
    trials = history(1.0, 9.0) + history(3.0, name="z")
    trials[2].number = trials[2]._trial_id = 2
    view = SpaceView({"x"}, {"x": NARROW})
    view.scan(trials)
    assert [trial.number for trial in view.history(trials)] == [0, 2]
    assert view.history(trials)[1] is trials[2]
    assert view.counts() == (2, 1)


def test_failed_trials_are_neither_kept_nor_set_aside() -> None:
    view = SpaceView({"x"}, {"x": NARROW})
    view.scan(history(1.0, 9.0, state=TrialState.FAIL))
    assert view.counts() == (0, 0)


def test_conditional_parameters_are_carried_over() -> None:
    narrow = F(0, 1)

    def conditional(wide: FloatDistribution) -> Callable[[optuna.Trial], float]:
        def call(trial: optuna.Trial) -> float:
            if trial.suggest_categorical("kind", ["a", "b"]) == "a":
                return trial._suggest("x", wide)
            return trial._suggest("z", F(0, 1))

        return call

    view = SpaceView()
    study = optuna.create_study(
        sampler=SpaceViewSampler(build("tpe:group=true,n_startup_trials=4"), view)
    )
    study.optimize(conditional(F(-5, 10)), n_trials=16)
    view.edit("x", narrow)
    study.optimize(conditional(narrow), n_trials=8)
    assert joint_space(study) == {
        "kind": CategoricalDistribution(["a", "b"]),
        "x": narrow,
        "z": F(0, 1),
    }
    outside = [p for p in params_of(study)[:16] if not 0 <= p.get("x", 0) <= 1]
    assert outside
    assert view.counts() == (24 - len(outside), len(outside))


def running(params: dict[str, float], **attrs: Any) -> FrozenTrial:
    trial = history(0.0)[0]
    trial.state, trial.values = TrialState.RUNNING, None
    trial.params = params
    trial.distributions = dict.fromkeys(params, WIDE)
    trial.system_attrs = dict(attrs)
    return trial


def test_a_running_trial_outside_is_seen_as_running_without_values() -> None:
    view = SpaceView({"x"}, {"x": NARROW})
    trial = running({"x": 9.0, "y": 1.0})
    assert view.scan([trial])
    (seen,) = view.history([trial])
    assert (seen.state, seen.params, seen.distributions) == (TrialState.RUNNING, {}, {})
    assert trial.params == {"x": 9.0, "y": 1.0}


@pytest.mark.parametrize("prefix", ["tpe:relative_params:", "gp:relative_params:"])
def test_values_given_to_a_running_trial_under_other_bounds_are_hidden(prefix: str) -> None:
    view = SpaceView({"x"}, {"x": NARROW})
    inside, outside = json.dumps({"x": 1.0}), json.dumps({"x": 9.0})
    trials = [
        running({"y": 1.0}, **{f"{prefix}0": outside[:5], f"{prefix}1": outside[5:], "other": 1}),
        running({"y": 1.0}, **{f"{prefix}0": inside}),
        running({"y": 1.0}, **{f"{prefix}0": "{broken"}),
    ]
    for number, trial in enumerate(trials):
        trial.number = trial._trial_id = number
    view.scan(trials)
    seen = view.history(trials)
    assert seen[0].system_attrs == {"other": 1}
    assert seen[1] is trials[1]
    assert seen[2].params == {}


def test_a_waiting_trial_stays_as_it_is() -> None:
    trial = running({})
    trial.state = TrialState.WAITING
    trial.system_attrs = {"fixed_params": {"x": 9.0}}
    view = SpaceView({"x"}, {"x": NARROW})
    assert not view.scan([trial])
    assert view.history([trial]) == [trial]


def test_stored_trials_are_unchanged_in_the_file(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "study.db", create=True)
    view = SpaceView()
    study = optuna.create_study(
        storage=storage, study_name="s", sampler=SpaceViewSampler(build("cmaes"), view)
    )
    study.optimize(objective(WIDE), n_trials=12)
    before = study.get_trials()
    view.edit("x", NARROW)
    study.optimize(objective(NARROW), n_trials=12)
    storage.close()
    again = SqliteStorage(tmp_path / "study.db", create=False)
    stored = optuna.load_study(study_name="s", storage=again).get_trials()
    again.close()
    assert stored[:12] == before
    assert {str(trial.distributions["x"]) for trial in stored[12:]} == {str(NARROW)}
    kept, set_aside = view.counts()
    assert kept + set_aside == 23  # The last one was drawn, but nothing after it.
    assert set_aside == sum(not -2 <= trial.params["x"] <= 2 for trial in before)


def generations(study: Study, key: str = "cma:generation") -> list[int]:
    return [trial.system_attrs.get(key, -1) for trial in study.get_trials(deepcopy=False)]


def test_cmaes_starts_anew_after_an_edit_and_goes_on_in_the_next_process() -> None:
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("cmaes:popsize=4"), view))
    study.optimize(objective(WIDE), n_trials=21)
    assert generations(study)[-1] == 4
    view.edit("x", NARROW)
    study.optimize(objective(NARROW), n_trials=10)
    assert generations(study)[21:] == [0] * 4 + [1] * 4 + [2] * 2
    # A later process knows the edits from the study's attributes only.
    study.sampler = SpaceViewSampler(build("cmaes:popsize=4"), SpaceView({"x"}, {"x": NARROW}))
    study.optimize(objective(NARROW), n_trials=4)
    assert generations(study)[31:] == [2, 2, 3, 3]


def test_going_back_to_the_first_bounds_does_not_revive_the_first_optimizer() -> None:
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("cmaes:popsize=4"), view))
    study.optimize(objective(WIDE), n_trials=13)
    view.edit("x", NARROW)
    study.optimize(objective(NARROW), n_trials=6)
    view.edit("x", WIDE)
    study.optimize(objective(WIDE), n_trials=5)
    assert generations(study)[12:] == [2] + [0] * 4 + [1] * 2 + [0] * 4 + [1]


@pytest.mark.parametrize("is_fork", [False, True])
def test_cmaes_starts_near_the_best_of_the_trials_that_are_kept(is_fork: bool) -> None:
    best = 0.9

    def near_corner(bounds: BaseDistribution) -> Callable[[optuna.Trial], float]:
        return lambda trial: sum((trial._suggest(n, bounds) - best) ** 2 for n in ("x", "y"))

    def first_generation(study: Study, first: int) -> float:
        drawn = params_of(study, first)
        return sum(abs(params["x"] - best) + abs(params["y"] - best) for params in drawn)

    # In a fork the trials that were carried over are of the space of now.
    view = SpaceView(transferred_to=79 if is_fork else -1)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(near_corner(F(0, 1 if is_fork else 2)), n_trials=80)
    study.sampler = SpaceViewSampler(build("cmaes"), view)
    if not is_fork:
        view.edit("x", F(0, 1))
        view.edit("y", F(0, 1))
    study.optimize(near_corner(F(0, 1)), n_trials=6)
    fresh = optuna.create_study(sampler=build("cmaes"))
    fresh.optimize(near_corner(F(0, 1)), n_trials=7)
    assert first_generation(study, 80) < 0.75 * first_generation(fresh, 1)


@pytest.mark.parametrize("text", ["nsgaii:population_size=6", "nsgaiii:population_size=6"])
def test_a_genetic_sampler_takes_what_is_kept_as_its_first_generation(text: str) -> None:
    def both(x: BaseDistribution) -> Callable[[optuna.Trial], tuple[float, float]]:
        def call(trial: optuna.Trial) -> tuple[float, float]:
            value = trial._suggest("x", x)
            return value**2, (value - 2) ** 2 + trial._suggest("y", F(0, 1))

        return call

    key = "NSGAIIISampler:" if text.startswith("nsgaiii") else "NSGAIISampler:"
    view = SpaceView()
    study = optuna.create_study(
        directions=[StudyDirection.MINIMIZE] * 2,
        sampler=SpaceViewSampler(build(text, n_objectives=2), view),
    )
    study.optimize(both(WIDE), n_trials=30)
    assert generations(study, f"{key}generation")[-1] > 1
    view.edit("x", NARROW)
    study.optimize(both(NARROW), n_trials=16)
    kept, _set_aside = view.counts()
    assert kept - 16 >= 6
    after = generations(study, f"{key}generation")[30:]
    assert after == [1] * 6 + [2] * 6 + [3] * 4
    attrs = study._storage.get_study_system_attrs(study._study_id)
    parents = cast("list[int]", attrs[f"hptui:after:{view.since}:{key}parent:1"])
    drawn = params_of(study)
    assert all(-2 <= drawn[number]["x"] <= 2 for number in parents)
    # Parents of the first space stay stored for whoever goes on there.
    assert f"{key}parent:1" in attrs


def test_an_edit_in_the_middle_of_a_trial_counts_from_the_next_draw_on() -> None:
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("tpe:n_startup_trials=3"), view))
    study.optimize(objective(WIDE), n_trials=10)
    early = [study.ask() for _ in range(2)]
    for trial in early:
        trial._suggest("x", WIDE)
    view.edit("x", NARROW)
    view.edit("y", NARROW)
    late = study.ask()
    assert -2 <= late._suggest("x", NARROW) <= 2
    assert -2 <= late._suggest("y", NARROW) <= 2
    for trial in early:
        trial._suggest("y", NARROW)
        study.tell(trial, 1.0)
    study.tell(late, 1.0)
    assert joint_space(study) == {"x": NARROW, "y": NARROW}
    kept, set_aside = view.counts()
    inside = [p for p in params_of(study)[:13] if all(-2 <= p[n] <= 2 for n in ("x", "y"))]
    assert (kept, set_aside) == (len(inside), 13 - len(inside))


def test_a_second_edit_sees_the_first_trials_again() -> None:
    trials = history(-4.0, 0.0, 9.0)
    view = SpaceView({"x"}, {"x": NARROW})
    view.scan(trials)
    assert view.counts() == (1, 2)
    revision = view.revision
    view.edit("x", NARROW)
    assert view.revision == revision
    view.edit("x", F(-5, 5))
    view.scan(trials)
    assert view.counts() == (2, 1)
    view.edit("x", WIDE)
    assert not view.scan(trials)
    assert view.counts() == (3, 0)


def test_a_finished_trial_is_translated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    translated: list[Any] = []

    def counting(distribution: BaseDistribution, value: Any) -> Any:
        translated.append(value)
        return value_under(distribution, value)

    monkeypatch.setattr(history_view, "value_under", counting)
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("tpe"), view))
    study.optimize(objective(WIDE), n_trials=30)
    view.edit("x", NARROW)
    study.optimize(objective(NARROW), n_trials=1)
    assert len(translated) == 2 * 30  # counted, and translated
    study.optimize(objective(NARROW), n_trials=10)
    assert len(translated) == 2 * 30


def test_a_study_made_again_under_the_same_ids_is_seen_anew() -> None:
    view = SpaceView({"x"}, {"x": NARROW})
    view.scan(history(9.0, 9.0, 9.0))
    again = history(1.0)
    view.scan(again)
    assert view.counts() == (1, 0)
    assert [trial.params for trial in view.history(again)] == [{"x": 1.0}]


@pytest.mark.parametrize("text", ["tpe:n_startup_trials=3", "cmaes:popsize=4", "random", "nsgaii"])
def test_fixing_draws_as_optunas_partly_fixed_sampler(text: str) -> None:
    ours = optuna.create_study(
        sampler=SpaceViewSampler(build(text), SpaceView({"y"}, fixed={"y": 1.5}))
    )
    taken_over = optuna.create_study(sampler=SpaceViewSampler(build(text, y=1.5), SpaceView()))
    plain = optuna.create_study(sampler=build(text, y=1.5))
    for study in (ours, taken_over, plain):
        study.optimize(objective(WIDE), n_trials=14)
    assert params_of(ours) == params_of(plain) == params_of(taken_over)
    assert {params["y"] for params in params_of(ours)} == {1.5}


def three(trial: optuna.Trial) -> float:
    return sum((trial._suggest(name, WIDE) - 1) ** 2 for name in ("x", "y", "z"))


def test_cmaes_goes_on_when_a_parameter_is_fixed_and_released() -> None:
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("cmaes:popsize=4"), view))
    study.optimize(three, n_trials=10)
    view.fix("z", 1.0)
    study.optimize(three, n_trials=9)
    assert generations(study)[10:] == [0] * 4 + [1] * 4 + [2]
    assert {params["z"] for params in params_of(study)[10:]} == {1.0}
    view.release("z")
    study.optimize(three, n_trials=5)
    assert generations(study)[19:] == [0] * 4 + [1]
    assert len({params["z"] for params in params_of(study)[19:]}) > 1


def test_plain_optuna_draws_at_random_once_a_parameter_is_fixed_under_cmaes() -> None:
    study = optuna.create_study(sampler=build("cmaes:popsize=4,warn_independent_sampling=false"))
    study.optimize(three, n_trials=10)
    study.sampler = build("cmaes:popsize=4,warn_independent_sampling=false", z=1.0)
    study.optimize(three, n_trials=9)
    assert generations(study)[10:] == [-1] * 9


def test_brute_force_goes_on_and_ends_after_an_edit() -> None:
    first, second = N(0, 5), N(2, 4)

    def over(x: BaseDistribution) -> Callable[[optuna.Trial], float]:
        return lambda trial: trial._suggest("x", x) + trial._suggest("y", N(0, 1))

    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(build("bruteforce"), view))
    study.optimize(over(first), n_trials=4)
    view.edit("x", second)
    study.optimize(over(second))
    seen = [tuple(params.values()) for params in params_of(study)]
    assert {pair for pair in seen if 2 <= pair[0] <= 4} == {
        (x, y) for x in (2, 3, 4) for y in (0, 1)
    }
    assert len(seen) == len(set(seen))
    plain = optuna.create_study(sampler=build("bruteforce"))
    plain.optimize(over(first), n_trials=4)
    with pytest.raises(ValueError, match="search_space mismatch"):
        plain.optimize(over(second))


def test_a_grid_ends_the_study_as_it_does_in_plain_optuna() -> None:
    grid = optuna.samplers.GridSampler({"x": [0.0, 1.0, 2.0]}, seed=1)
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(grid, view))
    study.optimize(lambda trial: trial._suggest("x", WIDE), n_trials=1)
    view.edit("x", NARROW)
    sampler = study.sampler
    assert isinstance(sampler, SpaceViewSampler)
    sampler.base = optuna.samplers.GridSampler({"x": [0.0, 1.0, 2.0]}, seed=1)
    study.optimize(lambda trial: trial._suggest("x", NARROW))
    assert sorted(params["x"] for params in params_of(study)) == [0.0, 1.0, 2.0]
    assert str(sampler) == "GridSampler"


class Watching(optuna.pruners.HyperbandPruner):
    """Hyperband that keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(min_resource=1, max_resource=9, reduction_factor=3)
        self.shown: set[str] = set()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        trials = study.get_trials(deepcopy=False)
        self.shown |= {str(each.distributions["x"]) for each in trials}
        return super().prune(study, trial)


def with_reports(x: BaseDistribution) -> Callable[[optuna.Trial], float]:
    def call(trial: optuna.Trial) -> float:
        value = (trial._suggest("x", x) - 1) ** 2 + trial._suggest("y", F(0, 1))
        for step in range(1, 10):
            trial.report(value + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    return call


@pytest.mark.parametrize("text", ["tpe:n_startup_trials=3", "cmaes", "tpe:group=true"])
def test_hyperband_sees_what_happened_and_the_sampler_sees_the_space_of_now(text: str) -> None:
    view, pruner = SpaceView(), Watching()
    study = optuna.create_study(
        sampler=SpaceViewSampler(build(text), view), pruner=pruner, study_name="bands"
    )
    study.optimize(with_reports(WIDE), n_trials=20)
    view.edit("x", NARROW)
    study.optimize(with_reports(NARROW), n_trials=12)
    assert pruner.shown == {str(WIDE), str(NARROW)}
    trial = study.ask()
    frozen = study._storage.get_trial(trial._trial_id)
    bracket = optuna.pruners._filter_study(study, frozen)
    assert type(bracket) is not Study
    assert study.sampler.infer_relative_search_space(bracket, frozen) == {
        "x": NARROW,
        "y": F(0, 1),
    }


def test_hyperband_without_an_edit_is_optunas_own() -> None:
    runs: list[list[Any]] = []
    for sampler in (build("tpe"), SpaceViewSampler(build("tpe"), SpaceView())):
        study = optuna.create_study(
            sampler=sampler,
            pruner=optuna.pruners.HyperbandPruner(max_resource=9),
            study_name="bands",
        )
        study.optimize(with_reports(WIDE), n_trials=30)
        trials = study.get_trials(deepcopy=False)
        runs.append([(t.params, t.state, t.intermediate_values) for t in trials])
    assert runs[0] == runs[1]


def test_the_best_trial_of_a_view_is_the_best_that_is_kept() -> None:
    from hptui.engine.sampling.space_view import _study_through

    study = optuna.create_study()
    for value in (9.0, 1.0, 2.0):
        trial = study.ask()
        study.tell(trial, trial._suggest("x", F(value, value)) * -1)
    view = SpaceView({"x"}, {"x": NARROW})
    view.scan(study.get_trials(deepcopy=False))
    seen = _study_through(study, view)
    assert study.best_trial.params == {"x": 9.0}
    assert seen.best_trial.params == {"x": 2.0}
    assert [trial.number for trial in seen.trials] == [1, 2]
    view.edit("x", F(50, 60))
    with pytest.raises(ValueError, match="No trials"):
        _ = seen.best_trial


def test_counts_ask_the_study_too() -> None:
    view = SpaceView()
    sampler = SpaceViewSampler(build("random"), view)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective(WIDE), n_trials=10)
    view.edit("x", NARROW)
    kept, set_aside = sampler.counts(study)
    inside = sum(-2 <= params["x"] <= 2 for params in params_of(study))
    assert (kept, set_aside) == (inside, 10 - inside)


class TestWhatTheViewRestsOn:
    """Private facts of Optuna 5; each must hold for the view to work."""

    def test_the_keys_of_sampler_state(self) -> None:
        for option in ("", ":use_separable_cma=true", ":with_margin=true"):
            assert getattr(build(f"cmaes{option}"), "_attr_prefix") in CMA_PREFIXES  # noqa: B009
        for name in ("nsgaii", "nsgaiii"):
            sampler = build(name)
            assert isinstance(sampler, BaseGASampler)
            assert sampler._get_generation_key() in GENERATION_KEYS
            assert sampler._get_parent_cache_key_prefix() in PARENT_PREFIXES
        from optuna.samplers._gp import sampler as gp
        from optuna.samplers._tpe import sampler as tpe

        assert tpe._RELATIVE_PARAMS_KEY == "tpe:relative_params"
        assert gp._RELATIVE_PARAMS_KEY == "gp:relative_params"

    def test_what_samplers_remember_between_trials(self) -> None:
        pytest.importorskip("torch")
        from optuna.search_space import IntersectionSearchSpace
        from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace

        assert vars(IntersectionSearchSpace()).keys() == {
            "_cached_trial_number",
            "_search_space",
            "_study_id",
            "_include_pruned",
        }
        assert vars(_GroupDecomposedSearchSpace()).keys() == {
            "_search_space",
            "_study_id",
            "_include_pruned",
        }
        remembered = {
            name
            for text in ("gp", "tpe:group=true", "cmaes", "nsgaii", "qmc", "random", "bruteforce")
            for name, part in vars(build(text)).items()
            if "cache" in name or isinstance(part, (list, dict))
        }
        # What follows trials begins anew with others, and what is selected is there for one call.
        ours = {"_known", "_selected"}
        assert remembered == {"_gprs_cache_list", "_constraints_gprs_cache_list", *ours}

    def test_how_samplers_reach_the_trials(self) -> None:
        folder = Path(inspect.getfile(optuna)).parent
        paths = [*folder.glob("samplers/**/*.py"), *folder.glob("search_space/*.py")]
        sources = "".join(path.read_text() for path in paths)
        called = {word.split("(")[0] for word in sources.split("study._storage.")[1:]}
        assert called == {
            "get_all_trials",
            "get_study_system_attrs",
            "get_trial_system_attrs",
            "set_study_system_attr",
            "set_trial_system_attr",
        }
        signature = inspect.signature(optuna.samplers.CmaEsSampler._init_optimizer)
        assert list(signature.parameters) == ["self", "trans", "direction"]


def test_the_warm_start_takes_the_best_thousand_of_many() -> None:
    trials = history(*[0.0] * 1200)
    for direction, numbers in (
        (StudyDirection.MINIMIZE, range(1000)),
        (StudyDirection.MAXIMIZE, range(200, 1200)),
    ):
        sources = safe_cmaes._sources(trials, {"x": NARROW}, direction)
        assert {source.number for source in sources} == set(numbers)
    assert safe_cmaes._sources(trials, {"x": NARROW, "z": NARROW}, StudyDirection.MINIMIZE) == []
