"""The set-up screen on real objectives: picked, probed, shaped, refused and started."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.e2e.programs import load, places_in, run, wait_until
from tests.engine import own_methods
from tests.storage.study_file import StudyFile, leave_stale_trial
from tests.ui.driving import drive
from tests.ui.objectives_to_set_up import plain  # pyright: ignore[reportUnknownVariableType]
from tests.waiting import DEADLINE_S

from hptui.domain.objective import ObjectiveRef
from hptui.engine.ipc.client import running_engine
from hptui.registry.catalogue import resolve
from hptui.ui.application.settings import Settings
from hptui.ui.driving.screen_text import screen_text
from hptui.ui.setup import pick_objective
from hptui.ui.setup.objective_completion import complete_objective
from hptui.ui.setup.setup_screen import SetupScreen
from hptui.ui.widgets.field_table import FieldEditor, FieldTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.application.app import HptuiApp

pytestmark = pytest.mark.usefixtures("clones_programs")

OBJECTIVES = Path(__file__).with_name("objectives_to_set_up.py")
PLAIN = "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which is the studies folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    return tmp_path


class _Address:
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name


def _ref(name: str) -> ObjectiveRef:
    return resolve(f"{OBJECTIVES}:{name}", Path.cwd()).ref


def shape(
    script: str,
    name: str = "plain",
    *,
    size: str = "200x40",
    study: _Address | None = None,
    observe: Callable[[HptuiApp], None] | None = None,
) -> SetupScreen:
    """Play a script on the form of an objective and return the form."""
    screens: list[SetupScreen] = []

    def home() -> SetupScreen:
        screens.append(SetupScreen(_ref(name), study))
        return screens[0]

    drive(script, size=size, settings=Settings(), home=home, observe=observe)
    return screens[0]


def go(script: str, *, size: str = "200x40") -> HptuiApp:
    """Play a script that begins on the list of studies."""
    return drive(script, size=size, settings=Settings())


def ends(file: Path) -> None:
    wait_until(lambda: running_engine(file, file.stem) is None, "the end of the run")


def test_a_person_picks_shapes_and_starts(folder: Path) -> None:
    go(
        f"""
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "{OBJECTIVES}:plain"
        wait "objectives_to_set_up.py:plain" 10s
        press enter
        wait "found by" 30s
        expect "hptui run"
        press enter
        type 0
        press tab
        type 2.5
        press enter
        wait "was -5.0..5.0"
        press down l
        wait "2 edited"
        expect "--space x=0.0..2.5 --space n=:log"
        press tab tab tab down enter
        type 10
        press enter
        wait "--trials 10"
        press f5
        wait "running" 60s
        wait "not running" 60s
        press escape
        wait "1 study" 10s
        press r
        wait "next run of" 10s
        wait "found by" 30s
        expect "2 edited"
        press tab tab tab down enter
        type 5
        press enter
        wait "--trials 5"
        press f5
        wait "running" 60s
        wait "not running" 60s
        wait "15" 10s
        """
    )
    (file,) = folder.glob("*.db")
    assert file.stem == "objectives_to_set_up-plain"
    trials = load(folder, file.stem).trials
    assert len(trials) == 15
    assert {str(each.distributions["x"]) for each in trials} == {
        "FloatDistribution(high=2.5, log=False, low=0.0, step=None)"
    }
    assert "log=True" in str(trials[0].distributions["n"])


def test_a_file_is_set_up_at_once(folder: Path) -> None:
    (folder / "train.py").write_text(PLAIN)
    script = """
    wait "found by"
    expect "hptui run train.py"
    press escape
    wait "n new"
    """
    drive(script, "train.py", size="200x40", settings=Settings())


def test_a_wrong_entry_says_why_under_its_row_and_is_not_taken() -> None:
    form = shape(
        """
        wait "found by" 30s
        press down right enter
        type 0
        wait "Low is 1 and high is 0, but low must not be above high."
        press enter
        expect "Low is 1 and high is 0"
        expect-not "edited"
        press backspace
        type 1.5
        wait "High is 1.5, but this parameter is an integer."
        press escape
        wait-not "integer"
        press enter
        type abc
        wait "'abc' is not a number."
        press escape
        press l
        wait "1 edited"
        press left left enter
        type 0
        wait "A log scale of integers needs low >= 1, but low is 0."
        press escape
        press backspace
        wait-not "edited"
        press right right right enter
        type 3
        press enter
        wait "--space n=:step=3"
        press backspace
        wait-not "--space"
        press backspace
        wait "n is as it was."
        """
    )
    assert form.draft.space.edits == {}


def test_fixing_freeing_and_resetting() -> None:
    shape(
        """
        wait "found by" 30s
        press =
        type 9
        wait "It cannot be 9: it is in -5.0..5.0."
        press ctrl+u
        type 1e-3
        press enter
        wait "--fix x=0.001"
        press down down =
        wait "Fix kind"
        type b
        press enter
        wait "--fix kind=b"
        press =
        wait "1 edited"
        expect-not "--fix kind"
        press l
        wait "kind is a list of choices, which has no scale."
        press up up backspace
        wait "hptui run"
        expect-not "edited"
        """
    )


def test_every_size_has_its_face() -> None:
    shape(
        """
        wait "hptui run" 30s
        wait "64" 30s
        press down right enter escape
        size 80x24
        wait "64"
        press down right enter escape
        size 120x36
        wait "64"
        press down right enter escape
        size 160x48
        wait "64"
        press down right enter escape
        size 200x60
        wait "64"
        press down right enter escape
        """,
        size="40x12",
    )


def test_what_is_typed_stays_over_its_field_when_the_terminal_gets_another_size() -> None:
    seen: dict[object, bool] = {}

    def look(app: HptuiApp) -> None:
        editor = app.focused
        if isinstance(editor, FieldEditor) and isinstance(editor.parent, FieldTable):
            table = editor.parent
            place = table.lines.region.offset + table.lines.field_region().offset
            seen[table.cursor] = editor.region.offset == place

    form = shape(
        """
        wait "found by" 30s
        press down right enter
        type 0
        wait "Low is 1 and high is 0, but low must not be above high."
        size 120x36
        wait "Low is 1 and high is 0, but low must not be above high."
        press ctrl+u
        type 50
        wait-not "must not be above"
        size 90x30
        wait "50"
        press enter
        wait "--space n=..50"
        press tab tab tab down enter
        type 3
        wait "3"
        size 200x60
        wait "trials"
        press enter
        wait "--workers 3"
        """,
        observe=look,
    )
    assert form.draft.run.text("workers") == "3"
    # Where it stood last in each field.
    assert seen == {("n", "high"): True, ("workers", "value0"): True, ("trials", "value1"): True}


def test_samplers_and_pruners_have_forms() -> None:
    form = shape(
        f"""
        wait "found by" 30s
        press tab
        expect "TPE: Tree-structured Parzen estimator"
        press down enter
        type -3
        wait "'-3', but it must be an"
        press escape enter
        type 25
        press enter
        wait "--sampler tpe:n_startup_trials=25"
        press down down enter
        wait "multivariate=false"
        press down
        wait "group has no effect now. It needs multivariate."
        press enter
        wait "group has no effect now. It needs multivariate."
        press up backspace
        wait "n_startup_trials=25 --workers"
        press up up up enter
        wait "Choose a sampler"
        press tab G k k enter
        wait "--sampler grid"
        press enter
        wait "Choose a sampler"
        press tab j slash
        type carlo
        wait "Quasi-Monte Carlo"
        press enter
        wait "--sampler qmc"
        press tab enter
        wait "Choose a pruner"
        type percentile
        press enter
        wait "Percentile needs percentile: Percent of trials to keep."
        press f5
        wait "Percentile needs percentile"
        press down enter
        type 101
        wait "number from 0 to 100"
        press escape enter
        type 25
        press enter
        wait "--pruner percentile:percentile=25.0"
        press shift+tab up up up up up up enter
        wait "Choose a sampler"
        press tab G enter
        wait "A sampler of your own"
        type nowhere.py:Twin
        wait "There is no file nowhere.py."
        press ctrl+u
        type {own_methods.__file__}:Twin
        press enter
        wait "own_methods.py:Twin"
        press down enter
        type 3
        press enter
        wait "own_methods.py:Twin:n_startup=3"
        """
    )
    assert form.draft.problems() == []


def test_the_run_is_set_up_too() -> None:
    form = shape(
        """
        wait "found by" 30s
        press tab tab tab enter
        type ../up
        wait "'../up' cannot be a study's name."
        press escape enter
        type mine
        press tab
        wait "--study mine"
        expect-not "--direction"
        press enter
        wait "Choose a goal"
        type max
        press enter
        wait "--direction maximize"
        press down enter
        type 3
        press enter
        wait "--workers 3"
        press left enter
        press ctrl+u enter
        wait "The run would never end: give trials, a time-out or a target."
        press down enter
        type soon
        wait "is not a duration"
        press ctrl+u
        type 5m
        press enter
        wait "--timeout 5m"
        press right enter
        wait "--backend threading"
        expect "--study mine"
        press down enter
        type 1m
        press enter
        wait "--trial-timeout 1m"
        press left enter
        type -0.5
        press enter
        wait "--target=-0.5"
        press down enter
        type 7
        press enter
        wait "--seed 7"
        press backspace
        wait-not "--seed"
        """
    )
    assert form.draft.problems() == []
    assert form.draft.run.directions == ("maximize",)


def test_conditional_parameters_say_when_they_exist() -> None:
    shape('wait "when kernel = rbf" 30s\nexpect "found by"', "conditional")


def test_two_hundred_parameters() -> None:
    shape(
        """
        wait "200 parameters" 40s
        press G
        wait "parameter_199"
        press enter
        type 0.5
        press enter
        wait "--space parameter_199=0.5.."
        press g
        wait "parameter_0 "
        """,
        "many",
        size="80x24",
    )


def test_what_probing_finds_is_told() -> None:
    shape(
        """
        wait "The objective returns 2 values: give a goal for each." 30s
        press f5
        expect "search space"
        press tab tab tab right enter
        type several
        press enter
        wait "minimize, maximize"
        press enter
        wait "--direction minimize --direction maximize"
        expect-not "The objective returns 2 values"
        press shift+tab enter
        wait "It works with one objective, but there are 2."
        press escape shift+tab enter
        wait "Choose a sampler"
        type cma
        wait "It works with one objective, but there are 2."
        press enter
        expect "Choose a sampler"
        """,
        "two_values",
    )
    shape('wait "The objective suggests no parameter. p looks again." 30s', "nothing")
    shape(
        """
        wait "The objective fails: ValueError: [red]no data[/red]" 30s
        press f5
        wait "Start all the same?"
        expect "Trials will fail like this until that is mended; p looks again."
        press n
        wait-not "Start all the same?"
        expect "search space"
        """,
        "fails_at_once",
    )


def test_hostile_names_and_choices() -> None:
    for size in ("80x24", "200x60"):
        shape(
            r"""
            wait "found by" 30s
            expect "[bold]lr[/bold]\\x1b[31m"
            press enter
            type 7
            wait "Low is 7.0 and high is 1.0"
            press escape =
            type 0.5
            press enter
            wait "1 edited"
            press down down down =
            wait "Fix choice"
            press down enter
            wait "2 edited"
            press ?
            wait "keys"
            press escape
            """,
            "hostile",
            size=size,
        )


def test_a_file_that_cannot_be_imported_says_why(folder: Path) -> None:
    (folder / "broken.py").write_text("import nowhere_to_be_found\n\ndef objective(trial): ...\n")
    go(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type broken.py
        wait "broken.py:objective"
        press enter
        wait "nowhere_to_be_found" 30s
        expect "hptui run broken.py:objective"
        wait "ModuleNotFoundError" 30s
        press f5
        wait "Start all the same?"
        press y
        wait "The run did not start" 60s
        expect "nowhere_to_be_found"
        press escape
        expect "search space"
        """
    )
    assert not list(folder.glob("*.db"))


