"""`hptui run ... -- COMMAND`, up to what is stored and shown."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import optuna
import pytest

from hptui.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def hptui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))

    def run(line: str) -> tuple[int, str, str]:
        code = main(shlex.split(line))
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


REFUSED = [
    ("run", "Give an objective or a command."),
    ("run -- ", "There is no command to run."),
    ("run --metric a -- ", "There is no command to run."),
    ("run -- sh -c x", "Which of the printed numbers"),
    ("run --metric a -- nosuch", "cannot be run: there is no program nosuch"),
    ("run --metric a -- python3 nosuch.py", "there is no file nosuch.py"),
    ("run --metric a -- sh '{x}'", "does not say which values 'x' may have"),
    ("run --metric a --space x=1..2 -- sh '{y=1..2}'", "There is no parameter 'x'"),
    ("run --metric a --fix y=3 -- sh -c : '{y=1..2}'", "Parameter 'y' cannot be"),
    ("run --metric a --cwd nosuch -- sh", "There is no folder nosuch"),
    ("run --metric a --grace x -- sh", "not a duration"),
    ("run --metric a --direction minimize --direction minimize -- sh", "1 metrics and 2"),
    ("run --metric a branin", "--metric is for a command"),
    ("run branin -- x", "Only a script takes arguments after --"),
    ("run --metric a nosuch.toml", "There is no file nosuch.toml"),
]


def test_what_cannot_run_is_refused_before_anything_is_written(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    for line, sentence in REFUSED:
        code, _, err = hptui(line)
        assert (code, sentence in err) == (2, True), (line, err)
    assert [each.name for each in tmp_path.iterdir() if each.name != ".state"] == []


def test_a_command_is_tuned_shown_and_gone_on_with(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "fit.sh").write_text('echo "$1 $2" >> args; echo "loss=$1.5, acc=$1"; echo $1\n')
    command = "--metric loss --metric acc --direction minimize --direction maximize --jobs 1 "
    command += "--sampler grid -- sh fit.sh '{n=1..3}' '{amp?--amp}'"
    code, _, err = hptui(f"run --trials 6 --quiet {command}")
    assert code == 0, err
    study = optuna.load_study(study_name="fit", storage="sqlite:///fit.db")
    assert study.metric_names == ["loss", "acc"]
    assert sorted(tuple(each.values) for each in study.trials) == [
        (n + 0.5, float(n)) for n in (1, 1, 2, 2, 3, 3)
    ]
    assert sorted((tmp_path / "args").read_text().split("\n")) == [
        "", "1 ", "1 --amp", "2 ", "2 --amp", "3 ", "3 --amp",
    ]  # fmt: skip
    _, out, _ = hptui("show fit")
    assert "fit (sh fit.sh '{n=1..3}' '{amp?--amp}')" in out
    assert "minimize loss, maximize acc" in out
    # Another command has a study of its own; another scale is refused with what to type.
    code, _, err = hptui(
        "run --trials 1 --metric loss --metric acc --quiet -- sh fit.sh '{n=1..3}'"
    )
    assert code == 2
    assert "holds trials of sh fit.sh '{n=1..3}' '{amp?--amp}', not of sh fit.sh" in err
    code, _, err = hptui(f"run --trials 1 --quiet {command.replace('1..3', '1..9:log')}")
    assert code == 2
    assert "hptui run --study fit-2 --metric loss" in err


def test_commands_in_files_are_listed_and_run_by_name(
    hptui: Callable[[str], tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "fit.toml").write_text(
        'command = "sh -c \'echo loss=$1; echo loss=3\' x {n}"\nmetric = "loss"\n'
        'direction = "maximize"\nmetric_take = "max"\n[space]\nn = "1..5"\n'
    )
    (tmp_path / "objectives" / "bad.toml").write_text('command = "sh"\n')
    _, out, _ = hptui("objectives --json")
    listed = {each["name"]: each for each in json.loads(out)}
    assert listed["fit"]["origin"] == "command"
    assert listed["fit"]["directions"] == ["maximize"]
    assert listed["bad"]["problem"].startswith("bad.toml: Which of the printed numbers")
    _, out, _ = hptui("objectives fit")
    assert "Command:    sh -c 'echo loss=$1; echo loss=3' x '{n=1..5}'" in out
    assert "Not probed" not in out
    _, out, _ = hptui("objectives --json -- sh '{x=1..2}' {opt=a|b}")
    assert list(json.loads(out)["parameters"]) == ["x", "opt"]
    code, _, err = hptui("run fit --trials 2 --jobs 1 --quiet --fix n=5")
    assert code == 0, err
    study = optuna.load_study(study_name="fit", storage="sqlite:///fit.db")
    assert [each.value for each in study.trials] == [5.0, 5.0]
    assert study.direction.name == "MAXIMIZE"
    code, _, err = hptui("run bad")
    assert code == 2
    assert "Which of the printed numbers" in err
