"""Logs that are followed while they grow, are cut, and are moved away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hptui.engine.workers.log_follower import GAP, MAX_LINE_CHARS, LogFollower
from hptui.engine.workers.trial_logs import KEPT_BYTES, LOG_CAP_BYTES, cut_log, free_middle

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MANY = LOG_CAP_BYTES // 1_000 + 1_000
"""So many lines of `numbered` outgrow the cap of a log."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trial-000001.log"


@pytest.fixture
def log(path: Path) -> Generator[LogFollower]:
    follower = LogFollower(path)
    yield follower
    follower.close()


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as stream:
        stream.write(text if isinstance(text, bytes) else text.encode())


def test_each_line_comes_once_as_it_ends(path: Path, log: LogFollower) -> None:
    assert list(log.read()) == []
    append(path, "one\ntwo, and")
    assert list(log.read()) == ["one"]
    append(path, " more\r\n")
    assert list(log.read()) == ["two, and more"]
    assert list(log.read()) == []
    append(path, "ö".encode()[:1])
    assert list(log.read()) == []
    append(path, "ö".encode()[1:] + b"\nlast")
    assert list(log.read()) == ["ö"]
    assert list(log.finish()) == ["last"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        (b"10 %\r50 %\r100 %", "100 %"),
        (b"a\tb", "a       b"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"postgresql://me:hunter2@host/db", "postgresql://me:***@host/db"),
        ("\u202eab".encode(), "\\u202eab"),
    ],
)
def test_lines_are_safe_for_a_terminal(
    written: bytes, shown: str, path: Path, log: LogFollower
) -> None:
    append(path, written + b"\n")
    assert list(log.read()) == [shown]


def test_a_long_line_is_cut_and_one_without_an_end_comes_in_parts(
    path: Path, log: LogFollower
) -> None:
    append(path, "x" * 5_000_000)
    parts = list(log.read())
    assert len(parts) > 1
    assert max(map(len, parts)) == MAX_LINE_CHARS


def numbered(first: int, count: int) -> str:
    return "".join(map(line_of, range(first, first + count)))


def line_of(number: int) -> str:
    return f"line {number:993}\n"


def test_a_log_that_was_cut_goes_on_where_it_was(path: Path, log: LogFollower) -> None:
    count = MANY
    append(path, numbered(0, count))
    assert len(list(log.read())) == count
    append(path, "unread\n")
    cut_log(path)
    assert path.stat().st_size < LOG_CAP_BYTES
    append(path, "and on\n")
    assert list(log.finish()) == ["unread", "and on"]


def test_a_log_that_is_being_cut_is_not_read_again(path: Path, log: LogFollower) -> None:
    append(path, numbered(0, MANY))
    head = path.read_bytes()[:KEPT_BYTES]
    assert list(log.read())
    path.write_bytes(head)
    assert list(log.read()) == []


def test_what_was_cut_before_it_was_read_is_told(path: Path, log: LogFollower) -> None:
    append(path, numbered(0, 100))
    assert len(list(log.read())) == 100
    append(path, numbered(100, MANY))
    cut_log(path)
    got = list(log.read())
    assert GAP not in got[1:]
    assert got[-1] == line_of(99 + MANY).strip()


def test_room_that_was_given_back_in_the_middle_is_told(path: Path, log: LogFollower) -> None:
    append(path, numbered(0, 100))
    assert len(list(log.read())) == 100
    append(path, numbered(100, 2 * MANY))
    free_middle(path)
    if path.stat().st_blocks * 512 > LOG_CAP_BYTES:
        pytest.skip("this file system has no holes")
    got = list(log.read())
    assert got.count(GAP) == 1
    assert got[-1] == line_of(99 + 2 * MANY).strip()
    assert not any("\\x00" in line for line in got)


def test_a_log_that_was_moved_away_is_read_to_its_end_first(path: Path, log: LogFollower) -> None:
    append(path, "one\n")
    assert list(log.read()) == ["one"]
    append(path, "two\nthree")
    path.rename(path.with_suffix(".1"))
    assert list(log.read()) == ["two"]
    append(path, "four\n")
    assert list(log.read()) == ["three", "four"]
    path.write_text("new\n")
    os.truncate(path, 4)
    assert list(log.finish()) == ["new"]


def test_a_link_in_its_place_is_refused(path: Path, log: LogFollower) -> None:
    path.symlink_to("/etc/passwd")
    with pytest.raises(OSError, match=r"symbolic|Too many"):
        list(log.read())
