"""What is made safe for a terminal has no passwords in it, wherever it is cut."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.waiting import DEADLINE_S

from hptui.domain.texts.text import escape_line, escape_text, redacted, safe_line, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        (
            "postgresql+psycopg2://me:se:c%2Fr@et@host:5432/db",
            "postgresql+psycopg2://me:***@host:5432/db",
        ),
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
        ('["mysql://a:secret@h","x@y"]', '["mysql://a:***@h","x@y"]'),
        ('["http://h:80","x@y"]', '["http://h:80","x@y"]'),
        ('mysql://a:sec"ret@h', "mysql://a:***@h"),
        ("1-mysql://a:secret@h", "1-mysql://a:***@h"),
        ("http://localhost:8888?next=@me", "http://localhost:8888?next=@me"),
        ("http://localhost:8888#@me", "http://localhost:8888#@me"),
        ("http://localhost?at=1:2@me", "http://localhost?at=1:2@me"),
        ("s3://bucket:x/y@v2", "s3://bucket:x/y@v2"),
        ("https://[::1]:8080/a@b", "https://[::1]:8080/a@b"),
        ("C:/Users:me@x", "C:/Users:me@x"),
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


def test_what_is_edited_saved_or_copied_is_only_escaped() -> None:
    text = "postgresql://me:secret@host/db\n" + "a" * 20_000
    assert escape_text(f"{text}\t\x1b[2J") == f"{text}\t\\x1b[2J"
    assert escape_line(f"{text}\x9b") == text.replace("\n", "\\x0a") + "\\x9b"


_HOSTILE = """
from hptui.domain.texts.text import redacted
for part in ("a", "a:/", "ab:/", "ab://", "ab:///a:", "ab://a:b", "ab://a:b@", "ab://:", ":", '"',
             'ab:/a:"', "?token", "&pwd=", "@", "/", "://", "a.", "ab://a:b ", "ab:"):
    for start in ("", "ab://a:"):
        for end in (" ://", "@"):
            redacted(start + part * (200_000 // len(part)) + end)
"""


def test_no_text_takes_long() -> None:
    # Where time grows with the square of the length each of them takes minutes.
    subprocess.run([sys.executable, "-c", _HOSTILE], check=True, timeout=DEADLINE_S)
