"""What the quick TPE is compared on: spaces, ways to ask, ways to end, options."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from hptui.storage.sqlite.distributions import categorical

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from optuna.pruners import BasePruner

Space = dict[str, BaseDistribution]
F, N, C = FloatDistribution, IntDistribution, CategoricalDistribution

MIXED: Final[Space] = {
    "x": F(-5, 5),
    "lr": F(1e-5, 1e-1, log=True),
    "n": N(1, 64),
    "w": N(1, 1024, log=True),
    "c": C(["a", "b", "c"]),
}
SPACES: Final[dict[str, Space]] = {
    "floats": {f"x{i}": F(-5, 5) for i in range(5)},
    "floats20": {f"x{i:02}": F(-5, 5) for i in range(20)},
    "logs": {f"l{i}": F(1e-5, 1e-1, log=True) for i in range(5)},
    "ints": {f"i{i}": N(1, 100) for i in range(5)},
    "choices": {f"c{i}": C(["a", "b", "c", "d"]) for i in range(5)},
    "mixed": MIXED,
    "mixed20": {
        **{f"x{i}": F(-5, 5) for i in range(6)},
        **{f"l{i}": F(1e-5, 1e-1, log=True) for i in range(4)},
        **{f"i{i}": N(1, 64) for i in range(4)},
        "w": N(1, 1024, log=True),
        "s": F(0, 1, step=0.05),
        **{f"c{i}": C(["a", "b", "c"]) for i in range(4)},
    },
    "one": {"x": F(0, 1)},
    "one-choice": {"c": C([str(i) for i in range(12)])},
    "one-int": {"i": N(1, 10)},
    "steps": {
        "a": F(0, 1, step=0.1),
        "b": F(-2, 3, step=0.25),
        "c": N(0, 100, step=5),
        "d": N(3, 3),
        "e": F(0.0, 0.6, step=0.3),
    },
    "wide-ints": {"a": N(1, 10**6), "b": N(1, 10**9), "c": N(1, 10**5, log=True), "d": N(0, 2**40)},
    "long-ints": {"a": N(1, 9000), "s": F(0, 1, step=1e-3), "d": N(1, 3000), "x": F(0, 1)},
    "one-long-int": {"a": N(1, 9000)},
    "log-ints": {"a": N(1, 8, log=True), "b": N(1, 1000, log=True), "x": F(-1, 1)},
    "far-off": {"x": F(1e9, 1e9 + 1), "y": F(-1e-9, 1e-9), "z": F(1e-300, 1e300, log=True)},
    "many-choices": {"c": C(list(range(100))), "b": C([True, False]), "n": C([None, 1, 2.5, "x"])},
    "lists": {"c": categorical([[1, 2], [3], "x"]), "x": F(0, 1)},
    "floats60": {f"x{i}": F(0, 1) for i in range(60)},
}
ENDS: Final = (
    "tied",
    "equal",
    "infinite",
    "noisy",
    "pruned",
    "pruned nan",
    "pruned mostly",
    "pruned failing tied",
    "failing",
    "constrained",
    "constrained pruned failing",
    "constrained infinite tied",
)
"""How trials end, as words that `outcome` reads."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of study; a seed makes it one study."""

    space: Space
    ask: str = "flat"
    """How an objective asks: `flat`, `shuffled`, `halting`, `branching`, `dynamic` or `finite`."""
    ends: str = ""
    n_objectives: int = 1
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    n_before: int | None = None
    """Trials at the begin; None lets the seed choose."""
    n_asked: int = 40
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_enqueued: bool = False
    has_dead: bool = False
    """Whether trials stay running for ever."""
    is_edited: bool = False
    """Whether bounds change on the way and values are fixed, through hptui's view."""
    pruner: Callable[[], BasePruner] = optuna.pruners.NopPruner


