"""The set-up form on devices, cores and memory: typed, checked, started, taken over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from tests.e2e.programs import load
from tests.ui.driving import drive

from hptui.errors import UsageError
from hptui.ui.data.resource_fields import lost_variables, texts_of_record
from hptui.ui.data.run_draft import RunDraft, RunKey
from hptui.ui.data.setup_draft import StudyPlace
from hptui.ui.data.setup_sources import open_draft, with_text
from hptui.ui.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

OBJECTIVES = Path(__file__).with_name("objectives_to_set_up.py")


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
        ({}, "--jobs 3"),
        ({"devices": "0,1"}, "--devices 0,1"),
        ({"devices": "none", "workers": "2"}, "--jobs 2 --devices none"),
        ({"workers": "1", "devices": "auto"}, "--jobs 1 --devices auto"),
        ({"devices": "0", "per-device": "2"}, "--devices 0 --per-device 2"),
        (
            {"threads": "4", "memory": "8G", "pin": "yes"},
            "--jobs 3 --threads 4 --memory 8G --pin",
        ),
        ({"ask-ahead": "yes"}, "--jobs 3 --ask-ahead"),
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
        ({"devices": 0, "workers": 1, "memory": "8G"}, "--jobs 1 --devices 0 --memory 8G"),
        ({"devices": "0,,1", "threads": 4}, "--jobs 3 --threads 4"),
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
    assert draft.with_text("devices", "-").options() == ["--jobs", "3"]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"devices": "0,1", "workers": "3"}, "3 workers do not fit on 2 devices: 2 fit."),
        ({"devices": "0", "devices-per-trial": "2"}, "fewer devices than the 2 of each trial"),
        ({"memory": "8G", "backend": "threading"}, "The field memory needs the backend loky."),
        ({"pin": "yes", "backend": "threading"}, "The field pin needs the backend loky."),
    ],
)
def test_what_does_not_go_together_is_a_problem(texts: dict[str, str], problem: str) -> None:
    (found,) = filled(texts).problems()
    assert problem in found


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("devices", "0,,1", "is no list of devices"),
        ("memory", "8", "is no amount of memory; write 8G or 500M."),
        ("threads", "0", "is not a whole number above 0."),
        ("pin", "maybe", "pin is yes or no."),
        ("ask-ahead", "maybe", "'maybe' is none of no, yes."),
        ("per-device", "2", "There are no devices to share out."),
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


def test_a_run_on_devices_is_set_up_and_taken_over(folder: Path) -> None:
    drive(
        f"""
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "{OBJECTIVES}:plain"
        wait "objectives_to_set_up.py:plain" 10s
        press enter
        wait "found by" 30s
        press tab tab tab enter
        type 6
        press enter
        wait "--trials 6"
        press down down down down down down down down down enter
        type "4,"
        press enter
        wait "is no list of"
        type 5
        press enter
        wait "--trials 6 --devices 4,5"
        press down down down down enter
        type 2G
        press enter
        wait "--memory 2G"
        press f5
        wait "running" 60s
        wait "not running" 60s
        press enter
        wait "GPU" 10s
        press escape
        wait "not running" 10s
        press escape
        wait "activity" 10s
        press r
        wait "next run of" 10s
        wait "found by" 30s
        expect "--devices 4,5"
        expect "--memory 2G"
        """,
        size="80x24",
        settings=Settings(),
    )
    (file,) = folder.glob("*.db")
    trials = load(folder, file.stem).trials
    assert len(trials) == 6
    places = [trial.system_attrs["hptui:place"] for trial in trials]
    assert all(place in ({"devices": ["4"]}, {"devices": ["5"]}) for place in places)


def test_variables_are_not_taken_over_and_that_is_told(folder: Path) -> None:
    opened = with_text(open_draft(StudyPlace(folder), None, None, {}), "rosenbrock")
    draft = opened.draft
    assert draft.notes() == []
    draft = draft.with_run(RunDraft(lost_variables=("TOKEN", "\x1b[2J")))
    (note,) = draft.notes()
    assert note.startswith("The latest run had TOKEN, \\x1b[2J by --env; values are not stored")
