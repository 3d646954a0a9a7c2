"""What a merge of studies keeps of each, in which order, and why it leaves trials out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.spaces.choices import spell_choice
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import OPEN_STATES
from hptui.errors import UsageError
from hptui.storage.transfer.fork_plan import DAMAGED, NOT_ENDED
from hptui.storage.transfer.param_fit import fit_param
from hptui.storage.transfer.trial_records import ABSENT as NO_VALUE
from hptui.trials import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.spaces.space import ParamSpec
    from hptui.storage.read.study_facts import StudyFacts
    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.transfer.param_fit import ParamFit
    from hptui.trials import IntArray, ParamColumn

    BoolArray = npt.NDArray[np.bool_]

TWICE: Final = "a trial that is there already"


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A study that is to be merged."""

    reader: StudyReader
    facts: StudyFacts
    space: Mapping[str, ParamSpec]
    """Its parameters as its trials hold them now."""

    @property
    def name(self) -> str:
        """Its name, for a sentence."""
        return safe_line(self.reader.study_name, max_chars=60)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What a merge takes of one study."""

    source: Source
    rows: IntArray
    """The rows of the trials that are kept, by number."""
    numbers: IntArray
    """The number that each of them gets."""
    fits: tuple[ParamFit, ...]
    """The parameters that are stored under the space of another study."""


@dataclass(frozen=True, slots=True, eq=False)
class MergePlan:
    """What comes of merging studies."""

    shares: tuple[Share, ...]
    left_out: Mapping[str, int]
    """Why trials are left out, with how many for each reason; each trial counts once."""
    differing: frozenset[str]
    """Parameters that the trials hold under several ranges."""

    @property
    def n_kept(self) -> int:
        """How many trials are kept."""
        return sum(len(share.rows) for share in self.shares)

    @property
    def remarks(self) -> list[str]:
        """How many trials are from which study."""
        return [
            f"{share.source.name}: {len(share.rows):,} of {len(share.source.reader.trials):,}"
            for share in self.shares
        ]


def plan_merge(sources: Sequence[Source]) -> MergePlan:
    """Return what a merge keeps; the first study says what the parameters are.

    Raises:
        UsageError: They cannot be one study.
    """
    for source in sources[1:]:
        _check_alike(sources[0], source)
    space: dict[str, ParamSpec] = {}
    for source in sources:
        space = {**source.space, **space}
    left_out: Counter[str] = Counter()
    seen: Counter[object] = Counter()
    kept: list[tuple[IntArray, tuple[ParamFit, ...]]] = []
    for source in sources:
        kept.append(_kept_of(source, space, sources[0].name, left_out, seen))
    order = _order([(source, rows) for source, (rows, _) in zip(sources, kept, strict=True)])
    shares = tuple(
        Share(source, rows, numbers, fits)
        for source, (rows, fits), numbers in zip(sources, kept, order, strict=True)
    )
    return MergePlan(shares, dict(left_out), _differing(shares))


def _check_alike(first: Source, other: Source) -> None:
    one, two = first.reader.trials.directions, other.reader.trials.directions
    if one != two:
        raise UsageError(
            f"{other.name} has the direction {', '.join(two)}, and {first.name} "
            f"{', '.join(one)}: they cannot be merged.",
            hint="hptui fork makes a study with other directions or objectives.",
        )
    one, two = first.facts.metric_names, other.facts.metric_names
    if one and two and one != two:
        raise UsageError(
            f"{other.name} has the objectives {safe_line(', '.join(two))}, and {first.name} "
            f"{safe_line(', '.join(one))}: they cannot be merged.",
            hint="hptui fork --objectives puts them in another order.",
        )


def _kept_of(
    source: Source,
    space: Mapping[str, ParamSpec],
    first_name: str,
    left_out: Counter[str],
    seen: Counter[object],
) -> tuple[IntArray, tuple[ParamFit, ...]]:
    reader = source.reader
    kept = np.ones(len(reader.trials), np.bool_)

    def leave(reason: str, is_left: BoolArray) -> None:
        nonlocal kept
        count = int((kept & is_left).sum())
        if count:
            left_out[reason] += count
        kept = kept & ~is_left

    leave(NOT_ENDED, np.isin(reader.trials.states, OPEN_STATES))
    leave(DAMAGED, reader.trials.is_damaged | (reader.trials.numbers < 0))
    leave(TWICE, _is_known(reader, np.flatnonzero(kept), seen))
    fits: list[ParamFit] = []
    for name, column in reader.trials.params.items():
        foreign = _foreign_rows(column, space.get(name), len(reader.trials))
        if foreign.any():
            fit = fit_param(column, space[name], len(reader.trials)).only(foreign)
            outside = kept & ~fit.fits
            left_out.update(fit.reasons(outside, gone=f"is not in {first_name}"))
            kept = kept & fit.fits
            fits.append(fit)
    rows = np.flatnonzero(kept)
    return rows[np.argsort(reader.trials.numbers[rows], kind="stable")], tuple(fits)


def _foreign_rows(column: ParamColumn, spec: ParamSpec | None, n_trials: int) -> BoolArray:
    """Say which trials hold a parameter in a way that Optuna does not mix with `spec`."""
    if spec is None:
        return np.zeros(n_trials, np.bool_)
    is_foreign = np.array([not _mixes(each, spec) for each in column.specs], np.bool_)
    indices = column.spec_indices[:n_trials]
    foreign = np.zeros(n_trials, np.bool_)
    known = indices >= 0
    foreign[known] = is_foreign[indices[known]]
    return foreign


def _mixes(one: ParamSpec, other: ParamSpec) -> bool:
    if isinstance(one, ChoiceParam) or isinstance(other, ChoiceParam):
        return (
            isinstance(one, ChoiceParam)
            and isinstance(other, ChoiceParam)
            and [spell_choice(each) for each in one.choices]
            == [spell_choice(each) for each in other.choices]
        )
    return type(one) is type(other) and one.log == other.log


def _is_known(reader: StudyReader, rows: IntArray, seen: Counter[object]) -> BoolArray:
    """Say which trials another study has brought already, and add those that are new to `seen`.

    Trials are the same where state, times, values and parameters are: one that was carried over
    to a fork. What comes twice within a study is no such trial.
    """
    names = list(reader.trials.params)
    params = [reader.trials.params[name].values_at(rows, absent=NO_VALUE) for name in names]
    identities: list[object] = [
        (state, start, complete, values, tuple(map(_spelled, of_trial)))
        for state, start, complete, values, of_trial in zip(
            reader.trials.states[rows].tolist(),
            map(repr, reader.trials.starts_s[rows].tolist()),
            map(repr, reader.trials.completes_s[rows].tolist()),
            map(repr, reader.trials.values[rows].tolist()),
            zip(*params, strict=True) if params else [()] * len(rows),
            strict=True,
        )
    ]
    # Another study may have met its parameters in another order.
    order = sorted(range(len(names)), key=names.__getitem__)
    identities = [
        (*whole[:4], tuple((names[at], whole[4][at]) for at in order if whole[4][at] != ""))  # pyright: ignore
        for whole in identities
    ]
    known = np.zeros(len(reader.trials), np.bool_)
    own: Counter[object] = Counter()
    for row, identity in zip(rows.tolist(), identities, strict=True):
        own[identity] += 1
        known[row] = own[identity] <= seen[identity]
    for identity, count in own.items():
        seen[identity] = max(count, seen[identity])
    return known


def _spelled(value: object) -> str:
    """Return a parameter's value as it is compared; a fork may have moved it by an ulp."""
    if value is NO_VALUE:
        return ""
    if isinstance(value, float):
        return f"{value:.12g}"
    return f"{type(value).__name__} {value}"