def all_cases() -> dict[str, Case]:
    """Return all cases by name."""
    cases: dict[str, Case] = {}
    for name, space in SPACES.items():
        cases[name] = Case(space)
        cases[f"{name}/alone"] = Case(space, options={"multivariate": False})
        cases[f"{name}/no-liar"] = Case(space, options={"constant_liar": False})
    for name in ("floats", "mixed", "steps", "choices", "one-int"):
        cases.update(_variants(name, SPACES[name]))
    for ask in ("branching", "dynamic"):
        cases.update(_conditional(ask))
    fixed = {"x": 1.0, "c": "b"}
    cases["hyperband"] = Case(
        MIXED, pruner=lambda: optuna.pruners.HyperbandPruner(1, 9), ends="pruned"
    )
    cases["fixed"] = Case(MIXED, fixed=fixed)
    cases["fixed/alone"] = Case(MIXED, fixed=fixed, options={"multivariate": False})
    for name, options in OPTIONS.items():
        cases[f"edited/{name}"] = Case(MIXED, is_edited=True, options=options, n_asked=120)
    cases["edited/two"] = Case(MIXED, is_edited=True, n_objectives=2, n_asked=80)
    cases["edited/pruned"] = Case(MIXED, is_edited=True, ends="pruned tied", n_asked=120)
    return cases


OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "default": {},
    "alone": {"multivariate": False},
    "group": {"multivariate": True, "group": True},
    "no-liar": {"constant_liar": False},
    "group-no-liar": {"multivariate": True, "group": True, "constant_liar": False},
}


def _variants(name: str, space: Space) -> Generator[tuple[str, Case]]:
    for ends in ENDS:
        yield f"{name}/{ends}", Case(space, ends=ends)
    yield f"{name}/enqueued", Case(space, is_enqueued=True, ends="tied")
    alone = {"multivariate": False}
    yield f"{name}/enqueued/alone", Case(space, is_enqueued=True, ends="tied", options=alone)
    yield f"{name}/dead", Case(space, has_dead=True)
    yield f"{name}/halting", Case(space, ask="halting", n_before=0)
    yield f"{name}/shuffled", Case(space, ask="shuffled")
    for n in (1, 2, 60):
        yield f"{name}/candidates{n}", Case(space, options={"n_ei_candidates": n})
    yield f"{name}/startup", Case(space, options={"n_startup_trials": 150}, n_before=130)
    for m in (2, 3):
        for ends in ("", "tied", "constrained", "infinite", "noisy", "failing"):
            yield f"{name}/{m} objectives {ends}".rstrip(), Case(space, n_objectives=m, ends=ends)
        joint: dict[str, Any] = {"multivariate": True}
        yield f"{name}/{m} objectives jointly", Case(space, n_objectives=m, options=joint)
        no_liar: dict[str, Any] = {"constant_liar": False}
        yield f"{name}/{m} objectives no-liar", Case(space, n_objectives=m, options=no_liar)


def _conditional(ask: str) -> Generator[tuple[str, Case]]:
    for name, options in OPTIONS.items():
        for ends in ("", "pruned failing", "constrained tied"):
            yield (
                f"{ask}/{name}/{ends}".rstrip("/"),
                Case({}, ask=ask, options=options, ends=ends, n_asked=260),
            )
        yield (
            f"{ask}/{name}/two",
            Case({}, ask=ask, options=options, n_objectives=2, n_asked=200),
        )


def asking(case: Case, number: int) -> Generator[tuple[str, BaseDistribution], Any]:
    """Yield what the objective asks in trial `number`; it is sent the values."""
    random = np.random.RandomState(number + 999)
    if case.ask == "branching":
        yield from _branching()
        return
    if case.ask == "finite":
        yield from _finite()
        return
    if case.ask == "dynamic":
        a = yield "a", F(0, 1)
        yield "b", F(0, 0.5 + a)
        yield "n", N(1, 5 + number % 3)
        if random.rand() < 0.5:
            yield "extra", F(-1, 1)
        return
    names = list(case.space)
    if case.ask == "shuffled":
        random.shuffle(names)
    for name in names:
        yield name, case.space[name]
        if case.ask == "halting" and random.rand() < 0.05:
            return


def _branching() -> Generator[tuple[str, BaseDistribution], Any]:
    kind = yield "kind", C(["p", "q", "r"])
    yield "shared", F(0, 1)
    if kind == "p":
        yield "p1", F(1e-4, 1, log=True)
        if (yield "p2", N(1, 5)) > 2:
            yield "p3", F(0, 1)
    elif kind == "q":
        for index in range((yield "q_n", N(1, 3))):
            yield f"q{index}", N(4, 64, log=True)


