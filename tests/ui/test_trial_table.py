"""The trial table: tabs, filter line, columns and a cursor that outlive snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.feeding import snapshot_of
from tests.ui.showing import run, screen_text, until
from textual.screen import Screen

from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.application.settings import Settings
from hptui.ui.dialogs.check_list import CheckListDialog
from hptui.ui.dialogs.pick import PickDialog
from hptui.ui.dialogs.questions import TextDialog
from hptui.ui.trials import trial_table
from hptui.ui.trials.filter_input import FilterInput
from hptui.ui.trials.trial_model import FIRST_HIDDEN
from hptui.ui.trials.trial_table import TrialTable
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.pilot import Pilot

    from hptui.ui.study.snapshot import StudySnapshot


class TableScreen(Screen[None]):
    def __init__(self, study: StudySnapshot) -> None:
        super().__init__()
        self.study = study
        self.table = TrialTable()
        self.selected: list[int | None] = []
        self.opened: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.show(self.study)
        self.table.focus_table()

    def on_trial_table_selected(self, message: TrialTable.Selected) -> None:
        self.selected.append(message.number)

    def on_trial_table_opened(self, message: TrialTable.Opened) -> None:
        self.opened.append(message.number)


def app_with(
    screen: Screen[None], *, has_unicode: bool = True, settings: Settings | None = None
) -> HptuiApp:
    return HptuiApp(
        OpenPlace(None, None, None),
        settings=settings or Settings(),
        has_unicode=has_unicode,
        home=lambda: screen,
    )


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        built.add_study(directions=("MAXIMIZE",))
        for number in range(30):
            built.add_trial(float(number % 7), params={"lr": (number / 30, FLOAT)})
        built.add_trial(state="FAIL")
        built.add_trial(state="RUNNING")
        yield built


@pytest.fixture
def screen(file: StudyFile) -> TableScreen:
    return TableScreen(snapshot_of(file.path))


def test_the_newest_trial_is_selected_and_followed(file: StudyFile, screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        assert table.selected == 31
        file.add_trial(1.0)
        table.show(snapshot_of(file.path))
        await pilot.pause()
        assert table.selected == 32
        await pilot.press("k", "enter")
        assert screen.opened == [31]
        file.add_trial(1.0)
        table.show(snapshot_of(file.path))
        await pilot.pause()
        assert table.selected == 31
        assert screen.selected[-1] == 31
        assert (table.neighbour(31, 1), table.neighbour(31, -1)) == (32, 30)
        assert (table.neighbour(0, -1), table.neighbour(99, 1)) == (None, None)
        assert table.select(3)
        assert table.selected == 3

    run(app, scenario)


@pytest.mark.parametrize(("width", "words"), [(120, "✓ Completed 30"), (40, "✓ 30")])
def test_tabs_show_counts_and_go_round(screen: TableScreen, width: int, words: str):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        assert words in screen_text(app)
        tabs: list[str] = []
        for _ in range(4):
            table.next_tab()
            await pilot.pause()
            tabs.append(table.tab)
        assert tabs == ["running", "complete", "failed", "all"]
        table.tab = "pruned"
        await pilot.pause()
        assert "No trial was pruned." in screen_text(app)
        line = screen_text(app).splitlines()[0]
        await pilot.click(TabLine, offset=(line.index("✗"), 0))
        await pilot.pause()
        assert (table.tab, table.selected) == ("failed", 30)

    run(app, scenario, size=(width, 20))


def test_the_first_sort_by_value_shows_the_best_at_the_start(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.sort_by("value")
        await pilot.press("g")
        assert table.selected == 6
        table.reverse()
        await pilot.press("g")
        assert table.selected == 0
        table.choose_sort()
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        # A column that is hidden orders the trials, too.
        await until(pilot, lambda: "start" in screen_text(app))
        await pilot.press(*"lr", "enter")
        await until(pilot, lambda: table.sort.key == "params_lr")
        at = screen_text(app).splitlines()[1].index("value")
        await pilot.click(Grid, offset=(at, 0))
        assert (table.sort.key, table.sort.is_reversed) == ("value", True)
        await pilot.click(Grid, offset=(at, 0))
        assert not table.sort.is_reversed

    run(app, scenario)


def test_a_filter_is_typed_kept_and_cleared(file: StudyFile, screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        await pilot.pause()
        await pilot.press(*"state:failed")
        await until(pilot, lambda: "1 of 32" in screen_text(app))
        await pilot.press("enter")
        assert isinstance(app.focused, Grid)
        file.add_trial(state="FAIL")
        table.show(snapshot_of(file.path))
        await until(pilot, lambda: "2 of 33" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: table.filter_text == "" and "31" in screen_text(app))
        assert "state:failed" not in screen_text(app)
        assert isinstance(app.focused, Grid)

    run(app, scenario)


def test_a_filter_that_makes_no_sense_gets_a_sentence_and_keeps_the_trials(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        await pilot.pause()
        await pilot.press("l", "r", "less_than_sign")
        await until(pilot, lambda: "needs a value" in screen_text(app))
        assert table.has_class("-wrong")
        assert table.selected == 31
        await pilot.press("0", "full_stop", "1")
        await until(pilot, lambda: "3 of 32" in screen_text(app))
        assert not table.has_class("-wrong")
        table.filter_text = "[/] \x1b]52;c;x\x07 \u202e"
        await until(pilot, lambda: "No trial matches [/]" in screen_text(app))
        assert not any(ord(char) < 32 for char in screen_text(app) if char != "\n")

    run(app, scenario)


def test_a_filter_asks_the_file_for_what_is_in_no_column(file: StudyFile, screen: TableScreen):
    file.set_attribute(4, "hptui:tags", '["good"]', "user")
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        line = table.query_one(FilterInput)
        await until(pilot, lambda: "good" in line.offered.words.get("tag", ()))
        table.filter_text = "tag:good"
        await until(pilot, lambda: "1 of 32" in screen_text(app))
        assert table.selected == 3
        table.filter_text = "has:tag lr<0"
        await until(pilot, lambda: "0 of 32" in screen_text(app))
        file.path.rename(file.path.with_suffix(".gone"))
        table.filter_text = "-tag:good"
        await until(pilot, lambda: table.has_class("-wrong"))
        assert table.query_one(FilterInput).wrong is None

    run(app, scenario)


def test_tab_completes_a_filter_and_goes_through_what_there_is(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        line = table.query_one(FilterInput)
        await pilot.press(*"l", "tab", *":none ", *"st", "tab", *":", "tab")
        assert line.value == "lr:none state:running"
        await until(pilot, lambda: "state:running  state:complete" in screen_text(app))
        await pilot.press("tab", "tab", "shift+tab")
        assert line.value == "lr:none state:complete"
        await pilot.press("ctrl+u", *"state:f", "tab")
        assert line.value == "state:failed"
        # The tabs count those that the filter means.
        await until(pilot, lambda: "All 1 " in screen_text(app) or "all 1 " in screen_text(app))
        # With nothing to complete, tab is the screen's.
        await pilot.press("tab")
        assert not line.has_focus

    run(app, scenario)


def test_a_trial_is_gone_to_by_its_number(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        await pilot.press(*"#17", "enter")
        assert (table.selected, table.filter_text) == (17, "")
        assert not table.has_class("-filtering")
        for typed, number in (("3", 3), ("+5", 8), ("2k", 6), ("#30", 30)):
            table.ask_for_place()
            await until(pilot, lambda: isinstance(app.screen, TextDialog))
            await pilot.press(*typed, "enter")
            await until(pilot, lambda number=number: table.selected == number)
        table.ask_for_place()
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        await pilot.press(*"x")
        await until(pilot, lambda: "like +5" in screen_text(app))
        await pilot.press("backspace", *"99", "enter")
        await until(pilot, lambda: not isinstance(app.screen, TextDialog))
        assert table.selected == 30

    run(app, scenario)


def test_the_wrong_part_of_a_filter_is_marked(screen: TableScreen):
    saved = {"half": "lr<"}
    app, table = app_with(screen, settings=Settings(filters=saved)), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        line = table.query_one(FilterInput)
        line.value = "lr<1 lrr>2"
        await until(pilot, lambda: line.wrong == (5, 8))
        text = line.highlighter(line.value) if line.highlighter else None
        assert text is not None
        assert [(span.start, span.end) for span in text.spans] == [(5, 8)]
        line.value = "lr<1 @half"
        await until(pilot, lambda: "@half: lr< needs a value" in screen_text(app))
        assert line.wrong is None
        line.value = "lr<1"
        await until(pilot, lambda: "30 of 32" in screen_text(app))

    run(app, scenario)


def test_saved_filters_and_names_are_offered(screen: TableScreen):
    saved = {"worst": "value=0"}
    app, table = app_with(screen, settings=Settings(filters=saved)), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        line = table.query_one(FilterInput)
        await pilot.press(*"state:com")
        await until(pilot, lambda: "state:complete" in screen_text(app))
        await pilot.press("right", "space", "at", "w")
        await until(pilot, lambda: "@worst" in screen_text(app))
        await pilot.press("right", "enter")
        assert line.value == "state:complete @worst"
        await until(pilot, lambda: "5 of 32" in screen_text(app))

    run(app, scenario)


def test_an_empty_filter_line_goes_away(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.open_filter()
        await pilot.press("enter")
        assert not table.has_class("-filtering")

    run(app, scenario)


def test_columns_are_hidden_and_shown_in_a_dialog(screen: TableScreen):
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.choose_columns()
        await until(pilot, lambda: isinstance(app.screen, CheckListDialog))
        await pilot.press("space", "j", "space", "enter")
        await until(pilot, lambda: table.columns.hidden == FIRST_HIDDEN | {"state", "time"})
        await until(pilot, lambda: "time" not in screen_text(app))
        table.choose_columns()
        await until(pilot, lambda: isinstance(app.screen, CheckListDialog))
        # A worker is known while a run goes on.
        await until(pilot, lambda: screen_text(app).count("[ ]") == 5)
        await pilot.press("a", "escape")
        await pilot.pause()
        assert table.columns.hidden == FIRST_HIDDEN | {"state", "time"}
        table.choose_columns()
        await until(pilot, lambda: isinstance(app.screen, CheckListDialog))
        await pilot.press("a", "enter")
        await until(pilot, lambda: set(table.columns.hidden) == {"worker"})

    run(app, scenario)


def test_many_trials_are_ordered_in_a_thread(screen: TableScreen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial_table, "_MANY_TRIALS", 5)
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        table.sort_by("value")
        table.filter_text = "lr>0.5"
        table.filter_text = "lr>0.5 lr<0.75"
        await until(pilot, lambda: len(table.query_one(Grid).model or ()) == 7)
        model = table.query_one(Grid).model
        assert model is not None
        assert [model.key_of(row) for row in range(len(model))] == [20, 19, 18, 17, 16, 22, 21]
        table.filter_text = "lr>x"
        await until(pilot, lambda: table.has_class("-wrong"))

    run(app, scenario)


def test_an_error_in_the_thread_is_told_and_does_not_stop_the_table(
    screen: TableScreen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trial_table, "_MANY_TRIALS", 5)
    app, table = app_with(screen), screen.table

    async def scenario(pilot: Pilot[int]) -> None:
        def fail(*_: object, **__: object) -> None:
            raise MemoryError("none left")

        with monkeypatch.context() as patch:
            patch.setattr("hptui.ui.trials.trial_model.order_rows", fail)
            table.open_filter()
            table.sort_by("value")
            await until(pilot, lambda: "MemoryError: none left" in screen_text(app))
        table.sort_by("time")
        await until(pilot, lambda: not table.has_class("-wrong"))

    run(app, scenario)


def test_a_study_without_trials_gets_its_first(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study()
        screen = TableScreen(snapshot_of(file.path))
        app, table = app_with(screen), screen.table

        async def scenario(pilot: Pilot[int]) -> None:
            assert "There is no trial yet." in screen_text(app)
            assert table.selected is None
            table.next_tab()
            table.sort_by("time")
            table.reverse()
            await pilot.press("j", "G", "enter")
            table.tab = "all"
            file.add_trial(1.0)
            table.show(snapshot_of(file.path))
            await pilot.pause()
            assert table.selected == 0
            assert (screen.opened, screen.selected) == ([], [0])

        run(app, scenario)


def test_without_unicode_the_table_is_ascii(screen: TableScreen):
    app = app_with(screen, has_unicode=False)

    async def scenario(pilot: Pilot[int]) -> None:
        screen.table.sort_by("value")
        await pilot.pause()
        lines = [
            "".join(segment.text for segment in strip)
            for strip in screen.table.query_one(Grid).render_lines(screen.size.region)
        ]
        assert "\n".join(lines).isascii()

    run(app, scenario)