def _order(kept: Sequence[tuple[Source, IntArray]]) -> list[IntArray]:
    """Return the new numbers of all trials that are kept: by start, those without at the end."""
    starts = [
        np.where(
            np.isnan(source.reader.trials.starts_s[rows]),
            source.reader.trials.completes_s[rows],
            source.reader.trials.starts_s[rows],
        )
        for source, rows in kept
    ]
    # NaN is sorted to the end, and what is equal keeps its order.
    order = np.argsort(np.concatenate(starts), kind="stable")
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order))
    ends = np.cumsum([len(rows) for _, rows in kept])
    return [each.astype(np.int64) for each in np.split(numbers, ends[:-1])]


def _differing(shares: Sequence[Share]) -> frozenset[str]:
    specs: dict[str, set[ParamSpec]] = {}
    for share in shares:
        fitted = {fit.column.name: fit for fit in share.fits}
        for name, column in share.source.reader.trials.params.items():
            found = specs.setdefault(name, set())
            own = share.rows
            if name in fitted:
                found.add(fitted[name].spec)
                own = own[~fitted[name].has[own]]
            indices: list[int] = np.unique(column.spec_indices[own]).tolist()
            found |= {column.specs[index] for index in indices if index > ABSENT}
    return frozenset(name for name, found in specs.items() if len(found) > 1)
