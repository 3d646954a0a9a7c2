"""Screens are left once, at any moment; what comes late ends nothing."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ui.a_screen import AScreen, Said
from tests.ui.showing import run, until
from tests.ui.showing import screen_text as text_of
from tests.ui.test_catalogue_feed import write_study
from textual import events
from textual.screen import Screen
from textual.widgets import Input, Static

import hptui.ui
from hptui.cli.commands.application import open_place
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.settings import Settings
from hptui.ui.application.stacked import StackedScreen
from hptui.ui.commands.help import HelpScreen
from hptui.ui.dialogs.questions import MessageDialog, TextDialog
from hptui.ui.driving.drive import let_messages_pass
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot


def an_app(folder: Path, home: type[Screen[Any]] | None = AScreen) -> HptuiApp:
    return HptuiApp(open_place(str(folder)), settings=Settings(), home=home)


def send(app: HptuiApp, *sent: events.Event) -> None:
    """Have events arrive together."""
    assert app._driver is not None
    for event in sent:
        app._driver.process_message(event)


def click_beside() -> list[events.Event]:
    kinds = (events.MouseDown, events.MouseUp)
    return [kind(None, 1, 1, 0, 0, 1, False, False, False, 1, 1) for kind in kinds]


@pytest.mark.parametrize("how", ["enter", "escape", "click"])
@pytest.mark.parametrize("opens", ["x", "R", "E"])
def test_two_answers_that_arrive_together_are_one(opens: str, how: str, tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        await pilot.press(opens)
        await until(pilot, lambda: len(app.screen_stack) == 2, "a dialog")
        answer = click_beside() if how == "click" else [events.Key(how, None)]
        send(app, *answer, *answer, *answer)
        await until(pilot, lambda: len(app.screen_stack) == 1, "the dialog is closed")
        await until(pilot, lambda: "said: " in text_of(app), "an answer")
        await pilot.press("n")
        await until(pilot, lambda: "said: new study" in text_of(app), "the screen below works")

    run(app, scenario)


def test_what_is_left_under_others_closes_them(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    answers: list[str | None] = []

    async def scenario(pilot: Pilot[Any]) -> None:
        below = TextDialog("below", "")
        await app.push_screen(below, answers.append)
        await app.push_screen(MessageDialog("above", "text"))
        below.dismiss("first")
        below.dismiss("second")
        await until(pilot, lambda: answers == ["first"], "the answer")
        assert len(app.screen_stack) == 1
        app.screen.dismiss()
        assert len(app.screen_stack) == 1

    run(app, scenario)


class Late(MessageDialog):
    """Goes on with what a thread has brought when it is being closed already."""

    CSS_PATH = None

    async def on_key(self) -> None:
        self.dismiss()
        while self.display:
            await let_messages_pass()
        # What is mounted by now is not; so did the form whose file was slow to read.
        await self.mount(Static(id="late"))
        self.query_one("#late").focus()


def test_what_a_dialog_goes_on_with_while_it_is_being_closed(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        dialog = Late("late", "")
        await app.push_screen(dialog)
        send(app, events.Key("f9", None))
        await until(pilot, lambda: len(app.screen_stack) == 1, "the dialog is left")
        assert app.return_code is None
        await pilot.press("n")
        await until(pilot, lambda: "said: new study" in text_of(app), "the screen below works")

    run(app, scenario)


def test_a_page_down_where_there_is_no_room_for_a_page(tmp_path: Path) -> None:
    write_study(tmp_path / "digits.db", 1.0)
    app = an_app(tmp_path, home=None)

    async def scenario(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "digits" in text_of(app), "the study")
        await pilot.press("E")
        await until(pilot, lambda: "Export digits" in text_of(app), "the dialog")
        for size in ((20, 5), (10, 3), (1, 1)):
            await pilot.resize_terminal(*size)
            for key in ("pagedown", "pageup"):
                await pilot.press(key)
        await pilot.resize_terminal(100, 40)
        await until(pilot, lambda: "Export digits" in text_of(app), "the dialog")

    run(app, scenario, size=(100, 40))


def test_a_key_for_a_screen_that_is_not_built_yet(tmp_path: Path) -> None:
    write_study(tmp_path / "digits.db", 1.0)
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        study = StudyScreen(tmp_path / "digits.db", "digits")
        app.push_screen(study)
        send(app, events.Key("question_mark", "?"), events.Key("less_than_sign", "<"))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the help of the study")
        assert app.return_code is None

    run(app, scenario, size=(100, 40))


def test_a_click_where_a_widget_has_just_been_removed(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        said = app.screen.query_one(Said)
        x, y = said.region.offset
        with app.batch_update():
            await said.remove()
            assert app.screen.get_widget_at(x, y)[0] is said
            send(app, events.MouseDown(None, x, y, 0, 0, 1, False, False, False, x, y))
            await let_messages_pass()
        assert app.return_code is None

    run(app, scenario)


def test_what_is_pasted_holds_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        field = app.screen.query_one(Input)
        field.focus()
        send(app, events.Paste("a\x1b]52;c;aGk=\x07\x00z"))
        await until(pilot, lambda: field.value.endswith("z"), "the text")
        assert field.value.isprintable()

    run(app, scenario)


def screens() -> Iterator[type[Screen[Any]]]:
    """Yield all screens of the application."""
    for module in pkgutil.walk_packages(hptui.ui.__path__, "hptui.ui."):
        for each in vars(importlib.import_module(module.name)).values():
            is_own = isinstance(each, type) and each.__module__ == module.name
            if is_own and issubclass(each, Screen):
                yield each


def test_all_screens_are_left_in_the_one_way() -> None:
    found = list(screens())
    assert len(found) > 20
    assert [each for each in found if not issubclass(each, StackedScreen)] == []
    overrides = [each for each in found if "dismiss" in each.__dict__ and each is not StackedScreen]
    assert overrides == []


@pytest.mark.parametrize("name", ["pop_screen", "switch_screen", "pop_until_active", "OptionList"])
def test_what_has_one_way_has_no_other(name: str) -> None:
    """Screens leave by `dismiss` and `give_way_to`; lists are a `ChoiceList`."""
    calls = [
        f"{path.name}:{node.lineno}"
        for path in Path(hptui.ui.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name
    ]
    assert calls == []
