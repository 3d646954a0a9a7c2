"""Optuna's samplers and the quick ones in lockstep, as `tests.engine.tpe` has it for TPE."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import optuna
from optuna.samplers import (
    BaseSampler,
    BruteForceSampler,
    CmaEsSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
)
from tests.engine.tpe.cases import SPACES, C, Case, F, N, Space, past
from tests.engine.tpe.lockstep import Pair

from hptui.engine.sampling.bruteforce import QuickBruteForceSampler
from hptui.engine.sampling.cmaes import QuickCmaEsSampler
from hptui.engine.sampling.genetic import QuickNSGAIIISampler, QuickNSGAIISampler
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.sampling.qmc import QuickQMCSampler
from hptui.engine.sampling.safe_cmaes import SafeCmaEsSampler

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

GRID: Final[Space] = {"c": C(["a", "b", None]), "i": N(0, 3), "s": F(0, 1, step=0.25)}


CLASSES: Final[Mapping[str, tuple[Any, Any]]] = {
    "cmaes": (CmaEsSampler, QuickCmaEsSampler),
    # Warm starts in an edited space are not Optuna's.
    "edited cmaes": (SafeCmaEsSampler, QuickCmaEsSampler),
    "nsgaii": (NSGAIISampler, QuickNSGAIISampler),
    "nsgaiii": (NSGAIIISampler, QuickNSGAIIISampler),
    "qmc": (QMCSampler, QuickQMCSampler),
    "grid": (GridSampler, KnownGridSampler),
    "bruteforce": (BruteForceSampler, QuickBruteForceSampler),
}
"""Optuna's sampler and the quick one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sampler with options, and what it is asked."""

    sampler: str
    case: Case
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    marked: str = ""
    """A generation mark that half of the trials before have, of which nothing else is stored."""

    def pair(self, seed: int, storage: BaseStorage | None) -> Pair:
        """Return two studies, the first one with Optuna's sampler."""
        both: list[BaseSampler] = [
            make(seed=seed, **self.options) for make in CLASSES[self.sampler]
        ]
        before = _marked(self.case, self.marked, seed) if self.marked else None
        return Pair(self.case, seed, both[1], storage, both[0], before)


def _marked(case: Case, key: str, seed: int) -> list[FrozenTrial]:
    random = np.random.RandomState(seed)
    trials = past(case, 90, seed)
    for trial in trials:
        if random.rand() < 0.5:
            trial.system_attrs = {**trial.system_attrs, key: int(random.randint(5))}
    return trials


def all_kinds() -> dict[str, Kind]:
    """Return all kinds by name."""
    return {
        f"{kind.sampler} {name}": kind
        for name, kind in itertools.chain(_cmaes(), _genetic(), _qmc(), _exhaustive())
    }


_ENDS: Final = ("", "tied", "infinite", "pruned", "pruned nan failing", "constrained tied failing")


def _cmaes() -> Generator[tuple[str, Kind]]:
    for name in ("floats", "mixed", "steps", "logs"):
        space = SPACES[name]
        for ends in _ENDS:
            yield f"{name} {ends}", Kind("cmaes", Case(space, ends=ends, n_asked=60))
        for option in ("with_margin", "use_separable_cma", "lr_adapt", "consider_pruned_trials"):
            case = Case(space, ends="pruned failing", n_asked=50)
            yield f"{name} {option}", Kind("cmaes", case, {option: True, "popsize": 4})
    mixed = SPACES["mixed"]
    for name, case in _ways(mixed, n_asked=60):
        yield name, Kind("cmaes", case, {"popsize": 3})
    marked = Case(SPACES["floats"], n_asked=40)
    yield "marked", Kind("cmaes", marked, {"popsize": 5}, marked="cma:generation")
    for ends in ("", "pruned tied"):
        case = Case(mixed, ends=ends, is_edited=True, n_asked=120)
        options = {"popsize": 4, "consider_pruned_trials": bool(ends)}
        yield f"edited {ends}", Kind("edited cmaes", case, options)


