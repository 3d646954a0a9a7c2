"""The set-up form on devices, cores and memory: typed, checked, started, taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from tests.e2e.programs import load
from tests.ui.driving import drive

from hptui.errors import UsageError
from hptui.storage.read.study_detail import read_study
from hptui.ui.application.settings import DEFAULTS, Settings
from hptui.ui.setup.resource_fields import lost_variables, texts_of_record
from hptui.ui.setup.run_draft import RunDraft, RunKey
from hptui.ui.setup.setup_draft import StudyPlace
from hptui.ui.setup.setup_sources import open_draft, with_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is the studies folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def filled(texts: Mapping[str, str]) -> RunDraft:
    draft = RunDraft.start(3).named("study")
    for key, text in texts.items():
        draft = draft.with_text(cast("RunKey", key), text)
    return draft


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        ({}, "--workers 3"),
        ({"devices": "0,1"}, "--devices 0,1"),
        ({"devices": "none", "workers": "2"}, "--workers 2 --devices none"),
        ({"workers": "1", "devices": "auto"}, "--workers 1 --devices auto"),
        ({"devices": "0", "per-device": "2"}, "--devices 0 --per-device 2"),
        (
            {"threads": "4", "memory": "8G", "pin": "yes"},
            "--workers 3 --threads 4 --memory 8G --pin",
        ),
        ({"ask-ahead": "yes"}, "--workers 3 --ask-ahead"),
    ],
)
def test_fields_become_options(texts: dict[str, str], options: str) -> None:
    draft = filled(texts)
    assert " ".join(draft.options()) == options
    assert draft.problems() == []


@pytest.mark.parametrize(
    ("defaults", "options"),
    [
        ({"per-device": 2, "devices": "0,1"}, "--devices 0,1 --per-device 2"),
        ({"devices": 0, "workers": 1, "memory": "8G"}, "--workers 1 --devices 0 --memory 8G"),
        ({"devices": "0,,1", "threads": 4}, "--workers 3 --threads 4"),
    ],
)
def test_settings_may_say_what_runs_begin_with(
    defaults: dict[str, int | float | str], options: str
) -> None:
    draft = RunDraft.start(3, defaults)
    assert " ".join(draft.options()) == options
    assert set(defaults) <= set(DEFAULTS)
    if "devices" in draft.texts:
        emptied = draft.with_text("devices", "")
        assert emptied.text("workers") == str(defaults.get("workers", 3))


def test_what_is_nothing_without_devices_goes_with_them() -> None:
    draft = filled({"devices": "0", "per-device": "2", "devices-per-trial": "1"})
    assert draft.text("workers") == ""
    assert draft.with_text("devices", "-").options() == ["--workers", "3"]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"devices": "0,1", "workers": "3"}, "3 workers do not fit on 2 devices: 2 fit."),
        ({"devices": "0", "devices-per-trial": "2"}, "fewer devices than the 2 of each trial"),
        ({"memory": "8G", "backend": "threading"}, "The field memory needs the backend loky."),
        ({"pin": "yes", "backend": "threading"}, "The field pin needs the backend loky."),
        (
            {"devices": "0", "env": "CUDA_VISIBLE_DEVICES=1"},
            "devices and variables both set CUDA_VISIBLE_DEVICES.",
        ),
    ],
)
def test_what_does_not_go_together_is_a_problem(texts: dict[str, str], problem: str) -> None:
    (found,) = filled(texts).problems()
    assert problem in found


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("devices", "0,,1", "is not a list of devices"),
        ("memory", "8", "is not an amount of memory; write 8G or 500M."),
        ("threads", "0", "is not a whole number above 0."),
        ("pin", "maybe", "pin must be yes or no."),
        ("ask-ahead", "maybe", "'maybe' is not one of no, yes."),
        ("per-device", "2", "There are no devices to share out."),
        ("env", "A=1 B", "'B' gives no value; write NAME=VALUE."),
        ("env", "A='1", "a quotation mark is not closed."),
        ("env", "HPTUI_SEED=1", "HPTUI_SEED is hptui's own variable."),
        ("folder", "nowhere", "There is no folder nowhere."),
        ("workers", "", "is not a whole number above 0."),
    ],
)
def test_a_wrong_entry_says_why(key: RunKey, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        filled({}).with_text(key, text)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("stored", "texts"),
    [
        (
            {"devices": "0,1", "per_device": 2, "threads": 4, "pin": True, "memory": 3 << 29},
            {"devices": "0,1", "per-device": "2", "threads": "4", "pin": "yes", "memory": "1536M"},
        ),
        ({"devices": "\x1b[2J", "per_device": "x", "memory": "8G", "pin": 3, "threads": -1}, {}),
        ({"devices": ["0"], "devices_per_trial": {}}, {}),
    ],
)
def test_what_a_run_had_is_read_and_what_it_cannot_have_had_is_not(
    stored: dict[str, object], texts: dict[str, str]
) -> None:
    assert texts_of_record(stored) == texts
    assert lost_variables({"env": ["A", "B"]}) == ("A", "B")
    assert lost_variables({"env": 3}) == ()


SEES_ITS_PLACE = """
import os
LEVELS = os.environ["LEVELS"].split()
def objective(trial):
    device = os.environ.get("CUDA_VISIBLE_DEVICES")
    trial.set_user_attr("saw", device)
    level = trial.suggest_categorical(f"on-{device in ('4', '5')}", LEVELS)
    with open("rows.txt") as rows:
        return LEVELS.index(level) + trial.suggest_int("row", 0, len(rows.readlines()) - 1)
