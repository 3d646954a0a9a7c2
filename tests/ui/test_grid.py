"""The grid: what is in sight, where the cursor goes, and texts that do not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import pytest
from rich.cells import cell_len
from tests.ui.showing import run, screen_lines, screen_text
from textual.screen import Screen

import hptui.ui
from hptui.domain.texts.text import safe_line
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.application.settings import Settings
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.grid_columns import GAP, GridColumns, fit
from hptui.ui.widgets.table_model import Cell, Column, Role, RowKey, Sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.message import Message
    from textual.pilot import Pilot

STYLES = Path(hptui.ui.__path__[0]) / "styles" / "base.tcss"
HOSTILE = [
    "\x1b]52;c;aGk=\x07clip",
    "\x9b31mred",
    "[red]markup[/] [@click=app.quit]x[/]",
    "[/]",
    "nul\x00nul",
    "\u202egnp.exe",
    "👩‍👩‍👧 family 🎉",
    "全角文字の名前",
    "e\u0301" * 300,
    "x" * 10_000,
    "two\nlines\tand a tab",
    "\ud800 lone",
    "",
]


def numbers(count: int) -> list[RowKey]:
    return list(range(count))


@dataclass
class Rows:
    """A table model over a list of keys; notes what it is asked for."""

    keys: list[RowKey]
    n_columns: int = 3
    grows_at: Literal["start", "end"] | None = "end"
    sort: Sort | None = None
    role: Role = ""
    columns: Sequence[Column] = field(default_factory=list[Column])
    asked: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    def __post_init__(self) -> None:
        if not self.columns:
            self.columns = [Column(f"c{i}", f"col{i}", 6, "right") for i in range(self.n_columns)]

    def __len__(self) -> int:
        return len(self.keys)

    def cell(self, row: int, column: int) -> Cell:
        self.asked.add((row, column))
        return Cell(f"{self.keys[row]}.{column}", self.role)

    def key_of(self, row: int) -> RowKey:
        return self.keys[row]

    def row_of_key(self, key: RowKey) -> int | None:
        return self.keys.index(key) if key in self.keys else None


class GridApp(HptuiApp):
    CSS_PATH = STYLES

    def __init__(self, model: Rows, empty: str = "", *, has_unicode: bool = True) -> None:
        super().__init__(
            OpenPlace(None, None, None),
            settings=Settings(),
            has_unicode=has_unicode,
            home=Screen[None],
        )
        self.grid = Grid(model, empty=empty)
        self.notes: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_grid_cursor_moved(self, message: Grid.CursorMoved) -> None:
        self.notes.append(message)

    def on_grid_row_opened(self, message: Grid.RowOpened) -> None:
        self.notes.append(message)

    def on_grid_header_clicked(self, message: Grid.HeaderClicked) -> None:
        self.notes.append(message)

    @property
    def opened(self) -> list[RowKey]:
        return [note.key for note in self.notes if isinstance(note, Grid.RowOpened)]

    @property
    def moved(self) -> list[RowKey | None]:
        return [note.key for note in self.notes if isinstance(note, Grid.CursorMoved)]


def test_only_what_is_in_sight_is_asked_for():
    model = Rows(numbers(100_000), n_columns=500)
    app = GridApp(model)

    async def scenario(pilot: Pilot[int]) -> None:
        # The top may be drawn before it is known how many rows there is room for.
        assert len(model.asked) < 2 * 24 * 12
        model.asked.clear()
        app.grid.refresh_cells()
        await pilot.pause()
        assert screen_lines(app)
        assert {row for row, _ in model.asked} == set(range(100_000 - 22, 100_000))
        await pilot.press("g", "right")
        assert "0.2" in screen_lines(app)[1]

    run(app, scenario)


def test_keys_move_the_cursor():
    app = GridApp(Rows(numbers(200), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        grid = app.grid
        places: list[int | None] = []
        for key in ("j", "down", "k", "G", "up", "g", "ctrl+d", "ctrl+u", "end", "home"):
            await pilot.press(key)
            places.append(grid.cursor_row)
        assert places == [1, 2, 1, 199, 198, 0, 11, 0, 199, 0]
        await pilot.press("pagedown")
        assert grid.cursor_row == 23
        assert "23.0" in screen_text(app)
        await pilot.press("pageup", "k")
        assert grid.cursor_row == 0
        assert app.moved[-1] == 0

    run(app, scenario)


def test_enter_and_a_double_click_open_a_row_and_a_header_click_names_the_column():
    app = GridApp(Rows(numbers(50), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.press("j", "enter")
        assert app.opened == [1]
        await pilot.click(Grid, offset=(4, 6))
        assert (app.grid.cursor_row, app.opened) == (5, [1])
        await pilot.click(Grid, offset=(4, 8), times=2)
        assert app.opened == [1, 7]
        await pilot.click(Grid, offset=(12, 0))
        clicked = [n.column_key for n in app.notes if isinstance(n, Grid.HeaderClicked)]
        assert clicked == ["c1"]

    run(app, scenario)


def test_a_click_below_the_last_row_does_nothing():
    app = GridApp(Rows(numbers(2), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.click(Grid, offset=(4, 10), times=2)
        assert (app.grid.cursor_row, app.opened) == (0, [])

    run(app, scenario)


def test_the_first_column_stays_when_the_others_scroll():
    app = GridApp(Rows(numbers(5), n_columns=40, grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.press("right", "right")
        header = screen_lines(app)[0].split()
        assert header[:2] == ["col0", "col3"]
        await pilot.press("left")
        assert screen_lines(app)[0].split()[:2] == ["col0", "col2"]
        for _ in range(60):
            await pilot.press("right")
        assert screen_lines(app)[0].split()[-1] == "col39"
        assert screen_lines(app)[0].split()[0] == "col0"

    run(app, scenario)


def test_no_number_is_shown_in_part_as_if_it_were_all():
    """A column that is cut shows what fits in its place, or says that there is more."""
    model = Rows([1234], grows_at=None, n_columns=10)
    app = GridApp(model)
    asked = {f"1234.{column}" for column in range(10)}

    async def scenario(pilot: Pilot[int]) -> None:
        for width in range(12, 40, 3):
            await pilot.resize_terminal(width, 6)
            for x in (0, 1, 3, 7):
                app.grid.scroll_to(x=x, animate=False, force=True)
                await pilot.pause()
                words = screen_lines(app)[1].split()
                assert words
                assert all(word in asked or word.endswith("…") for word in words)
                assert all(cell_len(line) <= width for line in screen_lines(app))

    run(app, scenario)


def test_a_cursor_at_the_end_follows_new_rows_until_it_leaves():
    app = GridApp(Rows(numbers(100)))

    async def scenario(pilot: Pilot[int]) -> None:
        grid = app.grid
        assert grid.cursor_key == 99
        grid.show(Rows(numbers(105)))
        await pilot.pause()
        assert grid.cursor_key == 104
        assert "104.0" in screen_text(app)
        await pilot.press("k", "k")
        grid.show(Rows(numbers(150)))
        await pilot.pause()
        assert grid.cursor_key == 102
        assert not grid.is_following
        await pilot.press("G")
        grid.show(Rows(numbers(151)))
        assert grid.cursor_key == 150

    run(app, scenario)


def test_a_view_that_was_scrolled_away_does_not_jump_to_new_rows():
    app = GridApp(Rows(numbers(100)))

    async def scenario(pilot: Pilot[int]) -> None:
        app.grid.scroll_to(y=10, animate=False)
        await pilot.pause()
        before = [line[:60].rstrip() for line in screen_lines(app)]
        app.grid.show(Rows(numbers(200)))
        await pilot.pause()
        assert [line[:60].rstrip() for line in screen_lines(app)] == before
        assert app.grid.cursor_key == 99

    run(app, scenario)


def test_a_cursor_at_the_start_follows_where_new_rows_come_first():
    app = GridApp(Rows(numbers(50)[::-1], grows_at="start"))

    async def scenario(pilot: Pilot[int]) -> None:
        assert app.grid.cursor_key == 49
        app.grid.show(Rows(numbers(60)[::-1], grows_at="start"))
        assert app.grid.cursor_key == 59
        await pilot.press("j")
        app.grid.show(Rows(numbers(70)[::-1], grows_at="start"))
        await pilot.pause()
        assert app.grid.cursor_key == 58

    run(app, scenario)


def test_the_cursor_stays_on_its_key_and_its_line_when_the_order_changes():
    app = GridApp(Rows(numbers(300), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        app.grid.move_to_key(150)
        await pilot.pause()
        line = next(i for i, text in enumerate(screen_lines(app)) if text.startswith("  150.0"))
        app.grid.show(Rows(numbers(300)[::-1], grows_at=None))
        await pilot.pause()
        assert app.grid.cursor_key == 150
        assert screen_lines(app)[line].startswith("  150.0")

    run(app, scenario)


def test_a_cursor_whose_row_is_gone_stands_nearby_and_comes_back_with_it():
    app = GridApp(Rows([10, 20, 30, 40], grows_at=None), empty="No trial has failed.")

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.press("j", "j")
        app.grid.show(Rows([10, 20, 40], grows_at=None))
        await pilot.pause()
        assert app.grid.cursor_key == 40
        app.grid.show(Rows([], grows_at=None), empty="No trial has failed.")
        await pilot.pause()
        assert app.grid.cursor_key is None
        assert app.moved[-1] is None
        assert "No trial has failed." in screen_text(app)
        await pilot.press("j", "G", "enter", "right", "pagedown")
        assert app.opened == []
        app.grid.show(Rows([10, 40, 50], grows_at=None))
        await pilot.pause()
        assert app.grid.cursor_key == 40

    run(app, scenario)


def test_widths_never_shrink_and_the_sorted_column_is_marked():
    app = GridApp(Rows(numbers(5), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        wide = [Column("c0", "col0", 6), Column("c1", "loss", 14), Column("c2", "x", 3)]
        app.grid.show(Rows(numbers(5), grows_at=None, columns=wide, sort=Sort("c1")))
        await pilot.pause()
        first = screen_lines(app)[0]
        assert "loss" in first
        assert "↑" in first
        narrow = [Column("c0", "col0", 6), Column("c1", "loss", 4), Column("c2", "x", 3)]
        app.grid.show(Rows(numbers(5), grows_at=None, columns=narrow, sort=Sort("c1", True)))
        await pilot.pause()
        assert screen_lines(app)[0] == first.replace("↑", "↓")

    run(app, scenario)


@pytest.mark.parametrize("unicode", [True, False])
def test_marks_have_an_ascii_form(unicode: bool):
    model = Rows(numbers(5), grows_at=None, sort=Sort("c1"))
    model.columns = [Column("c0", "c", 3), Column("c1", "much longer than its place", 3)]
    app = GridApp(model, has_unicode=unicode)

    async def scenario(pilot: Pilot[int]) -> None:
        assert screen_text(app).isascii() is not unicode

    run(app, scenario)


@pytest.mark.parametrize("role", ["running", "pruned", "failed", "best", "infeasible", "dim"])
@pytest.mark.parametrize("theme", ["hptui-dark", "hptui-light", "textual-light", "ansi-dark"])
def test_every_role_is_drawn_in_every_theme(role: Role, theme: str):
    app = GridApp(Rows(numbers(5), role=role))

    async def scenario(pilot: Pilot[int]) -> None:
        app.theme = theme
        await pilot.pause()
        assert "3.1" in screen_text(app)

    run(app, scenario)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("width", [1, 2, 3, 7, 30])
def test_a_text_takes_exactly_its_place(text: str, width: int):
    for align in ("left", "right"):
        fitted = fit(safe_line(text), width, align, "…")
        assert cell_len(fitted) == width


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_leave_every_line_at_its_width(text: str):
    shown = safe_line(text)

    class Hostile(Rows):
        def cell(self, row: int, column: int) -> Cell:
            return Cell(shown)

    columns = [Column(f"c{i}", shown, 5 + i) for i in range(20)]
    app = GridApp(Hostile([shown], columns=columns, grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        for key in ("right", "right", "enter", "left"):
            await pilot.press(key)
            for strip in app.screen._compositor.render_strips():  # pyright: ignore[reportPrivateUsage]
                assert strip.cell_length == 80
                assert not any(ord(char) < 32 or "\x7f" <= char <= "\x9f" for char in strip.text)
        assert app.opened == [shown]

    run(app, scenario)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (9, 3), (40, 4)])
def test_a_grid_without_room_does_not_break(size: tuple[int, int]):
    app = GridApp(Rows(numbers(50), n_columns=9))

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.press("j", "k", "right", "pageup", "g", "G")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "49.0" in screen_text(app)

    run(app, scenario, size=size)


def test_the_cursor_stays_in_sight_when_the_terminal_shrinks():
    app = GridApp(Rows(numbers(50), grows_at=None))

    async def scenario(pilot: Pilot[int]) -> None:
        app.grid.move_to_row(20)
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert "20.0" in screen_text(app)

    run(app, scenario, size=(80, 30))


def test_columns_are_found_by_their_place():
    columns = GridColumns()
    columns.show([Column(name, name, 4) for name in "abcdef"], None)
    starts = [columns.start_of(index) for index in range(6)]
    assert starts == [1 + (4 + GAP) * index for index in range(6)]
    assert [columns.at(start, 0) for start in starts] == [0, 1, 2, 3, 4, 5]
    assert columns.at(starts[1], 12) == 3
    assert columns.at(0, 12) == 0
    assert columns.at(200, 0) is None
    assert list(columns.visible(0, 20)) == [1, 2, 3]
    assert list(columns.visible(6, 20)) == [2, 3, 4]
    assert list(GridColumns().visible(0, 20)) == []


def test_a_count_before_a_movement_says_how_far_it_goes():
    app = GridApp(Rows(numbers(100)))

    async def scenario(pilot: Pilot[int]) -> None:
        for keys, row in (
            (("g",), 0),
            (("5", "j"), 5),
            (("j",), 6),
            (("1", "0", "j", "2", "k"), 14),
            (("4", "2", "G"), 41),
            # What takes no count ends it.
            (("7", "left", "k"), 40),
            (("G",), 99),
        ):
            await pilot.press(*keys)
            assert app.grid.cursor_row == row

    run(app, scenario)


def test_digits_that_are_keys_of_a_screen_are_left_to_it():
    class Counted(GridApp):
        BINDINGS: ClassVar[list[BindingType]] = [("5", "note", "")]
        n_noted = 0

        def action_note(self) -> None:
            self.n_noted += 1

    app = Counted(Rows(numbers(100)))

    async def scenario(pilot: Pilot[int]) -> None:
        await pilot.press("g", "5", "j", "3", "j")
        assert (app.grid.cursor_row, app.n_noted) == (4, 1)

    run(app, scenario)