def _finite() -> Generator[tuple[str, BaseDistribution], Any]:
    kind = yield "kind", C(["p", "q", "r"])
    n = yield "n", N(1, 3)
    if kind == "p":
        for index in range(n):
            yield f"p{index}", F(0, 1, step=0.5)
    elif kind == "q":
        yield "q", N(0, 6, step=2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ends."""

    state: TrialState
    values: list[float]
    reports: dict[int, float]
    constraints: dict[str, float]


def outcome(case: Case, number: int, params: Mapping[str, Any]) -> Outcome:
    """Return how a trial ends: a function of its number and parameters alone."""
    random = np.random.RandomState(number + 12345)
    places = np.array([_place(case, name, value) for name, value in params.items()] or [0.5])
    words = case.ends.split()
    values = [
        _value(places, 0.37 if case.n_objectives == 1 else 0.1 + 0.25 * j, random, words)
        for j in range(case.n_objectives)
    ]
    state, reports = TrialState.COMPLETE, dict[int, float]()
    if "pruned" in words:
        reports = {step: values[0] + 1 / (step + 1) for step in range(random.randint(0, 6))}
        if "nan" in words:
            reports = {k: math.nan if random.rand() < 0.3 else v for k, v in reports.items()}
        if random.rand() < (0.95 if "mostly" in words else 0.5):
            state = TrialState.PRUNED
    if "failing" in words and random.rand() < 0.2:
        state = TrialState.FAIL
    constraints: dict[str, float] = {}
    if "constrained" in words and random.rand() < 0.9:
        constraints = {"c0": float(random.randn() + 0.3), "c1": float(places[0] - 0.6)}
    return Outcome(state, values, reports, constraints)


def _value(
    places: np.ndarray[Any, np.dtype[np.float64]],
    aim: float,
    random: np.random.RandomState,
    words: list[str],
) -> float:
    value = float(((places - aim) ** 2).sum())
    if "tied" in words:
        value = round(value * 4) / 4
    if "equal" in words:
        value = 1.0
    if "infinite" in words:
        value = math.inf if random.rand() < 0.3 else -math.inf if random.rand() < 0.05 else value
    if "noisy" in words:
        value += random.randn()
    return value


def _place(case: Case, name: str, value: Any) -> float:
    """Return where a value is in its range, 0 to 1."""
    distribution = case.space.get(name)
    if distribution is None or distribution.single():
        return 0.5
    if isinstance(distribution, CategoricalDistribution):
        return 0.5 * (distribution.to_internal_repr(value) != 0)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def drawn(distribution: BaseDistribution, random: np.random.RandomState, near: float | None) -> Any:
    """Return a value: any, or one near a place of the range from 0 to 1."""
    if isinstance(distribution, CategoricalDistribution):
        is_any = near is None or random.rand() > 0.7
        return distribution.choices[random.randint(len(distribution.choices)) if is_any else 0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    at = random.rand() if near is None else min(max(near + 0.05 * random.randn(), 0), 1)
    if distribution.log:
        low, high = math.log(low), math.log(high)
    value = low + at * (high - low)
    value = math.exp(value) if distribution.log else value
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = distribution.low + steps * distribution.step
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def past(case: Case, n_trials: int, seed: int) -> list[FrozenTrial]:
    """Return trials that have ended, half of them anywhere, half near a point, as TPE has it."""
    random = np.random.RandomState(seed)
    trials: list[FrozenTrial] = []
    for number in range(n_trials):
        near = 0.37 if random.rand() < 0.5 else None
        params = {name: drawn(each, random, near) for name, each in case.space.items()}
        end = outcome(case, number, params)
        trials.append(
            optuna.create_trial(
                state=end.state,
                params=params,
                distributions=dict(case.space),
                values=end.values if end.state is TrialState.COMPLETE else None,
                intermediate_values=end.reports,
                constraints=end.constraints or None,
            )
        )
    return trials