"""


def test_a_run_on_devices_is_probed_set_up_and_taken_over_where_its_trials_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "train.py").write_text(SEES_ITS_PLACE)
    (folder / "rows.txt").write_text("1\n2\n3\n")
    drive(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "train.py:objective"
        wait "train.py:objective" 10s
        press enter
        wait "LEVELS" 30s
        press tab tab tab enter
        type 4
        press enter
        wait "--trials 4"
        press down down down down down down down down down enter
        type "4,"
        press enter
        wait "is not a list of"
        type 5
        press enter
        wait "--trials 4 --devices 4,5"
        press down down down down enter
        type 2G
        press enter
        wait "--memory 2G"
        press down down enter
        type "LEVELS"
        press enter
        wait "gives no value"
        type "='low high'"
        press enter
        wait "2 parameters"
        expect "on-True"
        press f5
        wait "running" 60s
        wait "not running" 60s
        press enter
        wait "GPU" 10s
        press escape
        wait "not running" 10s
        """,
        size="100x40",
        settings=Settings(),
    )
    (file,) = folder.glob("*.db")
    trials = load(folder, file.stem).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    for trial in trials:
        (device,) = trial.system_attrs["hptui:place"]["devices"]
        assert trial.user_attrs["saw"] == device
    assert "low high" not in read_study(file, file.stem).runs[0].resources.values()
    # Whoever opens it elsewhere has the same data, devices and limits, but no value of a variable.
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    drive(
        f"""
        wait "train.py:objective" 10s
        press r
        wait "next run of" 10s
        expect "--devices 4,5 --memory 2G"
        expect "--cwd {folder}"
        wait "The last run set LEVELS"
        expect-not "The last run ran in"
        """,
        size="300x40",
        settings=Settings(),
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "of-somebody-else"))
    drive(
        f"""
        wait "train.py:objective" 10s
        press r
        wait "Run the code that this study names?" 10s
        press y
        wait "The last run ran in {folder}; this one runs in {elsewhere}."
        expect "To run there again, enter"
        expect-not "--cwd"
        """,
        size="300x40",
        settings=Settings(),
    )


def test_variables_are_not_taken_over_and_that_is_told(folder: Path) -> None:
    opened = with_text(open_draft(StudyPlace(folder), None, None, {}), "rosenbrock")
    draft = opened.draft
    assert draft.notes() == []
    draft = draft.with_run(RunDraft(last_variables=("TOKEN", "\x1b[2J")))
    (note,) = draft.notes()
    assert note.startswith("The last run set TOKEN, \\x1b[2J, but values are not")
    given = draft.with_run(draft.run.with_text("env", "TOKEN=hunter2 A='two words'"))
    assert "\\x1b[2J, but" in given.notes()[0]
    assert given.run.options()[-4:] == ["--env", "TOKEN=hunter2", "--env", "A=two words"]
