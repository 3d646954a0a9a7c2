"""A command typed where an objective is picked: set up, run, run again, asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.programs import load
from tests.ui.driving import drive

from hptui.registry.commands.command import CommandSpec
from hptui.ui.application.settings import Settings
from hptui.ui.setup.setup_draft import code_text
from hptui.ui.setup.setup_screen import SetupScreen

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


class _Address:
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name


def test_a_command_is_typed_shaped_run_and_set_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    (tmp_path / "fit.sh").write_text("echo loss: $1.$2\n")
    command = "--metric loss -- sh ./fit.sh {x=1..9} {k=1|2}"
    drive(
        f"""
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "{command.replace("--metric loss ", "")}"
        wait "use this command" 10s
        press enter
        wait "Which of the printed numbers should be tuned?" 10s
        press escape
        wait "Choose an objective first" 10s
        press o
        wait "use this command  -- sh ./fit.sh" 10s
        type "{command.replace("1..9", "1..b")}"
        wait "1..b" 10s
        press enter
        wait "'b' is not a number." 10s
        press escape
        wait "Choose an objective first" 10s
        press o
        wait "1..b" 10s
        type "{command}"
        wait "use this command  --metric loss -- sh ./fit.sh {{x=1..9}} {{k=1|2}}" 10s
        press enter
        wait "2 parameters" 10s
        expect "hptui run --metric loss --study fit"
        expect "-- sh ./fit.sh '{{x=1..9}}' '{{k=1|2}}'"
        press right enter
        type 4
        press enter
        wait "1 edited"
        press tab tab tab down enter
        type 3
        press enter
        wait "--trials 3"
        press f5
        wait "not running" 60s
        press escape
        wait "1 study" 10s
        press r
        wait "next run of" 10s
        wait "1 edited" 10s
        expect "hptui run --metric loss --study fit"
        expect "-- sh ./fit.sh '{{x=1..9}}' '{{k=1|2}}'"
        """,
        size="200x40",
        settings=Settings(),
    )
    trials = load(tmp_path, "fit").trials
    assert [each.state.name for each in trials] == ["COMPLETE"] * 3
    assert all(each.value == float(f"{each.params['x']}.{each.params['k']}") for each in trials)
    assert all(each.params["x"] <= 4 for each in trials)


TWO_STUDIES = """
import argparse
import optuna
parser = argparse.ArgumentParser()
parser.add_argument("--top", type=int, required=True)
top = parser.parse_args().top
for name, direction in (("low", "minimize"), ("high", "maximize")):
    study = optuna.create_study(study_name=name, direction=direction)
    study.optimize(lambda trial: trial.suggest_int(f"of_{name}", 0, top), n_trials=2)
"""


def test_a_study_of_a_script_is_chosen_run_and_set_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    (tmp_path / "two.py").write_text(TWO_STUDIES)
    drive(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "two.py -- --top 7"
        wait "two.py -- --top 7" 10s
        press enter
        wait "of_low" 30s
        press o
        wait "Choose an objective" 10s
        expect "two.py -- --top 7"
        press home right right right right right right
        type " --study-of 2"
        press enter
        wait "of_high" 30s
        expect "maximize"
        expect "--workers 1 --study-of 2 -- --top 7"
        press f5
        wait "not running" 60s
        press escape
        wait "two.py" 10s
        press r
        wait "next run of" 10s
        expect "--study-of 2 -- --top 7"
        """,
        size="200x40",
        settings=Settings(defaults={"workers": 1}),
    )
    (file,) = tmp_path.glob("*.db")
    study = load(tmp_path, file.stem)
    assert study.direction.name == "MAXIMIZE"
    assert [trial.params.keys() for trial in study.trials] == [{"of_high"}] * 2
    assert all(0 <= (trial.value or 0) <= 7 for trial in study.trials)


def test_a_command_that_only_a_study_names_is_shown_before_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    spec = CommandSpec(
        words=("sh", "-c", "echo {x=1..2} > e[v]il"), metrics=("loss",), cwd=str(tmp_path)
    )
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'given.db'}", study_name="given")
    facts = {"token": "t", "objective": spec.to_ref("branin").to_json()}
    study._storage.set_study_system_attr(study._study_id, "hptui:study", facts)  # pyright: ignore
    address = _Address(tmp_path / "given.db", "given")
    drive(
        """
        wait "Run the code that this study names?" 10s
        expect "sh -c 'echo {x=1..2} > e[v]il'"
        expect "None of it has been"
        press y
        wait "1 parameter" 10s
        press escape
        """,
        settings=Settings(),
        home=lambda: SetupScreen(None, address),
    )
    drive(
        'wait "1 parameter" 10s',
        settings=Settings(),
        home=lambda: SetupScreen(None, address),
    )
    assert not (tmp_path / "e[v]il").exists()

    # What cannot be seen as a whole cannot be agreed to.
    long = CommandSpec(words=("sh", "-c", "x" * 2000), metrics=("loss",), cwd=str(tmp_path))
    ref = long.to_ref("branin")
    facts = {"token": "t", "objective": ref.to_json()}
    study._storage.set_study_system_attr(study._study_id, "hptui:study", facts)  # pyright: ignore
    drive(
        f"""
        wait "Run the code that this study names?" 10s
        expect "code whose name has {len(code_text(ref)):,}"
        expect-not "run it, now and later"
        press n
        """,
        settings=Settings(),
        home=lambda: SetupScreen(None, address),
    )
