"""What the names in a filter mean for a study."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.analysis.filters.parser import quoted
from hptui.analysis.filters.terms import MAX_SHOWN, Comparison, Saved, error_at
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from hptui.analysis.filters.terms import Filter, FilterError, Sign, Word

FieldKind = Literal[
    "number",
    "state",
    "value",
    "duration",
    "param",
    "error",
    "cause",
    "note",
    "tag",
    "device",
    "host",
    "memory",
    "attr",
    "has",
]

ATTRIBUTE_PREFIX: Final = "attr."
PARAM_PREFIXES: Final = ("param.", "params_")
"""Before the name of a parameter that is called like something else; `params_` as in CSV."""
TEXT_KINDS: Final[frozenset[FieldKind]] = frozenset(
    ("error", "cause", "note", "tag", "device", "host", "memory", "attr")
)
"""What is not in the columns, and is read from the study's file."""

_OWN: Final[dict[str, FieldKind]] = {
    "number": "number",
    "state": "state",
    "duration": "duration",
    "time": "duration",
    "error": "error",
    "cause": "cause",
    "note": "note",
    "tag": "tag",
    "device": "device",
    "host": "host",
    "memory": "memory",
    "has": "has",
}
_LATER: Final = ("device", "host", "memory")
"""Many a study has a parameter of such a name: then it means that one, as it always did."""
_VALUE: Final = re.compile(r"value(?:[._](\d{1,3}))?", re.ASCII)
_ALL: Final = (":", "=", "!=", "<", "<=", ">", ">=", "~")
SIGNS: Final[dict[FieldKind, tuple[Sign, ...]]] = {
    "number": _ALL[:-1],
    "state": (":", "=", "!="),
    "value": _ALL[:-1],
    "duration": _ALL[:-1],
    "param": _ALL,
    "error": (":", "=", "!=", "~"),
    "cause": (":", "=", "!=", "~"),
    "note": (":", "=", "!=", "~"),
    "tag": (":", "=", "!=", "~"),
    "device": (":", "=", "!=", "~"),
    "host": (":", "=", "!=", "~"),
    "memory": _ALL[:-1],
    "attr": _ALL,
    "has": (":", "="),
}
"""With which operators each can be compared."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a name means."""

    kind: FieldKind
    objective: int = 0
    """Of a value."""
    key: str = ""
    """The name of a parameter or of an attribute."""


def value_names(n_objectives: int) -> list[str]:
    """Return what the values are called: `value`, or `value.0`, `value.1`, ..."""
    if n_objectives <= 1:
        return ["value"]
    return [f"value.{objective}" for objective in range(n_objectives)]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The names that a study has."""

    n_objectives: int
    metric_names: tuple[str, ...]
    params: Collection[str]

    def resolve(self, filter_: Filter, word: Word) -> Field:
        """Return what a name means.

        Raises:
            FilterError: The study has nothing of this name.
        """
        found = self._find(word.text)
        if found is None:
            raise self._unknown(filter_, word)
        return found

    def _find(self, name: str) -> Field | None:
        found = self._column(name)
        if found is not None:
            return found
        if name.startswith(ATTRIBUTE_PREFIX) and name != ATTRIBUTE_PREFIX:
            return Field("attr", key=name.removeprefix(ATTRIBUTE_PREFIX))
        param = self._param(name)
        return None if param is None else Field("param", key=param)

    def all(self) -> list[str]:
        """Return the names, each once and so that it means what it names; columns first."""
        own = [name for name in _OWN if name != "time"]
        columns = [*own[:2], *value_names(self.n_objectives), *self.metric_names]
        params = [self.spelled(name) for name in self.params]
        return list(dict.fromkeys([*columns, *params, *own[2:]]))

    def spelled(self, param: str) -> str:
        """Return a parameter's name with a prefix where without one it means something else."""
        meant = Field("param", key=param)
        spellings = (param, *(f"{prefix}{param}" for prefix in PARAM_PREFIXES))
        return next((each for each in spellings if self._find(each) == meant), param)

    def _column(self, name: str) -> Field | None:
        if name in _OWN and not self._is_param(name):
            return Field(_OWN[name])
        match = _VALUE.fullmatch(name)
        if match is not None:
            objective = 0 if match[1] is None else int(match[1])
            is_clear = match[1] is not None or self.n_objectives <= 1
            if is_clear and objective < max(1, self.n_objectives):
                return Field("value", objective)
        if name in self.metric_names:
            return Field("value", self.metric_names.index(name))
        return None

    def _is_param(self, name: str) -> bool:
        """Say of a name that came later than filters whether a parameter had it before."""
        return name in _LATER and name in self.params

    def _param(self, name: str) -> str | None:
        if name in self.params:
            return name
        for prefix in PARAM_PREFIXES:
            if name.startswith(prefix) and name.removeprefix(prefix) in self.params:
                return name.removeprefix(prefix)
        return None

    def _unknown(self, filter_: Filter, word: Word) -> FilterError:
        names = self.all()
        behind = filter_.text[word.start :]
        unquoted = [
            name for name in self.params if behind.startswith(name) and quoted(name) != name
        ]
        if unquoted and not word.is_quoted:
            shown = safe_line(max(unquoted, key=len), max_chars=MAX_SHOWN)
            return error_at(filter_, word, f'Quote names that contain operators: "{shown}".')
        if word.text == "value":
            near = value_names(self.n_objectives)[:4]
        else:
            near = difflib.get_close_matches(word.text, names, n=3) or names[:8]
        listed = ", ".join(safe_line(name, max_chars=MAX_SHOWN) for name in near)
        return error_at(filter_, word, f"There is no column {word.shown!r}. Known: {listed}.")


def reads_texts(filter_: Filter) -> bool:
    """Say whether a filter asks for what is not in the columns, but in the study's file."""
    for term in filter_.terms:
        if isinstance(term, Saved) and reads_texts(term.filter):
            return True
        if isinstance(term, Comparison):
            words = (term.name, *term.values) if term.name.text == "has" else (term.name,)
            if any(_is_text(word.text) for word in words):
                return True
    return False


def _is_text(name: str) -> bool:
    return _OWN.get(name, "") in TEXT_KINDS or name.startswith(ATTRIBUTE_PREFIX)
