"""`--filter`, and what the page about filters says of it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import FLOAT, INT, START_S, StudyFile, text_of

from hptui.analysis.filters.fields import SIGNS
from hptui.analysis.filters.parser import MAX_CHARS, MAX_TERMS
from hptui.cli.main import main
from hptui.figures.kinds import KINDS
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS
from hptui.ui.application.settings import settings_path

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).parents[2] / "tui/docs/reference/filters.md").read_text("utf-8")
KERNELS = ["rbf", "poly", "linear"]
KERNEL = json.dumps(
    {"name": "CategoricalDistribution", "attributes": {"choices": KERNELS, "step": None}}
)
EXAMPLE = re.compile(r"^(\S.*?) +→((?: \d+)*)$", re.MULTILINE)
PLACE = {"hptui:place": {"devices": ["0", "1"], "cores": "0-3"}}
MINE = "state:complete value<1 -tag:bad"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The study of the page."""
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("HPTUI_SETTINGS", str(tmp_path / "settings.toml"))
    settings_path().write_text(f"[filters]\nmine = '{MINE}'\nhalf = 'lr<'\n", "utf-8")
    path = tmp_path / "study.db"
    with StudyFile(path) as file:
        file.add_study()
        add(file, 0.5, 2.5, lr=0.0031415, kernel="rbf")
        add(file, 0.125, 45.0, lr=0.5, kernel="poly", degree=3, user={"hptui:tags": ["good"]})
        noted = add(file, math.inf, 120.0, lr=1e-5, kernel="rbf", system={"constraints:c": 1.0})
        add(
            file,
            0.25,
            2.5,
            state="PRUNED",
            lr=0.25,
            kernel="linear",
            user={"fold": 3},
            system=PLACE,
        )
        error = {"kind": "exception", "type": "MemoryError", "message": "Out of memory at 0x7f3a"}
        add(
            file,
            None,
            2.5,
            state="FAIL",
            lr=0.75,
            kernel="poly",
            degree=2,
            system={"hptui:error": error},
        )
        add(file, None, None, state="RUNNING", user={"hptui:tags": ["good", "slow run"]})
        for key, value in {
            f"dashboard:{noted}:note_ver": 1,
            f"dashboard:{noted}:note_str:0": "**bad** split",
        }.items():
            file.run(
                "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
                key,
                json.dumps(value),
            )
    return path


def add(
    file: StudyFile,
    value: float | None,
    duration_s: float | None,
    *,
    state: str = "COMPLETE",
    system: Mapping[str, object] | None = None,
    user: Mapping[str, object] | None = None,
    **params: float | str,
) -> int:
    stored: dict[str, tuple[object, str]] = {}
    for name, given in params.items():
        if isinstance(given, str):
            stored[name] = KERNELS.index(given), KERNEL
        else:
            stored[name] = given, INT if name == "degree" else FLOAT
    return file.add_trial(
        value,
        state=state,
        start=text_of(START_S),
        complete=None if duration_s is None else text_of(START_S + duration_s),
        params=stored,
        attributes=system,
        user_attributes=user,
    )


def numbers(capsys: pytest.CaptureFixture[str], text: str) -> list[int]:
    """The trials that `hptui trials` prints."""
    assert main(["trials", "study", "--json", f"--filter={text}"]) == 0
    return [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("path")
def test_the_examples_of_the_page_are_true(capsys: pytest.CaptureFixture[str]):
    examples = EXAMPLE.findall(PAGE)
    assert len(examples) > 25
    assert f"`{MINE}`" in PAGE
    for text, expected in examples:
        assert (text, numbers(capsys, text)) == (text, [int(each) for each in expected.split()])


@pytest.mark.usefixtures("path")
def test_the_error_of_the_page_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]):
    assert main(["trials", "study", "--filter", "lr<1 kernl=rbf"]) == 2
    assert capsys.readouterr().err in PAGE


def test_the_page_has_all_names_signs_and_limits():
    rows = dict(re.findall(r"^\| `?([a-z.K']+).*? \| (`[^|]*`|all|as `value`) \|$", PAGE, re.M))
    for kind in ("number", "state", "value", "error", "cause", "note", "tag", "device"):
        assert rows[kind] == f"`{' '.join(SIGNS[kind])}`", kind
    assert SIGNS["duration"] == SIGNS["value"]
    assert set(SIGNS["attr"]) == set(SIGNS["param"]) == {*SIGNS["value"], "~"}
    for limit in (MAX_CHARS, MAX_TERMS, MAX_JSON_CHARS):
        assert f"{limit:,}" in PAGE


@pytest.mark.usefixtures("path")
def test_a_filter_goes_with_states_and_orders(capsys: pytest.CaptureFixture[str]):
    given = ["--filter", "has:lr", "--state", "complete", "--sort", "lr", "--limit", "2"]
    assert main(["trials", "study", "--csv", *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["number", "2", "0"]


def test_an_export_has_the_chosen_trials(path: Path, capsys: pytest.CaptureFixture[str]):
    target = path.parent / "some.csv"
    assert main(["export", "study", str(target), "--filter", "kernel=poly"]) == 0
    assert "2 trials" in capsys.readouterr().out
    lines = target.read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["number", "1", "4"]


def test_an_export_that_cannot_be_filtered_writes_nothing(
    path: Path, capsys: pytest.CaptureFixture[str]
):
    for name, text, says in (
        ("a.csv", "lr<", "lr< needs a value"),
        ("a.csv", "kernl=a", "Known: kernel"),
        ("a.db", "lr<1", "with all its trials"),
    ):
        target = path.parent / name
        assert main(["export", "study", str(target), "--filter", text]) == 2
        assert says in capsys.readouterr().err
        assert not target.exists()


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@mien", "There is no saved filter @mien. Saved: @mine."),
        ("@half", "@half: lr< needs a value."),
        ("\x1b]52;c;x\x07=1", "\\x1b]52;c;x\\x07"),
    ],
)
def test_errors_are_sentences(text: str, says: str, capsys: pytest.CaptureFixture[str]):
    assert main(["trials", "study", "--filter", text]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "^" in err
    assert "\x1b" not in err


def plotted(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plot", "study", *arguments, "--width", "100", "--height", "24"]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_figure_takes_a_filter(kind: str, capsys: pytest.CaptureFixture[str]):
    if main(["plot", "study", kind]) != 0:
        without = capsys.readouterr().err
        assert "two objectives" in without
        assert main(["plot", "study", kind, "--filter", "lr<1"]) == 2
        assert capsys.readouterr().err == without
        return
    capsys.readouterr()
    every = plotted(capsys, kind, "--filter", "number<99")
    # The timeline's running trial goes on between two looks.
    assert every == plotted(capsys, kind) or kind == "timeline"
    # Whatever a figure says of no trials, it says so in words.
    assert re.search("[a-z] [a-z]", plotted(capsys, kind, "--filter", "lr<-1"))


def test_a_figure_shows_the_chosen_trials_alone(path: Path, capsys: pytest.CaptureFixture[str]):
    chosen = plotted(capsys, "slice", "--filter", "state:complete kernel=rbf value<inf")
    with StudyFile(path) as file:
        for trial_id in (2, 3, 4, 5, 6):
            file.run("DELETE FROM trials WHERE trial_id = ?", trial_id)
            file.run("DELETE FROM trial_params WHERE trial_id = ?", trial_id)
    assert plotted(capsys, "slice") == chosen
