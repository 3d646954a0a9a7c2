"""Tables: aligned, cut to their width, and safe for a terminal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.cli.output.table import Column, cut, render_table, show_cell
from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import cell_width

texts = st.text(max_size=60)


def test_numbers_stand_right_and_text_left():
    lines = render_table(
        [Column("name"), Column("value", "right")], [["a", 1.0], ["longer", 12.3456]]
    )
    assert lines == [
        "name    value",
        "a        1.00",
        "longer  12.35",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, ""),
        (True, "True"),
        (12345678, "12345678"),
        (0.98222, "0.9822"),
        (1.2e-5, "1.2e-05"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("a\nb\x1b[31m", "a\\x0ab\\x1b[31m"),
    ],
)
def test_cells_are_shown_as_people_read_them(cell: object, shown: str):
    assert show_cell(cell) == shown


def test_wide_characters_count_twice_and_combining_ones_not():
    assert cell_width("日本") == 4
    assert cell_width("e\u0301") == 1
    lines = render_table([Column("a"), Column("b")], [["日本", "x"], ["abcd", "x"]])
    assert [line.index("x") for line in lines[1:]] == [4, 6]


def test_the_widest_text_is_cut_but_never_the_first_column():
    lines = render_table(
        [Column("name"), Column("summary"), Column("n", "right")],
        [["x" * 20, "y" * 60, 5]],
        width=50,
    )
    assert lines[1] == f"{'x' * 20}  {'y' * 24}…  5"


def test_a_line_that_still_does_not_fit_is_cut_at_its_end():
    lines = render_table(
        [Column("name"), *(Column(f"p{index}", "right") for index in range(9))],
        [["n" * 10, *range(9)]],
        width=20,
    )
    assert all(cell_width(line) <= 20 for line in lines)
    assert lines[1].endswith("…")


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=5), st.integers(1, 60))
def test_every_table_is_safe_and_fits(rows: list[list[str]], width: int):
    columns = [Column("one"), Column("two"), Column("three", "right")]
    lines = render_table(columns, rows, width=width)
    assert len(lines) == len(rows) + 1
    for line in lines:
        assert cell_width(line) <= width
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in line)


@given(texts, st.integers(0, 40))
def test_what_is_cut_fits_and_begins_as_it_did(text: str, width: int):
    short = cut(text, width)
    assert cell_width(short) <= width
    assert short == text or text.startswith(short[:-1])


def test_four_digits_are_significant_ones():
    shown = {
        0.00012345: "0.0001234",
        1234.5: "1234",
        -9999.5: "-10000",
        34910.4: "34910",
        123456.0: "123456",
        999_999.6: "1e+06",
        math.inf: "inf",
    }
    assert {number: four_digits(number) for number in shown} == shown
    assert four_digits(math.nan) == "nan"


def test_a_line_that_is_too_long_ends_before_a_number_not_in_it():
    columns = [Column("name"), Column("lr", "right"), Column("loss", "right")]
    row = ["study", 1.2345e-05, 9.8765e-07]
    whole = render_table(columns, [row])[1]
    assert whole == "study  1.234e-05  9.876e-07"
    for width in range(8, len(whole)):
        line = render_table(columns, [row], width=width)[1]
        assert len(line) <= width
        assert set(line.split()) <= {*whole.split(), "…"}