def test_what_was_mended_is_read_again_and_keeps_what_was_typed(folder: Path) -> None:
    file = folder / "mine.py"
    file.write_text(PLAIN.replace(":", "", 1))
    form = SetupScreen(ObjectiveRef("file", str(file), "objective", "mine"))

    def mend(_: HptuiApp) -> None:
        if form.is_mounted and form.draft.run.text("trials") == "7":
            file.write_text(PLAIN)

    drive(
        """
        wait "mine.py, line 1: expected ':'." 30s
        expect "p looks again"
        press f5
        wait "mine.py, line 1: expected ':'."
        press tab tab tab down enter
        type 7
        press enter
        expect "trials     7"
        press p
        wait "found by" 30s
        expect "--trials 7"
        """,
        size="200x40",
        settings=Settings(),
        home=lambda: form,
        observe=mend,
    )


def test_enter_waits_for_files_before_it_takes_what_only_mentions_a_word(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "two.py").write_text(PLAIN)
    can_go_on, n_steps = threading.Event(), itertools.count()

    def complete(text: str, cwd: Path) -> list[str]:
        assert can_go_on.wait(DEADLINE_S)
        return complete_objective(text, cwd)

    def count(_: HptuiApp) -> None:
        if next(n_steps) == 5:
            can_go_on.set()

    monkeypatch.setattr(pick_objective, "complete_objective", complete)
    drive(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type two
        press enter
        wait "hptui run two.py" 10s
        """,
        settings=Settings(),
        observe=count,
    )


def test_an_import_that_hangs_can_be_left(folder: Path) -> None:
    (folder / "hangs.py").write_text(
        "import os, time\n"
        "open('pid', 'w').write(str(os.getpid()))\n"
        "time.sleep(600)\n\ndef objective(trial): ...\n"
    )
    go(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type hangs.py:objective
        wait "hangs.py:objective"
        press enter
        wait "Importing the objective" 10s
        press escape
        wait "Probing was stopped." 10s
        press f5
        wait "Starting: loading the objective" 20s
        press p
        wait "The run is starting; esc gives up."
        press escape
        wait "The run did not start." 20s
        press escape
        wait "what it tunes" 10s
        """
    )
    assert not list(folder.glob("*.db"))
    # Nothing of it is left.
    pid_file = folder / "pid"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the probed process")


