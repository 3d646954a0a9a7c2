"""When a parameter exists: the simplest explanation that fits all probe trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hptui.domain.spaces.choices import spell_choice
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.registry.probing.observed import Observation

SOMETIMES = "sometimes"
"""Stands for a condition that no single parameter explains."""

_MAX_LISTED = 4
"""Values of an integer that a condition lists; more need a bound."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A parameter exists when another one has one of some values."""

    name: str
    relation: Literal["in", "not in", ">=", "<="]
    spellings: tuple[str, ...]
    otherwise: float
    """A value of the other parameter under which this one does not exist."""
    between: float | None = None
    """A value for which this is not known yet; only with >= and <=."""
    rank: tuple[int, int] = (0, 0)
    """Smaller is simpler."""

    def __str__(self) -> str:
        name = safe_line(self.name, max_chars=60)
        values = "|".join(self.spellings)
        if self.relation == "in":
            return f"{name} = {values}" if len(self.spellings) == 1 else f"{name} in {values}"
        return f"{name} {'!=' if self.relation == 'not in' else self.relation} {values}"


def condition_of(name: str, trials: Sequence[Observation]) -> str:
    """Return when a parameter exists: `kernel = rbf`, `n_layers >= 2`; empty when always."""
    if not any(not present for _, present in _evidence(name, trials)):
        return ""
    fitting = explanations(name, trials)
    return str(fitting[0]) if fitting else SOMETIMES


def explanations(name: str, trials: Sequence[Observation]) -> list[Explanation]:
    """Return what explains the presence of a parameter in all trials, the simplest first."""
    evidence = _evidence(name, trials)
    present = [trial for trial, is_present in evidence if is_present]
    absent = [trial for trial, is_present in evidence if not is_present]
    if not present or not absent:
        return []
    before = list(present[0].suggestions)
    before = before[: before.index(name)]
    found = [
        _explain(other, present, absent, distance)
        for distance, other in enumerate(reversed(before))
        if all(other in trial.suggestions for trial in present)
    ]
    return sorted((each for each in found if each is not None), key=lambda each: each.rank)


def _evidence(name: str, trials: Sequence[Observation]) -> list[tuple[Observation, bool]]:
    """Return the trials that tell whether the parameter exists, and whether it does.

    A trial that failed before it could have come to the parameter tells nothing.
    """
    if all(name in trial.suggestions for trial in trials):
        return [(trial, True) for trial in trials]
    later = {
        other
        for trial in trials
        if name in trial.suggestions
        for other in list(trial.suggestions)[list(trial.suggestions).index(name) + 1 :]
    }
    all_failed = not any(trial.ended_well for trial in trials)
    return [
        (trial, name in trial.suggestions)
        for trial in trials
        if name in trial.suggestions
        or trial.ended_well
        or all_failed
        or any(other in later for other in trial.suggestions)
    ]


def _explain(
    other: str, present: Sequence[Observation], absent: Sequence[Observation], distance: int
) -> Explanation | None:
    spec = present[0].suggestions[other].spec
    with_it = {trial.suggestions[other].value for trial in present}
    without = {trial.suggestions[other].value for trial in absent if other in trial.suggestions}
    if not without or with_it & without:
        return None
    match spec:
        case ChoiceParam():
            return _explain_by_choice(other, spec, with_it, without, distance)
        case IntParam():
            return _explain_by_int(other, spec, with_it, without, distance)
        case FloatParam():
            # Which float decides cannot be found by trying a few.
            return None


def _explain_by_choice(
    other: str, spec: ChoiceParam, with_it: set[float], without: set[float], distance: int
) -> Explanation:
    is_negated = len(without) == 1 and len(with_it) == len(spec.choices) - 1 > 2  # noqa: PLR2004
    named = without if is_negated else with_it
    spellings = tuple(
        safe_line(spell_choice(spec.choices[int(index)]), max_chars=40)
        for index in sorted(named)
        if index < len(spec.choices)
    )
    relation = "not in" if is_negated else "in"
    return Explanation(other, relation, spellings, min(without), rank=(len(spellings), distance))


def _explain_by_int(
    other: str, spec: IntParam, with_it: set[float], without: set[float], distance: int
) -> Explanation | None:
    low, high, otherwise = int(min(with_it)), int(max(with_it)), min(without)
    rank = (2, distance)
    if low > max(without):
        relation, edge = ">=", low
        between = _halfway(spec, int(max(without)), low)
    elif high < min(without):
        relation, edge = "<=", high
        between = _halfway(spec, high, int(min(without)))
    elif len(with_it) <= _MAX_LISTED:
        spellings = tuple(str(int(value)) for value in sorted(with_it))
        return Explanation(other, "in", spellings, otherwise, rank=(3, distance))
    else:
        return None
    if edge == (spec.high if relation == ">=" else spec.low):
        relation = "in"
    return Explanation(other, relation, (str(edge),), otherwise, between, rank)


def _halfway(spec: IntParam, low: int, high: int) -> int | None:
    """Return a value of the grid strictly between, or None when there is none."""
    steps = (high - low) // spec.step
    return low + steps // 2 * spec.step if steps > 1 else None
