"""A part of a figure that a person has marked, as ranges of what its sides measure.

It becomes a filter, bounds of the search space, or a point to try. How cells become ranges is in
`hptui.figures.canvas.plane`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from hptui.analysis.filters.completion import choice_value
from hptui.analysis.filters.fields import FieldNames, value_names
from hptui.analysis.filters.parser import parse_filter, quoted
from hptui.analysis.filters.rows import filter_rows
from hptui.analysis.param_axis import build_param
from hptui.domain.spaces.choices import choice_key, show_choice, spell_choice
from hptui.domain.spaces.param_edit import UNSET, ParamEdit
from hptui.domain.spaces.space import ChoiceParam, IntParam
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.analysis.filters.text_fields import TrialTexts
    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import FloatParam, ParamSpec
    from hptui.trials import BoolArray, Trials

_NAME_CHARS: Final = 24
_HULL_DIGITS: Final = 2
"""To which the width of a hull is rounded outwards."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What stands along one side of a figure."""

    what: Literal["param", "value", "number"]
    name: str = ""
    """Of a parameter, as stored."""
    objective: int = 0
    """Of a value."""
    is_whole: bool = False
    choices: tuple[ChoiceValue, ...] | None = None
    """Of a parameter that has choices; numbers are their places then."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it apart from others."""
        return self.what, self.name, self.objective


@dataclass(frozen=True, slots=True)
class Span:
    """A range of what is measured; None leaves an end open."""

    measure: Measure
    low: float | None = None
    high: float | None = None
    is_log: bool = False
    chosen: tuple[ChoiceValue, ...] = ()
    """The choices in it, where there are any."""

    @property
    def is_open(self) -> bool:
        """Whether it leaves nothing out."""
        if self.measure.choices is not None:
            return len(self.chosen) == len(self.measure.choices)
        return self.low is None and self.high is None

    @property
    def is_empty(self) -> bool:
        """Whether no value lies in it, as where no whole number does."""
        if self.measure.choices is not None:
            return not self.chosen
        return self.low is not None and self.high is not None and self.low > self.high

    def told(self, value_names: Sequence[str] = ("value",)) -> str:
        """Return it as it is told, `lr 0.001..0.03`, safe for a terminal.

        `value_names` are what the objectives are called.
        """
        measure = self.measure
        name = measure.name if measure.what == "param" else "number"
        if measure.what == "value":
            name = value_names[measure.objective]
        shown = safe_line(name, max_chars=_NAME_CHARS)
        if measure.choices is not None:
            listed = ", ".join(show_choice(each, max_chars=_NAME_CHARS) for each in self.chosen)
            return f"{shown} {listed}"
        if self.low is None or self.high is None:
            return f"{shown} " + (
                f"<={_number(self.high)}" if self.low is None else f">={_number(self.low)}"
            )
        return f"{shown} {_number(self.low)}..{_number(self.high)}"


