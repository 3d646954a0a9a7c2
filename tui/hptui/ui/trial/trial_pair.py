"""Two trials side by side: what differs, then what does not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.readable import show_duration
from hptui.domain.texts.text_table import Column, TextTable
from hptui.domain.trial_states import STATE_WORDS
from hptui.figures.request import value_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.spaces.space import ParamSpec
    from hptui.storage.read.trial_detail import TrialDetail

_MARK: Final = ("≠", "!")
"""Of what differs, in Unicode and in ASCII."""
_NOTHING: Final = "-"
_MAX_CHARS: Final = 40
_MAX_ATTRIBUTES: Final = 200


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    one: str
    other: str
    distance: str = ""
    """From the one to the other, where both are numbers."""


def pair_table(one: TrialDetail, other: TrialDetail, *, has_unicode: bool = True) -> TextTable:
    """Return what two trials are, a row for each thing, what differs first.

    The texts are not sanitised.
    """
    rows = list(_rows(one, other))
    mark = _MARK[0 if has_unicode else 1]
    ordered = sorted(rows, key=lambda row: row.one == row.other)
    return TextTable(
        (
            Column(""),
            Column("what"),
            Column(f"#{one.number}", "right"),
            Column(f"#{other.number}", "right"),
            Column("difference", "right"),
        ),
        tuple(
            ("" if row.one == row.other else mark, row.name, row.one, row.other, row.distance)
            for row in ordered
        ),
    )


def _rows(one: TrialDetail, other: TrialDetail) -> Iterator[_Row]:
    count = len(one.directions)
    for at in range(count):
        name = value_name(one.metric_names, count, at)
        here, there = one.values[at], other.values[at]
        yield _Row(name, _number(here), _number(there), _difference(here, there))
    yield _Row("state", *(STATE_WORDS.get(each.state, each.state) for each in (one, other)))
    ours, theirs = _params(one), _params(other)
    for name in {**ours, **theirs}:
        first, second = ours.get(name), theirs.get(name)
        specs = [each[1] for each in (first, second) if each is not None]
        is_log = any(map(_is_log, specs))
        values = [None if each is None else each[0] for each in (first, second)]
        yield _Row(
            name,
            _shown(first),
            _shown(second),
            _difference(values[0], values[1], is_factor=is_log),
        )
    durations = one.duration_s, other.duration_s
    yield _Row("time", *(_NOTHING if each is None else show_duration(each) for each in durations))
    for name in sorted({*one.constraints, *other.constraints}):
        here, there = one.constraints.get(name), other.constraints.get(name)
        yield _Row(
            f"constraint {name}",
            _number(here),
            _number(there),
            _difference(here, there),
        )
    yield _Row("tags", *(", ".join(each.tags) or _NOTHING for each in (one, other)))
    yield _Row("reports", *(str(each.n_reports) for each in (one, other)))
    errors = [_NOTHING if each.error is None else each.error.message for each in (one, other)]
    if any(each != _NOTHING for each in errors):
        yield _Row("error", *errors)
    attributes = [each.user_attributes.readable() for each in (one, other)]
    names = list(dict.fromkeys([*attributes[0], *attributes[1]]))[:_MAX_ATTRIBUTES]
    for name in names:
        yield _Row(name, *(str(each.get(name, _NOTHING)) for each in attributes))


def _params(detail: TrialDetail) -> dict[str, tuple[object, ParamSpec | None]]:
    return {param.name: (param.value, param.spec) for param in detail.params}


def _is_log(spec: ParamSpec | None) -> bool:
    return spec is not None and not isinstance(spec, ChoiceParam) and spec.log


def _shown(param: tuple[object, ParamSpec | None] | None) -> str:
    if param is None:
        return _NOTHING
    return show_choice(param[0], exact=True, max_chars=_MAX_CHARS)  # pyright: ignore[reportArgumentType] - as stored


def _number(value: float | None) -> str:
    return _NOTHING if value is None else repr(value)


def _difference(one: object, other: object, *, is_factor: bool = False) -> str:
    """Return how far the second number is from the first, on a log scale as a factor."""
    for each in (one, other):
        if isinstance(each, bool) or not isinstance(each, (int, float)) or not math.isfinite(each):
            return ""
    assert isinstance(one, (int, float))
    assert isinstance(other, (int, float))
    if one == other:
        return ""
    if is_factor and one > 0 and other > 0:
        return f"x{other / one:.3g}"
    return f"{other - one:+.4g}"
