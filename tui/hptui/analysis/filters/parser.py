"""Reads filters of trials, `state:complete lr<1e-3 kernel=rbf|poly -note:bad`, into terms."""

from __future__ import annotations

import difflib
import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from hptui.analysis.filters.terms import (
    MAX_SHOWN,
    Comparison,
    Filter,
    FilterError,
    Saved,
    Search,
    Sign,
    Term,
    Word,
)
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHARS: Final = 10_000
"""The longest filter."""
MAX_TERMS: Final = 1_000
"""The most terms of a filter, those of saved filters in it included."""
MAX_DEPTH: Final = 20
"""How deep saved filters may hold saved filters."""

_SIGN: Final = re.compile(r"<=|>=|!=|==|=|<|>|:|~")
_NAME: Final = re.compile(r'(?:(?!!=)[^\s"|<>=:~])+')
_VALUE: Final = re.compile(r'[^\s"|]+')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_JSON: Final = json.JSONDecoder()
_SEVERAL: Final = frozenset((":", "=", "!=", "~"))
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def parse_filter(text: str, saved: Mapping[str, str] = _NOTHING) -> Filter:
    """Return what a filter says; an empty one has no terms.

    Args:
        text: The filter.
        saved: Filters by the names under which they were saved, for `@name`.

    Raises:
        FilterError: It cannot be understood; says where and why.
    """
    return _Parser(text, saved, "", (), [MAX_TERMS]).parse()


def quoted(text: str) -> str:
    """Return a name or value as it stands in a filter: in quotes where it needs them."""
    is_plain = _NAME.fullmatch(text) is not None and text[0] not in "-@" and "!" not in text
    if is_plain and text.casefold() != "none":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json_end(text: str, start: int) -> int | None:
    """Return where the list or object ends that is a whole value, as JSON spells it, or None."""
    if not text.startswith(("[", "{"), start):
        return None
    try:
        _, end = _JSON.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return end if end == len(text) or text[end] == "|" or text[end].isspace() else None


class _Parser:
    def __init__(
        self,
        text: str,
        saved: Mapping[str, str],
        saved_as: str,
        within: tuple[str, ...],
        terms_left: list[int],
    ) -> None:
        self._text = text
        self._saved = saved
        self._saved_as = saved_as
        self._within = within
        self._terms_left = terms_left
        self._at = 0

    def parse(self) -> Filter:
        if len(self._text) > MAX_CHARS:
            raise self._error(
                f"A filter has at most {MAX_CHARS:,} characters; this one has more.", MAX_CHARS
            )
        terms: list[Term] = []
        while self._skip_blanks():
            self._terms_left[0] -= 1
            if self._terms_left[0] < 0:
                raise self._error(
                    f"A filter has at most {MAX_TERMS:,} terms, including those of saved filters.",
                    self._at,
                )
            terms.append(self._term())
        return Filter(self._text, tuple(terms), self._saved_as)

    def _skip_blanks(self) -> bool:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _term(self) -> Term:
        start = self._at
        is_negated = self._text[start] == "-"
        if is_negated:
            self._at += 1
            if self._peek() in ("", "-") or self._peek().isspace():
                raise self._error("- needs a term right after it, as in -state:failed.", start)
        if self._peek() == "@":
            return self._saved_term(is_negated)
        first = self._word(_NAME, "a name or a word")
        sign = self._sign()
        if sign is None:
            return Search(self._more(first), is_negated)
        value = self._word(_VALUE, f"a value after {first.shown}{sign}", after=first)
        values = self._more(value)
        if sign not in _SEVERAL and len(values) > 1:
            raise self._error(
                f"{sign} takes one value; : = != and ~ take several.",
                values[1].start,
                values[-1].end,
            )
        return Comparison(first, sign, values, is_negated)

    def _more(self, first: Word) -> tuple[Word, ...]:
        words = [first]
        while self._peek() == "|":
            self._at += 1
            words.append(self._word(_VALUE, "a value after |"))
        if self._peek() and not self._peek().isspace():
            raise self._error("A blank, a | or an operator must follow a quote.", self._at)
        return tuple(words)

    def _saved_term(self, is_negated: bool) -> Saved:
        start = self._at
        self._at += 1
        word = self._word(_NAME, "the name of a saved filter after @")
        name = Word(word.text, word.is_quoted, start, word.end)
        if self._peek() and not self._peek().isspace():
            raise self._error("Write a saved filter on its own, as in @mine.", start, self._at + 1)
        if name.text not in self._saved:
            raise self._unknown(name)
        if name.text in self._within or len(self._within) >= MAX_DEPTH:
            raise self._error(
                f"@{name.shown} contains itself, or too many others.", start, word.end
            )
        within = (*self._within, name.text)
        inner = _Parser(self._saved[name.text], self._saved, name.text, within, self._terms_left)
        return Saved(name, inner.parse(), is_negated)

    def _unknown(self, name: Word) -> FilterError:
        near = difflib.get_close_matches(name.text, self._saved, n=3) or sorted(self._saved)[:8]
        listed = ", ".join(f"@{safe_line(each, max_chars=MAX_SHOWN)}" for each in near)
        return self._error(
            f"There is no saved filter @{name.shown}. Saved: {listed or 'none yet'}.",
            name.start,
            name.end,
            hint="Filters are saved with ctrl+s where one is typed, or in the settings file: "
            '[filters], then a line like name = "…".',
        )

    def _sign(self) -> Sign | None:
        match = _SIGN.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return "=" if match.group() == "==" else cast("Sign", match.group())

    def _word(self, plain: re.Pattern[str], what: str, *, after: Word | None = None) -> Word:
        start = self._at
        if self._peek() == '"':
            match = _QUOTED.match(self._text, start)
            if match is None:
                raise self._error("This quote is not closed.", start, len(self._text))
            self._at = match.end()
            return Word(_ESCAPED.sub(r"\1", match[1]), True, start, self._at)
        end = _json_end(self._text, start) if plain is _VALUE else None
        if end is not None:
            self._at = end
            return Word(self._text[start:end], False, start, end)
        match = plain.match(self._text, start)
        if match is None:
            if after is not None:
                message = f"{after.shown}{self._text[after.end : start]} needs a value."
                raise self._error(message, after.start, start)
            sign = _SIGN.match(self._text, start)
            if sign is not None:
                raise self._error(
                    "Put an operator between a name and a value, without blanks, as in lr<1.",
                    start,
                    sign.end(),
                )
            raise self._error(f"Expected {what} here.", start)
        self._at = match.end()
        if self._peek() == '"':
            message = "This quote begins in the middle; quote a whole name or value."
            raise self._error(message, start, self._at + 1)
        return Word(match.group(), False, start, self._at)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _error(self, message: str, start: int, end: int = 0, *, hint: str = "") -> FilterError:
        return FilterError(
            message, self._text, start, max(end, start + 1), hint=hint, saved_as=self._saved_as
        )
