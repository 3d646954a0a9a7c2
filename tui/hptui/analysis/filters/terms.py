"""A filter of trials as data: what was typed, word by word, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from hptui.domain.texts.text import cell_width, safe_line
from hptui.errors import UsageError

Sign = Literal[":", "=", "!=", "<", "<=", ">", ">=", "~"]

MAX_SHOWN: Final = 40
"""Characters of a name or value that an error repeats."""
_MAX_EXCERPT: Final = 30


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a value, and where it stands in its filter."""

    text: str
    """Without quotes."""
    is_quoted: bool
    start: int
    end: int

    @property
    def shown(self) -> str:
        """The text as errors repeat it."""
        return safe_line(self.text, max_chars=MAX_SHOWN)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name sign value|value`: true where it is for any of the values; with `!=`, for none."""

    name: Word
    sign: Sign
    values: tuple[Word, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """Words of which any is to be found in a trial's state, number or parameters."""

    words: tuple[Word, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """`@name`: a filter that was saved under a name."""

    name: Word
    filter: Filter
    is_negated: bool = False


Term = Comparison | Search | Saved


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that must all be true."""

    text: str
    terms: tuple[Term, ...] = ()
    saved_as: str = ""
    """The name of a saved filter; empty for one that was typed."""


class FilterError(UsageError):
    """A filter that cannot be understood.

    The message is a sentence; the hint shows the place, with carets under it.

    Args:
        message: A sentence that names what is wrong and what there could be.
        text: The filter.
        start: Where the wrong part begins in it.
        end: Where it ends.
        hint: What else there is to say, a sentence.
        saved_as: The name of the saved filter, if `text` is one.
    """

    def __init__(
        self, message: str, text: str, start: int, end: int, *, hint: str = "", saved_as: str = ""
    ) -> None:
        if saved_as:
            message = f"@{safe_line(saved_as, max_chars=MAX_SHOWN)}: {message}"
        lines = [*point_at(text, start, end), *([hint] if hint else [])]
        super().__init__(message, hint="\n".join(lines))
        self.start = start
        self.end = end
        self.saved_as = saved_as


def error_at(filter_: Filter, word: Word, message: str, *, hint: str = "") -> FilterError:
    """Return the error that something is wrong with one word of a filter."""
    return FilterError(
        message, filter_.text, word.start, word.end, hint=hint, saved_as=filter_.saved_as
    )


def point_at(text: str, start: int, end: int) -> tuple[str, str]:
    """Return one line of `text` around a place, safe for a terminal, and one of carets under it."""
    first, shown_end = max(0, start - _MAX_EXCERPT), min(end, start + _MAX_EXCERPT)
    last = min(len(text), shown_end + _MAX_EXCERPT)
    before = ("…" if first else "") + safe_line(text[first:start], max_chars=1_000)
    place = safe_line(text[start:shown_end], max_chars=1_000)
    behind = safe_line(text[shown_end:last], max_chars=1_000)
    shown = f"{before}{place}{behind}" + ("…" if last < len(text) else "")
    return shown, " " * cell_width(before) + "^" * max(1, cell_width(place))
