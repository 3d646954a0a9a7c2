"""Trials of columns as Optuna's own, many at once."""

from __future__ import annotations

import gc
import warnings
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from optuna.trial import FrozenTrial

from hptui.domain.spaces.choices import spell_choice
from hptui.domain.spaces.space import ChoiceParam, IntParam
from hptui.storage.sqlite.distributions import to_optuna

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from datetime import datetime

    import numpy.typing as npt
    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState

    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import FloatArray, IntArray

    Head = tuple[
        int,
        TrialState,
        list[float] | None,
        datetime | None,
        datetime | None,
        dict[str, Any],
        dict[int, float],
    ]
    """A trial's number, state, values, start, end, system attributes and reports."""
    Spell = Callable[[str], str]


class ParamOfTrials(Protocol):
    """A parameter of many trials, as a column."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def specs(self) -> Sequence[ParamSpec]:
        """The spaces that trials had it from."""
        ...

    @property
    def values(self) -> FloatArray:
        """As stored: for a choice its index."""
        ...

    @property
    def spec_indices(self) -> npt.NDArray[np.int32]:
        """An index into `specs`; below 0 where a trial does not have it."""
        ...


def frozen_trials(
    heads: Iterable[Head],
    params: Sequence[ParamOfTrials],
    rows: IntArray,
    spell: Spell = str,
) -> list[FrozenTrial]:
    """Return trials whose parameters are columns.

    They are to be read only: those with the same parameters share their distributions.

    Args:
        heads: What is in no column of a parameter, for each trial.
        params: Columns; what a trial has under no space it does not have.
        rows: The row of each trial in them.
        spell: How names of parameters and choices that are texts are to be written; it must keep
            different ones apart.
    """
    # All that is made is kept: to look for garbage meanwhile would take twice as long as the rest.
    with _without_collection():
        own, distributions = _params_of(params, rows, spell)
        return [
            FrozenTrial(
                number, state, None, start, end, has, of, {}, attrs, reports, number, values=values
            )
            for (number, state, values, start, end, attrs, reports), has, of in zip(
                heads, own, distributions, strict=True
            )
        ]


@contextmanager
def _without_collection() -> Generator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _params_of(
    params: Sequence[ParamOfTrials], rows: IntArray, spell: Spell
) -> tuple[list[dict[str, Any]], list[dict[str, BaseDistribution]]]:
    """Return the parameters of each trial, and their distributions."""
    own: list[dict[str, Any]] = [{}] * len(rows)
    distributions: list[dict[str, BaseDistribution]] = [{}] * len(rows)
    names = [spell(param.name) for param in params]
    spaces = [[_spelled(spec, spell) for spec in param.specs] for param in params]
    indices = [np.maximum(param.spec_indices[rows], -1) for param in params]
    columns = [
        _received(param.values[rows], of_rows, specs)
        for param, of_rows, specs in zip(params, indices, spaces, strict=True)
    ]
    optunas = [[_distribution(spec) for spec in specs] for specs in spaces]
    for alike in _alike(indices, len(rows)):
        first = int(alike[0])
        has = [at for at, of_rows in enumerate(indices) if of_rows[first] >= 0]
        keys = [names[at] for at in has]
        shared: dict[str, BaseDistribution] = {
            names[at]: optunas[at][indices[at][first]] for at in has
        }
        cells = zip(*(columns[at][alike].tolist() for at in has), strict=True)
        made: list[dict[str, Any]] = [dict(zip(keys, cell, strict=True)) for cell in cells]
        made = made or [{} for _ in alike]
        for row, each in zip(alike.tolist(), made, strict=True):
            own[row] = each
            distributions[row] = shared
    return own, distributions


def _alike(indices: Sequence[IntArray], n_trials: int) -> list[IntArray]:
    """Return which trials have the same parameters from the same spaces, group by group."""
    group = np.zeros(n_trials, np.int64)
    for of_rows in indices:
        # Groups are numbered anew each time, so that their numbers stay small.
        _, group = np.unique(
            group * (int(of_rows.max(initial=-1)) + 2) + of_rows + 1, return_inverse=True
        )
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order])) + 1
    return [part for part in np.split(order, ends) if len(part)]


def _received(
    values: FloatArray, spec_indices: IntArray, specs: Sequence[ParamSpec]
) -> npt.NDArray[Any]:
    """Return what objectives received for numbers as they are stored."""
    if not any(isinstance(spec, ChoiceParam | IntParam) for spec in specs):
        return values
    cells = values.astype(object)
    for index, spec in enumerate(specs):
        rows = np.flatnonzero(spec_indices == index)
        if isinstance(spec, ChoiceParam):
            choices = np.empty(len(spec.choices), object)
            choices[:] = spec.choices
            cells[rows] = choices[values[rows].astype(np.int64)]
        elif isinstance(spec, IntParam):
            cells[rows] = values[rows].astype(np.int64).astype(object)
    return cells


def _spelled(spec: ParamSpec, spell: Spell) -> ParamSpec:
    if not isinstance(spec, ChoiceParam):
        return spec
    # What Optuna draws and judges must be hashable, so lists and objects are texts there.
    flat = (spell_choice(each) if isinstance(each, (list, dict)) else each for each in spec.choices)
    choices = (spell(each) if isinstance(each, str) else each for each in flat)
    return replace(spec, choices=tuple(choices))


def _distribution(spec: ParamSpec) -> BaseDistribution:
    with warnings.catch_warnings():
        # What is stored is no mistake of the person who reads it.
        warnings.simplefilter("ignore")
        return to_optuna(spec)
