"""The settings file: what counts, and a sentence for each thing that is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.ui.a_screen import AScreen
from tests.ui.driving import drive

from hptui.ui.application.settings import Settings, load_settings, remember_theme, settings_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


def written(text: str) -> Path:
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_no_file_is_the_defaults() -> None:
    assert load_settings() == Settings()


def test_all_that_can_be_set() -> None:
    written(
        """
        theme = "hptui-light"
        [keys]
        new-study = "N"
        quit = ["Q", "ctrl+q"]
        [defaults]
        trials = 50
        workers = 3
        backend = "threading"
        sampler = "random"
        [filters]
        good = "state:complete"
        """
    )
    settings = load_settings()
    assert settings.trouble == ""
    assert settings.theme == "hptui-light"
    assert settings.filters == {"good": "state:complete"}
    assert settings.keys == {"new-study": ("N",), "quit": ("Q", "ctrl+q")}
    assert settings.defaults == {
        "trials": 50,
        "workers": 3,
        "backend": "threading",
        "sampler": "random",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[filters]\ngood = 3", "the filter 'good' is not text"),
        ("filters = 3", "filters is not a table"),
        ("theme = ", "is not TOML"),
        ("theme = 3", "theme is not text"),
        ("keys = 3", "keys is not a table"),
        ("[keys]\nfly = 'x'", "there is no command 'fly'"),
        ("[keys]\nnew-study = 'nn'", "'nn' cannot be a key for new-study"),
        ("[keys]\nnew-study = []", "[] cannot be a key for new-study"),
        ("[keys]\nnew-study = [['x']]", "cannot be a key for new-study"),
        ("[keys]\nnew-study = 'q'", "new-study cannot have q, which is quit"),
        ("[defaults]\ntrials = 'many'", "trials cannot be 'many'"),
        ("[defaults]\ntrials = true", "trials cannot be True"),
        ("[defaults]\nspeed = 1", "'speed' is not a default"),
        ("colour = 1", "'colour' is not a setting"),
        ("theme = 'a\x1b[31m'", "is not TOML"),
        ("a = " + "[" * 10_000, "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_and_left_out(text: str, says: str) -> None:
    written(text)
    settings = load_settings()
    assert says in settings.trouble
    assert "\x1b" not in settings.trouble
    assert (settings.keys, settings.defaults, settings.filters) == ({}, {}, {})


def test_the_rest_of_a_file_with_a_mistake_counts() -> None:
    written('theme = "hptui-light"\n[keys]\nfly = "x"\nnew-study = "N"')
    settings = load_settings()
    assert settings.theme == "hptui-light"
    assert settings.keys == {"new-study": ("N",)}


def test_two_commands_may_exchange_their_keys() -> None:
    written('[keys]\nnew-study = "r"\nrun-again = "n"')
    settings = load_settings()
    assert settings.trouble == ""
    assert settings.keys == {"new-study": ("r",), "run-again": ("n",)}
    drive('press r\nexpect "said: new study"', home=AScreen)


def test_commands_of_different_screens_may_have_the_same_key() -> None:
    written('[keys]\nkill-trial = "n"')
    assert load_settings().trouble == ""


def test_a_file_that_is_no_text_or_no_file_is_a_sentence(tmp_path: Path) -> None:
    assert "cannot be read" in load_settings(tmp_path).trouble
    path = written("")
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8" in load_settings().trouble
    path.write_bytes(b"#" * 1_000_001)
    assert "Longer than 1,000,000 bytes" in load_settings().trouble
    path.unlink()
    os.mkfifo(path)
    assert "Not a regular file" in load_settings().trouble
    path.unlink()
    (tmp_path / "kept.toml").write_text("[keys")
    path.symlink_to(tmp_path / "kept.toml")
    assert "is not TOML" in load_settings().trouble


def test_a_broken_file_is_told_in_the_application_which_works() -> None:
    written("[keys")
    drive('wait "is not TOML"\npress n\nexpect "said: new study"', home=AScreen)


def test_keys_of_the_file_are_shown_and_its_defaults_begin_a_run() -> None:
    written(
        """
        [keys]
        new-study = "N"
        palette = "ctrl+k"
        back = "ctrl+g"
        [defaults]
        trials = 7
        sampler = "random"
        """
    )
    drive(
        """
        wait "N new"
        expect "ctrl+k commands"
        press ?
        wait "ctrl+k finds commands by name"
        press escape ctrl+k
        wait "Commands"
        type set up a new
        wait "  N"
        press enter
        wait "Choose an objective" 10s
        expect "Branin function: two floats"
        type rosenbrock
        press enter
        wait "found by" 30s
        expect "--sampler random --trials 7"
        press ctrl+g
        wait "what it tunes"
        """
    )


def test_a_theme_that_is_not_there_is_told() -> None:
    written('theme = "mauve"')
    app = drive("wait \"There is no theme 'mauve'\"", home=AScreen)
    assert app.theme == "hptui-dark"


def test_a_theme_of_textuals_own_works() -> None:
    written('theme = "nord"')
    app = drive("press n", home=AScreen)
    assert app.theme == "nord"
    assert app.services.state_style("running") == app.services.theme_variables["primary"]


def test_remembering_the_theme_keeps_the_rest() -> None:
    path = written('# mine\ntheme = "nord" # cold\n\n[keys]\nnew-study = "N"\ntheme = "y"\n')
    remember_theme("hptui-light")
    assert path.read_text("utf-8") == (
        '# mine\ntheme = "hptui-light"\n\n[keys]\nnew-study = "N"\ntheme = "y"\n'
    )


def test_remembering_makes_the_file_and_forgives_a_folder_that_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remember_theme("hptui-light")
    assert load_settings().theme == "hptui-light"
    monkeypatch.setenv("HPTUI_SETTINGS", os.devnull + "/settings.toml")
    remember_theme("hptui-dark")
