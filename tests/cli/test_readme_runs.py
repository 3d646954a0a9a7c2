"""The README's examples run as they are printed, but with few trials, each block in its folder."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest
from tests.cli.readme_blocks import README
from tests.e2e.ask_starter import VARIABLE
from tests.e2e.programs import places_in, starter, wait_until
from tests.storage.study_file import FLOAT, StudyFile
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.client import running_engine
from hptui.storage.read.studies import read_summary
from hptui.ui.application.settings import load_settings

ROOT: Final = README.parent
FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS: Final = [(match[1], match[2]) for match in FENCED.finditer(README.read_text("utf-8"))]
GUIDE: Final = ROOT / "tui/docs/guides/script.md"
GUIDED: Final = [(match[1], match[2]) for match in FENCED.finditer(GUIDE.read_text("utf-8"))]
ASKING: Final = str(ROOT / "tests/e2e/ask_starter.py")
QUICK: Final = Path(__file__).with_name("objectives_of_the_readme.py")
CRITERION: Final = (
    '{"name": "CategoricalDistribution", "attributes": {"choices": ["gini", "entropy"]}}'
)


def block_with(text: str, language: str = "sh") -> str:
    """Return the one block that has this text."""
    (found,) = [code for kind, code in BLOCKS if kind == language and text in code]
    return found


def commands_of(block: str) -> list[str]:
    """Return the lines of a block that are commands; `$ ` begins them where output follows."""
    lines = block.splitlines()
    if any(line.startswith("$ ") for line in lines):
        return [with_few_trials(line[2:]) for line in lines if line.startswith("$ ")]
    return [with_few_trials(line) for line in lines if line.strip() and not line.startswith(" ")]


def with_few_trials(command: str) -> str:
    """Return a command whose run, where it waits for its end, has four trials."""
    if not command.startswith("hptui run ") or "--detach" in command:
        return command
    bare = re.sub(r" --trials \d+", "", command)
    return bare.replace("hptui run", "hptui run --trials 4", 1)


class Shell:
    """Gives commands in a folder that stands for a person's."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs

    def give(self, command: str) -> str:
        """Give one command, which must succeed, and return what it says."""
        scripts = Path(sys.executable).parent
        path = os.pathsep.join([str(self._programs), str(scripts), os.environ["PATH"]])
        places = {**places_in(self.folder), VARIABLE: starter().address}
        # One core, and so one worker for a run that says nothing else.
        given = {"PATH": path, "EDITOR": "true", "LOKY_MAX_CPU_COUNT": "1"}
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env={**os.environ, **places, **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def give_all(self, block: str) -> None:
        """Give the commands of a block in their order."""
        for command in commands_of(block):
            self.give(command)

    def make(self, *names: str, n_trials: int = 20) -> None:
        """Make studies as runs of the README's function leave them."""
        for name in names:
            with StudyFile(self.folder / f"{name}.db") as file:
                target = {"kind": "file", "target": str(self.folder / "train.py")}
                objective = {**target, "attribute": "objective", "name": "train.py"}
                file.add_study(name, hptui_study={"token": name, "objective": objective})
                for i in range(n_trials):
                    params = {"trees": (5.0 + i, TREES), "depth": (1.0 + i % 12, DEPTH)}
                    params["criterion"] = (i % 2, CRITERION)
                    file.add_trial(i / n_trials + (len(name) + ord(name[-1])) / 1e3, params=params)


INT: Final = (
    '{"name": "IntDistribution", "attributes": {"log": %s, "step": 1, "low": %d, "high": %d}}'
)
TREES: Final = INT % ("true", 5, 100)
DEPTH: Final = INT % ("false", 1, 12)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder, programs = tmp_path / "folder", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    hptui = programs / "hptui"
    # Isolated and without site, a Python that only asks is there at once.
    hptui.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-IS", ASKING])} "$@"\n')
    hptui.chmod(0o755)
    shutil.copy(QUICK, folder / "train.py")
    return Shell(folder, programs)


def test_the_first_run_and_what_is_told_of_it(shell: Shell) -> None:
    shell.give_all(block_with("hptui run digits-mlp", "console"))
    shell.give_all(block_with("hptui show digits-mlp"))
    assert (shell.folder / "trials.csv").read_text().count("\n") == 5


def test_the_function_of_the_readme_is_tuned(shell: Shell) -> None:
    code = block_with("load_wine", "python")
    (shell.folder / "train.py").write_text(code)
    first, *rest = commands_of(block_with("hptui objectives train.py"))
    shell.give(first)
    package = shell.folder / "package"
    package.mkdir()
    # The same function again and again would take minutes.
    for path in (shell.folder / "train.py", package / "module.py"):
        shutil.copy(QUICK, path)
    for command in rest:
        shell.give(command)
    assert "trees" in shell.give("hptui objectives train.py")


def test_a_program_is_tuned(shell: Shell) -> None:
    (shell.folder / "net.py").write_text("print('val_loss=0.5')\n")
    (shell.folder / "objectives").mkdir()
    command = 'command = "python net.py {lr}"\nmetric = "val_loss"\n[space]\nlr = "0..1:float"\n'
    (shell.folder / "objectives" / "tuned-net.toml").write_text(command)
    shell.give_all(block_with("hptui run tuned-net"))


def test_a_script_of_optuna_is_run_as_it_stands(shell: Shell) -> None:
    (script,) = (code for kind, code in GUIDED if kind == "python")
    (shell.folder / "tune.py").write_text(script)
    (commands,) = (code for kind, code in GUIDED if kind == "sh")
    shell.give_all(block_with("hptui run tune.py -- --data wine"))
    shell.give_all(commands)
    assert not (shell.folder / "trees.db").exists()
    shown = shell.give("hptui run --study seen --trials 1 tune.py -- --data wine 2>&1 >/dev/null")
    # What the guide shows of a run is what a run says.
    for line in next(code for kind, code in GUIDED if not kind).splitlines():
        assert line.replace("40 trials, ", "") in shown


def test_spaces_samplers_and_budgets(shell: Shell) -> None:
    (shell.folder / "space.toml").write_text("[trees]\nlow = 10\nhigh = 400\nlog = true\n")
    shell.give_all(block_with("--space-file space.toml"))


def test_devices_are_shared_out(shell: Shell) -> None:
    shell.give_all(block_with("hptui run train.py --devices 0,1 --memory 8G"))


def test_failures_are_retried(shell: Shell) -> None:
    with StudyFile(shell.folder / "train.db") as file:
        file.add_study("train")
        for i in range(20):
            text = "out of memory" if i in (12, 15) else "no luck"
            error = {"kind": "exception", "type": "E", "message": text, "traceback": ""}
            params = {"x": (i / 20, FLOAT)}
            file.add_trial(state="FAIL", params=params, attributes={"hptui:error": error})
    shell.give_all(block_with("hptui failures train"))


def test_forks(shell: Shell) -> None:
    shell.make("train")
    shell.give_all(block_with("hptui fork train train-2"))


def test_a_running_study_is_steered(shell: Shell) -> None:
    (shell.folder / "hold").touch()
    path = shell.folder / "train.db"
    try:
        for command in commands_of(block_with("hptui kill STUDY TRIAL")):
            if command.startswith("hptui retry"):
                wait_until(lambda: read_summary(path, "train").counts["FAIL"] > 0, "it was killed")
            shell.give(command.replace("STUDY", "train").replace("TRIAL", "0"))
            if "--detach" in command:
                wait_until(lambda: read_summary(path, "train").n_trials > 0, "a trial runs")
    finally:
        (shell.folder / "hold").unlink()
        if running_engine(path, "train") is not None:
            shell.give("hptui stop train --now")
        wait_until(lambda: running_engine(path, "train") is None, "the run has ended")
    for command in commands_of(block_with("hptui watch STUDY")):
        # The run was stopped before a trial completed.
        shell.give(f"{command.replace('STUDY', 'train').partition('#')[0]} || test $? = 3")


def test_figures_and_comparisons(shell: Shell) -> None:
    shell.give("hptui run branin --trials 25 -q && hptui duplicate branin branin-2")
    shell.give("hptui duplicate branin branin-3")
    shell.give_all(block_with("hptui plot branin contour", "console"))
    shell.give_all(block_with("hptui plot branin advice"))
    shell.give_all(block_with("hptui compare branin"))


def test_several_studies_in_a_file(shell: Shell) -> None:
    shell.give_all(block_with("--storage all.db"))


def test_studies_are_looked_after(shell: Shell) -> None:
    shell.make("train", "other")
    shell.give("hptui export other other-machine.csv")
    shell.give_all(block_with("hptui rename train forest"))
    shell.give_all(block_with("hptui note forest --edit"))


def test_the_script_of_the_readme_plays(shell: Shell) -> None:
    (shell.folder / "SCRIPT").write_text(block_with("screenshot study.svg", ""))
    path = shell.folder / "digits-mlp.db"
    try:
        shell.give("hptui drive SCRIPT")
        assert (shell.folder / "study.svg").exists()
    finally:
        if running_engine(path, "digits-mlp") is not None:
            shell.give("hptui stop digits-mlp --now")
        wait_until(lambda: running_engine(path, "digits-mlp") is None, "the run has ended")


def test_settings_and_objectives_can_be_read(shell: Shell) -> None:
    (shell.folder / "config.toml").write_text(block_with("[defaults]", "toml"))
    settings = load_settings(shell.folder / "config.toml")
    assert settings.trouble == ""
    assert settings.filters["good"] == "state:complete -tag:bad"
    (shell.folder / "model.py").write_text(block_with("summary=", "python"))
    ast.parse(block_with("summary=", "python"))
    assert "My model on my data" in shell.give("hptui objectives model.py || true")


def test_every_block_is_tried_here() -> None:
    source = Path(__file__).read_text("utf-8")
    texts = re.findall(r'block_with\("([^"]+)"', source)
    makes = textwrap.dedent((ROOT / "Makefile").read_text("utf-8"))
    for _, code in BLOCKS:
        if all(line.startswith("make ") for line in commands_of(code)):
            for line in commands_of(code):
                assert f"\n{line.split()[1]}:" in makes
        else:
            assert any(text in code for text in texts), code
