"""Colours that a program prints, as roles."""

from __future__ import annotations

import pytest

from hptui.domain.texts.sgr import COLOURS, PLAIN, Look, coloured_line


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        ("plain", [("plain", "")]),
        ("\x1b[31mred\x1b[0m plain", [("red", "sgr-red-"), (" plain", "")]),
        ("\x1b[1;4;92mok\x1b[m", [("ok", "sgr-green-bu")]),
        ("\x1b[1mb\x1b[3;22mi\x1b[23mp", [("b", "sgr--b"), ("i", "sgr--i"), ("p", "")]),
        ("\x1b[2mquiet\x1b[90mgrey", [("quiet", "sgr-dim-"), ("grey", "sgr-dim-")]),
        ("\x1b[38;5;196mr\x1b[38;5;240mg", [("r", "sgr-red-"), ("g", "sgr-dim-")]),
        ("\x1b[38;2;20;200;30mg\x1b[39mp", [("g", "sgr-green-"), ("p", "")]),
        ("\x1b[38:5:4mb", [("b", "sgr-blue-")]),
        ("\x1b[48;5;196mground", [("ground", "")]),
        ("\x1b[38;5mcut\x1b[38mcut\x1b[9999mno", [("cut", ""), ("cut", ""), ("no", "")]),
        # What is started over is not seen, but its colour goes on.
        ("10 %\r\x1b[32m20 %\r\x1b[1m30 %\r", [("30 %", "sgr-green-b")]),
        ("\x1b[31ma\tb", [("a       b", "sgr-red-")]),
        # Any other sequence is text.
        ("\x1b[31m\x1b[2J\x1b]0;x\x07", [("\\x1b[2J\\x1b]0;x\\x07", "sgr-red-")]),
        ("\x1b[31m\u202eevil\x9b1m", [("\\u202eevil\\x9b1m", "sgr-red-")]),
        ("\x1b[31m", [("", "sgr-red-")]),
    ],
)
def test_a_line_has_the_colours_it_was_printed_in(line: str, spans: list[tuple[str, str]]) -> None:
    found, _ = coloured_line(line, PLAIN, max_chars=80)
    assert found == spans


def test_a_colour_goes_on_until_it_is_ended() -> None:
    spans, look = coloured_line("\x1b[33mone", PLAIN, max_chars=80)
    assert coloured_line("two", look, max_chars=80) == ([("two", "sgr-yellow-")], look)
    assert coloured_line("x\x1b[0m", look, max_chars=80)[1] == PLAIN
    assert spans == [("one", "sgr-yellow-")]


def test_a_password_in_several_colours_is_left_out() -> None:
    line = "\x1b[31mpostgresql://me:sec\x1b[0mret@host/db"
    (span,), _ = coloured_line(line, PLAIN, max_chars=80)
    assert span[0] == "postgresql://me:***@host/db"


def test_a_long_line_is_cut_and_safe() -> None:
    spans, _ = coloured_line("\x1b[31m" + "x" * 50 + "\x1b[32m" + "y" * 90, PLAIN, max_chars=80)
    assert [text for text, _ in spans] == ["x" * 50, "y" * 30 + "…"]


def test_all_roles_have_a_style() -> None:
    from hptui.ui.widgets.line_view import LineView

    for colour in ("", "dim", *COLOURS):
        for bold, italic, underlined in ((True, False, False), (False, True, True)):
            look = Look(colour, is_bold=bold, is_italic=italic, is_underlined=underlined)
            assert look.role in LineView.ROLE_STYLES
