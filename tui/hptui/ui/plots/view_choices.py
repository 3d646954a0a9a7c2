"""What can be chosen for a view, as rows of a table: objectives, axes, parameters, and more."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar, cast

from hptui.analysis.evaluators import EVALUATORS
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.figures.request import value_name
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.evaluators import Evaluator
    from hptui.figures.kinds import Kind
    from hptui.ui.plots.view_options import ViewOptions
    from hptui.ui.study.snapshot import StudySnapshot


Key = TypeVar("Key", int, str)

_NAME_CHARS: Final = 40
_MOST_AXES: Final = 3
_PAIR: Final = 2
_NOUNS: Final = {
    "evaluator": "evaluator",
    "objective": "objective",
    "axis": "objective",
    "param": "parameter",
    "reference": "reference",
}
_AXIS_NAMES: Final = "xyz"
REFERENCE_KEY: Final = "reference:"
"""Of the row that is no choice but asks for numbers."""
_PAIRED: Final = ("contour", "rank")
"""Kinds of two parameters."""


@dataclass(frozen=True, slots=True)
class ViewChoices:
    """The choices for one kind of figure, and which are taken."""

    takes: frozenset[str]
    """Options of kinds, and `pair` for figures of two parameters."""
    objectives: tuple[str, ...]
    """Their names."""
    params: tuple[str, ...]
    options: ViewOptions
    columns: Sequence[Column] = (
        Column("taken", "", 3),
        Column("name", "name", _NAME_CHARS),
        Column("what", "", 10),
    )
    sort: None = None
    grows_at: None = None

    @property
    def rows(self) -> list[tuple[str, str]]:
        """For each row what it is, a key of `_NOUNS`, and its key there."""
        found: list[tuple[str, str]] = []
        if "evaluator" in self.takes:
            found += [("evaluator", name) for name in EVALUATORS]
        for option, what in (("objective", "objective"), ("axes", "axis")):
            if option in self.takes and len(self.objectives) > 1:
                found += [(what, str(index)) for index in range(len(self.objectives))]
        if "reference" in self.takes and len(self.objectives) > 1:
            found.append(("reference", ""))
        if "params" in self.takes:
            found += [("param", name) for name in self.params]
        return found

    @property
    def asks_only_for_reference(self) -> bool:
        """Whether there is nothing else to choose, so that no list is needed."""
        return [what for what, _ in self.rows] == ["reference"]

    @property
    def problem(self) -> str:
        """Why what is taken cannot be drawn; empty where it can."""
        if "pair" in self.takes and len(self.options.params) == 1:
            return "Choose two parameters, or none for those that matter most."
        if "axes" in self.takes and len(self.options.axes) == 1:
            return "Choose two or three objectives, or none for the first ones."
        return ""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def cell(self, row: int, column: int) -> Cell:
        """Return the mark of a row, its name, or what it is."""
        what, key = self.rows[row]
        if column == 0:
            return Cell(self._mark(what, key))
        if column == 1:
            return Cell(safe_line(self._name(what, key), max_chars=_NAME_CHARS))
        return Cell(_NOUNS[what], "dim")

    def key_of(self, row: int) -> str:
        """Return the key of a row."""
        return ":".join(self.rows[row])

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a row stands."""
        return next((row for row in range(len(self)) if self.key_of(row) == key), None)

    def toggled(self, key: str) -> ViewChoices:
        """Return the choices with one taken, or given back; of too many the oldest goes."""
        what, _, name = key.partition(":")
        options = self.options
        if what == "evaluator":
            options = replace(options, evaluator=cast("Evaluator", name))
        elif what == "objective":
            objective = None if options.objective == int(name) else int(name)
            options = replace(options, objective=objective)
        elif what == "axis":
            options = replace(options, axes=_toggled(options.axes, int(name), _MOST_AXES))
        else:
            most = _PAIR if "pair" in self.takes else len(self.params)
            options = replace(options, params=_toggled(options.params, name, most))
        return replace(self, options=options)

    def _name(self, what: str, key: str) -> str:
        if what == "evaluator":
            return EVALUATORS[cast("Evaluator", key)].title
        if what == "reference":
            return f"from {reference_text(self.options.reference) or 'the worst values'}"
        return key if what == "param" else self.objectives[int(key)]

    def _mark(self, what: str, key: str) -> str:
        options = self.options
        if what == "evaluator":
            return "[x]" if options.evaluator == key else "[ ]"
        if what == "objective":
            return "[x]" if options.objective == int(key) else "[ ]"
        if what == "reference":
            return "[x]" if options.reference else "[ ]"
        if what == "axis":
            at = int(key)
            return f"[{_AXIS_NAMES[options.axes.index(at)]}]" if at in options.axes else "[ ]"
        if key not in options.params:
            return "[ ]"
        return f"[{_AXIS_NAMES[options.params.index(key)]}]" if "pair" in self.takes else "[x]"


def choices_for(kind: Kind | None, snapshot: StudySnapshot, options: ViewOptions) -> ViewChoices:
    """Return what can be chosen for a kind of figure; for the overview where it is None."""
    takes = {"objective"} if kind is None else set(map(str, kind.options))
    if kind is not None and kind.name in _PAIRED:
        takes.add("pair")
    n_objectives = len(snapshot.trials.directions)
    names = tuple(
        value_name(snapshot.metric_names, n_objectives, index) for index in range(n_objectives)
    )
    return ViewChoices(frozenset(takes), names, tuple(snapshot.trials.params), options)


def _toggled(taken: tuple[Key, ...], key: Key, most: int) -> tuple[Key, ...]:
    if key in taken:
        return tuple(each for each in taken if each != key)
    return (*taken, key)[-most:]


def reference_text(reference: Sequence[float]) -> str:
    """Return a point as it may be typed; nothing for none."""
    return ", ".join(
        f"{each:g}" if float(f"{each:g}") == each else repr(each) for each in reference
    )


def read_reference(text: str) -> tuple[float, ...]:
    """Return a point that `reference_problem` has nothing against; nothing typed means none."""
    return tuple(float(part) for part in _parts(text))


def reference_problem(text: str, n_objectives: int) -> str | None:
    """Return what is wrong with a text, a sentence; None where it will do."""
    parts = _parts(text)
    for part in parts:
        try:
            number = float(part)
        except ValueError:
            return f"{part!r} is not a number."
        if not math.isfinite(number):
            return f"{part} is not finite."
    if len(parts) not in (0, n_objectives):
        objectives = plural(n_objectives, "objective")
        return f"The study has {objectives}, and this is {plural(len(parts), 'number')}."
    return None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []
