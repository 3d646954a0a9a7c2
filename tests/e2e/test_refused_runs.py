"""What `hptui run` refuses before a trial is run, and the ways out that it names."""

from __future__ import annotations

import re
import shlex
import shutil
from textwrap import dedent
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.programs import events, load, run
from tests.storage.comparison import everything

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVE = "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"
FEW = ("--jobs", "1", "--trials", "2", "-q")


def write(path: Path, source: str = OBJECTIVE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(source))
    return path


def n_trials(folder: Path, name: str) -> int:
    return len(load(folder, name).trials)


def refused(*arguments: str, cwd: Path) -> str:
    """Run what must be refused without a trace, and return what it says."""
    before = _content(cwd)
    code, out, err = run("run", *arguments, cwd=cwd)
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    assert _content(cwd) == before
    return err


def _content(folder: Path) -> dict[str, bytes]:
    files = everything(folder)
    return {name: files[name] for name in files if not name.endswith("engine.lock")}


def test_the_objective_of_another_project_does_not_mix_its_trials(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a/train.py"), write(tmp_path / "b/train.py")
    assert run("run", str(first), *FEW, cwd=tmp_path)[0] == 0
    said = refused(str(second), *FEW, cwd=tmp_path)
    assert f"holds trials of {first}:objective, not of {second}:objective" in said
    study = re.search(r"(--study \S+)\.", said)
    assert study is not None
    assert run("run", str(second), *study[1].split(), *FEW, cwd=tmp_path)[0] == 0
    assert n_trials(tmp_path, "train-2") == 2
    assert run("run", str(second), "--any-objective", *FEW, cwd=tmp_path)[0] == 0
    assert n_trials(tmp_path, "train") == 4
    # It is the other one's study now.
    assert "--any-objective" in refused(str(first), *FEW, cwd=tmp_path)


def test_another_function_of_the_same_file_is_another_objective(tmp_path: Path) -> None:
    write(tmp_path / "train.py", f"{OBJECTIVE}\ndef other(trial):\n    return 1.0\n")
    assert run("run", "train.py:objective", "--study", "s", *FEW, cwd=tmp_path)[0] == 0
    assert "train.py:other" in refused("train.py:other", "--study", "s", *FEW, cwd=tmp_path)


def test_a_module_of_the_same_name_in_another_folder_is_another_objective(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "pkg/train.py")
        write(tmp_path / folder / "pkg/__init__.py", "")
    store = ("--storage", str(tmp_path / "s.db"), "--study", "s")
    assert run("run", "pkg.train:objective", *store, *FEW, cwd=tmp_path / "a")[0] == 0
    assert "holds trials of" in refused("pkg.train:objective", *store, *FEW, cwd=tmp_path / "b")
    # The same file by its path is the same objective.
    assert run("run", "pkg/train.py", *store, *FEW, cwd=tmp_path / "a")[0] == 0


def test_an_edited_objective_and_a_moved_one_go_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a/train.py")
    assert run("run", str(path), *FEW, cwd=tmp_path)[0] == 0
    write(path, f"{OBJECTIVE}# edited\n")
    assert run("run", str(path), *FEW, cwd=tmp_path)[0] == 0
    shutil.move(tmp_path / "a", tmp_path / "moved")
    assert run("run", "moved/train.py", *FEW, cwd=tmp_path)[0] == 0
    shutil.copytree(tmp_path / "moved", tmp_path / "copy")
    assert "--any-objective" in refused("copy/train.py", *FEW, cwd=tmp_path)
    assert n_trials(tmp_path, "train") == 6


def test_a_project_that_was_copied_with_its_studies_goes_on(tmp_path: Path) -> None:
    source, studies = write(tmp_path / "one/src/train.py").parent, ("--studies", "../studies")
    assert run("run", "train.py", *studies, *FEW, cwd=source)[0] == 0
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = tmp_path / "two/src"
    assert run("run", "train.py", *studies, *FEW, cwd=copy)[0] == 0
    assert n_trials(tmp_path / "two/studies", "train") == 4
    # It does not mix its trials into the study of the other project.
    assert "--any-objective" in refused(
        "train.py", "--studies", "../../one/studies", *FEW, cwd=copy
    )
    write(copy / "train.py", f"{OBJECTIVE}# edited\n")
    assert run("run", "train.py", *studies, *FEW, cwd=copy)[0] == 0


def test_a_study_of_plain_optuna_goes_on_with_any_objective(tmp_path: Path) -> None:
    study = optuna.create_study(study_name="train", storage=f"sqlite:///{tmp_path}/train.db")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    write(tmp_path / "train.py")
    assert run("run", "train.py", *FEW, cwd=tmp_path)[0] == 0
    assert n_trials(tmp_path, "train") == 3


@pytest.mark.parametrize("given", [("--storage", "all.db"), ("--study", "all")])
def test_a_file_that_holds_another_study_asks_which(given: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path / "train.py")
    store = ("--storage", "all.db")
    assert run("run", "train.py", *store, "--study", "it's", *FEW, cwd=tmp_path)[0] == 0
    said = refused("train.py", *given, *FEW, cwd=tmp_path)
    assert "all.db holds the study \"it's\", and none called 'all'." in said
    commands = re.search(r"  (--storage .*) continues it; (--storage .*) adds a new one", said)
    assert commands is not None
    goes_on, adds = map(shlex.split, commands.groups())
    assert run("run", "train.py", *goes_on, *FEW, cwd=tmp_path)[0] == 0
    assert run("run", "train.py", *adds, *FEW, cwd=tmp_path)[0] == 0
    # Now one of them is called like the file.
    assert run("run", "train.py", *store, *FEW, cwd=tmp_path)[0] == 0
    names = optuna.get_all_study_summaries(f"sqlite:///{tmp_path}/all.db")
    assert {each.study_name: each.n_trials for each in names} == {"it's": 4, "all": 4}


CHANGES = {
    "choices": ("suggest_categorical('p', [1, 2])", "suggest_categorical('p', [1, 2, 4])"),
    "order": ("suggest_categorical('p', ['a', 'b'])", "suggest_categorical('p', ['b', 'a'])"),
    "scale": ("suggest_float('p', 1e-3, 1)", "suggest_float('p', 1e-4, 1, log=True)"),
    "linear": ("suggest_int('p', 1, 64, log=True)", "suggest_int('p', 0, 64)"),
}


def tuning(suggest: str, before: str = "") -> str:
    return f"{before}\ndef objective(trial):\n    p = trial.{suggest}\n    return 1.0\n"


@pytest.mark.parametrize("change", CHANGES)
def test_a_space_changed_in_the_code_is_refused_with_commands_that_carry_the_study_over(
    change: str, tmp_path: Path
) -> None:
    old, new = CHANGES[change]
    path = write(tmp_path / "train.py", tuning(old))
    assert run("run", "train.py", *FEW, cwd=tmp_path)[0] == 0
    write(path, tuning(new))
    said = refused("train.py", *FEW, cwd=tmp_path)
    assert "Parameter 'p'" in said
    commands = [shlex.split(each) for each in re.findall(r"hptui (fork .*|run .*)", said)]
    assert [each[0] for each in commands] == ["fork", "run"]
    for command in commands:
        limits = FEW if command[0] == "run" else ()
        assert run(*command, *limits, cwd=tmp_path)[0] == 0
    trials = load(tmp_path, "train-2").trials
    assert [each.state.name for each in trials] == ["COMPLETE"] * 4
    assert n_trials(tmp_path, "train") == 2
    # What the code adds later is not hidden by what the fork was made with.
    if change == "choices":
        write(path, tuning("suggest_categorical('p', [1, 2, 4, 8])"))
        said = refused("train.py", "--study", "train-2", *FEW, cwd=tmp_path)
        assert "--choices 'p=1|2|4|8'" in said


def test_a_changed_kind_needs_a_new_study(tmp_path: Path) -> None:
    path = write(tmp_path / "train.py", tuning("suggest_float('p', 0, 1)"))
    store = ("--storage", "a b/c.db", "--study", "s")
    assert run("run", "train.py", *store, *FEW, cwd=tmp_path)[0] == 0
    write(path, tuning("suggest_int('p', 0, 1)"))
    said = refused("train.py", *store, *FEW, cwd=tmp_path)
    assert "is int now, but this study holds it as float" in said
    (again,) = re.findall(r"For a new study: hptui (run .*)", said)
    assert run(*shlex.split(again), *FEW, cwd=tmp_path)[0] == 0
    assert n_trials(tmp_path / "a b", "s-2") == 2


def test_a_choice_that_the_file_imports_ends_the_run_at_the_first_trial(tmp_path: Path) -> None:
    """The file itself is as it was, so that it is not probed."""
    sizes = write(tmp_path / "sizes.py", "SIZES = [1, 2]\n")
    write(tmp_path / "train.py", tuning("suggest_categorical('p', SIZES)", "from sizes import *"))
    assert run("run", "train.py", *FEW, cwd=tmp_path)[0] == 0
    write(sizes, "SIZES = [1, 2, 4]\n")
    for n_failed in (1, 2):
        code, _, err = run("run", "train.py", "--jobs", "1", "--trials", "9", "-q", cwd=tmp_path)
        assert code == 2
        assert "hptui fork train train-2 --choices 'p=1|2|4'" in err
        states = [each.state.name for each in load(tmp_path, "train").trials]
        assert states == ["COMPLETE"] * 2 + ["FAIL"] * n_failed


def test_a_space_that_is_dynamic_by_itself_fails_the_trials_that_optuna_refuses(
    tmp_path: Path,
) -> None:
    choices = "['a', 'b'] if trial.number % 2 else ['a']"
    write(tmp_path / "train.py", tuning(f"suggest_categorical('p', {choices})"))
    for n_runs in (1, 2):
        assert run("run", "train.py", "--jobs", "1", "--trials", "3", "-q", cwd=tmp_path)[0] == 0
        states = [each.state.name for each in load(tmp_path, "train").trials]
        assert states == ["COMPLETE", "FAIL", "COMPLETE", "FAIL", "COMPLETE", "FAIL"][: 3 * n_runs]


def test_a_direction_that_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    path = write(
        tmp_path / "train.py",
        """
        import sys, optuna
        def objective(trial):
            return trial.suggest_float("x", 0, 1)
        if __name__ == "__main__":
            sampler = optuna.samplers.RandomSampler()
            study = optuna.create_study(direction=sys.argv[1], sampler=sampler)
            study.optimize(objective, n_trials=7, callbacks=[print])
        """,
    )
    # As a script it is run with its arguments, which tell.
    assert "Pass its arguments after --: hptui run train.py -- ARGUMENTS." in refused(
        "train.py", *FEW, cwd=tmp_path
    )
    said = refused("train.py:objective", *FEW, cwd=tmp_path)
    assert "train.py:objective makes a study whose direction only running it tells (line 7)" in said
    option = re.search(r"Add (--direction maximize)", said)
    assert option is not None
    given = ("--jobs", "1", "--trials", "2")
    code, _, err = run("run", "train.py:objective", *option[1].split(), *given, cwd=tmp_path)
    assert code == 0
    note = (
        "train.py also sets a sampler (RandomSampler, line 6; --sampler random), callbacks (line 8)"
    )
    assert f"{note}: not taken over." in err
    assert load(tmp_path, "train").direction.name == "MAXIMIZE"
    # Now the study tells, and what an option replaces is not named.
    more = ("--sampler", "random", "--json")
    code, out, _ = run("run", "train.py:objective", *given, *more, cwd=tmp_path)
    assert code == 0
    (started, *_) = events(out)
    assert started["directions"] == ["maximize"]
    assert started["notes"] == ["train.py also sets callbacks (line 8): not taken over."]
    write(
        path, "import hptui\n" + path.read_text().replace("def obj", "@hptui.objective()\ndef obj")
    )
    assert run("run", "train.py", "--study", "decorated", *FEW, cwd=tmp_path)[0] == 0


def test_what_a_helper_of_its_folder_says_is_what_is_best(tmp_path: Path) -> None:
    write(
        tmp_path / "lab.py",
        "import optuna\ndef make(): return optuna.create_study(direction=WAY)\nWAY = 'maximize'\n",
    )
    write(
        tmp_path / "train.py",
        f"import lab\n{OBJECTIVE}\ndef main(): lab.make().optimize(objective)\n",
    )
    assert run("run", "train.py", *FEW, cwd=tmp_path)[0] == 0
    assert load(tmp_path, "train").direction.name == "MAXIMIZE"


PROBLEMS = {
    "arguments": (
        "def objective(trial, rows): return 1.0",
        "needs arguments besides the trial: rows",
    ),
    "async": ("async def objective(trial): return 1.0", "is async"),
    "no trial": ("def objective(): return 1.0", "takes no trial"),
    "decorated": (
        "from hptui import objective\n@objective()\ndef tune(trial, rows): return 1.0",
        "needs arguments besides the trial: rows",
    ),
    "a class": (
        "from hptui import objective\n@objective()\nclass Tune:\n"
        "    def __init__(self, rows): ...\n    def __call__(self, trial): return 1.0",
        "needs arguments besides the trial: rows",
    ),
    "a decorator": (
        "from hptui import objective\n@objective(direction='up')\ndef tune(trial): return 1.0",
        "its decorator is refused",
    ),
    "set too late": (
        "def objective(trial): return trial.suggest_float('x', -args.width, args.width)\n"
        "if __name__ == '__main__': args = parse()",
        "line 1: objective uses `args`, which is set only under",
    ),
    "given by a partial": (
        "from functools import partial\ndef score(trial, data): return 1.0\n"
        "def tune(): study.optimize(partial(score, data=[1]))",
        "needs arguments besides the trial: data",
    ),
    "two values": (
        "def objective(trial): return 1.0, 2.0",
        "returns 2 values, but its direction is",
    ),
    "two values of one": (
        "import optuna\ndef objective(trial): return 1.0, 2.0\noptuna.create_study()",
        "returns 2 values, but its direction is minimize",
    ),
    "one value of two": (
        "def objective(trial): return [1.0]\nimport optuna\n"
        "if __name__ == '__main__': optuna.create_study(directions=['minimize', 'maximize'])",
        "returns 1 value, but its direction is minimize, maximize",
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_known_problem_of_an_objective_burns_no_trial(problem: str, tmp_path: Path) -> None:
    source, sentence = PROBLEMS[problem]
    write(tmp_path / "train.py", source)
    said = refused("train.py", *FEW, cwd=tmp_path)
    assert sentence in said
    assert "\n  " in said or problem == "a decorator", "it says what to do"


def test_the_number_of_values_must_be_that_of_the_study(tmp_path: Path) -> None:
    path = write(tmp_path / "train.py")
    assert run("run", "train.py", *FEW, cwd=tmp_path)[0] == 0
    write(path, "def objective(trial): return trial.suggest_float('x', 0, 1), 1.0\n")
    said = refused("train.py", *FEW, cwd=tmp_path)
    assert "returns 2 values, but the study train has 1 objective" in said
    both = ("--direction", "minimize", "--direction", "maximize", "--study", "two")
    assert run("run", "train.py", *both, *FEW, cwd=tmp_path)[0] == 0


def test_the_number_of_values_that_a_probe_sees_must_be_that_of_the_study(tmp_path: Path) -> None:
    """A parameter that only a trial shows is fixed, so that the objective is probed."""
    write(
        tmp_path / "train.py",
        """
        def objective(trial):
            pair = trial.suggest_float("x", 0, 1), 1.0
            return pair
        """,
    )
    said = refused("train.py", "--fix", "x=0.5", *FEW, cwd=tmp_path)
    assert "returns 2 values, but its direction is minimize" in said
    both = ("--direction", "minimize", "--direction", "maximize")
    assert run("run", "train.py", "--fix", "x=0.5", *both, *FEW, cwd=tmp_path)[0] == 0
