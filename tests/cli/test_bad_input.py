"""Bad input of every option: a sentence, exit code 2, and nothing is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import StudyFile

from hptui.cli import main

if TYPE_CHECKING:
    from pathlib import Path

RUN = ["run", "branin"]
CASES: list[tuple[list[str], str]] = [
    (["run"], "Give an objective or a command"),
    (["run", ""], "no objective ''"),
    (["run", "nope"], "no objective 'nope'"),
    (["run", "nofile.py"], "no file nofile.py"),
    (["run", "no.module:attribute"], "no module no."),
    ([*RUN, "extra"], "extra"),
    *(([*RUN, "--trials", text], "--trials") for text in ("0", "-3", "1.5", "1e3", "9" * 13)),
    *(([*RUN, "--workers", text], "--workers") for text in ("0", "4097", "two")),
    *(([*RUN, "--timeout", text], "--timeout") for text in ("0", "5x", "nan", "9" * 30 + "d")),
    *(([*RUN, "--trial-timeout", text], "--trial-timeout") for text in ("0s", "soon")),
    *(([*RUN, "--target", text], "--target") for text in ("nan", "high")),
    *(([*RUN, "--seed", text], "--seed") for text in ("-1", "4294967296", "x")),
    ([*RUN, "--sampler", ""], "no sampler ''"),
    ([*RUN, "--sampler", "tpee"], "Did you mean tpe?"),
    ([*RUN, "--sampler", "tpe:n_startup_trials"], "has no value"),
    ([*RUN, "--sampler", "tpe:n_startup_trials=-1"], "an integer of 0 or more"),
    ([*RUN, "--sampler", "tpe:gamma=1"], "Optuna has deprecated it"),
    ([*RUN, "--sampler", "tpe(n_startup_trials=1"], "brackets"),
    ([*RUN, "--sampler", "cmaes:independent_sampler=tpe(group=2)"], "true or false"),
    ([*RUN, "--pruner", "percentile"], "needs percentile"),
    ([*RUN, "--pruner", "patient:patience=1,wrapped=nope"], "no pruner 'nope'"),
    *(([*RUN, "--space", text], "Write it like") for text in ("", "x1", "x1=", "x1=a..b")),
    ([*RUN, "--space", "x1=0..nan"], "finite"),
    ([*RUN, "--space", "x1=0..1:foo"], ":log"),
    ([*RUN, "--space-file", "nofile.toml"], "cannot be read"),
    ([*RUN, "--space-file", "."], "cannot be read"),
    ([*RUN, "--enqueue", "{"], "not JSON"),
    ([*RUN, "--enqueue", "[1]"], "not a JSON object"),
    ([*RUN, "--direction", "up"], "'up'"),
    *(([*RUN, "--study", text], "a study's name") for text in ("", "a/b", "..", "a:b", "a\nb")),
    ([*RUN, "--study", "", "--storage", "a.db"], "a study's name"),
    ([*RUN, "--study", "a\x1b[31m", "--storage", "a.db"], "a study's name"),
    ([*RUN, "--storage", "sqlite://"], "sqlite:// has no path"),
    ([*RUN, "--storage", "sqlite:///:memory:"], "in memory"),
    ([*RUN, "--storage", "sqlite:///a.db?timeout=9"], "options after the ?"),
    ([*RUN, "--storage", "redis://me:pw@host/0"], "redis://me@host/0: studies there are only read"),
    ([*RUN, "--storage", "ftp://me:pw@host/db"], "ftp://me:***@host/db is an address"),
    ([*RUN, "--join"], "--join is for studies on servers"),
    ([*RUN, "--backend", "process"], "'process'"),
    ([*RUN, "--leftovers", "maybe"], "'maybe'"),
    ([*RUN, "--json", "--quiet"], "not allowed with"),
    (["objectives", "nope"], "no objective 'nope'"),
    (["samplers", "nope"], "no sampler 'nope'"),
    (["pruners", "nope"], "no pruner 'nope'"),
    *(
        ([command, "nope", *more], "no study 'nope'")
        for command, more in {
            "status": [],
            "pause": [],
            "resume": [],
            "stop": [],
            "kill": ["0"],
            "jobs": ["1"],
            "enqueue": ["--params", "{}"],
            "extend": ["--trials", "1"],
            "retry": ["--cause", "1"],
            "failures": [],
            "space": [],
            "show": [],
            "best": [],
            "trials": [],
            "plot": [],
            "doctor": [],
            "upgrade": [],
        }.items()
    ),
    (["kill", "nope", "first"], "TRIAL"),
    (["jobs", "nope", "many"], "N"),
    (["extend", "nope"], "--trials"),
    (["enqueue", "nope"], "--params"),
    (["trials", "nope", "--state", "odd"], "'odd'"),
    (["trials", "nope", "--limit", "-1"], "--limit"),
    (["trials", "nope", "--json", "--csv"], "not allowed with"),
    (["best", "nope", "--json", "--python"], "not allowed with"),
    (["plot", "nope", "pie"], "'pie'"),
    (["plot", "nope", "--width", "0"], "--width"),
    (["plot", "nope", "--height", "9999"], "--height"),
    (["doctor", "nope", "--fail", "--requeue"], "not allowed with"),
    (["show", "nope", "first"], "TRIAL"),
    (["show", "a/b.db"], "no study file a/b.db"),
    (["show", "\x1b]0;x\x07"], "a study's name"),
]


@pytest.mark.parametrize(("arguments", "sentence"), CASES)
def test_it_is_refused_with_a_sentence_and_nothing_is_written(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path / "studies"))
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.startswith("hptui: ")
    assert "internal error" not in err
    assert "\x1b" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["= 1", "[x1\n", "x1 = 3\n", "[x1]\nlow = 'a'\n", "[x1]\nodd = 1\n", "\xff"]
)
def test_a_bad_space_file_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "space.toml"
    path.write_bytes(text.encode("latin-1"))
    code = main([*RUN, "--space-file", str(path), "--studies", str(tmp_path)])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("hptui: ")
    assert "internal error" not in err
    assert list(tmp_path.iterdir()) == [path]


ADDRESS = "postgresql://me:hunter2@host:5432/db"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "json:loads", "--storage", ADDRESS],
        ["run", ADDRESS],
        ["run", "json:loads", "--study", ADDRESS],
        ["run", "json:loads", "--space-file", ADDRESS],
        ["run", "json:loads", "--sampler", ADDRESS],
        ["run", "json:loads", "--storage", ADDRESS, "--detach"],
        ["run", "json:loads", "--no-such-option", ADDRESS],
        ["status", ADDRESS, "--json"],
        ["ls", ADDRESS],
        ["ls", "--studies", ADDRESS],
        ["fork", "s", "t", "--storage", ADDRESS],
        ["merge", "s", "t", "--into", "u", "--storage", ADDRESS],
        ["import", ADDRESS, "s"],
        ["import", "f.csv", "s", "--storage", ADDRESS],
        ["export", "s", ADDRESS],
        ["doctor", ADDRESS],
        ["upgrade", ADDRESS],
        [ADDRESS],
    ],
)
def test_a_password_in_an_address_is_not_said(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("HPTUI_DEBUG", "1")
    with StudyFile(tmp_path / "s.db") as file:
        file.add_study("s")
    code = main(arguments)
    out, err = capsys.readouterr()
    # Where the server's driver is installed, nobody answers at that address.
    assert (code in (1, 2), out) == (True, "")
    assert "hunter2" not in err
    assert "internal error" not in err


@pytest.mark.parametrize("is_variable", [False, True])
def test_an_address_for_the_studies_folder_is_said_whole_and_a_folder_asked_for(
    is_variable: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HPTUI_STUDIES", ADDRESS)
    assert main(["ls"] if is_variable else ["ls", "--studies", ADDRESS]) == 2
    err = capsys.readouterr().err
    what = "$HPTUI_STUDIES" if is_variable else "--studies"
    assert f"{what} postgresql://me:***@host:5432/db is an address" in err
    assert "the folder that the study files are in" in err
    assert ".db" not in err


def test_a_password_in_a_choice_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = [[ADDRESS, "a@b"], {"at": ADDRESS}, ["long"] * 2_000, ADDRESS]
    choice = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": listed}})
    with StudyFile(tmp_path / "s.db") as file:
        file.add_study("s")
        for index in range(len(listed)):
            file.add_trial((float(index),), params={"x": (index, choice)})
    study = str(tmp_path / "s.db")
    for words in (
        *(["show", study, str(index)] for index in range(len(listed))),
        ["show", study],
        ["best", study],
        ["trials", study],
    ):
        assert main(words) == 0
        out = capsys.readouterr().out
        assert "hunter2" not in out
        assert max(map(len, out.splitlines())) < 1_000
    assert main(["best", study, "--json"]) == 0
    assert "hunter2" in capsys.readouterr().out
