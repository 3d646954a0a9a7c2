"""A parameter's values as filters compare them, whatever spaces they were drawn from."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.spaces.choices import find_choice, spell_choice
from hptui.domain.spaces.space import ChoiceParam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.trials import ParamColumn

    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]

_ABSENT: Final = -1


class ParamView:
    """The first rows of a parameter's column, split into numbers and choices."""

    def __init__(self, param: ParamColumn, n_rows: int) -> None:
        self._values = param.values[:n_rows]
        self._spec_indices = param.spec_indices[:n_rows]
        # Read after the indices: the column may be growing.
        self._specs = list(param.specs)
        self.is_there: BoolArray = self._spec_indices != _ABSENT

    @cached_property
    def is_number(self) -> BoolArray:
        """Which rows hold a number, and not one of some choices."""
        # Two more, for the negative indices of what is absent or unkept.
        kinds = [isinstance(spec, ChoiceParam) for spec in self._specs]
        is_choice = np.array([*kinds, False, False], np.bool_)[self._spec_indices]
        return self.is_there & ~is_choice

    @cached_property
    def numbers(self) -> FloatArray:
        """Numbers, also those that are choices; NaN where there is none."""
        numbers = np.where(self.is_number, self._values, np.nan)
        for rows, spec in self._choice_specs():
            table = np.array([_number_of(choice) for choice in spec.choices])
            numbers[rows] = table[self._choice_indices(rows, spec)]
        return numbers

    @property
    def has_choices(self) -> bool:
        """Whether any of the spaces has choices."""
        return any(isinstance(spec, ChoiceParam) for spec in self._specs)

    @property
    def choices(self) -> tuple[ChoiceValue, ...]:
        """The choices of the latest space; empty where that is a range of numbers."""
        spec = self._specs[-1] if self._specs else None
        return spec.choices if isinstance(spec, ChoiceParam) else ()

    def has_choice(self, text: str, *, is_text: bool = False) -> bool:
        """Say whether any of the spaces has the choice that `text` is, see `equal_to_choice`."""
        return any(
            _find(spec.choices, text, is_text) is not None
            for spec in self._specs
            if isinstance(spec, ChoiceParam)
        )

    def equal_to_choice(self, text: str, *, is_text: bool = False) -> BoolArray:
        """Say which rows hold the choice that `text` spells; with `is_text`, that very text."""
        return self._where(lambda spec: [_find(spec.choices, text, is_text)])

    def containing(self, text: str) -> BoolArray:
        """Say which rows hold a choice with `text`, case-folded, in its spelling."""
        return self._where(
            lambda spec: [
                index
                for index, choice in enumerate(spec.choices)
                if text in spell_choice(choice).casefold()
            ]
        )

    def _where(self, indices_of: Callable[[ChoiceParam], list[int | None]]) -> BoolArray:
        found = np.zeros(len(self._values), np.bool_)
        for rows, spec in self._choice_specs():
            wanted = [index for index in indices_of(spec) if index is not None]
            if wanted:
                found[rows] = np.isin(self._choice_indices(rows, spec), wanted)
        return found

    def _choice_specs(self) -> Iterator[tuple[BoolArray, ChoiceParam]]:
        for index, spec in enumerate(self._specs):
            if isinstance(spec, ChoiceParam):
                rows = self._spec_indices == index
                if rows.any():
                    yield rows, spec

    def _choice_indices(self, rows: BoolArray, spec: ChoiceParam) -> npt.NDArray[np.int64]:
        # A running trial's parameters may be written at this moment.
        indices = np.nan_to_num(self._values[rows]).astype(np.int64)
        return np.clip(indices, 0, len(spec.choices) - 1)


def _find(choices: tuple[ChoiceValue, ...], text: str, is_text: bool) -> int | None:
    if not is_text:
        return find_choice(choices, text)
    texts = [index for index, choice in enumerate(choices) if choice == text]
    if texts:
        return texts[0]
    # Lists and objects may stand in quotes, which those with blanks or quotes within invite.
    index = find_choice(choices, text)
    return index if index is not None and isinstance(choices[index], (list, tuple, dict)) else None


def _number_of(choice: ChoiceValue) -> float:
    if not isinstance(choice, (int, float)) or isinstance(choice, bool):
        return math.nan
    try:
        return float(choice)
    except OverflowError:
        return math.nan