@dataclass(frozen=True, slots=True)
class Region:
    """The trials that lie in all of some spans."""

    spans: tuple[Span, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no trial can lie in it."""
        return any(span.is_empty for span in self.spans)

    @property
    def limits(self) -> tuple[Span, ...]:
        """The spans that leave something out."""
        return tuple(span for span in self.spans if not span.is_open)

    def told(self, value_names: Sequence[str] = ("value",)) -> str:
        """Return what it holds, safe for a terminal; see `Span.told`."""
        return ", ".join(span.told(value_names) for span in self.limits) or "everything"

    def filter_text(self, trials: Trials, metric_names: tuple[str, ...] = ()) -> str:
        """Return the filter that means it; nothing where it holds everything, or can hold none."""
        names = FieldNames(len(trials.directions), metric_names, trials.params)
        terms: list[str] = []
        for span in () if self.is_empty else self.limits:
            name = quoted(_filter_name(span.measure, names))
            if span.measure.choices is not None:
                spelled = "|".join(choice_value(spell_choice(each)) for each in span.chosen)
                terms.append(f"{name}={spelled}")
                continue
            terms += [
                f"{name}{sign}{_number(end)}"
                for sign, end in ((">=", span.low), ("<=", span.high))
                if end is not None
            ]
        return " ".join(terms)

    def rows(self, trials: Trials, metric_names: tuple[str, ...] = ()) -> BoolArray:
        """Say which trials lie in it: those that its filter means."""
        if self.is_empty:
            return np.zeros(len(trials), np.bool_)
        text = self.filter_text(trials, metric_names)
        # Nothing of the filter is outside of the columns.
        texts = cast("TrialTexts", None)
        return filter_rows(parse_filter(text), trials, texts, metric_names=metric_names)


def param_spans(region: Region, trials: Trials, is_inside: BoolArray) -> tuple[Span, ...]:
    """Return the ranges of parameters that a region means.

    Those that it limits itself; of one that limits none, as in a history, the ranges of numbers in
    which the trials inside lie. A study can have no shorter list of choices for them.
    """
    own = tuple(span for span in region.limits if span.measure.what == "param")
    return own or _hull(trials, is_inside)


def _hull(trials: Trials, is_inside: BoolArray) -> tuple[Span, ...]:
    spans: list[Span] = []
    everywhere = np.arange(len(trials))
    for name, column in trials.params.items():
        param = build_param(column, everywhere)
        values = param.values[is_inside]
        values = values[~np.isnan(values)]
        if param.choices is not None or not len(values):
            continue
        measure = Measure("param", name, is_whole=param.is_whole)
        low, high = float(values.min()), float(values.max())
        if not param.is_whole:
            low, high = _outwards(low, high, is_log=param.is_log)
        spans.append(Span(measure, low, high, param.is_log))
    return tuple(spans)


def _outwards(low: float, high: float, *, is_log: bool) -> tuple[float, float]:
    """Return a range with few digits that holds another one, and little more."""
    by_low, by_high = (abs(low), abs(high)) if is_log or low == high else (high - low, high - low)
    steps = [10.0**-_HULL_DIGITS * each for each in (by_low, by_high)]
    return roundest(low - steps[0], low), roundest(high, high + steps[1])


def bounds_edit(span: Span, spec: ParamSpec) -> ParamEdit:
    """Return what confines a parameter to a span, on its steps; empty where nothing does.

    Args:
        span: Of the parameter.
        spec: The parameter as it is searched now.
    """
    if isinstance(spec, ChoiceParam):
        if span.measure.choices is None:
            return ParamEdit()
        keys = set(map(choice_key, span.chosen))
        kept = tuple(each for each in spec.choices if choice_key(each) in keys)
        if not 0 < len(kept) < len(spec.choices):
            return ParamEdit()
        # A study with trials takes a fixed value, but no shorter list.
        return ParamEdit(fixed=kept[0]) if len(kept) == 1 else ParamEdit(choices=kept)
    if span.measure.choices is not None:
        return ParamEdit()
    low = spec.low if span.low is None else span.low
    high = spec.high if span.high is None else span.high
    low, high = _on_steps(spec, low, high)
    if low > high:
        # Between two steps: the nearer one alone.
        low = high = float(near_value(span, spec))
    return ParamEdit(
        UNSET if span.low is None or low == spec.low else low,
        UNSET if span.high is None or high == spec.high else high,
    )


def near_value(span: Span, spec: ParamSpec) -> Any:  # noqa: ANN401 - a choice may be anything
    """Return the value in the middle of a span that a parameter may have, or the nearest one."""
    if isinstance(spec, ChoiceParam):
        keys = list(map(choice_key, span.chosen))
        kept = [each for each in spec.choices if choice_key(each) in keys]
        return (kept or list(spec.choices))[0]
    low = spec.low if span.low is None else min(max(span.low, spec.low), spec.high)
    high = spec.high if span.high is None else max(min(span.high, spec.high), spec.low)
    middle = math.sqrt(low) * math.sqrt(high) if spec.log and low > 0 else low / 2 + high / 2
    step = spec.step
    if isinstance(spec, IntParam) or step is not None:
        steps = round((middle - spec.low) / (step or 1))
        value = spec.low + max(0, steps) * (step or 1)
        value = min(value, spec.high)
        return int(value) if isinstance(spec, IntParam) else _tidy(value)
    tolerance = abs(middle) * 1e-3 if spec.log else abs(high - low) * 1e-2
    return min(max(roundest(middle - tolerance, middle + tolerance), low), high)


def _on_steps(spec: FloatParam | IntParam, low: float, high: float) -> tuple[float, float]:
    """Return the first and the last step of a parameter inside of a range."""
    if isinstance(spec, IntParam) and spec.step == 1:
        return math.ceil(low), math.floor(high)
    step = spec.step
    if step is None:
        return low, high
    first = math.ceil((low - spec.low) / step - 1e-9)
    last = math.floor((high - spec.low) / step + 1e-9)
    return _tidy(spec.low + first * step), _tidy(spec.low + last * step)


def _tidy(number: float) -> float:
    """Return a number without what floats add to sums of decimals."""
    return float(f"{number:.12g}")


def roundest(low: float, high: float) -> float:
    """Return the number from `low` to `high`, in their order, that has the fewest digits."""
    if low <= 0 <= high:
        return 0.0
    size = max(abs(low), abs(high))
    if not (low < high and math.isfinite(size)):
        return low
    for digits in range(1, 17):
        step = 10.0 ** (math.floor(math.log10(size)) - digits + 1)
        if not step:
            break
        for steps in (round((low / 2 + high / 2) / step), math.ceil(low / step)):
            number = float(f"{steps * step:.{digits}g}")
            if low <= number <= high:
                return number
    return low


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)  # noqa: PLR2004 - floats beyond have no units


def _filter_name(measure: Measure, names: FieldNames) -> str:
    if measure.what == "param":
        return names.spelled(measure.name)
    if measure.what == "number":
        return "number"
    return value_names(names.n_objectives)[measure.objective]


def in_space(
    spans: Sequence[Span], space: Mapping[str, ParamSpec]
) -> dict[str, tuple[Span, ParamSpec]]:
    """Return the spans of parameters that a space has, each with what it has there."""
    return {
        span.measure.name: (span, space[span.measure.name])
        for span in spans
        if span.measure.name in space
    }
