"""A run while it is set up: what is refused, what is a problem, and the command that results."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import optuna
import pytest
from tests.storage.study_file import StudyFile, leave_stale_trial

from hptui.cli.commands.tuning.run import add_arguments
from hptui.cli.commands.tuning.run_plan import make_plan
from hptui.domain.script_study import ScriptStudy
from hptui.domain.spaces.edits import ParamEdit
from hptui.domain.spaces.space import FloatParam, IntParam
from hptui.errors import HptuiError, ObjectiveError, OptionError, UsageError
from hptui.registry.probing.probe import KnownParam
from hptui.ui.setup.method_draft import MethodDraft
from hptui.ui.setup.objective_completion import common_start, complete_objective
from hptui.ui.setup.run_draft import FIELDS, RunDraft, RunKey, free_name
from hptui.ui.setup.setup_draft import SetupDraft, StudyPlace, code_text, place_of
from hptui.ui.setup.setup_sources import (
    is_another,
    missing_packages,
    open_draft,
    taken_names,
    with_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.methods.options import Family
    from hptui.engine.run.start.plan import RunPlan
    from hptui.ui.setup.setup_sources import Opened

TWO = ("maximize", "minimize")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    return tmp_path


def _new(text: str = "rosenbrock", defaults: Mapping[str, int | str] | None = None) -> Opened:
    return with_text(open_draft(StudyPlace(Path.cwd()), None, None, defaults or {}), text)


def _plan(draft: SetupDraft) -> RunPlan:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return make_plan(parser.parse_args(draft.to_argv()))


@pytest.mark.parametrize(
    ("family", "text", "spelled"),
    [
        ("sampler", "tpe", "tpe"),
        ("sampler", "TPE:n_startup_trials=20,group=false", "tpe:n_startup_trials=20"),
        ("pruner", "patient:wrapped=median(n_min_trials=3),patience=5", None),
        ("pruner", "percentile:percentile=25", "percentile:percentile=25.0"),
    ],
)
def test_a_method_is_spelled_without_its_defaults(
    family: Family, text: str, spelled: str | None
) -> None:
    assert str(MethodDraft.read(family, text)) == (spelled or text)


@pytest.mark.parametrize(
    ("family", "method", "option", "text", "sentence"),
    [
        ("sampler", "tpe", "n_startup_trials", "-1", "it must be an integer of 0 or more"),
        ("sampler", "tpe", "n_startup_trials", "many", "it must be an integer of 0 or more"),
        ("sampler", "tpe:multivariate=false", "group", "true", "works only with multivariate"),
        ("sampler", "cmaes:lr_adapt=true", "with_margin", "true", "cannot be combined"),
        ("sampler", "qmc", "qmc_type", "faure", "one of sobol, halton"),
        ("sampler", "gp", "independent_sampler", "tpee", "There is no sampler 'tpee'"),
        ("pruner", "percentile:percentile=25", "percentile", "101", "a number from 0 to 100"),
        ("pruner", "threshold:upper=1", "lower", "2", "lower=2.0 is above upper=1.0"),
        ("pruner", "threshold:upper=1", "upper", "", "neither lower nor upper"),
    ],
)
def test_a_wrong_option_gets_the_sentence_of_the_domain(
    family: Family, method: str, option: str, text: str, sentence: str
) -> None:
    draft = MethodDraft.read(family, method)
    with pytest.raises(OptionError) as caught:
        draft.with_text(option, text)
    assert sentence in caught.value.message


SCRIPT = ScriptStudy(
    directions=("maximize",),
    sampler="random",
    pruner="hyperband",
    seed=31,
    n_trials=17,
    timeout_s=90.0,
    left=("n_jobs=2 (--workers)",),
)
TUNE = "import sys, optuna\noptuna.create_study().optimize(lambda t: 1.0)\n"


def test_a_script_fills_what_nobody_has_changed_and_needs_no_options(here: Path) -> None:
    (here / "tune.py").write_text(TUNE)
    draft = with_text(open_draft(StudyPlace(here), None, None, {}), "tune.py -- --w '3 4'").draft
    assert draft.spelled == "tune.py -- --w '3 4'"
    jobs = ["--workers", draft.run.text("workers")]
    plain = ["tune.py", "--study", "tune", *jobs, "--", "--w", "3 4"]
    assert draft.to_argv() == plain
    second = with_text(open_draft(StudyPlace(here), None, None, {}), "tune.py --study-of w2 -- 5")
    assert second.draft.to_argv()[:3] == ["tune.py", "--study", "tune-w2"]
    assert second.draft.to_argv()[-4:] == ["--study-of", "w2", "--", "5"]
    filled = draft.with_script(SCRIPT)
    assert (str(filled.sampler), str(filled.pruner)) == ("random", "hyperband")
    shown = [filled.run.text(each) for each in ("goal", "trials", "timeout", "seed")]
    assert shown == ["maximize", "17", "90s", "31"]
    assert filled.to_argv() == plain
    assert filled.notes() == ["Not taken over from tune.py: n_jobs=2 (--workers)."]
    assert filled.with_script(SCRIPT) == filled
    # What a person has typed counts, and then all ends are theirs.
    typed = draft.with_run(draft.run.with_text("seed", "5").with_text("trials", "40"))
    typed = replace(typed, sampler=typed.sampler.choose("gp")).with_script(SCRIPT)
    assert str(typed.sampler) == "gp"
    after = ["--trials", "40", "--timeout", "90s", *jobs, "--seed", "5", "--", "--w", "3 4"]
    assert typed.to_argv() == ["tune.py", "--study", "tune", "--sampler", "gp", *after]
    assert str(typed.with_script(SCRIPT).sampler) == "gp"
    # Another objective ends as it did before.
    assert with_text(replace(_new(), draft=filled), "rosenbrock").draft.run.text("trials") == "100"


def test_a_script_with_a_grid_ends_by_itself(here: Path) -> None:
    (here / "tune.py").write_text(TUNE)
    opened = with_text(open_draft(StudyPlace(here), None, None, {}), "tune.py")
    grid = ScriptStudy(directions=("minimize",), sampler="grid", pruner="median")
    draft = opened.draft.with_script(grid)
    assert (draft.run.text("trials"), draft.problems()) == ("", [])
    assert "--trials" not in draft.to_argv()
    with pytest.raises(ObjectiveError, match="cannot be read"):
        with_text(opened, "tune.py -- 'open")


def test_options_that_do_not_apply_say_why() -> None:
    draft = MethodDraft.read("sampler", "tpe:multivariate=false")
    reasons = {each.name: draft.reason(each, 1) for each in draft.method.options}
    assert reasons.pop("group") == "It needs multivariate."
    assert set(reasons.values()) == {None}


def test_another_method_keeps_the_options_that_it_has() -> None:
    draft = MethodDraft.read("sampler", "tpe:n_startup_trials=20,n_ei_candidates=5").choose("gp")
    assert str(draft) == "gp:n_startup_trials=20"
    chosen = MethodDraft.read("pruner", "median").choose("percentile")
    assert [each.name for each in chosen.missing()] == ["percentile"]
    assert str(chosen.with_text("percentile", "25")) == "percentile:percentile=25.0"
    # One of two that are needed may be given first.
    assert str(MethodDraft.read("pruner", "none").choose("patient").with_text("min_delta", "1"))


def test_options_with_few_values_go_round() -> None:
    draft = MethodDraft.read("sampler", "tpe")
    multivariate, startup = (
        draft.method.option("multivariate"),
        draft.method.option("n_startup_trials"),
    )
    assert multivariate is not None
    assert startup is not None
    assert draft.next_text(startup) is None
    seen: list[str] = []
    for _ in range(3):
        text = draft.next_text(multivariate)
        assert text is not None
        seen.append(text)
        draft = draft.with_text("multivariate", text)
    assert seen == ["false", "true", "none"]


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("trials", "0", "'0' is not a whole number above 0."),
        ("trials", "many", "'many' is not a whole number above 0."),
        ("timeout", "soon", "'soon' is not a duration; write 90, 90s, 5m or 1h30m."),
        ("target", "high", "'high' is not a number."),
        ("target", "nan", "nan cannot be reached."),
        ("workers", "5000", "5000 is above the limit of 4096 workers."),
        ("workers", "", "'' is not a whole number above 0."),
        ("backend", "ray", "'ray' is not one of loky, threading, ssh, dask."),
        ("seed", "-1", "'-1' is not a seed from 0 to 4294967295."),
        ("name", "../up", "'../up' cannot be a study's name."),
        ("name", "taken", "There is already a study taken."),
        ("goal", "up", "'up' is no goal."),
        ("goal", "m", "'m' is no goal."),
        ("goal", "", "'' is no goal."),
        ("leftovers", "leave", "No trial is stale."),
    ],
)
def test_a_wrong_field_gets_a_sentence(key: RunKey, text: str, sentence: str) -> None:
    draft = replace(RunDraft.start(2), taken=frozenset({"taken"}))
    with pytest.raises(UsageError) as caught:
        draft.with_text(key, text)
    assert caught.value.message == sentence


def test_fields_can_be_emptied_and_a_run_must_end() -> None:
    draft = _new().draft
    endless = draft.with_run(draft.run.with_text("trials", ""))
    assert endless.problems() == ["The run would never end: give trials, a time-out or a target."]
    timed = endless.with_run(endless.run.with_text("timeout", "30m"))
    assert timed.problems() == []
    assert _plan(timed).budget.n_trials is None
    both = timed.with_run(timed.run.with_text("trials", "100"))
    assert (_plan(both).budget.n_trials, _plan(both).budget.timeout_s) == (100, 1800)


def test_defaults_of_a_person_are_used_and_wrong_ones_left_out() -> None:
    defaults: dict[str, int | str] = {
        "trials": 7,
        "workers": 3,
        "backend": "ray",
        "sampler": "random",
        "timeout": "5m",
    }
    draft = _new(defaults=defaults).draft
    texts = {each.key: draft.run.text(each.key) for each in FIELDS}
    assert texts["trials"] == "7"
    assert texts["workers"] == "3"
    assert texts["backend"] == "loky"
    assert texts["timeout"] == "5m"
    assert draft.sampler.method.name == "random"
    assert "--sampler random" in draft.command()
    # An objective that suggests something knows better.
    assert _new("wine-pipeline", defaults).draft.sampler.method.name == "tpe"


def test_everything_that_is_set_reaches_the_plan(here: Path) -> None:
    draft = _new().draft
    assert (
        draft.command()
        == f"hptui run rosenbrock --study rosenbrock --workers {draft.run.text('workers')}"
    )
    space = draft.space.with_known(
        {
            "-x": KnownParam(FloatParam(-5, 5), "probed"),
            "n": KnownParam(IntParam(1, 64), "probed"),
        }
    )
    space = space.with_text("-x", "low", "-2.5").toggle_log("n").fix("-x", "-1")
    run = draft.run
    values: dict[RunKey, str] = {
        "name": "my study",
        "goal": "maximize",
        "trials": "12",
        "timeout": "1h",
        "target": "-1e-5",
        "workers": "3",
        "backend": "threading",
        "trial-timeout": "90s",
        "seed": "7",
    }
    for key, text in values.items():
        run = run.with_text(key, text)
    draft = replace(
        draft.with_run(run),
        place=StudyPlace(here / "else where"),
        space=space,
        sampler=draft.sampler.with_text("n_startup_trials", "20"),
        pruner=draft.pruner.choose("hyperband"),
    )
    assert draft.problems() == []
    plan = _plan(draft)
    assert plan.ref == draft.ref
    assert (plan.study, plan.study_file) == ("my study", here / "else where" / "my study.db")
    assert plan.study_file == draft.study_file
    assert plan.directions == ("maximize",)
    assert plan.edits == {"-x": ParamEdit(low=-2.5), "n": ParamEdit(log=True)}
    assert plan.fixes == ("-x=-1.0",)
    assert (plan.sampler, plan.pruner) == ("tpe:n_startup_trials=20", "hyperband")
    budget = plan.budget
    assert (budget.n_trials, budget.timeout_s) == (12, 3600)
    assert (budget.target, budget.trial_timeout_s) == (-1e-5, 90)
    assert (plan.n_workers, plan.backend, plan.seed) == (3, "threading", 7)
    assert shlex.split(draft.command()) == ["hptui", "run", *draft.to_argv()]


def test_several_objectives_have_no_pruner_and_no_target() -> None:
    draft = _new("digits-forest").draft
    assert draft.run.directions == TWO
    assert str(draft.pruner) == "none"
    assert draft.problems() == []
    assert "--pruner" not in draft.to_argv()
    with pytest.raises(UsageError, match="A target needs one objective"):
        draft.run.with_text("target", "1")
    pruned = replace(draft, pruner=draft.pruner.choose("median"))
    assert "needs a single objective" in pruned.problems()[0]
    cma = replace(draft, sampler=draft.sampler.choose("cmaes"))
    assert "CMA-ES works with a single objective" in cma.problems()[0]
    back = draft.with_run(draft.run.with_text("goal", "max"))
    assert (str(back.pruner), back.run.directions) == (back.usual_pruner, ("maximize",))


def test_problems_are_told_before_the_start() -> None:
    assert SetupDraft(StudyPlace(Path.cwd())).problems() == ["Choose an objective first."]
    draft = _new().draft
    assert replace(draft, is_running=True).problems() == ["An engine runs this study now."]
    percentile = replace(draft, pruner=draft.pruner.choose("percentile"))
    assert percentile.problems() == ["Percentile needs percentile: Percent of trials to keep."]
    missing = replace(draft, missing_packages={"tpe": "It needs a package."})
    assert missing.problems() == ["It needs a package."]
    nul = draft.space.with_known({"a\0b": KnownParam(IntParam(1, 9), "probed")}).fix("a\0b", "3")
    assert "NUL" in replace(draft, space=nul).problems()[0]


def test_a_new_name_is_one_that_is_free(here: Path) -> None:
    for name in ("rosenbrock.db", "rosenbrock-2.db"):
        (here / name).touch()
    assert taken_names(StudyPlace(here)) == {"rosenbrock", "rosenbrock-2"}
    assert _new().draft.study == "rosenbrock-3"
    assert len(free_name("x" * 100, {"x" * 100})) == 100


def test_a_file_of_ones_own_is_spelled_as_typed(here: Path) -> None:
    (here / "train.py").write_text(
        "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"
    )
    draft = _new("train.py").draft
    assert draft.to_argv()[:3] == ["train.py", "--study", "train"]
    assert _plan(draft).ref == draft.ref
    assert draft.ref is not None
    again = open_draft(StudyPlace(here), draft.ref, None, {}).draft
    assert _plan(again).ref == draft.ref
    with pytest.raises(HptuiError, match=r"There is no file nope\.py"):
        _new("nope.py")
    gone = open_draft(StudyPlace(here), replace(draft.ref, target=str(here / "gone.py")), None, {})
    assert "gone.py" in gone.trouble
    assert gone.draft.ref is None


def test_arguments_are_taken_shown_and_kept(here: Path) -> None:
    (here / "train.py").write_text(
        "def objective(trial, data, folds=5):\n    return trial.suggest_float('x', 0, 1)\n"
    )
    with pytest.raises(HptuiError, match="needs arguments besides the trial: data"):
        _new("train.py --arg")
    for text, why in (
        ("train.py --arg dta=1", "has no argument 'dta'"),
        ("train.py --arg data=1 --workers 2", "is not understood"),
        ("train.py --arg 'data=1", "an unclosed quote"),
        ("train.py --arg data=1 --arg folds=x", "'x' is not a whole number"),
    ):
        with pytest.raises(HptuiError, match=why):
            _new(text)
    opened = _new("train.py --arg 'data=my file' --arg folds=3")
    draft = opened.draft
    assert (draft.objective, opened.trouble) == ("train.py", "")
    assert draft.spelled == "train.py --arg 'data=my file' --arg folds=3"
    assert _new(draft.spelled).draft.ref == draft.ref
    assert _plan(draft).ref.arguments == (("data", "my file"), ("folds", "3"))
    assert draft.ref is not None
    assert code_text(draft.ref).endswith("train.py\nwith data=my file\nwith folds=3")
    again = open_draft(StudyPlace(here), draft.ref, None, {}).draft
    assert _plan(again).ref == draft.ref
    # A study of other arguments is another one's.
    kept = replace(draft, tuned=replace(draft.ref, arguments=(("data", "my file"),)))
    assert is_another(kept)
    assert not is_another(replace(draft, tuned=draft.ref))


def test_a_study_that_is_there_goes_on_as_it_was(here: Path) -> None:
    study = optuna.create_study(
        storage=f"sqlite:///{here}/old.db", study_name="a/b", direction="maximize"
    )
    study.optimize(lambda trial: trial.suggest_float("x", 1, 9, log=True), n_trials=1)
    study.ask()
    with StudyFile(here / "old.db") as file:
        leave_stale_trial(file)
    address = _Address(here / "old.db", "a/b")
    opened = open_draft(StudyPlace(here), None, address, {})
    assert opened.draft.problems() == ["Choose an objective first."]
    draft = with_text(opened, "rosenbrock").draft
    assert draft.run.is_existing
    assert draft.run.n_stale_trials == 1
    assert draft.space.stored == {"x": FloatParam(1, 9, log=True)}
    assert _plan(draft).leftovers == "fail"
    plan = _plan(draft.with_run(draft.run.with_text("leftovers", "leave")))
    assert (plan.study_file, plan.study) == (here / "old.db", "a/b")
    assert plan.leftovers == "leave"
    assert plan.directions is None
    for key in ("name", "goal"):
        with pytest.raises(UsageError, match="The study already exists"):
            draft.run.with_text(key, "minimize")
    known = {"x": KnownParam(FloatParam(1, 9), "probed")}
    mixed = replace(draft, space=draft.space.with_known(known))
    assert mixed.problems() == ["Optuna cannot change a scale within a study; F6 forks it."]


class _Address:
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name


def test_places(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "studies").mkdir()
    monkeypatch.delenv("HPTUI_STUDIES")
    assert StudyPlace(here / "studies").options("a") == ["--study", "a"]
    assert StudyPlace(here).options("a") == ["--study", "a", "--studies", "."]
    monkeypatch.setenv("HPTUI_STUDIES", str(here))
    assert StudyPlace(here).options("a") == ["--study", "a"]
    assert place_of(here / "a.db", "a") == StudyPlace(here)
    assert place_of(here / "b.db", "a").options("a") == ["--storage", "b.db", "--study", "a"]
    assert place_of(here / "-x.db", "-x").options("-x") == ["--storage", "./-x.db", "--study=-x"]


def test_paths_and_functions_are_completed(here: Path) -> None:
    (here / "train.py").write_text(
        "".join(f"def {name}(trial): return 1.0\n" for name in ("one", "two"))
    )
    (here / "trials.txt").touch()
    (here / "tr").mkdir()
    (here / "tr" / "a.py").touch()
    complete = complete_objective
    assert complete("tr", here) == ["tr/", "train.py"]
    assert complete("tr/", here) == ["tr/a.py"]
    assert complete(f"{here}/tra", here) == [f"{here}/train.py"]
    assert complete("nowhere/x", here) == []
    assert complete("a\0b", here) == []
    assert complete("train.py", here) == ["train.py:one", "train.py:two"]
    assert complete("train.py:t", here) == ["train.py:two"]
    assert complete("~", here) == ["~/"]
    assert common_start(complete("train.py", here)) == "train.py:"
    assert common_start([]) == ""


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> None: ...

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    assert missing_packages()["gp"] == "It needs torch and scipy: pip install 'hptui[gp]'."


def test_a_field_goes_back_to_what_it_began_with() -> None:
    run = RunDraft.start(3, {"trials": 50}).named("wine")
    for key, text in (("workers", "5"), ("trials", "7"), ("name", "port"), ("goal", "max")):
        changed = run.with_text(cast("RunKey", key), text)
        assert changed != run
        assert changed.reset(cast("RunKey", key)) == run
