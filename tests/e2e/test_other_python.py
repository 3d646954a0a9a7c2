"""Workers, probes and callbacks in another Python, which has Optuna and not hptui."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.other_environment import make_environment
from tests.e2e.programs import load, run

from hptui.cli.options.python_option import python_of
from hptui.cli.output.last_run import facts_before
from hptui.domain.objective import ObjectiveRef
from hptui.engine.workers.machine.versions import Versions
from hptui.errors import HptuiError, UsageError
from hptui.registry.loading.other_python import OtherPython, read_python

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVE = """
import multiprocessing, os, sys
from importlib.util import find_spec
import lab_only

def square(x):
    return x * x

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("prefix", sys.prefix)
    names = ("joblib", "psutil", "textual")
    trial.set_user_attr("found", [each for each in names if find_spec(each)])
    if trial.number == 1:
        os._exit(3)
    if trial.number == 2:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(square, (x,))
    for step in range(3):
        trial.report(x, step)
        trial.should_prune()
    return square(x)

def tell(study, trial):
    if trial.number == 3:
        study.set_user_attr("told", [sys.prefix, len(study.get_trials())])
"""


def test_workers_probes_and_callbacks_run_where_hptui_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = make_environment(tmp_path / "env")
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (site / "lab_only.py").touch()
    (tmp_path / "train.py").write_text(OBJECTIVE)
    words = ("run", "train.py:objective", "--study", "s", "-j", "1")
    given = ("--python", "env", "--trials", "4", "--callback", "train.py:tell")
    code, _, said = run(*words, *given, cwd=tmp_path)
    assert (code, "1 failed" in said) == (0, True), said
    study = load(tmp_path, "s")
    here = str(tmp_path / "env")
    done = [each for each in study.trials if each.state is optuna.trial.TrialState.COMPLETE]
    assert [each.number for each in done] == [0, 2, 3]
    assert [each.user_attrs for each in done] == [{"prefix": here, "found": []}] * 3
    assert study.user_attrs["told"] == [here, 4]

    # The next run has the same Python, and the space is looked at in it.
    code, out, _ = run(*words, "--trials", "1", "--space", "x=0..0.5", "--json", cwd=tmp_path)
    (note,) = [each for each in json.loads(out.splitlines()[0])["notes"] if "Workers" in each]
    assert (code, str(python.parent) in note) == (0, True)
    assert load(tmp_path, "s").trials[4].user_attrs["prefix"] == here
    shown = run("objectives", "train.py:objective", "--python", "env", "--json", cwd=tmp_path)[1]
    assert list(json.loads(shown)["parameters"]) == ["x"]

    # But only for who has used it: a study may name any program.
    facts = facts_before(tmp_path / "s.db", "s")
    assert facts is not None
    ref = ObjectiveRef("file", str(tmp_path / "train.py"), "objective", "train.py")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    found, _ = python_of(Namespace(python=None), ref, facts)
    assert found is not None
    assert found.path == facts.runs[-1].place.python
    assert python_of(Namespace(python="own"), ref, facts) == (None, "")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody-else"))
    assert python_of(Namespace(python=None), ref, facts) == (None, "")


TOLD = 'printf \'startup\\nhptui:{"version": "%s", "optuna": "%s"}\\n\''
PYTHONS = [
    (f"{TOLD} 3.9.18 4.5.0", r"is Python 3\.9\.18; workers need 3\.11 or newer"),
    (f"{TOLD} 3.12.1 ''", r"\(Python 3\.12\.1\) has no Optuna"),
    (f"{TOLD} 3.12.1 3.6.1", r"has Optuna 3\.6\.1; workers need Optuna 4 or 5"),
    ("printf 'startup\\nhptui:{}\\n'", "is not a working Python"),
    ("printf 'startup\\nhptui:\\033[2J\\n'", "is not a working Python"),
    ("exit 1", "is not a working Python"),
]


@pytest.mark.parametrize(("script", "sentence"), PYTHONS)
def test_a_python_that_cannot_run_workers_is_refused(
    script: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    with pytest.raises(UsageError, match=sentence):
        read_python("./python", tmp_path)


def test_what_names_a_python(tmp_path: Path) -> None:
    for text in ("", "gone", "./gone", "no\0path", "~nobody-here/python", "\x1b[2J"):
        with pytest.raises(UsageError, match=r"There is no Python at '"):
            read_python(text, tmp_path)
    (tmp_path / "plain").touch()
    with pytest.raises(UsageError, match=r"plain cannot be run: Permission denied\."):
        read_python("plain", tmp_path)
    assert read_python("own", tmp_path) is None
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o700)
    found = read_python(".", tmp_path)
    assert found is not None
    assert (found.path, found.optuna) == (str(link), optuna.__version__)
    command = ObjectiveRef("command", "{}", "", "train")
    with pytest.raises(UsageError, match="--python has no effect on a command"):
        python_of(Namespace(python=os.devnull), command, None)


def test_a_worker_with_other_versions_is_refused() -> None:
    here = Versions.here()
    here.require_same(here.to_json())
    other = Versions.expected(OtherPython("/p", "3.13.0", "4.5.0"))
    other.require_same({**here.to_json(), "python": "3.13.0", "optuna": "4.5.0"})
    for told, sentence in (
        ({**here.to_json(), "protocol": 0}, f"has protocol 0, and this run began with {1}"),
        ({**here.to_json(), "optuna": "3\x1b[2J"}, r"has Optuna 3\\x1b\[2J, and this run"),
        ({}, "has Python none"),
        (None, "has Python none"),
    ):
        with pytest.raises(HptuiError, match=sentence):
            here.require_same(told)