def test_paths_are_completed_and_functions_listed(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "train.py").write_text(
        "def one(trial):\n    return trial.suggest_float('a', 0, 1)\n\n"
        "def two(trial):\n    return trial.suggest_float('b', 0, 1)\n"
    )
    # Descriptions of bundled objectives have that word, too.
    (folder / "two.py").write_text(
        "def objective(trial):\n    return trial.suggest_float('twice', 0, 1)\n"
    )
    (folder / "code" / "with_data.py").write_text(
        "def objective(trial, data):\n    return trial.suggest_float('rate', 0, 1)\n"
    )
    go(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type ./c
        wait "./code/"
        press enter
        wait "./code/train.py"
        press enter
        wait "./code/train.py:two"
        press down enter
        wait "found by" 30s
        expect "hptui run ./code/train.py:two --study train-two"
        press o
        wait "Choose an objective"
        type nowhere.objective:nothing
        press enter
        wait "There is no module nowhere."
        press escape
        expect "train-two"
        press o
        wait "Choose an objective"
        type two
        wait "two.py"
        press enter
        wait "hptui run two.py" 10s
        press o
        wait "Choose an objective"
        type ./code/with_data.py
        wait "./code/with_data.py:objective"
        press enter
        wait "it needs arguments besides the trial: data"
        type data=x
        press enter
        wait "hptui run ./code/with_data.py:objective --arg data=x" 10s
        wait "found by" 30s
        expect "rate"
        """
    )


def test_a_study_that_is_there_goes_on(folder: Path) -> None:
    study = optuna.create_study(study_name="old", storage=f"sqlite:///{folder}/old.db")
    study.optimize(
        lambda trial: (
            trial.suggest_float("x", -5, 5) + (trial.suggest_categorical("kind", ["a", "c"]) == "a")
        ),
        n_trials=2,
    )
    study.ask()
    with StudyFile(folder / "old.db") as file:
        leave_stale_trial(file)
    form = shape(
        """
        wait "next run of  old" 10s
        wait "found by" 30s
        wait "Optuna cannot change choices within a study; F6 forks it with"
        press f5
        wait "Optuna cannot change choices within a study; F6 forks it with"
        press tab tab tab enter
        wait "The study already exists; its name cannot change here."
        press right enter
        wait "its direction cannot change here."
        press down down down down left enter
        press escape right enter
        wait "--leftovers requeue"
        """,
        study=_Address(folder / "old.db", "old"),
    )
    assert form.draft.run.n_stale_trials == 1


def test_a_list_of_choices_is_narrowed_in_a_fork(folder: Path) -> None:
    study = optuna.create_study(study_name="old", storage=f"sqlite:///{folder}/old.db")
    for kind in ("a", "b", "b"):
        study.enqueue_trial({"x": 0.5, "n": 2, "kind": kind})
    study.optimize(plain, n_trials=3)  # pyright: ignore[reportUnknownArgumentType]
    shape(
        """
        wait "next run of  old" 10s
        wait "found by" 30s
        press down down
        wait "the choices to try; enter chooses them"
        press enter
        wait "Choices of kind"
        expect "[x]  a"
        press a
        wait "Choose one at least."
        press j space
        wait-not "Choose one at least."
        press enter
        wait "was a, b"
        wait "Optuna cannot change choices within a study; F6 forks it with 2 of 3 trials."
        press F6
        wait "old-2 would have 2 of 3 trials, 1 left out:"
        expect "1  kind: choice a is gone"
        press enter
        wait "next run of  old-2" 20s
        wait "found by" 30s
        wait "was a, b"
        expect-not "Optuna cannot"
        press F5
        wait "running" 60s
        """,
        study=_Address(folder / "old.db", "old"),
    )
    ends(folder / "old-2.db")
    made = optuna.load_study(study_name="old-2", storage=f"sqlite:///{folder}/old-2.db").trials
    assert len(made) > 2
    assert {trial.params["kind"] for trial in made} == {"b"}


def test_a_study_that_another_engine_runs_is_not_started_twice(folder: Path) -> None:
    shape('wait "hptui run" 30s\nwait "found by" 30s\npress f5\nwait "running" 60s', "waiting")
    file = folder / "objectives_to_set_up-waiting.db"
    assert running_engine(file, file.stem) is not None
    try:
        shape(
            'wait "An engine runs this study now." 30s\npress f5\nwait "An engine runs"',
            "waiting",
            study=_Address(file, file.stem),
        )
    finally:
        (folder / "go").touch()
        lease = running_engine(file, file.stem)
        if lease is not None:
            os.kill(lease.pid, 2)
        ends(file)


def test_looking_again_keeps_the_edits(folder: Path) -> None:
    file = folder / "train.py"
    file.write_text(PLAIN)

    def look(app: HptuiApp) -> None:
        if "--fix x=0.5" in screen_text(app):
            file.write_text(PLAIN.replace("return", "trial.suggest_int('n', 1, 9)\n    return"))

    drive(
        """
        wait "hptui"
        press n
        wait "Choose an objective"
        type train.py
        wait "train.py:objective"
        press enter
        wait "1 parameter,"
        press =
        type 0.5
        press enter
        wait "--fix x=0.5"
        press p
        wait "2 parameters, 1 edited"
        """,
        size="200x40",
        settings=Settings(),
        observe=look,
    )


def test_leaving_asks_where_something_would_be_lost() -> None:
    go(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type rosenbrock
        press enter
        wait "found by" 30s
        press l
        press =
        type 1
        press enter
        wait "1 edited"
        press escape
        wait "Leave the form?"
        press n
        wait "1 edited"
        press q
        wait "Leave hptui?"
        press n
        wait-not "Leave hptui?"
        press Y
        wait "Copied the command."
        press escape
        wait "Leave the form?"
        press l
        wait "what it tunes" 10s
        """
    )


def test_ascii_terminals_and_the_mouse(folder: Path) -> None:
    drive(
        """
        wait "found by" 30s
        click 26 5
        click 26 5
        type 3
        press enter
        wait "1 edited"
        screenshot form.txt
        click 5 33
        wait "Copied the command."
        click 5 2
        wait "Choose an objective"
        type branin
        screenshot picker.txt
        click 20 12
        wait "hptui run branin" 10s
        wait "found by" 30s
        expect-not "edited"
        """,
        size="120x36",
        settings=Settings(),
        has_unicode=False,
        home=lambda: SetupScreen(_ref("plain")),
    )
    assert (folder / "form.txt").read_text("utf-8").isascii()
    assert (folder / "picker.txt").read_text("utf-8").isascii()


def test_another_objective_is_not_mixed_into_a_study_without_asking(folder: Path) -> None:
    options = ["--study", "mine", "--workers", "1", "--trials", "1", "-q"]
    assert run("run", f"{OBJECTIVES}:plain", *options, cwd=folder)[0] == 0
    other = f"""
        wait "found by" 30s
        press o
        wait "Choose an objective"
        type "{OBJECTIVES}:waiting"
        wait "objectives_to_set_up.py:waiting" 10s
        press enter
        wait "mine holds trials of another objective"
    """
    address = _Address(folder / "mine.db", "mine")
    form = shape(f'{other}\npress escape\nwait-not "holds trials of another"', study=address)
    assert not form.draft.objective.endswith(":waiting")
    form = shape(f'{other}\npress g\nwait "--any-objective"', study=address)
    assert form.draft.objective.endswith(":waiting")
    shape(
        f"""
        {other}
        press s
        wait "--study objectives_to_set_up-waiting" 30s
        expect-not "--any-objective"
        """,
        study=address,
    )


