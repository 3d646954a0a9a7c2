"""Studies on servers and in journals in the application: listed, followed, only read."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.mirroring import address_of, journal
from tests.ui.driving import drive

from hptui.storage.mirror.mirrors import MirrorState, mirror_path, mirror_state
from hptui.ui.application.settings import Settings
from hptui.ui.studies.preview_lines import preview_lines
from hptui.ui.studies.studies_model import StudiesModel, study_state
from hptui.ui.studies.studies_rules import StudiesState, disabled_reason
from hptui.ui.studies.study_row import StudyRow

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.ui.application.app import HptuiApp


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_storage_of_the_settings_is_listed_followed_and_told_when_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    study = optuna.create_study(study_name="vit", storage=journal(path))
    study.tell(study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}), 0.25)
    done: list[str] = []

    def act(app: HptuiApp) -> None:
        # What happens elsewhere while the application is open.
        title = app.screen.__class__.__name__
        if title == "StudyScreen" and not done:
            done.append("told")
            study.tell(study.ask(), 0.125)
        elif title == "StudiesScreen" and done == ["told"]:
            done.append("gone")
            path.rename(tmp_path / "away")

    drive(
        """
        wait "lab#vit"
        wait "mirror of"
        press enter
        wait "▷ mirror"
        wait "0.125 (#1)"
        expect "hptui only"
        press r
        press esc
        wait "lab#vit"
        wait "as of"
        expect "nowhere"
        press x
        expect "hptui only"
        press d
        wait "Duplicate vit"
        press enter
        wait "to vit-2"
        """,
        settings=Settings(storages={"lab": str(path), "nowhere": "nosuch.log"}),
        observe=act,
    )
    assert done == ["told", "gone"]
    assert (tmp_path / "studies" / "vit-2.db").exists()


def test_an_address_is_opened_on_its_mirror(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage = journal(path)
    for name in ("vit", "resnet"):
        optuna.create_study(study_name=name, storage=storage)
    drive(f'wait "resnet"\nexpect "{str(path)[:30]}"\nexpect "2 studies"', path)
    drive('wait "vit  ▷ mirror"', f"{path}#vit")
    state = mirror_state(mirror_path(address_of(path)))
    assert state is not None
    assert not state.trouble


def row(**facts: object) -> StudyRow:
    state = MirrorState("postgresql://me@lab/db", None, **facts)  # pyright: ignore[reportArgumentType]
    return StudyRow(mirror_path(address_of("postgresql://lab/db")), "vit", mirror=state)


def test_a_row_says_how_old_it_is_and_what_cannot_be_done_with_it() -> None:
    now_s = 1_000_000.0
    old = row(synced_s=now_s - 200, trouble="The server is gone.\x1b[2J")
    model = StudiesModel([old], now_s=now_s)
    texts = [model.cell(0, column).text for column in range(len(model.columns))]
    assert texts[-1] == "as of 3 m ago: The server is gone.\\x1b[2J"
    assert study_state(old) == ("trouble", "trouble")
    named = [text for label, text, _ in preview_lines(old, None) if label == "is"]
    assert named[0].startswith("mirror of postgresql://me@lab/db, ")
    changes = ("rename-study", "delete-study", "edit-note", "edit-tags", "mend-study")
    copies = ("duplicate-study", "fork-study", "export-study", "report-study")
    in_journal = replace(old, mirror=MirrorState("/data/journal.log", None, now_s))
    for where, refused, sentence in (
        (old, ("run-again",), "hptui run --storage runs it there."),
        (in_journal, ("run-again", *changes), "/data/journal.log; hptui only reads it there."),
    ):
        state = StudiesState(where, False, False, [where], int, False, True)
        said = {each: disabled_reason(each, state) for each in ("run-again", *changes, *copies)}
        assert {each for each, reason in said.items() if reason} == set(refused)
        assert all(reason.endswith(sentence) for reason in said.values() if reason)
    now_s = time.time()
    unread = StudiesState(locked_row(), False, False, [], int, False, True)
    for command in ("delete-study", "mend-study", "rename-study"):
        assert "enter says why" in (disabled_reason(command, unread) or "")
    fresh = replace(old, counts={"RUNNING": 2}, mirror=row(synced_s=now_s - 12).mirror)
    model = StudiesModel([fresh, locked_row()], now_s=now_s, width=300)
    texts = {model.cell(at, len(model.columns) - 1).text for at in range(2)}
    assert texts == {
        "2 running, read 12 s ago  postgresql://me@lab/db",
        "wants a password: enter asks for it  postgresql://me@lab/db",
    }


def locked_row() -> StudyRow:
    locked = row(synced_s=None, trouble="No password.", wants_password=True)
    return replace(locked, name="lab", problem="No password.")
