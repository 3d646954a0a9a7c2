"""The set-up form on what follows trials, on repetitions, and on another Python."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from tests.ui.driving import drive

from hptui.domain.run_place import RunPlace
from hptui.errors import UsageError
from hptui.registry.known_code import note_python
from hptui.storage.read.study_detail import RunRecord, read_study
from hptui.ui.application.settings import DEFAULTS, Settings
from hptui.ui.setup import following_fields, setup_sources
from hptui.ui.setup.run_draft import RunDraft, RunKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRAIN = """
def objective(trial):
    return trial.suggest_float("x", 0, 1)

def note(study, trial):
    study.set_user_attr("noted", trial.number)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is the studies folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def _nothing(_: str) -> None: ...


def filled(texts: Mapping[str, str], draft: RunDraft | None = None) -> RunDraft:
    draft = draft or RunDraft.start(3).named("study")
    for key, text in texts.items():
        draft = draft.with_text(cast("RunKey", key), text)
    return draft


HERE = sys.executable
SPELLED: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"repeat": "3", "skip-duplicates": "yes"}, ["--repeat", "3", "--skip-duplicates"]),
    ({"python": HERE}, ["--python", HERE]),
    (
        {"callback": "train.py:note train.py:objective", "on-best": "echo 'a b'"},
        ["--callback=train.py:note", "--callback=train.py:objective", "--on-best=echo 'a b'"],
    ),
    ({"on-end": "-x", "log-to": "mlflow:x"}, ["--on-end=-x", "--log-to=mlflow:x"]),
    (
        {"notify": "json://a 'json://b c'", "notify-best": "yes"},
        ["--notify=json://a", "--notify=json://b c", "--notify-best"],
    ),
]


@pytest.mark.parametrize(("texts", "options"), SPELLED)
def test_fields_become_options(
    texts: dict[str, str], options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_fields, "find_spec", repr)
    draft = filled(texts)
    assert draft.options() == ["--workers", "3", *options]
    assert draft.problems() == []


WRONG: list[tuple[RunKey, str, str]] = [
    ("repeat", "0", "is not a whole number from 1"),
    ("skip-duplicates", "maybe", "no, yes"),
    ("python", "nowhere", "There is no Python at 'nowhere'."),
    ("callback", "gone.py:f", "There is no file gone.py."),
    ("callback", "'a", "A quotation mark is not closed."),
    ("on-end", "a\0b", "The command contains a NUL character"),
    ("log-to", "mlflaw:http://me:hunter2@host", "mlflow, mlflow:URI"),
    ("notify", "hunter2", "it must be an apprise address"),
    ("notify-best", "yes", "Nobody is notified."),
]


@pytest.mark.parametrize(("key", "text", "says"), WRONG)
def test_a_wrong_entry_says_why(key: RunKey, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        filled({}).with_text(key, text)
    assert says in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_library_that_is_missing_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following_fields, "find_spec", _nothing)
    draft = filled({"log-to": "wandb", "notify": "json://me:hunter2@a"})
    assert draft.problems() == [
        "Logging to wandb needs the package wandb: pip install 'hptui[wandb]'.",
        "Notifying needs the package apprise: pip install 'hptui[notify]'.",
    ]


def test_settings_say_what_new_runs_begin_with() -> None:
    defaults: dict[str, int | float | str] = {"repeat": 3, "on-end": "true", "python": HERE}
    draft = RunDraft.start(3, {**defaults, "log-to": "nowhere"})
    assert draft.options() == ["--workers", "3", "--python", HERE, "--repeat", "3", "--on-end=true"]
    assert set(defaults) <= set(DEFAULTS)


def test_what_the_last_run_had_is_there_and_can_be_ended() -> None:
    last: dict[RunKey, str] = {"python": HERE, "repeat": "4"}
    draft = RunDraft.start(3)
    draft = replace(draft, texts={**draft.texts, **last}, last_python=HERE, last_repeat=4)
    assert draft.options() == ["--workers", "3"]
    emptied = filled({"python": "", "repeat": ""}, draft)
    assert emptied.options() == ["--workers", "3", "--python", "own", "--repeat", "1"]
    command = replace(draft, runs_command=True)
    assert command.reason("python") == "A command names its own Python."
    assert "--python" not in filled({"repeat": ""}, command).options()


def test_the_python_of_the_last_run_is_taken_where_this_person_has_used_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    place = RunPlace(str(folder), HERE, "3.12.1", "4.5.0", is_other=True)
    record = RunRecord(0.0, 1.0, "tpe", "none", 1, 1, "loky", None, "trials", "r", "h", place=place)
    assert setup_sources._last_python(record) == ""  # pyright: ignore[reportPrivateUsage]
    note_python(HERE)
    assert setup_sources._last_python(record) == HERE  # pyright: ignore[reportPrivateUsage]
    own = replace(record, place=replace(place, is_other=False))
    assert setup_sources._last_python(own) == ""  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("clones_programs")
def test_the_form_starts_a_run_with_callbacks_and_hooks(folder: Path) -> None:
    defaults = {"trials": 2, "workers": 1, "repeat": 2, "on-end": "cat > ended.json"}
    drive(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "train.py:objective"
        wait "train.py:objective" 10s
        press enter
        wait "1 parameter" 30s
        press tab tab tab
        press end up up up up enter
        type "train.py:nothing here"
        press enter
        wait "not name a function"
        press ctrl+u
        type "train.py:note"
        press enter
        wait "--callback=train.py:note"
        press f5
        wait "not running" 60s
        """,
        size="80x24",
        settings=Settings(defaults=defaults),
    )
    (file,) = folder.glob("*.db")
    detail = read_study(file, file.stem)
    assert detail.runs[0].repeat == 2
    assert (folder / "ended.json").read_text().startswith('{"event": "end"')