def test_a_goal_that_its_file_leaves_open_is_chosen(folder: Path) -> None:
    source = """\
import optuna, sys
def objective(trial): return trial.suggest_float("x", 0, 1)
if __name__ == "__main__":
    optuna.create_study(direction=sys.argv[1]).optimize(objective, n_trials=7)
"""
    (folder / "train.py").write_text(source)
    screens: list[SetupScreen] = []

    def home() -> SetupScreen:
        screens.append(SetupScreen(resolve("train.py:objective", folder).ref))
        return screens[0]

    drive(
        """
        wait "found by" 30s
        wait "train.py also sets n_trials (7, line 4; --trials 7): not taken over."
        wait "Choose the goal: its file makes a study whose direction only running it tells (line"
        press f5
        expect "Choose the goal"
        press tab tab tab right enter
        wait "Choose a goal"
        type min
        press enter
        wait "--direction minimize"
        wait-not "Choose the goal"
        press backspace
        wait "The objective's file does not say its goal."
        """,
        size="200x40",
        settings=Settings(),
        home=home,
    )
    assert screens[0].draft.problems() == []


def test_a_script_fills_the_form_with_what_it_says(folder: Path) -> None:
    source = """\
import optuna, sys
def main(width, callbacks):
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.RandomSampler(seed=31))
    study.optimize(lambda trial: trial.suggest_float("x", 0, width), 17, callbacks=callbacks)
if __name__ == "__main__":
    main(float(sys.argv[1]), [print])
"""
    (folder / "tune.py").write_text(source)
    go(
        """
        wait "hptui" 10s
        press n
        wait "Choose an objective" 10s
        type "tune.py -- 6.5"
        wait "tune.py -- 6.5"
        press enter
        wait "found by" 30s
        wait "17"
        expect "6.5"
        expect "maximize"
        expect "Random"
        expect "17"
        expect "31"
        expect "hptui run tune.py --study tune --workers"
        expect " -- 6.5"
        expect-not "--seed"
        expect-not "--trials"
        """
    )


