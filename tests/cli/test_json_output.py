"""`--json` of every command that reads a study: JSON alone, or a sentence and exit code 2."""

from __future__ import annotations

import json
import shutil
import socket
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from tests.e2e.programs import OBJECTIVES, run

from hptui.cli.main import COMMANDS, OTHER_NAMES, main

if TYPE_CHECKING:
    from pathlib import Path

READING: dict[str, tuple[str, ...]] = {
    "status": (),
    "show": (),
    "best": (),
    "trials": (),
    "failures": (),
    "plot": ("importance",),
    "compare": ("twin",),
    "note": (),
    "tag": (),
    "doctor": (),
    "space": (),
    "wait": (),
}
"""Commands that answer for a study at rest, with what else they need."""
PREPARING: dict[str, tuple[str, ...]] = {
    "workers": ("1",),
    "jobs": ("1",),
    "enqueue": ("--params", "{}"),
    "extend": ("--trials", "1"),
}
"""Commands that are for the next run of a study at rest."""
STEERING: dict[str, tuple[str, ...]] = {
    "pause": (),
    "resume": (),
    "stop": (),
    "kill": ("0",),
    "limit": ("30m",),
    "retry": (),
}
"""Commands that refuse a study at rest in which nothing has failed."""


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study at rest, its twin, one without trials, and a file without studies."""
    folder = tmp_path_factory.mktemp("json")
    quick = f"{OBJECTIVES}:quick"
    options = ("--study", "rest", "-j", "1", "--trials", "6", "-q")
    assert run("run", quick, *options, cwd=folder)[0] == 0
    assert run("duplicate", "rest", "twin", cwd=folder)[0] == 0
    optuna.create_study(study_name="empty", storage=f"sqlite:///{folder}/empty.db")
    optuna.create_study(study_name="gone", storage=f"sqlite:///{folder}/bare.db")
    optuna.delete_study(study_name="gone", storage=f"sqlite:///{folder}/bare.db")
    return folder


def values_of(out: str) -> list[Any]:
    """Return what a command has printed: one JSON value, or one a line."""
    try:
        return [json.loads(out)]
    except ValueError:
        return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("study", ["rest", "empty", "missing", "bare"])
@pytest.mark.parametrize("command", [*READING, *PREPARING, *STEERING])
def test_it_is_json_or_a_refusal(
    command: str,
    study: str,
    studies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command in PREPARING:
        for file in studies.glob("*.db"):
            shutil.copy(file, tmp_path)
        studies = tmp_path
    monkeypatch.setenv("HPTUI_STUDIES", str(studies))
    more = (READING | PREPARING | STEERING)[command]
    code = main([command, study, *more, "--json"])
    out, err = capsys.readouterr()
    assert "internal error" not in err
    if code in (1, 2):
        assert (out, err[:7], code) == ("", "hptui: ", 2)
        assert command in STEERING or study != "rest", err
        return
    assert code in (0, 3)
    assert err == "" or code == 3
    assert values_of(out) or (command, study) in [("trials", "empty")]
    assert command in READING | PREPARING
    if command in PREPARING:
        assert values_of(out)[0]["next_run"] is True
    # The doctor tells what is wrong with a file that holds no study.
    assert study in ("rest", "empty") or (command, study) == ("doctor", "bare")


def test_a_study_at_rest_says_how_its_last_run_ended(studies: Path) -> None:
    code, out, _ = run("status", "rest", "--json", cwd=studies)
    status = json.loads(out)
    assert code == 0
    assert (status["state"], status["pid"], status["slots"]) == ("idle", None, [])
    assert status["counts"] == {"complete": 6, "pruned": 0, "fail": 0}
    assert status["last_run"]["text"] == "All trials of this run have ended."
    text = run("status", "rest", cwd=studies)[1].splitlines()
    assert text[0] == "rest: not running, 6 trials"
    assert text[1] == (
        "  last run   6 complete, 0 pruned, 0 failed   All trials of this run have ended."
    )
    assert json.loads(run("status", "empty", "--json", cwd=studies)[1])["last_run"] is None


def test_a_dead_engine_is_told_by_the_status_of_its_study(studies: Path, tmp_path: Path) -> None:
    for name in ("rest.db", "rest.hptui"):
        place = shutil.copytree if (studies / name).is_dir() else shutil.copy
        place(studies / name, tmp_path / name)
    lease = {"study": "rest", "run": "x", "pid": 1, "started": "0", "boot": "none", "socket": "/no"}
    (tmp_path / "rest.hptui").mkdir(exist_ok=True)
    (tmp_path / "rest.hptui/engine.json").write_text(
        json.dumps({**lease, "host": socket.gethostname()})
    )
    status = json.loads(run("status", "rest", "--json", cwd=tmp_path)[1])
    assert (status["state"], status["trouble"]) == ("idle", "Its engine (process 1) has died.")


def test_every_command_with_json_is_tried_here_or_needs_more() -> None:
    """Commands that change files or need names have tests of their own."""
    others = {
        "run",
        "objectives",
        "samplers",
        "pruners",
        "ls",
        "page",
        "report",
        "drive",
        "serve",
        "mirror",
        "push",
    }
    others |= {"rename", "duplicate", "fork", "merge", "delete", "undo", "export", "import"}
    tried = (READING | PREPARING | STEERING).keys() - OTHER_NAMES.keys()
    assert COMMANDS.keys() == tried | others | {"upgrade", "logs", "watch", "help", "completion"}
