"""Reads each style sheet once.

Textual 8.2.8 reads all style sheets anew whenever a screen brings one of its own, and several times
while the application starts. `_parse_rules` is private, and so is what it returns: with another
version of Textual, run the tests of `ui` first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from textual.css.parse import parse
from textual.css.stylesheet import Stylesheet
from textual.css.tokenize import tokenize_values

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.css.model import RuleSet
    from textual.css.tokenizer import Token
    from textual.css.types import CSSLocation

_MAX_SHEETS: Final = 1024
"""Several times what all widgets and screens have, and each theme has its own."""


class OnceReadStylesheet(Stylesheet):
    """A style sheet that keeps what it has read; the styles are Textual's own."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._set = _Variables(variables or {})

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take a theme's variables."""
        super().set_variables(variables)
        self._set = _Variables(variables)

    def reparse(self) -> None:
        """Put together the rules anew; what cannot be read leaves them as they are."""
        self.parse()

    def _parse_rules(
        self,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        return rules_of(self._set, css, read_from, is_default_rules, tie_breaker, scope)


class _Variables:
    """A theme's variables; those of two applications with the same are equal."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values: Hashable = frozenset(values.items())
        self._hash = hash(self._values)
        self._texts = dict(values)
        self._tokens: dict[str, list[Token]] | None = None

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, _Variables) and self._values == other._values)

    @property
    def tokens(self) -> dict[str, list[Token]]:
        if self._tokens is None:
            self._tokens = tokenize_values(self._texts)
        return self._tokens


@lru_cache(_MAX_SHEETS)
def rules_of(
    variables: _Variables,
    css: str,
    read_from: CSSLocation,
    is_default: bool,
    tie_breaker: int,
    scope: str,
) -> list[RuleSet]:
    """Return the rules of a sheet, which nobody changes."""
    rules = parse(
        scope,
        css,
        read_from,
        variable_tokens=variables.tokens,
        is_default_rules=is_default,
        tie_breaker=tie_breaker,
    )
    return list(rules)
