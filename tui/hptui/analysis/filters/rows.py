"""Which trials a filter means, over columns; see `filter_parser` for how filters are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.analysis.filters.fields import SIGNS, TEXT_KINDS, Field, FieldNames
from hptui.analysis.filters.params import ParamView
from hptui.analysis.filters.terms import MAX_SHOWN, Comparison, Filter, Saved, Search, error_at
from hptui.analysis.filters.text_fields import order_number, records_of, text_test
from hptui.analysis.filters.values import (
    ORDERS,
    are_equal,
    read_filter_duration,
    read_number,
)
from hptui.domain.spaces.choices import spell_choice
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import COMPLETE, DAMAGED, STATE_NAMES, STATE_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.analysis.filters.terms import FilterError, Sign, Word
    from hptui.analysis.filters.text_fields import TrialTexts
    from hptui.analysis.filters.values import WrittenNumber
    from hptui.trials import Trials

    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]

INFEASIBLE: Final = "infeasible"
FILTER_STATES: Final = (*STATE_WORDS.values(), INFEASIBLE)
"""What `state:` takes, in full or its beginning."""
NONE: Final = "none"
_MAX_LISTED: Final = 10
_LINKS: Final = frozenset(("and", "or", "not", "&", "&&"))
"""What other languages have between terms."""


def filter_rows(
    filter_: Filter,
    trials: Trials,
    texts: TrialTexts,
    *,
    metric_names: tuple[str, ...] = (),
) -> BoolArray:
    """Say which rows satisfy a filter; all, where it has no terms.

    Args:
        filter_: What `parse_filter` returned.
        trials: The columns.
        texts: Reads what is in no column; asked only where the filter needs it.
        metric_names: A name for each objective, or none at all.

    Raises:
        FilterError: A name or value does not fit the study; says where and why.
        HptuiError: `texts` cannot be read.
    """
    return _Rows(trials, texts, metric_names).of(filter_)


class _Rows:
    def __init__(self, trials: Trials, texts: TrialTexts, metric_names: tuple[str, ...]) -> None:
        self._trials = trials
        self._texts = texts
        self._numbers = trials.numbers
        self._n = len(self._numbers)
        # A parameter may be added meanwhile.
        self._params = dict(trials.params)
        self._names = FieldNames(len(trials.directions), metric_names, self._params)
        self._views: dict[str, ParamView] = {}

    def of(self, filter_: Filter) -> BoolArray:
        chosen = np.ones(self._n, np.bool_)
        for term in filter_.terms:
            match term:
                case Comparison():
                    rows = self._compare(filter_, term)
                case Search():
                    rows = self._search(filter_, term)
                case Saved():
                    rows = self.of(term.filter)
            chosen &= ~rows if term.is_negated else rows
        return chosen

    def _compare(self, filter_: Filter, term: Comparison) -> BoolArray:
        field = self._names.resolve(filter_, term.name)
        if term.sign not in SIGNS[field.kind]:
            listed = " ".join(SIGNS[field.kind])
            raise error_at(
                filter_, term.name, f"{term.name.shown} takes {listed}, not {term.sign}."
            )
        if field.kind == "has":
            return self._any(
                self._is_there(self._names.resolve(filter_, word)) for word in term.values
            )
        absent, values = _split_none(field, term)
        found = ~self._is_there(field) if absent else np.zeros(self._n, np.bool_)
        if not values:
            return found
        if field.kind in TEXT_KINDS:
            return found | self._compare_text(filter_, field, term.sign, values)
        equal = self._any(
            self._compare_column(filter_, field, term.name, term.sign, word) for word in values
        )
        return self._is_there(field) & ~equal if term.sign == "!=" else found | equal

    def _any(self, each: Iterable[BoolArray]) -> BoolArray:
        found = np.zeros(self._n, np.bool_)
        for rows in each:
            found |= rows
        return found

    def _is_there(self, field: Field) -> BoolArray:
        match field.kind:
            case "state":
                return self._trials.states != DAMAGED
            case "param":
                return self._view(field.key).is_there
            case "error" | "cause" | "note" | "tag" | "device" | "host" | "memory" | "attr":
                return self._rows_of(number for number, _ in records_of(self._texts, field))
            case "has":
                return np.ones(self._n, np.bool_)
            case _:
                return ~np.isnan(self._column(field))

    def _rows_of(self, numbers: Iterable[int]) -> BoolArray:
        return np.isin(self._numbers, np.fromiter(numbers, np.int64))

    def _compare_text(
        self, filter_: Filter, field: Field, sign: Sign, words: tuple[Word, ...]
    ) -> BoolArray:
        tests = [text_test(filter_, field, sign, word) for word in words]
        is_wanted = sign != "!="
        return self._rows_of(
            number
            for number, value in records_of(self._texts, field)
            if any(test(value) for test in tests) == is_wanted
        )

    def _compare_column(
        self, filter_: Filter, field: Field, name: Word, sign: Sign, word: Word
    ) -> BoolArray:
        if field.kind == "state":
            return self._in_state(filter_, word)
        if field.kind == "param":
            return self._compare_param(filter_, field.key, name, sign, word)
        written = _written(filter_, field, name, sign, word)
        order = ORDERS.get(sign)
        numbers = self._column(field)
        return are_equal(numbers, written) if order is None else order(numbers, written.number)

    def _column(self, field: Field) -> FloatArray:
        if field.kind == "number":
            numbers = self._numbers
            return np.where(numbers < 0, np.nan, numbers.astype(np.float64))
        if field.kind == "duration":
            # Times are stored in microseconds; further digits come from the subtraction.
            return np.round(self._trials.completes_s - self._trials.starts_s, 6)
        return self._trials.values[:, field.objective]

    def _in_state(self, filter_: Filter, word: Word) -> BoolArray:
        wanted = word.text.casefold()
        found = [state for state in FILTER_STATES if wanted and state.startswith(wanted)]
        if not found:
            listed = ", ".join(FILTER_STATES)
            raise error_at(filter_, word, f"{word.shown!r} is not a state; use {listed}.")
        return self._any(self._state_rows(state) for state in found)

    def _state_rows(self, state: str) -> BoolArray:
        if state == INFEASIBLE:
            return (self._trials.states == COMPLETE) & ~self._trials.is_feasible
        at = FILTER_STATES.index(state)
        return self._trials.states == (at if at < len(STATE_NAMES) else DAMAGED)

    def _view(self, name: str) -> ParamView:
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = ParamView(self._params[name], self._n)
        return view

    def _compare_param(
        self, filter_: Filter, key: str, name: Word, sign: Sign, word: Word
    ) -> BoolArray:
        view = self._view(key)
        order = ORDERS.get(sign)
        if order is not None:
            return order(view.numbers, order_number(filter_, word, f"{name.shown}{sign}"))
        if sign == "~":
            if not view.has_choices:
                message = f"{name.shown} is a number, but ~ searches text."
                raise error_at(filter_, word, message)
            return view.containing(word.text.casefold())
        found = view.equal_to_choice(word.text, is_text=word.is_quoted)
        written = None if word.is_quoted else read_number(word.text)
        if written is not None:
            found |= are_equal(view.numbers, written) & view.is_number
        elif not view.has_choice(word.text, is_text=word.is_quoted):
            raise _no_such_value(filter_, view, name, word)
        return found

    def _search(self, filter_: Filter, term: Search) -> BoolArray:
        found = self._any(map(self._found, term.words))
        if not found.any():
            self._refuse_half_a_comparison(filter_, term)
        return found

    def _found(self, word: Word) -> BoolArray:
        """Look for a word in states, numbers and parameters."""
        wanted = word.text.casefold()
        found = self._any(
            self._state_rows(state)
            for state in FILTER_STATES
            if wanted and state != INFEASIBLE and state.startswith(wanted)
        )
        written = None if word.is_quoted else read_number(word.text)
        if written is not None:
            found |= self._column(Field("number")) == written.number
        for name in self._params:
            view = self._view(name)
            found |= view.containing(wanted)
            if written is not None:
                found |= are_equal(view.numbers, written) & view.is_number
        return found

    def _refuse_half_a_comparison(self, filter_: Filter, term: Search) -> None:
        """Refuse the beginning of a column's name, so that no trial vanishes while it is typed.

        And words of other languages, which no trial has either.
        """
        (word, *others) = term.words
        if others or word.is_quoted:
            return
        if word.text.casefold() in _LINKS:
            raise error_at(
                filter_,
                word,
                f"Omit {word.shown!r}: terms separated by blanks must all be true. a=1|2 means "
                "either, - before a term means not.",
            )
        name = next((name for name in self._names.all() if name.startswith(word.text)), None)
        if name is not None:
            shown = safe_line(name, max_chars=MAX_SHOWN)
            raise error_at(
                filter_, word, f"Compare {shown} with a value, like {shown}{_example(name)}."
            )


def _example(name: str) -> str:
    examples = {
        "state": ":failed",
        "error": "~memory",
        "cause": "~memory",
        "note": "~good",
        "tag": ":good",
        "memory": ">2G",
    }
    return examples.get(name, ":note" if name == "has" else "=1")


def _split_none(field: Field, term: Comparison) -> tuple[bool, tuple[Word, ...]]:
    """Take `none` out of the values where it means that something is absent."""
    if term.sign != ":" or field.kind in ("number", "state"):
        return False, term.values
    values = tuple(word for word in term.values if word.is_quoted or word.text.casefold() != NONE)
    return len(values) < len(term.values), values


def _written(filter_: Filter, field: Field, name: Word, sign: Sign, word: Word) -> WrittenNumber:
    read = read_filter_duration if field.kind == "duration" else read_number
    written = None if word.is_quoted else read(word.text)
    if written is not None and not math.isnan(written.number):
        return written
    shown = f"{name.shown}{sign}"
    if field.kind == "duration":
        raise error_at(
            filter_,
            word,
            f"{shown} needs a time like 90s or 1h30m; {word.shown!r} is not a duration.",
        )
    raise error_at(filter_, word, f"{shown} needs a number, not {word.shown!r}.")


def _no_such_value(filter_: Filter, view: ParamView, name: Word, word: Word) -> FilterError:
    hint = ""
    if word.text.casefold() == NONE:
        hint = f"{name.shown}:none finds the trials without it."
    if not view.choices:
        message = f"{name.shown} is a number, but {word.shown!r} is not."
    else:
        spelled = [
            safe_line(spell_choice(each), max_chars=MAX_SHOWN)
            for each in view.choices[:_MAX_LISTED]
        ]
        message = f"{name.shown} has no choice {word.shown!r}; it has {', '.join(spelled)}."
    return error_at(filter_, word, message, hint=hint)