def test_code_that_only_a_study_names_is_asked_about_before_it_is_imported(folder: Path) -> None:
    marks = folder / "marks"
    (folder / "ev[b]il.py").write_text(f"open({str(marks)!r}, 'a').close()\n{PLAIN}")
    ref = {"kind": "file", "target": str(folder / "ev[b]il.py"), "attribute": "objective"}
    study = optuna.create_study(storage=f"sqlite:///{folder / 'given.db'}", study_name="given")
    facts = {"token": "t", "objective": {**ref, "name": "branin"}}
    study._storage.set_study_system_attr(study._study_id, "hptui:study", facts)  # pyright: ignore

    go(
        """
        wait "branin (ev[b]il.py)"
        press r
        wait "wants to run the function objective in the file"
        expect "next run of  given"
        expect "[b]"
        press n
        wait "Choose an objective first"
        expect-not "hptui run"
        press escape
        """
    )
    assert not marks.exists()
    asked = 'wait "branin (ev[b]il.py)"\npress r\nwait "wants to run"\npress y\nwait "found by"'
    go(asked)
    assert marks.exists()
    # What was agreed to is remembered, for this very code.
    go('wait "branin (ev[b]il.py)"\npress r\nwait "found by"')
    (folder / "ev[b]il.py").write_text(f"# other code\n{PLAIN}")
    go(asked)


def test_code_that_was_run_here_is_not_asked_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", places_in(folder)["XDG_STATE_HOME"])
    (folder / "mine.py").write_text(PLAIN)
    assert run("run", "mine.py", "--trials", "1", "--workers", "1", cwd=folder)[0] == 0
    (folder / "mine.py").write_text(f"# edited\n{PLAIN}")
    go('wait "mine.py"\npress r\nwait "next run of"\nwait "found by"')
