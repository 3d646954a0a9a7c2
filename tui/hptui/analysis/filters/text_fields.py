"""What filters ask of a trial that is in no column: errors, notes, tags, attributes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from hptui.analysis.filters.terms import error_at
from hptui.analysis.filters.values import ORDERS, are_equal, read_filter_memory, read_number
from hptui.domain.spaces.choices import read_literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hptui.analysis.filters.fields import Field
    from hptui.analysis.filters.terms import Filter, Sign, Word

    Record = tuple[int, object]


class TrialTexts(Protocol):
    """Reads what a study's file holds of all its trials: trial numbers, each with what it has.

    A trial that has nothing is not among them.
    """

    def errors(self) -> Iterable[tuple[int, str]]:
        """Return why trials failed: `KIND TYPE: MESSAGE`."""
        ...

    def causes(self) -> Iterable[tuple[int, str]]:
        """Return why trials failed without what differs from trial to trial: `Cause.text`."""
        ...

    def notes(self) -> Iterable[tuple[int, str]]:
        """Return the notes on trials."""
        ...

    def tags(self) -> Iterable[tuple[int, Sequence[str]]]:
        """Return the tags of trials."""
        ...

    def devices(self) -> Iterable[tuple[int, Sequence[str]]]:
        """Return the devices that trials had for themselves."""
        ...

    def hosts(self) -> Iterable[tuple[int, str]]:
        """Return the machines of trials that ran on another one than their engine."""
        ...

    def memory(self) -> Iterable[tuple[int, int]]:
        """Return the most memory that trials took, in bytes."""
        ...

    def attributes(self, key: str) -> Iterable[tuple[int, object]]:
        """Return a user attribute of trials: what its JSON holds."""
        ...


def records_of(texts: TrialTexts, field: Field) -> Iterable[Record]:
    """Return what a text field reads: trial numbers, each with what it has."""
    match field.kind:
        case "error":
            return texts.errors()
        case "cause":
            return texts.causes()
        case "note":
            return texts.notes()
        case "tag":
            return texts.tags()
        case "device":
            return texts.devices()
        case "host":
            return texts.hosts()
        case "memory":
            return texts.memory()
        case _:
            return texts.attributes(field.key)


def text_test(filter_: Filter, field: Field, sign: Sign, word: Word) -> Callable[[object], bool]:
    """Return what says of something that a trial has whether it is as a comparison asks.

    `!=` asks what `=` does; `none` is not known here.

    Raises:
        FilterError: The value cannot be compared like this.
    """
    if field.kind == "memory":
        return _memory_test(filter_, sign, word)
    if sign in ORDERS:
        return _order(filter_, sign, word)
    folded = word.text.casefold()
    if field.kind in ("tag", "device"):
        if sign == "~":
            return lambda tags: any(folded in str(tag).casefold() for tag in _items(tags))
        return lambda tags: word.text in _items(tags)
    if field.kind == "attr":
        if sign == "~":
            return lambda value: folded in spell_attribute(value).casefold()
        return _attribute_test(word)
    if sign in (":", "~"):
        return lambda text: folded in str(text).casefold()
    return lambda text: text == word.text


def spell_attribute(value: object) -> str:
    """Return an attribute as `~` searches it: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        # It was just not too deep to be read.
        return ""


def order_number(filter_: Filter, word: Word, before: str) -> float:
    """Return the number that `<` and the like compare with.

    Raises:
        FilterError: It is none, or NaN.
    """
    written = None if word.is_quoted else read_number(word.text)
    if written is None or math.isnan(written.number):
        raise error_at(filter_, word, f"{before} needs a number, not {word.shown!r}.")
    return written.number


def _memory_test(filter_: Filter, sign: Sign, word: Word) -> Callable[[object], bool]:
    size = None if word.is_quoted else read_filter_memory(word.text)
    if size is None:
        raise error_at(
            filter_, word, f"memory{sign} needs an amount like 500M or 2G, not {word.shown!r}."
        )
    compare = ORDERS.get(sign)

    def test(value: object) -> bool:
        own = _number(value)
        if own is None:
            return False
        return own == size if compare is None else bool(compare(np.array([own]), size)[0])

    return test


def _order(filter_: Filter, sign: Sign, word: Word) -> Callable[[object], bool]:
    number = order_number(filter_, word, sign)
    compare = ORDERS[sign]

    def test(value: object) -> bool:
        own = _number(value)
        return own is not None and bool(compare(np.array([own]), number)[0])

    return test


def _attribute_test(word: Word) -> Callable[[object], bool]:
    written = None if word.is_quoted else read_number(word.text)
    literal: object = word.text
    if not word.is_quoted:
        try:
            literal = read_literal(word.text)
        except ValueError:
            literal = word.text

    def test(value: object) -> bool:
        if isinstance(value, str):
            return value == word.text
        own = _number(value)
        if own is None or written is None:
            return type(value) is type(literal) and value == literal
        if math.isnan(written.number):
            return math.isnan(own)
        return bool(are_equal(np.array([own]), written)[0])

    return test


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _items(tags: object) -> Sequence[object]:
    return cast("Sequence[object]", tags) if isinstance(tags, (list, tuple)) else ()
