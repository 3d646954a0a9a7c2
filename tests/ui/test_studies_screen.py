"""The home: studies listed, found, opened, kept; real files, the real application."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.programs import OBJECTIVES, run, start, wait_until
from tests.engine.test_renaming import make
from tests.storage.comparison import content_of
from tests.storage.older_files import make_older_file
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive
from tests.ui.showing import run as show
from tests.ui.showing import screen_text, until
from textual.events import MouseScrollDown

from hptui.cli.commands.application import open_place
from hptui.engine.ipc.client import ask_engine
from hptui.engine.studies.trash import list_trash
from hptui.storage.read.studies import list_studies, read_summary, study_names
from hptui.ui.application.app import HptuiApp
from hptui.ui.studies import catalogue_feed
from hptui.ui.studies.catalogue_feed import Catalogue
from hptui.ui.studies.studies_screen import StudiesScreen
from hptui.ui.studies.study_row import StudyRow, read_rows
from hptui.ui.study.study_screen import StudyScreen
from hptui.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from textual.pilot import Pilot

    from hptui.domain.objective import Direction

pytestmark = pytest.mark.usefixtures("clones_programs")


def study(
    folder: Path,
    name: str,
    *values: float,
    direction: Direction = "minimize",
    objective: str = "",
    age_s: float = 0.0,
    states: tuple[str, ...] = (),
) -> Path:
    """A study file with a trial for each value, and one for each further state."""
    path = folder / f"{name}.db"
    ref = {"kind": "module", "target": "m", "attribute": "f", "name": objective}
    facts = {"token": "t", "objective": ref} if objective else {}
    with StudyFile(path) as built:
        built.add_study(name, [direction.upper()], hptui_study=facts)
        for value in values:
            built.add_trial(value, params={"rate": (value / 100, FLOAT)})
        for state in states:
            built.add_trial(state=state)
        built.run(
            "UPDATE trials SET datetime_start = datetime('now', ?), "
            "datetime_complete = datetime('now', ?) WHERE datetime_complete IS NOT NULL",
            f"-{age_s} seconds",
            f"-{age_s} seconds",
        )
    return path


def names(folder: Path) -> set[tuple[str, str]]:
    return {(found.path.name, found.name) for found in list_studies(folder)}


# The list.


def test_studies_are_listed_with_what_matters(folder: Path):
    study(folder, "wine", 3.0, 1.25, objective="wine-pipeline", states=("PRUNED", "FAIL"))
    study(folder, "old", 0.5, age_s=7200, direction="maximize")
    drive(
        """
        wait "wine-pipeline"
        expect "2 studies"
        expect "min"
        expect "max"
        expect "1.25"
        expect "2 h ago"
        """
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), ["newer", "older"]),
        (("I",), ["older", "newer"]),
        (("s",), ["newer", "older"]),
        (("s", "I"), ["older", "newer"]),
        # From the study on: objective, goal, best, largest first.
        (("s", "s", "s", "s"), ["newer", "older"]),
        (("s", "s", "s", "s", "I"), ["older", "newer"]),
    ],
)
def test_the_study_last_active_comes_first_and_any_column_sorts(
    folder: Path, keys: tuple[str, ...], expected: list[str]
):
    study(folder, "older", 1.0, age_s=4000)
    study(folder, "newer", 9.0, age_s=40)

    async def scenario(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "older" in screen_text(pilot.app), "the list")
        await pilot.press(*keys)
        await until(pilot, lambda: order(pilot) == expected, f"{expected}")

    show(HptuiApp(open_place(None)), scenario, size=(120, 40))


def test_a_click_on_a_header_sorts_and_a_double_click_on_a_row_opens(folder: Path):
    study(folder, "older", 1.0, age_s=4000)
    study(folder, "newer", 9.0, age_s=40)

    async def scenario(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "older" in screen_text(pilot.app), "the list")
        await pilot.click(Grid, offset=(4, 0))
        await pilot.click(Grid, offset=(4, 0))
        await until(pilot, lambda: order(pilot) == ["older", "newer"], "reversed by name")
        await pilot.click(Grid, offset=(4, 1), times=2)
        await until(pilot, lambda: "not running" in screen_text(pilot.app), "the study")
        assert "older" in screen_text(pilot.app)

    show(HptuiApp(open_place(None)), scenario, size=(120, 40))


def test_the_wheel_scrolls(folder: Path):
    path = folder / "many.db"
    with StudyFile(path) as built:
        for number in range(60):
            built.add_study(f"study-{number:02}", ["MINIMIZE"])

    async def scenario(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "study-00" in screen_text(pilot.app), "the list")
        for _ in range(60):
            await pilot._post_mouse_events([MouseScrollDown], Grid, offset=(4, 4))
        await until(pilot, lambda: "study-59" in screen_text(pilot.app), "the list's end")
        assert "study-00" not in screen_text(pilot.app)

    show(HptuiApp(open_place(None)), scenario)


def test_how_far_reading_is_and_since_when_it_fails_is_told(folder: Path):
    study(folder, "wine", 3.0)

    async def scenario(pilot: Pilot[int]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, StudiesScreen)
        await until(pilot, lambda: screen.catalogue is not None, "the list")
        screen.halt_reading()
        assert screen.catalogue is not None
        rows = screen.catalogue.rows
        for catalogue, text in (
            (Catalogue((), loading=(3, 40)), "reading 3 of 40 files"),
            (Catalogue(rows, trouble="studies cannot be read: Input/output error."), "as of "),
        ):
            screen._has_listed = False
            screen.post_message(StudiesScreen.CatalogueRead(catalogue))
            await until(pilot, lambda text=text: text in screen_text(pilot.app), text)
        assert "studies cannot be read: Input/output error." in screen_text(pilot.app)
        assert "wine" in screen_text(pilot.app)

    show(HptuiApp(open_place(None)), scenario, size=(120, 40))


def test_a_file_of_plain_optuna_and_another_folder(folder: Path, tmp_path: Path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    plain = optuna.create_study(study_name="plain", storage=f"sqlite:///{other / 'plain.db'}")
    plain.optimize(lambda trial: trial.suggest_float("rate", 0, 1), n_trials=2)
    drive(
        """
        wait "not running"
        press escape
        wait "plain, 2 trials"
        wait "rate"
        """,
        other / "plain.db",
    )
    drive('wait "plain"\nexpect "elsewhere/   1 study"', other)


def order(pilot: Pilot[int]) -> list[str]:
    """The studies from top to bottom."""
    words = [line.split()[0] for line in screen_text(pilot.app).splitlines() if line.strip()]
    return [word for word in words if word in ("older", "newer")]


def test_typing_filters(folder: Path):
    for name in ("alpha", "beta", "gamma"):
        study(folder, name, 1.0, objective=f"of-{name}")
    drive(
        """
        wait "alpha"
        press slash
        type of-BET
        wait-not "alpha"
        expect "beta"
        press down
        expect "of-BET"
        press slash enter
        press escape
        wait "gamma"
        press slash
        type nothing
        wait "No study matches"
        press escape
        wait "alpha"
        """
    )


def test_the_preview_shows_history_and_best_parameters(folder: Path):
    study(folder, "wine", 3.0, 1.25, 2.0)
    study(folder, "other", 8.0, age_s=90)
    drive(
        """
        wait "rate"
        expect "wine, 3 trials"
        expect "0.0125"
        expect "trial 1"
        press j
        wait "other, 1 trial"
        wait "0.08"
        """
    )


@pytest.mark.parametrize("size", ["99x40", "120x27"])
def test_the_preview_folds_away_where_there_is_no_room(folder: Path, size: str):
    study(folder, "wine", 3.0, 1.25)
    drive('wait "wine"\nexpect-not "1 trial"\nexpect-not "rate"', size=size)


def test_resizing_folds_it_out_and_in(folder: Path):
    study(folder, "wine", 3.0, 1.25)
    drive(
        """
        wait "wine"
        size 120x40
        wait "rate"
        size 80x24
        wait-not "rate"
        size 120x40
        wait "rate"
        """,
        size="80x24",
    )


def test_several_objectives(folder: Path):
    with StudyFile(folder / "front.db") as built:
        built.add_study("front", ("MINIMIZE", "MAXIMIZE"))
        built.add_trial([1.0, 2.0])
        built.add_trial([2.0, 3.0])
    drive('wait "min/max"\nwait "2 on the Pareto front"')


def test_a_file_with_several_studies_can_be_opened(folder: Path):
    path = make(folder / "shared.db", "left", "right")
    drive('wait "left"\nexpect "right"\nexpect "2 studies"', path)


def test_the_first_start_offers_objectives(folder: Path):
    drive(
        """
        wait "There are no studies"
        wait "rosenbrock"
        expect "n your own function"
        press x
        wait "no study under the cursor"
        press slash
        wait "There is no study yet."
        """
    )
    assert names(folder) == set()
    study(folder, "wine", 3.0)
    drive(
        """
        wait "1 study"
        press x x
        wait "what it tunes"
        wait "rosenbrock"
        press u
        wait "1 study"
        press x x
        wait "rosenbrock"
        """
    )


def test_studies_that_appear_are_shown(folder: Path):
    study(folder, "first", 1.0)

    async def scenario(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "first" in screen_text(pilot.app), "the list")
        study(folder, "second", 1.0)
        await until(pilot, lambda: "second" in screen_text(pilot.app), "the new one")
        (folder / "first.db").unlink()
        await until(pilot, lambda: "first" not in screen_text(pilot.app), "its end")

    show(HptuiApp(open_place(None)), scenario)


def test_ascii_where_there_is_no_utf8(folder: Path):
    study(folder, "wine", 3.0, 1.25, 2.0)

    async def scenario(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: "rate" in screen_text(pilot.app), "the preview")
        assert screen_text(pilot.app).isascii()

    show(HptuiApp(open_place(None), has_unicode=False), scenario, size=(120, 40))


# Opening.


def test_enter_opens_the_study_and_escape_comes_back(folder: Path):
    study(folder, "wine", 3.0, 1.25)
    drive(
        """
        wait "wine"
        press enter
        wait "not running"
        press escape
        wait "1 study"
        """
    )


def test_the_list_has_its_cursor_on_the_study_that_was_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    study(folder, "older", 3.0, age_s=4000)
    path = study(folder, "wine", 3.0, 1.25, age_s=40)
    # It is opened by its name, and the list is read only then.
    app = drive(
        """
        wait "not running"
        press escape
        wait "2 studies"
        wait "─ older, 1 trial ─"
        """,
        "older",
    )
    assert app.services.looked_at is None
    # What was read before is not read again: only a file that has changed.
    read: list[str] = []

    def counted(path: Path, *, is_known: bool) -> tuple[StudyRow, ...]:
        read.append(path.stem)
        return read_rows(path, is_known=is_known)

    monkeypatch.setattr(catalogue_feed, "read_rows", counted)

    def change(app: HptuiApp) -> None:
        if isinstance(app.screen, StudyScreen) and "one more" not in read:
            with StudyFile(path) as file:
                file.add_trial(0.5)
            read.append("one more")

    drive(
        """
        wait "─ wine, 2 trials ─"
        press enter
        wait "not running"
        wait "3 trials"
        press escape
        wait "─ wine, 3 trials ─"
        """,
        observe=change,
    )
    at = read.index("one more")
    assert sorted(read[:at]) == ["older", "wine"]
    assert read[at + 1 :] == ["wine"]


def test_a_file_that_cannot_be_read_says_why(folder: Path):
    study(folder, "wine", 3.0)
    (folder / "broken.db").write_text("no study")
    drive(
        """
        wait "is not an SQLite file."
        wait "wine"
        press G
        press enter
        wait "esc close"
        press escape
        wait-not "esc close"
        press R
        wait "cannot be read; enter says why"
        """
    )


def test_set_up_opens_for_a_new_study_the_next_run_and_the_first_start(folder: Path):
    drive(
        """
        wait "rosenbrock"
        press j
        press enter
        wait "hptui run cancer-boosting"
        press escape
        """
    )
    study(folder, "wine", 3.0, objective="wine-pipeline")
    drive('wait "wine"\npress r\nwait "next run of"\nexpect "wine"')
    drive('wait "wine"\npress n\nwait "objective"\nwait-not "1 study"')


# Keeping.


def test_rename(folder: Path):
    path = make(folder / "wine.db", "wine")
    before = content_of(path)[0][5]
    drive(
        """
        wait "wine"
        press R
        wait "Rename wine"
        press ctrl+u
        type ../up
        wait "Use letters"
        press enter
        press ctrl+u
        type port
        press enter
        wait "Renamed wine to port"
        wait "port, 3 trials"
        """
    )
    assert names(folder) == {("port.db", "port")}
    assert content_of(folder / "port.db")[0][5] == before
    assert (folder / "port.hptui" / "logs").is_dir()


def test_a_taken_name_is_refused_beside_the_field(folder: Path):
    study(folder, "wine", 1.0)
    study(folder, "port", 1.0, age_s=50)
    drive(
        """
        wait "wine"
        press R
        press ctrl+u
        type port
        wait "port.db already exists"
        press enter
        press escape
        wait-not "Rename"
        """
    )
    assert names(folder) == {("wine.db", "wine"), ("port.db", "port")}


def test_duplicate(folder: Path):
    study(folder, "wine", 1.0, 2.0)
    drive(
        """
        wait "wine"
        press d
        wait "wine-2"
        press enter
        wait "Copied wine to wine-2"
        wait "2 studies"
        wait "wine-2, 2 trials"
        """
    )
    assert names(folder) == {("wine.db", "wine"), ("wine-2.db", "wine-2")}


def test_delete_asks_and_can_be_undone(folder: Path):
    path = make(folder / "shared.db", "left", "right")
    study(folder, "wine", 1.0)
    before = content_of(path), content_of(folder / "wine.db")
    drive(
        """
        wait "wine"
        press u
        wait "Nothing in the trash"
        press slash
        type left
        press enter
        press x
        wait "Delete left?"
        press n
        wait-not "Delete left?"
        press x
        wait "Delete left?"
        press x
        wait "Moved left to the trash"
        press escape
        wait "2 studies"
        press slash
        type wine
        press enter
        press x
        press enter
        wait "Moved wine to the trash"
        press escape
        wait "1 study"
        press u
        wait "Restored wine"
        wait "2 studies"
        press u
        wait "Restored left"
        wait "3 studies"
        """
    )
    assert (content_of(path), content_of(folder / "wine.db")) == before
    assert list_trash(folder) == []


def test_the_trash_outlives_the_application(folder: Path):
    study(folder, "wine", 1.0)
    study(folder, "port", 1.0, age_s=50)
    drive('wait "wine"\npress x\npress enter\nwait "Moved wine to the trash"')
    assert names(folder) == {("port.db", "port")}
    drive('wait "port"\nwait-not "wine"\npress u\nwait "Restored wine"\nwait "2 studies"')


def test_export(folder: Path, tmp_path: Path):
    study(folder, "wine", 1.0, 2.0)
    (tmp_path / "wine.db").write_text("mine")
    (tmp_path / "old.csv").write_text("mine")
    drive(
        """
        wait "wine"
        size 80x24
        press E
        wait "for spreadsheets"
        expect "leading apostrophe"
        expect "esc cancel"
        size 120x40
        press j
        expect "wine.jsonl"
        wait "each trial with its last report"
        press enter
        press enter
        wait "2 trials written"
        press E
        press down down down down
        wait "wine.db already exists."
        press enter
        press enter
        press ctrl+u
        type none/wine.db
        wait "the folder does not exist"
        press ctrl+u
        type copy.csv
        wait "Use a name that ends in .db"
        press ctrl+u
        type copy.db
        press enter
        wait-not "Export wine"
        wait "copy.db"
        press E
        press c
        press tab
        type value<
        wait "value< needs a value"
        type 2
        press shift+tab
        press ctrl+u
        type old.csv
        wait "enter asks whether to replace it"
        press enter
        wait "Replace old.csv?"
        press n
        wait-not "Replace"
        press enter
        press r
        wait "1 trial written"
        press E
        press b
        press enter
        wait "wine.py"
        press E
        press c
        press tab
        type kernl=1
        press enter
        wait "There is no column 'kernl'"
        """,
        size="100x30",
    )
    assert (tmp_path / "wine.db").read_text() == "mine"
    assert '"values": [2.0]' in (tmp_path / "wine.jsonl").read_text()
    assert study_names(tmp_path / "copy.db") == ["wine"]
    rows = (tmp_path / "old.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["number", "0"]
    assert "best_params" in (tmp_path / "wine.py").read_text()
    assert not (tmp_path / "wine.csv").exists()


def test_parquet_is_greyed_where_its_package_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    study(folder, "wine", 1.0)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    drive(
        """
        wait "wine"
        press E
        wait "pip install 'hptui[parquet]'"
        press p
        expect "wine.csv"
        """
    )


def test_an_older_file_can_be_upgraded(folder: Path):
    make_older_file(folder / "older.db", "v2.6.0.a")
    drive(
        """
        wait "older Optuna"
        press f
        wait "Doctor of older"
        wait "enter: upgrade it"
        press enter
        wait "Upgraded." 60s
        press r
        wait-not "Upgraded." 60s
        wait "It is healthy." 60s
        press esc
        wait-not "older Optuna"
        """
    )
    assert not list_studies(folder)[0].problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(folder: Path):
    study(folder, "wine", 1.0)
    folder.chmod(0o500)
    try:
        drive('wait "wine"\npress x\npress enter\nwait "read-only"')
    finally:
        folder.chmod(0o700)
    assert names(folder) == {("wine.db", "wine")}


# What studies are called, and how they look.

ODD_NAMES = (
    "[bold red]markup[/]",
    "[@click=app.quit]press[/]",
    "\x1b[2J\x1b]52;c;YQ==\x07",
    "a\u202eb",
    "new\nline",
    "🦊" * 20,
    "x" * 500,
    " ",
)


def test_odd_names_are_shown_harmlessly_and_can_be_kept(folder: Path):
    with StudyFile(folder / "odd.db") as built:
        for name in ODD_NAMES:
            study_id = built.add_study(name)
            built.add_trial(1.0, study_id=study_id, params={name: (0.5, FLOAT)})
    before = content_of(folder / "odd.db")
    moves = "".join('press j\npress x\nwait "Delete"\npress n\nwait-not "Delete"\n' for _ in before)
    app = drive(
        f'wait "{len(ODD_NAMES)} studies"\n{moves}press x\npress enter\nwait "to the trash"\n'
        'press u\nwait "Restored"'
    )
    assert app.return_code in (None, 0)
    assert sorted(content_of(folder / "odd.db"), key=str) == sorted(before, key=str)


# With real engines.


@pytest.fixture
def running(folder: Path) -> Generator[Path]:
    """A study that an engine runs, with one trial that waits to be let go."""
    engine = start(
        "run",
        f"{OBJECTIVES}:waiting",
        "--study",
        "live",
        "--jobs",
        "1",
        "--trials",
        "4",
        "--quiet",
        cwd=folder,
    )
    try:
        wait_until(lambda: (folder / "started-0").exists(), "the first trial")
        yield folder
    finally:
        engine.kill()
        engine.communicate()


@pytest.mark.usefixtures("running")
def test_a_running_study_is_seen_and_left_alone(folder: Path):
    study(folder, "wine", 1.0, age_s=50)
    app = drive(
        """
        wait "1 worker"
        expect "0 %"
        expect "1 running"
        press x
        wait "live runs now"
        press R
        wait "live runs now"
        press d
        wait "marked as failed in the copy"
        press enter
        wait "Copied live to live-2"
        wait "live-2, 1 trial"
        press q
        wait "live runs on without it"
        press n
        wait-not "Leave hptui?"
        press n
        wait "Choose an objective"
        press escape q
        wait "Leave hptui?"
        press s
        """
    )
    wait_until(lambda: app.return_code == 0, "the application's end")
    assert ask_engine(folder / "live.db", "live", {"op": "status"})["state"] == "stopping"
    assert read_summary(folder / "live-2.db", "live-2").counts["FAIL"] == 1
    assert read_summary(folder / "live.db", "live").counts["RUNNING"] == 1


def test_what_a_dead_engine_left_can_be_mended(folder: Path):
    engine = start(
        "run", f"{OBJECTIVES}:waiting", "--study", "live", "--jobs", "1", "--quiet", cwd=folder
    )
    try:
        wait_until(lambda: (folder / "started-0").exists(), "the first trial")
        wait_until(
            lambda: (
                (folder / "live.db").exists()
                and read_summary(folder / "live.db", "live").counts["RUNNING"] == 1
            ),
            "its row",
        )
    finally:
        engine.kill()
        engine.communicate()
    drive(
        """
        wait "1 stale trial"
        press f
        wait "has died." 60s
        expect "1 trial is stale (its engine died): 0"
        press j
        press enter
        wait "mark as failed, and try"
        press f
        wait "It is healthy." 60s
        expect "1 marked"
        press esc
        wait-not "stale trial"
        """
    )
    assert read_summary(folder / "live.db", "live").counts["FAIL"] == 1
    assert run("doctor", "live", cwd=folder)[1].strip() == "live: healthy."
