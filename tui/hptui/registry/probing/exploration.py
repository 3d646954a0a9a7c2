"""What the next probe trial should try, given what the ones before it showed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec, contains
from hptui.registry.probing.conditions import explanations

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Mapping

    from hptui.registry.probing.conditions import Explanation
    from hptui.registry.probing.observed import Observation

_MAX_ATTEMPTS = 2
"""How often a value is aimed at; an objective that draws lots may not go the same way twice."""

_MIXTURES = 2
"""Trials that mix choices; all pairs would take too long, and what they miss is seen later."""
_MAX_MIXED = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next probe trial should try."""

    goal: tuple[str, ...] = ()
    """What it is for; the same goal again is the same attempt again."""
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    """Values to use for the parameters that it suggests; the others are free."""


def landmarks(spec: ParamSpec) -> list[float]:
    """Return the values that can change which parameters exist: all choices, both ends of ints."""
    match spec:
        case ChoiceParam(choices):
            return list(range(len(choices)))
        case IntParam(low, high):
            return [low] if low == high else [low, high]
        case FloatParam():
            return []


def middle(spec: IntParam | FloatParam) -> float:
    """Return the value in the middle of the range, on the scale that counts."""
    if isinstance(spec, IntParam):
        return spec.low + (spec.high - spec.low) // spec.step // 2 * spec.step
    if spec.step is not None:
        return spec.low + round((spec.high - spec.low) / spec.step / 2) * spec.step
    if spec.log:
        return math.exp(math.log(spec.low) / 2 + math.log(spec.high) / 2)
    return spec.low / 2 + spec.high / 2


def choose_value(
    name: str, spec: ParamSpec, plan: Plan, tried: Collection[float], rng: random.Random
) -> float:
    """Return the planned value where it is allowed, else one not tried yet, else any."""
    planned = plan.values.get(name)
    if planned is not None and _allows(spec, planned):
        return planned
    untried = [value for value in landmarks(spec) if value not in tried]
    if untried:
        return untried[0]
    if isinstance(spec, ChoiceParam):
        # Any, so that parameters do not change together in every trial.
        return rng.randrange(len(spec.choices))
    return rng.choice([spec.low, middle(spec), spec.high]) if tried else middle(spec)


def _allows(spec: ParamSpec, value: float) -> bool:
    if isinstance(spec, ChoiceParam):
        return 0 <= value < len(spec.choices)
    return contains(spec, value)


class Observations:
    """All probe trials of an objective so far."""

    def __init__(self) -> None:
        self.trials: list[Observation] = []
        self._attempts: Counter[tuple[str, ...]] = Counter()
        self._order: list[str] = []
        self._first: dict[str, tuple[int, ParamSpec]] = {}
        self._tried: dict[str, set[float]] = {}

    def add(self, observation: Observation, plan: Plan) -> None:
        """Add a trial that followed `plan`."""
        number = len(self.trials)
        self.trials.append(observation)
        self._attempts[plan.goal] += 1
        following: str | None = None
        for name, suggestion in reversed(observation.suggestions.items()):
            if name not in self._first:
                place = len(self._order) if following is None else self._order.index(following)
                self._order.insert(place, name)
                self._first[name] = (number, suggestion.spec)
            self._tried.setdefault(name, set()).add(suggestion.value)
            following = name

    def tried(self, name: str) -> set[float]:
        """Return the values that a parameter has had."""
        return self._tried.get(name, set())

    def first_seen(self) -> dict[str, tuple[int, ParamSpec]]:
        """Return each parameter's first trial and its space there, in the order of suggestion."""
        return {name: self._first[name] for name in self._order}

    def dynamic(self) -> set[str]:
        """Return the parameters whose space was not the same in all trials."""
        return {
            name
            for trial in self.trials
            for name, suggestion in trial.suggestions.items()
            if suggestion.spec != self._first[name][1]
        }

    def is_covered(self) -> bool:
        """Say whether each choice and each end of an integer has been tried."""
        return all(
            set(landmarks(spec)) <= self.tried(name)
            for name, (_, spec) in self.first_seen().items()
        )

    def next_plan(self) -> Plan | None:
        """Return what to try next, or None when nothing is left to find out."""
        if not self.trials:
            return Plan()
        for plan in (*self._coverage(), *self._mixtures(), *self._experiments()):
            if self._attempts[plan.goal] < _MAX_ATTEMPTS:
                return plan
        return None

    def _coverage(self) -> list[Plan]:
        """Return plans that reach values not tried yet, those of the least tried first."""
        plans: list[tuple[int, Plan]] = []
        for name, (number, spec) in self.first_seen().items():
            tried = self.tried(name)
            way = self._values_before(name, number)
            plans += [
                (len(tried), Plan(("reach", name, str(value)), {**way, name: value}))
                for value in landmarks(spec)
                if value not in tried
            ]
        return [plan for _, plan in sorted(plans, key=lambda pair: pair[0])]

    def _values_before(self, name: str, number: int) -> dict[str, float]:
        way: dict[str, float] = {}
        for each in self.trials[number].suggestions.values():
            if each.name == name:
                break
            way[each.name] = each.value
        return way

    def _mixtures(self) -> list[Plan]:
        """Return plans for pairs of choices that no trial has had together."""
        names = [
            name
            for name, (_, spec) in self.first_seen().items()
            if isinstance(spec, ChoiceParam) and len(spec.choices) > 1
        ][:_MAX_MIXED]
        seen: set[tuple[str, float, str, float]] = set()
        for trial in self.trials:
            had = [
                (name, trial.suggestions[name].value) for name in names if name in trial.suggestions
            ]
            seen.update((*one, *two) for one, two in combinations(had, 2))
        mixed: dict[str, float] = {}
        n_new = 0
        for name in names:
            new = {
                value: sum((*other, name, value) not in seen for other in mixed.items())
                for value in landmarks(self._first[name][1])
            }
            mixed[name] = max(new, key=lambda value: new[value])
            n_new += new[mixed[name]]
        plans = [Plan(("mix", str(number)), mixed) for number in range(_MIXTURES)]
        return [plan for plan in plans if n_new and not self._attempts[plan.goal]]

    def _experiments(self) -> list[Plan]:
        """Return plans that find out when parameters exist, those that serve most of them first.

        One kind tells explanations apart which all fit so far, by changing the less simple half
        of them; the other narrows down from which integer on a parameter exists.
        """
        fitting = {
            name: found for name in self._order if (found := explanations(name, self.trials))
        }
        plans: dict[tuple[str, ...], Plan] = {}
        served: Counter[tuple[str, ...]] = Counter()
        for name, found in fitting.items():
            changed = {each.name: each.otherwise for each in found[(len(found) + 1) // 2 :]}
            if not changed and found[0].between is not None:
                changed = {found[0].name: found[0].between}
            if changed:
                goal = tuple(f"{other}={value!r}" for other, value in changed.items())
                served[goal] += 1
                plans.setdefault(goal, Plan(goal, self._way_to(name, fitting) | changed))
        return [plans[goal] for goal, _ in served.most_common()]

    def _way_to(self, name: str, fitting: Mapping[str, list[Explanation]]) -> dict[str, float]:
        """Return the values of a trial that had the parameter, of all that may matter for it.

        The others stay free, so that each trial is an experiment on them too.
        """
        trial = self.trials[self._first[name][0]]
        matters = [name]
        for each in matters:
            matters += [other.name for other in fitting.get(each, ()) if other.name not in matters]
        return {
            other: trial.suggestions[other].value
            for other in matters[1:]
            if other in trial.suggestions
        }
