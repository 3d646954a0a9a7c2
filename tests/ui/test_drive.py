"""`hptui drive` as a program: what it prints, how it ends, what it writes."""

from __future__ import annotations

import asyncio
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.storage.study_file import StudyFile
from tests.ui.a_screen import AScreen, Said
from tests.waiting import DEADLINE_S, POLL_S

from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.application.settings import Settings
from hptui.ui.driving.drive import play
from hptui.ui.driving.drive_script import read_script, read_size


def run_drive(
    script: str, folder: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it on an empty folder, with nothing that is a terminal."""
    (folder / "script.txt").write_text(script, "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "hptui", "drive", "script.txt", ".", *options],
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def test_it_says_what_it_does_and_ends_with_0(tmp_path: Path) -> None:
    done = run_drive('# look\nwait "hptui"\nsize 80x24\nexpect "help"\n', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == 'wait "hptui"\nsize 80x24\nexpect "help"\n3 steps done\n'


def test_what_the_person_has_arranged_is_neither_read_nor_changed(tmp_path: Path) -> None:
    state = tmp_path / "state" / "hptui" / "screens.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"study": {"view": "timeline"}}')
    settings = tmp_path / "config" / "hptui" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('theme = "hptui-light"\n[keys]\nhelp = "f9"\n')
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(1.0)
    script = """
    wait "1 trial"
    press enter
    wait "history"
    press )
    press 4
    wait "no parameters"
    press ?
    wait "esc close"
    press esc
    press f8
    wait "Theme hptui-light"
    press /
    type value<9
    press ctrl+s
    wait "Which name?"
    type good
    press enter
    wait "@good"
    """
    places = {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "HPTUI_SETTINGS": ""}
    done = run_drive(
        script,
        tmp_path,
        **{key: str(tmp_path / name) if name else "" for key, name in places.items()},
    )
    assert done.returncode == 0, done.stderr
    assert settings.read_text() == 'theme = "hptui-light"\n[keys]\nhelp = "f9"\n'
    assert os.listdir(settings.parent) == ["settings.toml"]
    assert state.read_text() == '{"study": {"view": "timeline"}}'
    assert os.listdir(state.parent) == ["screens.json"]


def test_a_failed_step_ends_with_1_and_shows_the_screen(tmp_path: Path) -> None:
    done = run_drive('press ?\nwait "no such text" 100ms\npress q\n', tmp_path)
    assert done.returncode == 1
    assert done.stdout == 'press ?\nwait "no such text" 100ms\n'
    assert done.stderr.startswith(
        'line 2: wait "no such text" 100ms\n  It is not on the screen after 0.1 s.\nThe screen:\n'
    )
    assert "Show the keys that work here" in done.stderr


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ('wait "no such text" 100ms', "It is not on the screen after 0.1 s."),
        ('expect "no such text" 100ms', "It is not on the screen after 0.1 s."),
        ('expect-not "nothing yet" 100ms', "It is still on the screen after 0.1 s."),
        ('wait-not "nothing yet" 100ms', "It is still on the screen after 0.1 s."),
        ("click 500 500", "The terminal is 80x24."),
        ("screenshot nowhere/now.svg", "cannot be written"),
    ],
)
def test_each_step_can_fail(step: str, reason: str) -> None:
    app = HptuiApp(OpenPlace(Path(), None, None), settings=Settings(), home=AScreen)
    steps = read_script(f'wait "nothing yet"\n{step}\npress q')
    failure = asyncio.run(play(app, steps, size=read_size("80x24"), say=lambda _: None))
    assert failure is not None
    assert (failure.step.line, reason in failure.reason) == (2, True)
    assert "nothing yet" in failure.screen


class LateScreen(AScreen):
    def do_new_study(self) -> None:
        self.set_timer(0.3, lambda: self.say("late"))


def test_what_is_expected_may_come_a_moment_later() -> None:
    app = HptuiApp(OpenPlace(Path(), None, None), settings=Settings(), home=LateScreen)
    steps = read_script('press n\nexpect-not "nothing yet" 60s\nexpect "said: late" 60s')
    assert asyncio.run(play(app, steps, size=read_size("80x24"), say=lambda _: None)) is None


class Brief(AScreen):
    """A screen whose message is gone before anybody looks."""

    def key_z(self) -> None:
        self.app.notify("brief", timeout=POLL_S)


@pytest.mark.parametrize(("key", "is_seen"), [("end", False), ("", True)])
def test_a_message_that_came_and_went_was_seen_until_the_next_key(key: str, is_seen: bool) -> None:
    between = [f"press {key}"] if key else []
    lines = ["press z", 'wait-not "brief"', *between, 'expect "brief" 0.1s']
    app = HptuiApp(OpenPlace(None, None, None), settings=Settings(), home=Brief)
    steps = read_script("\n".join(lines))
    failure = asyncio.run(play(app, steps, size=read_size("80x24"), say=lambda _: None))
    assert (failure is None) == is_seen, failure


def test_a_key_has_done_its_work_when_its_step_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: object) -> None:
        """What the pilot believes where other programs have the processor."""

    monkeypatch.setattr("textual.app.wait_for_idle", at_once)
    monkeypatch.setattr("textual.pilot.wait_for_idle", at_once)
    app = HptuiApp(OpenPlace(Path(), None, None), settings=Settings(), home=AScreen)
    seen: list[str] = []

    def look(_: str) -> None:
        seen.append(str(app.screen.query_one(Said).render()))

    steps = read_script("press n\nsize 90x30")
    assert asyncio.run(play(app, steps, size=read_size("80x24"), say=look)) is None
    assert seen == ["nothing yet", "said: new study"]


def test_a_script_is_read_from_standard_input_where_nothing_is_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hptui", "drive", "-", "."],
        cwd=tmp_path,
        input='wait "hptui"\npress q\n',
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        start_new_session=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 steps done\n")


def test_a_step_after_the_end_fails(tmp_path: Path) -> None:
    done = run_drive("press q\npress n\n", tmp_path)
    assert done.returncode == 1
    assert "The application has ended." in done.stderr


def test_screenshots_are_a_picture_or_text(tmp_path: Path) -> None:
    script = 'wait "There are no studies" 60s\nwait "help" 60s\nscreenshot now.txt\n'
    done = run_drive(script, tmp_path, "--screenshot", "last.svg")
    assert done.returncode == 0
    text = (tmp_path / "now.txt").read_text("utf-8")
    assert len(text.splitlines()) == 40
    assert "help" in text
    picture = (tmp_path / "last.svg").read_text("utf-8")
    assert picture.startswith("<svg")
    place = r'x="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</t'
    words = re.findall(place, picture)
    assert len(words) > 10
    lines = text.splitlines()
    for x, width, word in words:
        shown = html.unescape(word).replace("\xa0", " ")
        assert shown == shown.strip()
        column, length = round(float(x) / 12.2), round(float(width) / 12.2)
        # Where a program that draws it has no font of this width, each word has its place still.
        assert any(each[column : column + length] == shown for each in lines), shown


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--size", "big"), "'big' is not a size"),
        (("--screenshot", "x.png"), "ends in .svg or .txt"),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    done = run_drive("press q\n", tmp_path, *options)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_script_with_a_mistake_opens_nothing(tmp_path: Path) -> None:
    done = run_drive("fly\n", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Line 1: there is no step 'fly'." in done.stderr


def test_a_script_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hptui", "drive", "missing.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 2
    assert "missing.txt cannot be read" in done.stderr
