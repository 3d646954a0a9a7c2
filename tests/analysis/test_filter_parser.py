"""How filters are read: terms, quotes, places of errors, saved filters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.analysis.filters.parser import MAX_CHARS, MAX_DEPTH, MAX_TERMS, parse_filter, quoted
from hptui.analysis.filters.terms import Comparison, FilterError, Saved, Search, Term, point_at


def spelled(term: Term) -> tuple[object, ...]:
    """A term without the places of its words."""
    match term:
        case Comparison(name, sign, values, is_negated):
            return (is_negated, name.text, sign, *(value.text for value in values))
        case Search(words, is_negated):
            return (is_negated, *(word.text for word in words))
        case Saved(name, inner, is_negated):
            return (is_negated, f"@{name.text}", *map(spelled, inner.terms))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \t\n", []),
        ("lr<1e-3", [(False, "lr", "<", "1e-3")]),
        ("lr<=-1", [(False, "lr", "<=", "-1")]),
        ("lr==1", [(False, "lr", "=", "1")]),
        ("a!=b|c", [(False, "a", "!=", "b", "c")]),
        ("-note:bad word", [(True, "note", ":", "bad"), (False, "word")]),
        ("a|b", [(False, "a", "b")]),
        ("not-negated-here", [(False, "not-negated-here")]),
        ("wow!", [(False, "wow!")]),
        ('"a b"="c|d"|e', [(False, "a b", "=", "c|d", "e")]),
        (r'"a\"b\\c\d"', [(False, r'a"b\c\d')]),
        ('"-a"', [(False, "-a")]),
        ('x=""', [(False, "x", "=", "")]),
        ("a=[64, 32]|[1] b", [(False, "a", "=", "[64, 32]", "[1]"), (False, "b")]),
        (
            'd={"a":1,"b":[1, "]|} \\""]}|x',
            [(False, "d", "=", '{"a":1,"b":[1, "]|} \\""]}', "x")],
        ),
        ("note:[draft two", [(False, "note", ":", "[draft"), (False, "two")]),
        ("note:[1]x", [(False, "note", ":", "[1]x")]),
        ("note:" + "[" * 5_000, [(False, "note", ":", "[" * 5_000)]),
        ("path=C:\\x=y~z", [(False, "path", "=", "C:\\x=y~z")]),
        ("-@one", [(True, "@one", (False, "lr", "<", "1"), (True, "@two", (False, "b")))]),
        ('@"two"', [(False, "@two", (False, "b"))]),
    ],
)
def test_a_filter_is_read_into_terms(text: str, terms: list[tuple[object, ...]]):
    saved = {"one": "lr<1 -@two", "two": "b"}
    assert [spelled(term) for term in parse_filter(text, saved).terms] == terms


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("lr<", "lr<", "lr< needs a value"),
        ("a lr=|1", "lr=", "needs a value"),
        ("a|", " ", "a value after |"),
        ("<3", "<", "Put an operator between a name and a value, without blanks"),
        ("lr <= 3", "<=", "Put an operator between a name and a value, without blanks"),
        ("a -", "-", "needs a term"),
        ("--a", "-", "needs a term"),
        ('a "b c', '"b c', "not closed"),
        ('a"b"', 'a"', "in the middle"),
        ('"a"b', "b", "A blank, a | or an operator must follow a quote"),
        ("a<1|2", "2", "takes one value"),
        ("@", " ", "name of a saved filter"),
        ("@one<3", "@one<", "on its own"),
        ("lr<1 @on", "@on", "Saved: @one"),
        ("@loop", "@loop", "contains itself"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text: str, place: str, says: str):
    with pytest.raises(FilterError) as raised:
        parse_filter(text, {"one": "lr<1", "loop": "a @loop"})
    error = raised.value
    assert says in error.message
    assert (text + " ")[error.start : error.end] == place or error.saved_as
    assert error.exit_code == 2


def test_an_error_in_a_saved_filter_names_it_and_shows_it():
    with pytest.raises(FilterError) as raised:
        parse_filter("a @one", {"one": "b @two", "two": "c<"})
    assert raised.value.message == "@two: c< needs a value."
    assert raised.value.hint.splitlines()[:2] == ["c<", "^^"]


def test_saved_filters_cannot_grow_without_end():
    doubling = {f"f{n}": f"@f{n + 1} @f{n + 1}" for n in range(MAX_DEPTH - 1)}
    doubling[f"f{MAX_DEPTH - 1}"] = "a"
    with pytest.raises(FilterError, match="at most 1,000 terms"):
        parse_filter("@f0", doubling)
    chain = {f"f{n}": f"@f{n + 1}" for n in range(3_000)} | {"f3000": "a"}
    with pytest.raises(FilterError, match="too many others"):
        parse_filter("@f0", chain)


def test_a_filter_has_a_greatest_length():
    parse_filter("x" * MAX_CHARS)
    parse_filter("x " * MAX_TERMS)
    with pytest.raises(FilterError, match="at most 10,000 characters"):
        parse_filter("x" * (MAX_CHARS + 1))
    with pytest.raises(FilterError, match="at most 1,000 terms"):
        parse_filter("x " * (MAX_TERMS + 1))


@given(st.text(max_size=30).filter(bool))
def test_whatever_is_quoted_is_read_back(text: str):
    (term,) = parse_filter(f"{quoted(text)}={quoted(text)}").terms
    assert spelled(term) == (False, text, "=", text)


def test_carets_stand_under_the_place_however_wide_it_is():
    assert point_at("日本 ab<", 3, 6) == ("日本 ab<", "     ^^^")
    assert point_at("a\x1b<", 2, 3) == ("a\\x1b<", "     ^")
    assert point_at("x" * 100 + "bad" + "y" * 100, 100, 103) == (
        f"…{'x' * 30}bad{'y' * 30}…",
        f"{' ' * 31}^^^",
    )
    shown, carets = point_at('"' + "long " * 100, 0, 501)
    assert carets == "^" * 30
    assert len(shown) < 80
