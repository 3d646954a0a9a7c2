"""Samplers as built: Optuna's own numbers, missing packages, grids, and CMA-ES state."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from typing import TYPE_CHECKING, Any

import cmaes  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler, nsgaii
from optuna.study import StudyDirection

from hptui.domain.methods.asked_methods import AUTO, SAMPLERS, parse_sampler
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.engine.sampling.cmaes_state import StateError, read_optimizer
from hptui.engine.sampling.samplers import SAMPLER_CLASSES, build_sampler, grid_of
from hptui.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPACE: dict[str, ParamSpec] = {
    "x": FloatParam(0, 1, step=0.25),
    "n": IntParam(1, 4),
    "kind": ChoiceParam(("a", "b")),
}
s = optuna.samplers


def build(text: str, seed: int | None = 7, n_objectives: int = 1, **fixed: Any) -> BaseSampler:
    return build_sampler(
        parse_sampler(text), seed=seed, space=SPACE, fixed=fixed, n_objectives=n_objectives
    )


def grid_objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1, step=0.25)
    n = trial.suggest_int("n", 1, 4)
    return (x - 0.3) ** 2 + n + (0.1 if trial.suggest_categorical("kind", ["a", "b"]) == "a" else 0)


def numeric_objective(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", 1e-3, 1, log=True)
    return (x - 1) ** 2 + y + trial.suggest_int("n", 1, 19, step=3)


def two_objectives(trial: optuna.Trial) -> tuple[float, float]:
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    return x, (1 - x) ** 2 + y


def trace(
    sampler: BaseSampler,
    objective: Callable[[optuna.Trial], Any],
    n_trials: int = 25,
    n_objectives: int = 1,
) -> list[tuple[Any, ...]]:
    study = optuna.create_study(
        sampler=sampler, directions=[StudyDirection.MINIMIZE] * n_objectives, study_name="same"
    )
    study.optimize(objective, n_trials=n_trials)
    return [
        (t.number, t.state, t.values, t.params, t.distributions)
        for t in study.get_trials(deepcopy=False)
    ]


SAME: list[tuple[str, Callable[[], BaseSampler], Callable[[optuna.Trial], Any], int]] = [
    ("tpe", lambda: s.TPESampler(seed=7), numeric_objective, 1),
    (
        "tpe:n_startup_trials=3,n_ei_candidates=8,multivariate=false,constant_liar=false",
        lambda: s.TPESampler(
            seed=7,
            n_startup_trials=3,
            n_ei_candidates=8,
            multivariate=False,
            constant_liar=False,
        ),
        numeric_objective,
        1,
    ),
    ("random", lambda: s.RandomSampler(seed=7), numeric_objective, 1),
    ("cmaes", lambda: s.CmaEsSampler(seed=7), numeric_objective, 1),
    (
        "cmaes:with_margin=true,popsize=5",
        lambda: s.CmaEsSampler(seed=7, with_margin=True, popsize=5),
        numeric_objective,
        1,
    ),
    (
        "cmaes:use_separable_cma=true",
        lambda: s.CmaEsSampler(seed=7, use_separable_cma=True),
        numeric_objective,
        1,
    ),
    ("cmaes:lr_adapt=true", lambda: s.CmaEsSampler(seed=7, lr_adapt=True), numeric_objective, 1),
    (
        "cmaes:independent_sampler=tpe(n_startup_trials=2),n_startup_trials=5",
        lambda: s.CmaEsSampler(
            seed=7,
            n_startup_trials=5,
            independent_sampler=s.TPESampler(seed=7, n_startup_trials=2),
        ),
        numeric_objective,
        1,
    ),
    (
        "nsgaii:population_size=6,crossover=sbx(eta=3),mutation=polynomial,mutation_prob=0.5",
        lambda: s.NSGAIISampler(
            seed=7,
            population_size=6,
            crossover=nsgaii.SBXCrossover(eta=3),
            mutation=nsgaii.PolynomialMutation(),
            mutation_prob=0.5,
        ),
        two_objectives,
        2,
    ),
    (
        "nsgaii:population_size=6,swapping_prob=0.2",
        lambda: s.NSGAIISampler(seed=7, population_size=6, swapping_prob=0.2),
        two_objectives,
        2,
    ),
    (
        "nsgaiii:population_size=6,dividing_parameter=2",
        lambda: s.NSGAIIISampler(seed=7, population_size=6, dividing_parameter=2),
        two_objectives,
        2,
    ),
    (
        "qmc:qmc_type=halton,scramble=true",
        lambda: s.QMCSampler(seed=7, qmc_type="halton", scramble=True),
        numeric_objective,
        1,
    ),
    (
        "grid",
        lambda: s.GridSampler(
            {"x": [0.0, 0.25, 0.5, 0.75, 1.0], "n": [1, 2, 3, 4], "kind": ["a", "b"]}, seed=7
        ),
        grid_objective,
        1,
    ),
    ("bruteforce", lambda: s.BruteForceSampler(seed=7), grid_objective, 1),
]


@pytest.mark.parametrize(("text", "plain", "objective", "n_objectives"), SAME)
def test_a_built_sampler_draws_optunas_own_numbers(
    text: str,
    plain: Callable[[], BaseSampler],
    objective: Callable[[optuna.Trial], Any],
    n_objectives: int,
) -> None:
    ours = trace(build(text, n_objectives=n_objectives), objective, n_objectives=n_objectives)
    assert ours == trace(plain(), objective, n_objectives=n_objectives)


def test_the_gaussian_process_draws_optunas_own_numbers() -> None:
    pytest.importorskip("torch")
    ours = trace(build("gp:n_startup_trials=4"), numeric_objective, 7)
    assert ours == trace(s.GPSampler(seed=7, n_startup_trials=4), numeric_objective, 7)


@pytest.mark.parametrize("method", [each.name for each in SAMPLERS if each.name != AUTO])
def test_every_sampler_has_a_class(method: str) -> None:
    assert method in SAMPLER_CLASSES


def test_fixed_values_are_kept_and_the_rest_is_searched() -> None:
    built = build("random", x=0.5, kind="b")
    study = optuna.create_study(sampler=built)
    study.optimize(grid_objective, n_trials=12)
    assert {trial.params["x"] for trial in study.trials} == {0.5}
    assert {trial.params["kind"] for trial in study.trials} == {"b"}
    assert len({trial.params["n"] for trial in study.trials}) > 1


def test_a_grid_with_a_fixed_value_does_not_repeat_itself() -> None:
    study = optuna.create_study(sampler=build("grid", kind="b"))
    study.optimize(grid_objective)
    assert len(study.trials) == 20
    assert {trial.params["kind"] for trial in study.trials} == {"b"}
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 20


def test_points_spread_what_has_no_step() -> None:
    space: dict[str, ParamSpec] = {
        "lr": FloatParam(1e-4, 1, log=True),
        "x": FloatParam(0, 1),
        "n": IntParam(1, 1000),
        "few": IntParam(1, 3),
        "size": IntParam(1, 1000, log=True),
        "step": FloatParam(0, 1, step=0.1),
        "one": FloatParam(2, 2),
    }
    grid = grid_of(space, {}, 4)
    assert grid["lr"] == pytest.approx([1e-4, 10 ** (-8 / 3), 10 ** (-4 / 3), 1])
    assert grid["x"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert list(grid["n"]) == [1, 334, 667, 1000]
    assert list(grid["few"]) == [1, 2, 3]
    assert list(grid["size"]) == [1, 10, 100, 1000]
    assert list(grid["step"]) == [index / 10 for index in range(11)]
    assert list(grid["one"]) == [2.0]


@pytest.mark.parametrize(
    ("space", "points", "sentence"),
    [
        ({}, None, "no parameter is known"),
        ({"lr": FloatParam(0, 1)}, None, "'lr' has no step"),
        ({"n": IntParam(1, 10**9)}, None, "values, more than a grid can hold"),
        ({f"n{i}": IntParam(1, 100) for i in range(4)}, None, "100,000,000 combinations"),
        ({"x": FloatParam(0, 1, step=1e-9)}, 3, "'x' has 1,000,000,001 values"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(
    space: dict[str, ParamSpec], points: int | None, sentence: str
) -> None:
    with pytest.raises(OptionError) as caught:
        grid_of(space, {}, points)
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("text", "package", "sentence"),
    [
        ("cmaes", "cmaes", "CMA-ES needs the package cmaes: pip install 'hptui[cmaes]'"),
        ("gp", "torch", "Gaussian process needs the package torch: pip install 'hptui[gp]'"),
        ("qmc", "scipy", "Quasi-Monte Carlo needs the package scipy: pip install 'hptui[gp]'"),
        ("qmc:independent_sampler=cmaes", "cmaes", "pip install 'hptui[cmaes]'"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, text: str, package: str, sentence: str
) -> None:
    # Python's own mark for a module that cannot be imported.
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        build(text)
    assert sentence in caught.value.message


def test_a_sampler_that_cannot_work_with_several_objectives_is_refused() -> None:
    with pytest.raises(OptionError, match="single objective"):
        build("cmaes", n_objectives=2)


def state_of(study: optuna.Study, prefix: str = "cma:") -> str:
    for trial in reversed(study.trials):
        keys = [key for key in trial.system_attrs if key.startswith(f"{prefix}optimizer:")]
        if keys:
            ordered = sorted(keys, key=lambda key: int(key.rsplit(":", 1)[1]))
            return "".join(trial.system_attrs[key] for key in ordered)
    raise AssertionError("no trial holds a state")


STATES: list[tuple[str, str]] = [
    ("cmaes", "cma:"),
    ("cmaes:use_separable_cma=true", "sepcma:"),
    ("cmaes:with_margin=true", "cmawm:"),
]


@pytest.mark.parametrize(("text", "prefix"), STATES)
def test_the_state_that_cmaes_writes_is_read(text: str, prefix: str) -> None:
    study = optuna.create_study(sampler=build(text))
    study.optimize(numeric_objective, n_trials=25)
    state = state_of(study, prefix)
    ours, theirs = read_optimizer(state), pickle.loads(bytes.fromhex(state))
    assert type(ours) is type(theirs)
    assert ours.generation == theirs.generation > 0
    assert pickle.dumps(ours) == pickle.dumps(theirs)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(("text", "prefix"), STATES)
def test_states_of_every_protocol_of_pickle_are_read(text: str, prefix: str, protocol: int) -> None:
    study = optuna.create_study(sampler=build(text))
    study.optimize(numeric_objective, n_trials=25)
    theirs = pickle.loads(bytes.fromhex(state_of(study, prefix)))
    ours = read_optimizer(pickle.dumps(theirs, protocol).hex())
    assert pickle.dumps(ours) == pickle.dumps(theirs)


class Payload:
    """Makes a marker file when unpickled without care."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def foreign_states(marker: Path) -> list[bytes]:
    """Pickles that run code or reach where they should not."""
    return [
        pickle.dumps(Payload(marker)),
        pickle.dumps({"optimizer": [Payload(marker)]}),
        pickle.dumps(Payload(marker), protocol=0),
        # A dotted name that leads out of an allowed class.
        b"\x80\x04\x8c\x0acmaes._cma\x8c\x14CMA.__init__.__globals__\x93.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        pickle.dumps(print),
        pickle.dumps({"plain": "data"}),
        pickle.dumps(b"x" * 50)[:20],
        b"",
    ]


