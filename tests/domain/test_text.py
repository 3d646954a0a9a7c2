"""What is made safe for a terminal has no passwords in it, wherever it is cut."""

from __future__ import annotations

import pytest

from hptui.domain.text import redacted, safe_line, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        (
            "postgresql+psycopg2://me:se:c/r@et@host:5432/db",
            "postgresql+psycopg2://me:***@host:5432/db",
        ),
        ("redis://:secret@host", "redis://:***@host"),
        ("mysql:/me:secret@host/db", "mysql:/me:***@host/db"),
        ("'mysql://a:secret@h' or x@y", "'mysql://a:***@h' or x@y"),
        ("mysql://h/db?user=me&password=secret&x=1", "mysql://h/db?user=me&password=***&x=1"),
        ("http://localhost:8080/@me", "http://localhost:8080/@me"),
        ("sqlite:////tmp/a@b.db", "sqlite:////tmp/a@b.db"),
        ("me:secret@host", "me:secret@host"),
        ("C:/Users/x", "C:/Users/x"),
    ],
)
def test_passwords_in_addresses_are_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert safe_line(text) == shown
    assert safe_text(f"one\n{text}") == f"one\n{shown}"


def test_a_password_is_left_out_where_the_text_is_cut() -> None:
    address = "postgresql://me:verysecret@host/db"
    for max_chars in range(1, 60):
        line = safe_line(f"at {address} and on", max_chars=max_chars)
        assert "very" not in line
        assert len(line) <= max_chars
