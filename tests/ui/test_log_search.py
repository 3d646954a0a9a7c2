"""A log of any length: searched whole in blocks, and shown around any place of it."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ui.showing import run, screen_text, until
from tests.ui.test_trial_table import app_with
from textual.screen import Screen

from hptui.ui.trial import log_search, log_tail
from hptui.ui.trial.log_search import LogSearch, read_window
from hptui.ui.trial.log_tail import LogTail
from hptui.ui.trial.log_view import LogView
from hptui.ui.trial.trial_page import TrialPage

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.pilot import Pilot


def searched(path: Path, words: str) -> LogSearch:
    search = LogSearch(path, words)
    search.run(lambda _: None, lambda: True)
    return search


def offsets_of(search: LogSearch) -> list[int]:
    """The places of all hits, going back from the last one."""
    found: list[int] = []
    at = search.step(None, 1)
    while at is not None and search.offset_of(at) not in found:
        found.append(search.offset_of(at))
        at = search.step(at, -1)
    return found


PIECES = st.sampled_from([b"hit", b"HIT", b"\n", b"\n", b"no ", b"h\x1b[31mit", b"\xff", b"x" * 7])


@given(st.lists(PIECES, max_size=30), st.integers(16, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_every_line_that_matches_is_found_once(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], block: int
) -> None:
    data = b"".join(pieces)
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(data)
    expected: list[int] = []
    at = 0
    for line in data.split(b"\n"):
        if b"hit" in line.replace(b"\x1b[31m", b"").lower():
            expected.append(at)
        at += len(line) + 1
    longest = max(map(len, data.split(b"\n")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_search, "BLOCK_BYTES", max(block, longest + 1))
        assert offsets_of(searched(path, "Hit")) == expected[::-1]


def test_words_of_any_script_are_found_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\nGRÖSSE \U0001f600\nzwei\n", "utf-8")
    for words in ("größe", "grösse", "\U0001f600"):
        assert offsets_of(searched(path, words)) == [4]


def test_an_endless_line_is_searched_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", 64)
    path = tmp_path / "log"
    for before in range(130):
        path.write_bytes(b"x" * before + b"needle" + b"y" * 90)
        search = searched(path, "needle")
        assert search.n_hits >= 1
        assert before - log_search.BLOCK_BYTES < search.offset_of(-1) <= before


def test_what_comes_later_is_found_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a hit\nno\nhit\n")
    search = searched(path, "hit")
    assert [search.step(at, 1) for at in (None, -2, -1)] == [-1, -1, -2]
    with path.open("ab") as stream:
        stream.write(b"no\na hit\nhi")
    search.go_on()
    assert (search.n_hits, search.step(-1, 1), search.offset_of(0)) == (3, 0, 16)
    with path.open("ab") as stream:
        stream.write(b"t\n")
    search.go_on()
    search.go_on()
    assert [search.step(at, 1) for at in (0, 1)] == [1, -2]
    assert search.offset_of(1) == 22
    assert searched(path, "nothing").step(None, 1) is None


def test_memory_is_bounded_whatever_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", 8 << 10)
    monkeypatch.setattr(log_search, "MAX_HITS", 1_000)
    path = tmp_path / "log"
    path.write_bytes(b"a line that matches\n" * 30_000)
    tracemalloc.start()
    search = searched(path, "matches")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert search.n_hits == 30_000
    assert peak < 400_000


@pytest.mark.parametrize("place", [0, 500, 999])
def test_a_window_has_whole_lines_around_a_place(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "WINDOW_BYTES", 100)
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %03d\n" % number for number in range(1_000)))
    window = read_window(path, 9 * place)
    texts = ["".join(text for text, _ in line) for line in window.lines]
    assert texts[window.at] == f"line {place:03d}"
    first = window.first // 9
    assert (texts[0], window.last // 9) == (f"line {first:03d}", first + len(texts) - 1)
    assert (window.is_start, window.is_end) == (place == 0, place == 999)
    assert len(texts) <= 24


class LogScreen(Screen[None]):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.log_view = LogView(id="log")
        self.path, self.tail = path, LogTail(path)
        self.told: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield self.log_view

    def look(self) -> None:
        self.log_view.show_log(TrialPage(1, log=self.tail.read(), log_path=self.path))

    def on_mount(self) -> None:
        self.look()
        self.log_view.focus()

    def on_log_view_searched(self, message: LogView.Searched) -> None:
        self.told.append((message.words, message.n_hits))


def test_a_long_log_is_searched_and_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "MAX_BYTES", 2_000)
    monkeypatch.setattr(log_search, "WINDOW_BYTES", 1_000)
    path = tmp_path / "log"
    path.write_bytes(
        b"".join(
            b"line %04d%s\n" % (number, b" \x1b[31mloss\x1b[0m" if number % 1_000 == 7 else b"")
            for number in range(4_000)
        )
    )
    screen = LogScreen(path)
    app, view = app_with(screen), screen.log_view

    async def scenario(pilot: Pilot[int]) -> None:
        async def shown(text: str) -> None:
            await until(pilot, lambda: text in screen_text(app))

        await shown("line 3999")
        view.search("LOSS")
        await shown("line 3007 loss")
        await until(pilot, lambda: screen.told == [("LOSS", 4)])
        assert ", at 75%" in str(view.border_title)
        # Each end goes on at the other.
        for key, number in (("N", 2007), ("N", 1007), ("n", 2007), ("n", 3007), ("n", 7)):
            await pilot.press(key)
            await shown(f"line {number:04d} loss")
        await pilot.press("g")
        await shown("line 0000")
        # The log is read on at the ends of what is in memory.
        for _ in range(12):
            await pilot.press("pagedown")
            await pilot.pause()
        await until(pilot, lambda: "line 0000" not in screen_text(app))
        # It is followed again from its end on, with what has come meanwhile.
        with path.open("ab") as stream:
            stream.write(b"one more loss\n")
        screen.look()
        assert "one more" not in screen_text(app)
        await pilot.press("G")
        await shown("one more loss")
        await pilot.press("k", *["pageup"] * 20)
        view.search("")
        assert not view._words  # pyright: ignore[reportPrivateUsage]

    run(app, scenario)


def test_a_short_log_is_searched_where_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\none\n")
    screen = LogScreen(path)
    app = app_with(screen)

    async def scenario(pilot: Pilot[int]) -> None:
        screen.log_view.search("ONE")
        await until(pilot, lambda: screen.told == [("ONE", 2)])
        await pilot.press("k", "pageup", "g", "G", "n")
        assert "two" in screen_text(app)

    run(app, scenario)