def optimizer_with(**attributes: object) -> bytes:
    """Pickle an optimizer of two dimensions of which some attributes are not its own."""
    optimizer: Any = cmaes.CMA(np.full(2, 0.5), 0.1)
    optimizer.__dict__.update(attributes)
    return pickle.dumps(optimizer)


DAMAGED: dict[str, bytes] = {
    # NumPy would take eight bytes of the file for the address of an object.
    "objects over bytes": (
        b"\x80\x04cnumpy._core.numeric\n_frombuffer\n(C\x08AAAAAAAAcnumpy\ndtype\n"
        b"(X\x02\x00\x00\x00O8\x89\x88tRK\x01\x85X\x01\x00\x00\x00CtR."
    ),
    "gigabytes out of nothing": (
        b"\x80\x04cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
        b"J\x00\x00\x00\x40\x85C\x01btR."
    ),
    "bytes out of nothing": b"\x80\x04cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "a mark without end": b"\x80\x04(.",
    "nothing to take": b"\x80\x04R.",
    "NaN": optimizer_with(_C=np.full((2, 2), np.nan)),
    "infinite": optimizer_with(_sigma=np.float64(np.inf)),
    "another shape": optimizer_with(_mean=np.zeros(3)),
    "numbers for ever": optimizer_with(_n_max_resampling=10**12),
    "a population without weights": optimizer_with(_popsize=10**6),
    "dimensions without numbers": optimizer_with(_n_dim=10**4),
    "another learning rate": optimizer_with(_c1=np.float64(3.0)),
    "objects in an array": optimizer_with(_weights=np.array([None, None])),
    "bounds the wrong way round": optimizer_with(_bounds=np.array([[1.0, 0.0], [0.0, 1.0]])),
    "an attribute too many": optimizer_with(more=1.0),
    "an optimizer in it": optimizer_with(_mean=cmaes.CMA(np.full(2, 0.5), 0.1)),
    "no spread": optimizer_with(_sigma=np.float64(0.0)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_state_is_not_used(name: str) -> None:
    with pytest.raises(StateError):
        read_optimizer(DAMAGED[name].hex())


def test_a_state_with_any_byte_changed_or_cut_off_gives_numbers_or_is_not_used() -> None:
    state = optimizer_with()
    for at in range(len(state)):
        for damaged in (state[:at], state[:at] + bytes([state[at] ^ 0x55]) + state[at + 1 :]):
            with contextlib.suppress(StateError):
                optimizer = read_optimizer(damaged.hex())
                assert np.isfinite(optimizer.ask()).all()


@pytest.mark.parametrize("index", range(9))
def test_foreign_state_is_refused_and_never_run(index: int, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with pytest.raises(StateError):
        read_optimizer(foreign_states(marker)[index].hex())
    assert not marker.exists()


def test_the_marker_would_be_made_by_plain_unpickling(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pickle.loads(foreign_states(marker)[0])
    assert marker.exists()


def study_with_state(sampler: BaseSampler, payload: bytes, prefix: str = "cma:") -> optuna.Study:
    study = optuna.create_study(sampler=sampler)
    study.optimize(numeric_objective, n_trials=25)
    trial = study.ask()
    numeric_objective(trial)
    trial.storage.set_trial_system_attr(
        trial._trial_id,  # pyright: ignore[reportPrivateUsage]
        f"{prefix}optimizer:0",
        payload.hex(),
    )
    study.tell(trial, 1.0)
    return study


@pytest.mark.parametrize(("text", "prefix"), STATES)
def test_a_study_with_foreign_state_goes_on_from_its_trials(
    text: str, prefix: str, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    study = study_with_state(build(text), foreign_states(marker)[0], prefix)
    with pytest.warns(UserWarning, match="The CMA-ES state in trial 25 is not used") as told:
        study.optimize(numeric_objective, n_trials=20)
    assert len([each for each in told if "is not used" in str(each.message)]) == 1
    assert not marker.exists()
    before, after = study.trials[:26], study.trials[26:]
    generations = [trial.system_attrs[f"{prefix}generation"] for trial in after]
    known = [trial.system_attrs.get(f"{prefix}generation", 0) for trial in before]
    # It began a generation of its own, and has gone on to others since.
    assert min(generations) == max(known) + 1
    assert max(generations) > min(generations)
    assert read_optimizer(state_of(study, prefix)).generation == max(generations)


def test_plain_optuna_would_have_run_it(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    study = study_with_state(optuna.samplers.CmaEsSampler(seed=7), foreign_states(marker)[0])
    numeric_objective(study.ask())
    assert marker.exists()


def test_state_with_a_missing_part_is_not_used() -> None:
    study = optuna.create_study(sampler=build("cmaes"))
    study.optimize(numeric_objective, n_trials=5)
    trial = study.ask()
    numeric_objective(trial)
    trial.storage.set_trial_system_attr(
        trial._trial_id,  # pyright: ignore[reportPrivateUsage]
        "cma:optimizer:1",
        "00",
    )
    study.tell(trial, 1.0)
    with pytest.warns(UserWarning, match="The CMA-ES state in trial 5 is not used"):
        numeric_objective(study.ask())
