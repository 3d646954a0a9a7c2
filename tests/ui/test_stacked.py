"""Screens are left once, at any moment; what comes late ends nothing."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ui.a_screen import AScreen
from tests.ui.showing import run, until
from tests.ui.showing import screen_text as text_of
from tests.ui.test_catalogue_feed import write_study
from textual import events
from textual.screen import Screen

import hptui.ui
import hptui.ui.screens
from hptui.cli.application import open_place
from hptui.ui.app import HptuiApp
from hptui.ui.carry_form import CarryForm, FormContent, FormField, LookAhead
from hptui.ui.screens.carry import CarryDialog
from hptui.ui.screens.dialogs import MessageDialog, TextDialog
from hptui.ui.screens.stacked import StackedScreen
from hptui.ui.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual.pilot import Pilot

    from hptui.ui.carry_form import Progress
    from hptui.ui.keeping import Outcome


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
@pytest.mark.parametrize("opens", ["x", "R", "e"])
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


class AForm(CarryForm):
    """A form of one field."""

    def read(self, on_progress: Progress) -> FormContent:
        return FormContent((FormField("name", "name"),))

    def look(self, texts: Mapping[str, str], marked: frozenset[str]) -> LookAhead:
        return LookAhead((), can_do=False)

    def carry(
        self, texts: Mapping[str, str], marked: frozenset[str], on_progress: Progress
    ) -> Outcome:
        raise AssertionError("it cannot be done")


def test_what_a_thread_has_read_for_a_dialog_that_is_being_closed(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def scenario(pilot: Pilot[Any]) -> None:
        dialog = CarryDialog(AForm())
        await app.push_screen(dialog)
        dialog.dismiss()
        assert dialog.post_message(dialog.Read(AForm().read(lambda *_: None)))
        await until(pilot, lambda: not dialog.is_running, "the dialog has gone")
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
        await pilot.resize_terminal(20, 5)
        for key in ("pagedown", "pageup"):
            await pilot.press(key)
        await pilot.resize_terminal(100, 40)
        await until(pilot, lambda: "Export digits" in text_of(app), "the dialog")

    run(app, scenario, size=(100, 40))


def screens() -> Iterator[type[Screen[Any]]]:
    """Yield all screens of the application."""
    package = hptui.ui.screens
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
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
