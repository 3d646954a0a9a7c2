"""Which trials a filter means: `state:failed lr<1e-3 kernel=rbf`, or words in any parameter."""

from __future__ import annotations

import difflib
import math
import operator
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.choices import spell_choice
from hptui.domain.run_text import read_duration
from hptui.domain.text import safe_line
from hptui.domain.trial_states import COMPLETE, DAMAGED, STATE_NAMES
from hptui.errors import UsageError
from hptui.ui.data.param_view import ParamView
from hptui.ui.data.trial_cells import PARAM_PREFIX
from hptui.ui.data.trial_order import value_keys
from hptui.ui.marks import state_role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.domain.choices import ChoiceValue
    from hptui.storage.param_columns import ParamColumn
    from hptui.ui.data.snapshot import StudySnapshot

    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]

_WORD: Final = re.compile(r'(?:"[^"]*"?|[^\s"])+')
_OPERATOR: Final = re.compile(r"<=|>=|!=|==|=|<|>|:")
_COMPARISONS: Final[dict[str, Callable[[FloatArray, float], BoolArray]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_SHOWN: Final = 40


def filter_trials(snapshot: StudySnapshot, text: str) -> BoolArray:
    """Return which rows satisfy every word of a filter; all, where there is none.

    A word compares a column (`number`, `state`, `value`, `time` in seconds, a parameter) with
    `<`, `<=`, `>`, `>=`, `=` or `!=`; `state:failed` is another spelling. Any other word is
    looked for in parameters, and may be the beginning of a state. Numbers are equal when they are,
    as far as they are spelled.

    Raises:
        UsageError: A word cannot be understood; says which and why.
    """
    chosen = np.ones(snapshot.n_trials, np.bool_)
    for match in _WORD.finditer(text):
        chosen &= _rows_of(snapshot, match.group())
    return chosen


def _rows_of(snapshot: StudySnapshot, word: str) -> BoolArray:
    first = None
    for match in _OPERATOR.finditer(word):
        first = first or match
        # A parameter's name may hold what looks like an operator.
        field = word[: match.start()].replace('"', "")
        value = word[match.end() :].replace('"', "")
        sign = "=" if match.group() in ("==", ":") else match.group()
        if _is_known(snapshot, field):
            return _compare(snapshot, field, sign, value)
    if first is None or first.group() == ":" or not first.start():
        return _search(snapshot, word.replace('"', ""))
    raise _unknown(snapshot, word[: first.start()].replace('"', ""))


def _fields(snapshot: StudySnapshot) -> list[str]:
    return ["number", "state", "time", *value_keys(len(snapshot.directions))]


def _is_known(snapshot: StudySnapshot, field: str) -> bool:
    return field in _fields(snapshot) or _param(snapshot, field) is not None


def _param(snapshot: StudySnapshot, field: str) -> ParamColumn | None:
    found = snapshot.params.get(field)
    return snapshot.params.get(field.removeprefix(PARAM_PREFIX)) if found is None else found


def _unknown(snapshot: StudySnapshot, field: str) -> UsageError:
    names = [*_fields(snapshot), *snapshot.params]
    near = difflib.get_close_matches(field, names, n=3) or names[:8]
    listed = ", ".join(safe_line(name, max_chars=_MAX_SHOWN) for name in near)
    shown = safe_line(field, max_chars=_MAX_SHOWN)
    return UsageError(f"No column is called {shown!r}; there is {listed}.")


def _compare(snapshot: StudySnapshot, field: str, sign: str, text: str) -> BoolArray:
    if not text:
        raise UsageError(f"{safe_line(field + sign, max_chars=_MAX_SHOWN)} needs a value.")
    if field == "state":
        return _compare_state(snapshot, sign, text)
    numbers = _numbers(snapshot, field)
    if numbers is not None:
        number = read_duration(text) if field == "time" else _number(field, sign, text)
        return _compare_numbers(numbers, sign, number, text)
    param = _param(snapshot, field)
    assert param is not None
    return _compare_param(snapshot, param, sign, text)


def _numbers(snapshot: StudySnapshot, field: str) -> FloatArray | None:
    if field == "number":
        return snapshot.numbers.astype(np.float64)
    if field == "time":
        return snapshot.completes_s - snapshot.starts_s
    keys = value_keys(len(snapshot.directions))
    return snapshot.values[:, keys.index(field)] if field in keys else None


def _number(field: str, sign: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        shown = safe_line(field + sign, max_chars=_MAX_SHOWN)
        raise UsageError(f"{shown} needs a number, not {safe_line(text, max_chars=_MAX_SHOWN)!r}.")
    return number


def _compare_numbers(numbers: FloatArray, sign: str, number: float, text: str) -> BoolArray:
    comparison = _COMPARISONS.get(sign)
    if comparison is not None:
        return comparison(numbers, number)
    equal = _are_equal(numbers, number, text)
    return equal if sign == "=" else ~equal & ~np.isnan(numbers)


def _are_equal(numbers: FloatArray, number: float, text: str) -> BoolArray:
    """Say which numbers would be spelled like `text` with as many decimals."""
    is_whole = numbers == np.floor(numbers)
    try:
        exponent = Decimal(text).as_tuple().exponent
    except InvalidOperation:
        exponent = 0
    unit = 10.0**exponent if isinstance(exponent, int) and -300 < exponent < 300 else 0.0  # noqa: PLR2004 - floats end there
    with np.errstate(invalid="ignore", over="ignore"):
        is_near = np.abs(numbers - number) <= unit / 2
    return np.where(is_whole, numbers == number, is_near)


def _compare_state(snapshot: StudySnapshot, sign: str, text: str) -> BoolArray:
    if sign not in ("=", "!="):
        raise UsageError("A state can be compared with = and != alone.")
    wanted = text.lower()
    words = {state_role(name): number for number, name in enumerate(STATE_NAMES)}
    found = [number for word, number in words.items() if word.startswith(state_role(wanted))]
    is_damaged = len(wanted) > 1 and "damaged".startswith(wanted)
    if "infeasible".startswith(wanted):
        chosen = (snapshot.states == COMPLETE) & ~snapshot.is_feasible
    elif found or is_damaged:
        chosen = np.isin(snapshot.states, found or [DAMAGED])
    else:
        shown = safe_line(text, max_chars=_MAX_SHOWN)
        raise UsageError(f"{shown!r} is no state; there is {', '.join(words)}, infeasible.")
    return chosen if sign == "=" else ~chosen


def _compare_param(snapshot: StudySnapshot, param: ParamColumn, sign: str, text: str) -> BoolArray:
    view = ParamView(param, snapshot.n_trials)
    if sign in _COMPARISONS:
        number = _number(param.name, sign, text)
        return _COMPARISONS[sign](view.numbers, number)
    found, number = view.equal_to_choice(text), _float_or_none(text)
    if number is not None:
        found |= _are_equal(view.numbers, number, text) & view.is_number
    elif not view.has_choice(text):
        raise _no_such_value(param.name, view.choices, text)
    return found if sign == "=" else ~found & view.is_there


def _no_such_value(name: str, choices: Sequence[ChoiceValue], text: str) -> UsageError:
    column, shown = (safe_line(each, max_chars=_MAX_SHOWN) for each in (name, text))
    if not choices:
        return UsageError(f"{column} is a number, and {shown!r} is none.")
    spelled = [safe_line(spell_choice(each), max_chars=_MAX_SHOWN) for each in choices[:10]]
    return UsageError(f"{column} has no choice {shown!r}; it has {', '.join(spelled)}.")


def _float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _search(snapshot: StudySnapshot, word: str) -> BoolArray:
    """Look for a word in states, numbers and parameters."""
    wanted = word.casefold()
    states = [
        number for number, name in enumerate(STATE_NAMES) if state_role(name).startswith(wanted)
    ]
    found = np.isin(snapshot.states, states)
    number = _float_or_none(word)
    if number is not None:
        found |= snapshot.numbers == number
    for param in list(snapshot.params.values()):
        view = ParamView(param, snapshot.n_trials)
        found |= view.containing(wanted)
        if number is not None:
            found |= _are_equal(view.numbers, number, word) & view.is_number
    if not found.any():
        _refuse_half_a_comparison(snapshot, word)
    return found


def _refuse_half_a_comparison(snapshot: StudySnapshot, word: str) -> None:
    """Refuse the beginning of a column's name, so that no trial vanishes while it is typed."""
    names = (*_fields(snapshot), *snapshot.params)
    name = next((name for name in names if word and name.startswith(word)), None)
    if name is not None:
        shown = safe_line(name, max_chars=_MAX_SHOWN)
        raise UsageError(f"{shown} can be compared, like {shown}=1 or {shown}<1.")