def _ways(space: Space, n_asked: int) -> Generator[tuple[str, Case]]:
    yield "enqueued", Case(space, is_enqueued=True, n_asked=n_asked)
    yield "dead", Case(space, has_dead=True, n_asked=n_asked)
    yield "halting", Case(space, ask="halting", n_before=0, n_asked=n_asked)
    yield "shuffled", Case(space, ask="shuffled", n_asked=n_asked)
    yield "branching", Case({}, ask="branching", n_asked=n_asked)
    yield "dynamic", Case({}, ask="dynamic", n_asked=n_asked)
    yield "fixed", Case(space, fixed=dict(list(past(Case(space), 1, 0)[0].params.items())[:1]))


def _genetic() -> Generator[tuple[str, Kind]]:
    small: dict[str, Any] = {"population_size": 5}
    mixed = SPACES["mixed"]
    for sampler, m in (("nsgaii", 1), ("nsgaii", 2), ("nsgaiii", 3)):
        for ends in _ENDS:
            if m > 1 and "pruned" in ends:
                continue
            case = Case(mixed, ends=ends, n_objectives=m, n_asked=90)
            yield f"{m} {ends}", Kind(sampler, case, small)
        for name, case in _ways(mixed, n_asked=60):
            yield f"{m} {name}", Kind(sampler, case, small)
        key = {"nsgaii": "NSGAIISampler", "nsgaiii": "NSGAIIISampler"}[sampler]
        case = Case(mixed, n_objectives=m, n_asked=60)
        yield f"{m} marked", Kind(sampler, case, small, marked=f"{key}:generation")
        case = Case(mixed, n_objectives=m, is_edited=True, n_asked=120)
        yield f"{m} edited", Kind(sampler, case, small)


def _qmc() -> Generator[tuple[str, Kind]]:
    for options in (
        {},
        {"scramble": True},
        {"qmc_type": "halton"},
        {"qmc_type": "halton", "scramble": True},
    ):
        what = " ".join(map(str, options.values()))
        for ends in ("", "pruned failing"):
            yield f"{what} {ends}", Kind("qmc", Case(SPACES["mixed"], ends=ends), options)
        for name, case in _ways(SPACES["mixed"], n_asked=30):
            yield f"{what} {name}", Kind("qmc", case, options)
        case = Case(SPACES["mixed"], is_edited=True, n_asked=120)
        yield f"{what} edited", Kind("qmc", case, options)


def _exhaustive() -> Generator[tuple[str, Kind]]:
    values = {"c": ["a", "b", None], "i": [0, 1, 2, 3], "s": [0.0, 0.25, 0.5, 0.75, 1.0]}
    for sampler, options in (
        ("grid", {"search_space": values}),
        ("bruteforce", {}),
        ("bruteforce", {"avoid_premature_stop": True}),
    ):
        what = "strict" if "avoid_premature_stop" in options else ""
        for ends in ("", "pruned failing"):
            for n_before in (0, 20):
                case = Case(GRID, ends=ends, n_before=n_before, n_asked=80)
                yield f"{what} {ends} {n_before}", Kind(sampler, case, options)
        for name, case in _ways(GRID, n_asked=70):
            # Optuna's grid fails after a trial that was enqueued; hptui's does not.
            if sampler == "bruteforce" or (case.space and not case.is_enqueued):
                yield f"{what} {name}", Kind(sampler, case, options)
    for ends in ("", "failing"):
        for strict in (False, True):
            case = Case({}, ask="finite", ends=ends, n_asked=60)
            options = {"avoid_premature_stop": strict}
            yield f"finite {ends} {strict}", Kind("bruteforce", case, options)


def play(kind: Kind, seed: int, storage: BaseStorage | None = None) -> Pair:
    """Play a kind of study; return both, the second one in `storage`.

    Raises:
        AssertionError: They differ.
    """
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*runs at Optuna's own speed")
        pair = kind.pair(seed, storage)
        pair.run()
    optuna.logging.set_verbosity(verbosity)
    return pair
