"""Every block of the pages runs as it is printed, but with few trials."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from tests.docs.pages import PAGES, ROOT, blocks_of, page_text
from tests.docs.trying import (
    QUICK,
    UNTRIED_LANGUAGES,
    Page,
    commands_of,
    page,
    require_understood,
)
from tests.e2e.programs import load, run, wait_until
from tests.storage.study_file import FLOAT, StudyFile

from hptui.engine.ipc.client import running_engine
from hptui.storage.read.studies import read_summary
from hptui.ui.application.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELSEWHERE: Final = {
    "guides/notebook": "tests/integration/test_libraries.py",
    "reference/filters": "tests/cli/test_filters.py",
}
"""Pages whose blocks another test runs."""
TUNE: Final = """
import optuna
optuna.create_study().optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
"""
"""A script that uses Optuna already, and takes no time."""
_CHANCE: Final = re.compile(r"\d+ trials kept, \d+ set aside")
"""What the first trials have drawn differs."""


def readme(page: Page) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in commands_of(page.take("make demo")):
        assert f"\n{line.split()[1]}:" in makefile
    page.write("train.py", "load_wine")
    page.give_block("hptui best train")
    # The same function again and again would take long.
    shutil.copy(QUICK, page.folder / "train.py")
    page.give_block("--enqueue")
    (page.folder / "tune.py").write_text(TUNE)
    page.give_block("hptui run tune.py")
    (page.folder / "net.py").write_text("print('val_loss=0.5')\n")
    page.give_block("net.py")
    page.give_block("--detach")


def first_session(page: Page) -> None:
    page.give_rest()
    assert (page.folder / "trials.csv").read_text().count("\n") == 5


def application(page: Page) -> None:
    (page.folder / "SCRIPT").write_text(page.take("screenshot", "drive"))
    path = page.folder / "digits-mlp.db"
    try:
        page.give("hptui drive SCRIPT")
        assert (page.folder / "study.svg").exists()
    finally:
        if running_engine(path, "digits-mlp") is not None:
            page.give("hptui stop digits-mlp --now")
        wait_until(lambda: running_engine(path, "digits-mlp") is None, "the run has ended")


def completion(page: Page) -> None:
    folders = (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions")
    for folder in folders:
        (page.folder / folder).mkdir(parents=True)
    for command in commands_of(page.take("completion bash")):
        page.give(command.replace("~", "."))
    assert "#compdef hptui" in (page.folder / ".zfunc/_hptui").read_text()


def devices(page: Page) -> None:
    page.give("hptui run train.py --devices 0,1 --memory 8G --env DATA=/data")
    for block in page.left():
        for command in commands_of(page.take(block.code)):
            require_understood(command)


def hosts(page: Page) -> None:
    for block in page.left():
        for command in commands_of(page.take(block.code)):
            require_understood(command)


def failures(page: Page) -> None:
    with StudyFile(page.folder / "train.db") as file:
        file.add_study("train")
        for i in range(20):
            text = "out of memory" if i in (12, 15) else "no luck"
            error = {"kind": "exception", "type": "E", "message": text, "traceback": ""}
            params = {"x": (i / 20, FLOAT)}
            file.add_trial(state="FAIL", params=params, attributes={"hptui:error": error})
    page.give_rest()


def figures(page: Page) -> None:
    page.give("hptui run branin --trials 25 -q && hptui duplicate branin branin-2")
    page.give("hptui duplicate branin branin-3")
    page.give_rest()


def files(page: Page) -> None:
    page.give_block("--storage all.db")
    page.make("train", "other")
    page.give("hptui export other other-machine.csv")
    page.give_rest()


def following(page: Page) -> None:
    page.write("watch.py")
    page.give_block("--callback")
    # The rest needs services, or programs that not every machine has.
    for block in page.left():
        for command in commands_of(page.take(block.code)):
            require_understood(command)


def objective(page: Page) -> None:
    package = page.folder / "package"
    package.mkdir()
    shutil.copy(QUICK, package / "module.py")
    assert "trees" in page.give_block("package.module")[-1]
    page.write("objectives/model.py", "my-model")
    assert "My model on my data" in page.give_block("my-model")[0]
    (page.folder / "lab").mkdir()
    (page.folder / "lab/data.py").write_text("ROWS = [1, 2, 3]\n")
    (page.folder / "train.db").unlink()
    page.write("train.py", "losses")
    page.write("lab/train.py")
    said = page.give_rest()
    listed = next(each for each in said if "argument" in each)
    assert "must be given" in listed
    assert "Literal['sum', 'max']" in listed
    assert "losses.json   application/json" in said[-2]
    trials = load(page.folder, "train").trials
    assert len(trials) == 8
    assert {each.user_attrs["rows"] for each in trials if each.state.name == "COMPLETE"} == {2}
    assert all(each.values[0] >= 13 for each in load(page.folder, "lab").trials)


def program(page: Page) -> None:
    page.write("net.py", "argparse")
    page.write("objectives/tuned-net.toml")
    page.give_rest()
    for name in ("net", "shaped", "all", "least", "reported", "lines", "tuned-net"):
        states = [each.state.name for each in load(page.folder, name).trials]
        assert len(states) == 4, name
        assert set(states) <= {"COMPLETE", "PRUNED"}, name


def runs(page: Page) -> None:
    page.write("curve.py")
    page.give_block("--trials 4")
    shown = page.take("hptui space curve", "console")
    for command, said in re.findall(r"^\$ (.+)\n((?:[^$].*\n?)*)", shown, re.MULTILINE):
        told = page.give(f"{command} 2>&1")
        for line in said.splitlines():
            assert _CHANCE.sub("", line) in _CHANCE.sub("", told), command
    page.give_rest()
    trials = load(page.folder, "curve").trials
    assert trials[4].params == {"x": 2.5, "kind": "near"}
    assert len(trials) == 4 + 3 + 4
    assert {trial.params["kind"] for trial in trials[4:]} == {"near"}


def sampler(page: Page) -> None:
    page.write("mine.py")
    shown = page.take("mine.py:Zigzag", "console")
    said = [page.give(command) for command in commands_of(shown)]
    assert "width=0.5" in said[0]
    trials = load(page.folder, "mine").trials
    assert [each.params["x"] for each in trials[:3]] == [-1.0, 1.0, -0.3999999999999999]
    assert {each.state.name for each in trials} <= {"COMPLETE", "PRUNED"}
    assert any("Impatient" in str(each.system_attrs.get("hptui:pruned")) for each in trials)

    # Whoever gets the study has not run its sampler yet.
    stranger = str(page.folder / "stranger")
    arguments = ("run", "mine.py:objective", "--study", "mine", "--trials", "1")
    code, _, err = run(*arguments, cwd=page.folder, HOME=stranger, XDG_STATE_HOME=stranger)
    assert code == 2
    assert "code that you have not run yet" in err
    assert len(load(page.folder, "mine").trials) == len(trials)


def script(page: Page) -> None:
    page.write("tune.py")
    page.give_rest()
    assert not (page.folder / "trees.db").exists()
    shown = page.give("hptui run --study seen --trials 1 tune.py -- --data wine 2>&1 >/dev/null")
    # What the guide shows of a run is what a run says.
    (said,) = (each.code for each in blocks_of("guides/script") if each.language == "text")
    for line in said.splitlines():
        assert line.replace("40 trials, ", "") in shown


def search(page: Page) -> None:
    (page.folder / "space.toml").write_text("[trees]\nlow = 10\nhigh = 400\nlog = true\n")
    page.give_block("--space-file space.toml")
    (page.folder / "train.db").unlink()
    page.make("train")
    page.give_rest()


def steering(page: Page) -> None:
    (page.folder / "hold").touch()
    path = page.folder / "train.db"
    try:
        for command in commands_of(page.take("hptui kill STUDY TRIAL")):
            if command.startswith("hptui retry"):
                wait_until(lambda: read_summary(path, "train").counts["FAIL"] > 0, "it was killed")
            page.give(command.replace("STUDY", "train").replace("TRIAL", "0"))
            if "--detach" in command:
                wait_until(lambda: read_summary(path, "train").n_trials > 0, "a trial runs")
    finally:
        (page.folder / "hold").unlink()
        if running_engine(path, "train") is not None:
            page.give("hptui stop train --now")
        wait_until(lambda: running_engine(path, "train") is None, "the run has ended")
    for command in commands_of(page.take("hptui watch STUDY")):
        # The run was stopped before a trial completed.
        page.give(f"{command.replace('STUDY', 'train').partition('#')[0]} || test $? = 3")


def servers(page: Page) -> None:
    for text in ("postgresql://", "[storages]"):
        block = page.take(text)
        for command in commands_of(block) if text != "[storages]" else ():
            require_understood(command)
    storage = JournalStorage(JournalFileBackend(str(page.folder / "journal.log")))
    for name in ("resnet", "vit"):
        study = optuna.create_study(study_name=name, storage=storage)
        for number in range(3):
            study.tell(study.ask({"x": FloatDistribution(0, 1)}), number)
    page.give_rest()
    assert optuna.load_study(study_name="mine", storage=storage).best_value == 0.0


def settings(page: Page) -> None:
    page.write("settings.toml")
    read = load_settings(page.folder / "settings.toml")
    assert read.trouble == ""
    assert read.storages == {"lab": "postgresql://me@lab/studies"}
    assert read.filters["good"] == "state:complete -tag:bad"


PLANS: Final[dict[str, Callable[[Page], None]]] = {
    "README": readme,
    "guides/application": application,
    "guides/cluster": hosts,
    "guides/completion": completion,
    "guides/devices": devices,
    "guides/failures": failures,
    "guides/figures": figures,
    "guides/files": files,
    "guides/first-session": first_session,
    "guides/hosts": hosts,
    "guides/following": following,
    "guides/objective": objective,
    "guides/program": program,
    "guides/runs": runs,
    "guides/sampler": sampler,
    "guides/script": script,
    "guides/search": search,
    "guides/servers": servers,
    "guides/steering": steering,
    "guides/team": hosts,
    "reference/settings": settings,
}


@pytest.mark.parametrize("name", PLANS)
def test_all_blocks_of_a_page_run(name: str, tmp_path: Path) -> None:
    tried = page(name, tmp_path)
    PLANS[name](tried)
    assert tried.left() == []


def test_every_page_with_blocks_is_tried() -> None:
    with_blocks = {
        name
        for name in PAGES
        if any(each.language not in UNTRIED_LANGUAGES for each in blocks_of(name))
    }
    assert with_blocks == {*PLANS, *ELSEWHERE}
    for name, test in ELSEWHERE.items():
        assert f"{name.rpartition('/')[2]}.md" in (ROOT / test).read_text("utf-8")


def test_no_command_hides_in_a_block_that_is_not_tried() -> None:
    for name, path in PAGES.items():
        assert "```\nhptui" not in page_text(path), name
        for block in blocks_of(name):
            assert block.language, name
