"""What all screens share: keys, footer, help, palette, dialogs, refusals, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ui.a_screen import AScreen
from tests.ui.driving import drive

from hptui.ui.application.command_screen import CommandScreen
from hptui.ui.application.settings import Settings
from hptui.ui.commands.command_table import COMMANDS
from hptui.ui.dialogs.questions import ChoiceDialog

if TYPE_CHECKING:
    from pathlib import Path


def on_a_screen(script: str, *, size: str = "100x30", settings: Settings | None = None) -> None:
    drive(script, size=size, settings=settings or Settings(), home=AScreen)


def test_a_key_does_its_command() -> None:
    on_a_screen('press n\nexpect "said: new study"')


def test_a_refused_command_tells_why_and_does_nothing() -> None:
    on_a_screen('press r\nwait "No study is under the cursor."\nexpect "nothing yet"')


def test_an_error_in_a_command_is_a_sentence_and_no_markup() -> None:
    on_a_screen('press u\nwait "There is nothing to undo."\nexpect "Delete [b]one[/b] first."')


def test_the_footer_lists_what_can_be_done_now_and_a_click_does_it() -> None:
    on_a_screen(
        """
        expect " n new "
        expect-not "r run again"
        expect-not "enter open"
        click 2 29
        expect "said: new study"
        """
    )


def test_a_narrow_footer_keeps_help_and_the_palette() -> None:
    on_a_screen(
        """
        expect "? help  ctrl+p commands"
        expect-not "u undo"
        """,
        size="50x20",
    )


def test_keys_go_to_a_field_that_has_the_focus() -> None:
    on_a_screen(
        """
        press /
        type nrx q?
        expect "nrx q?"
        expect "nothing yet"
        """
    )


def test_settings_give_a_command_another_key() -> None:
    settings = Settings(keys={"new-study": ("o", "ctrl+n")})
    on_a_screen(
        """
        expect " o new "
        press n
        expect "nothing yet"
        press ctrl+n
        expect "said: new study"
        """,
        settings=settings,
    )


def test_help_shows_keys_titles_and_reasons() -> None:
    on_a_screen(
        """
        press ?
        wait "Set up a new study"
        expect "Find a command by its name"
        expect-not "Open the study under the cursor"
        press G
        wait "No study is under the cursor."
        press esc
        wait-not "Find a command by its name"
        """,
        size="100x40",
    )


def test_the_palette_finds_a_command_and_does_it() -> None:
    on_a_screen(
        """
        press ctrl+p
        type set up a new
        wait "Set up a new study"
        press enter
        wait "said: new study"
        press ctrl+p
        type next run
        wait "No study is under the cursor."
        press enter
        wait "Commands"
        type zz
        wait "Nothing matches."
        press backspace backspace
        wait "No study is under the cursor."
        press escape
        wait-not "Commands"
        expect "said: new study"
        """
    )


def test_a_choice_is_made_by_letter_by_arrows_or_not_at_all() -> None:
    on_a_screen(
        """
        press x
        expect "Delete [x]?"
        expect "d  Delete it"
        press d
        wait "said: delete"
        press x j enter
        wait-not "said: delete"
        press x G g enter
        wait "said: delete"
        press x
        wait "n  Keep it"
        press n
        wait-not "said: delete"
        press x esc
        wait "said: None"
        """
    )


def test_a_long_question_is_read_whole_on_a_narrow_terminal() -> None:
    class Asking(AScreen):
        PLACE = "studies"

        def do_delete_study(self) -> None:
            text = "A sentence of several words that is longer than the frame, and its end."
            choices = [("d", "delete", f"Delete it {'x' * 80}")]
            self.app.push_screen(ChoiceDialog("Delete it?", text, choices, no="keep"), self.say)

    drive('press x\nwait "its end."\nexpect "xx…"', size="60x20", home=Asking, settings=Settings())


def test_a_text_is_checked_as_it_is_typed() -> None:
    on_a_screen(
        """
        press R
        type 1
        wait "'abc1' is not of letters."
        press enter
        expect "Rename"
        press backspace
        wait-not "is not of letters"
        press enter
        wait "said: abc"
        """
    )


def test_a_message_shows_data_as_it_is() -> None:
    on_a_screen('press E\nwait "3 trials\\\\x1b[31m [b]x[/b]"\npress enter\nwait "said: None"')


def test_a_small_terminal_says_what_it_needs() -> None:
    on_a_screen(
        """
        size 30x10
        expect "hptui needs 40x12"
        expect "this is 30x10"
        expect-not "nothing yet"
        size 40x12
        expect "nothing yet"
        """
    )


def test_a_pane_takes_the_whole_screen_and_gives_it_back() -> None:
    on_a_screen(
        """
        press z
        wait "Select a pane first"
        press tab z
        expect "the pane's end"
        expect-not "below the pane"
        press z
        expect "below the pane"
        press / esc
        """
    )


def test_the_theme_changes_and_is_remembered() -> None:
    app = drive('press f8\nwait "Theme hptui-light"', home=AScreen)
    assert app.theme == "hptui-light"
    assert drive("press n", home=AScreen).theme == "hptui-light"


def test_quit_ends_with_0() -> None:
    app = drive("press q", home=AScreen)
    assert app.return_code == 0


def test_every_screen_has_the_keys_of_its_place() -> None:
    class Own(CommandScreen[None]):
        PLACE = "study"

    keys = {key for key, _ in Own()._bindings}  # pyright: ignore[reportPrivateUsage]
    assert {"space", "S", "question_mark", "ctrl+p", "escape"} <= keys
    assert "n" not in keys


def test_a_command_has_the_same_key_on_every_screen() -> None:
    keys: dict[str, str] = {}
    for command in COMMANDS:
        first = keys.setdefault(command.id, command.keys[0])
        assert first == command.keys[0], f"{command.id} on {command.place}"


def test_a_terminal_without_utf8_gets_ascii_alone(tmp_path: Path) -> None:
    app = drive(
        f"""
        press x
        wait "Delete [x]?"
        screenshot {tmp_path / "last.txt"}
        """,
        home=AScreen,
        has_unicode=False,
    )
    assert app.services.mark("running") == "R"
    assert (tmp_path / "last.txt").read_text("utf-8").isascii()
