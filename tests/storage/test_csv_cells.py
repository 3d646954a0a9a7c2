"""Texts in cells: no spreadsheet finds a formula in them, and they are read back as they were."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.storage.transfer.csv_cells import (
    csv_json,
    csv_text,
    read_attribute,
    spell_attribute,
    unguarded,
)

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "\u3000=1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    "a;=1",
    "a; =1",
    "a;;\uff1d1",
    "'=1;=2",
]


def cells_of(text: str) -> list[str]:
    """Return what a spreadsheet that expects semicolons takes for cells."""
    return next(iter(csv.reader(io.StringIO(text), delimiter=";")), [""])


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    written = [csv_text(text), csv_json([text]), csv_json({text: 1}), spell_attribute(text)]
    for cell in [each for line in written for each in cells_of(line)]:
        assert not cell.lstrip(" \u3000").startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")), (
            cell
        )


@given(st.text("a;' =+-@\uff1d\u3000\"", max_size=8))
def test_guards_are_taken_off_again(text: str) -> None:
    assert unguarded(csv_text(text)) == text
    assert read_attribute(csv_json([text])) == [text]
    assert read_attribute(spell_attribute(text)) == text
