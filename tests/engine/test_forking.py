"""Forks keep the trials that fit, whole, and say why they leave others out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import optuna_dashboard  # pyright: ignore[reportMissingTypeStubs]
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from tests.analysis.plain_studies import tuned
from tests.storage.comparison import everything
from tests.storage.study_file import CHOICE, FLOAT, INT, StudyFile

from hptui.domain.spaces.edits import ParamEdit
from hptui.engine.studies.forking import fork_study, preview_fork
from hptui.errors import HptuiError, StudyFileError, UsageError
from hptui.storage.read.text_fields import FileTexts
from hptui.storage.transfer.fork_plan import ForkRequest

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from hptui.storage.read.study_reader import StudyReader

NARROW = ForkRequest(
    edits={
        "lr": ParamEdit(low=1e-4, high=0.5),
        "kind": ParamEdit(choices=(1.5, "relu", None, "new")),
    }
)


@dataclass(frozen=True)
class Source:
    path: Path
    study: optuna.Study


def load(path: Path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def system_attrs(study: optuna.Study) -> dict[str, Any]:
    return study._storage.get_study_system_attrs(study._study_id)  # pyright: ignore[reportPrivateUsage]


def as_trial(study: optuna.Study, number: int) -> optuna.Trial:
    return optuna.Trial(study, study.trials[number]._trial_id)  # pyright: ignore[reportPrivateUsage]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A study of plain Optuna, with notes, tags, retries, a running and a waiting trial."""
    path = tmp_path_factory.mktemp("source") / "plain.db"
    with StudyFile(path) as built:
        built.add_trial(0.5, study_id=built.add_study("other"))
    study = tuned(path, "plain", n_trials=24).study
    study.set_user_attr("dataset", "digits")
    study.set_metric_names(["loss"])
    optuna_dashboard.save_note(study, "of the study")
    ids = [trial._trial_id for trial in study.trials]  # pyright: ignore[reportPrivateUsage]
    with StudyFile(path) as built:
        for number in (2, 4, 7, 11):
            optuna_dashboard.save_note(as_trial(study, number), f"note {number}")
            built.set_attribute(ids[number], "hptui:tags", f'["t{number}"]', "user")
        built.set_attribute(ids[8], "hptui:retry_of", "5")
        built.set_attribute(ids[9], "retry_history", "[2, 0, 4]")
    study.enqueue_trial({"lr": 0.5})
    study.ask({"lr": FloatDistribution(1e-5, 1.0, log=True)})
    study.enqueue_trial({"lr": 0.25})
    return Source(path, load(path, "plain"))


def facts(trial: FrozenTrial) -> Any:
    return (
        trial.state,
        repr(trial.values),
        repr(trial.params),
        trial.datetime_start,
        trial.datetime_complete,
        trial.intermediate_values,
        trial.user_attrs,
        trial.constraints,
    )


def fits(trial: FrozenTrial) -> bool:
    kind = trial.params["kind"]
    return 1e-4 <= trial.params["lr"] <= 0.5 and (kind is None or kind in (1.5, "relu"))


def test_trials_that_fit_are_carried_over_whole(source: Source, tmp_path: Path) -> None:
    before = everything(source.path.parent)
    fork = fork_study(source.path, "plain", "fork", NARROW, target=tmp_path / "fork.db")
    assert everything(source.path.parent) == before
    assert [each.name for each in tmp_path.iterdir()] == ["fork.db"]
    made = load(fork.path, "fork")
    ended = [trial for trial in source.study.trials if trial.state.is_finished()]
    kept = [trial for trial in ended if fits(trial)]
    assert [facts(trial) for trial in made.trials] == [facts(trial) for trial in kept]
    assert 5 < len(kept) < len(ended)
    assert [trial.number for trial in made.trials] == list(range(len(kept)))
    assert [trial.system_attrs["hptui:forked_from"] for trial in made.trials] == [
        {"study": "plain", "number": trial.number} for trial in kept
    ]
    assert fork.plan.n_kept + sum(fork.plan.left_out.values()) == len(source.study.trials)
    assert fork.plan.left_out["not ended yet"] == 2
    for trial in made.trials:
        assert trial.distributions["lr"] == FloatDistribution(1e-4, 0.5, log=True)
        assert trial.distributions["kind"] == CategoricalDistribution((1.5, "relu", None, "new"))
    assert {"lr", "kind", "width"} == set(
        optuna.search_space.intersection_search_space(made.trials)
    )
    assert (made.user_attrs, made.metric_names) == ({"dataset": "digits"}, ["loss"])


def test_notes_tags_and_numbers_of_other_trials_follow(source: Source, tmp_path: Path) -> None:
    for target in (tmp_path / "own.db", tmp_path / "shared.db"):
        if target.stem == "shared":
            with StudyFile(target) as built:
                built.add_study("first")
                for _ in range(40):
                    built.add_trial(0.5)
        fork = fork_study(source.path, "plain", "fork", NARROW, target=target)
        made = load(fork.path, "fork")
        was = [trial.system_attrs["hptui:forked_from"]["number"] for trial in made.trials]
        now = {old: new for new, old in enumerate(was)}
        noted = [number for number in (2, 4, 7, 11) if number in now]
        assert noted
        assert {
            number: optuna_dashboard.get_note(as_trial(made, number))
            for number in range(len(was))
            if optuna_dashboard.get_note(as_trial(made, number))
        } == {now[number]: f"note {number}" for number in noted}
        assert dict(FileTexts(target, "fork").tags()) == {now[each]: [f"t{each}"] for each in noted}
        assert optuna_dashboard.get_note(made) == "of the study"
        for trial, old in zip(made.trials, was, strict=True):
            expected = [now[each] for each in (2, 0, 4) if each in now] if old == 9 else None
            assert trial.system_attrs.get("retry_history") == expected
            assert trial.system_attrs.get("hptui:retry_of") == (now.get(5) if old == 8 else None)
    assert len(load(tmp_path / "shared.db", "first").trials) == 40


def test_a_filter_and_the_bounds_are_told_apart(source: Source) -> None:
    def choose(reader: StudyReader) -> Any:
        return reader.trials.numbers % 2 == 0

    plan = preview_fork(source.path, "plain", ForkRequest(edits=NARROW.edits, choose=choose))
    ended = [trial for trial in source.study.trials if trial.state.is_finished()]
    even = [trial for trial in ended if trial.number % 2 == 0]
    outside = [trial for trial in even if not 1e-4 <= trial.params["lr"] <= 0.5]
    gone: dict[str, int] = {}
    for trial in even:
        if trial not in outside and not fits(trial):
            shown = {True: "True"}.get(trial.params["kind"], r'"\\u001b[2J"')
            gone[shown] = gone.get(shown, 0) + 1
    assert plan.left_out["not ended yet"] == 2
    assert plan.left_out["filtered out"] == len(ended) - len(even)
    assert plan.left_out["lr is not in 0.0001..0.5 log"] == len(outside)
    of_kind = {k: n for k, n in plan.left_out.items() if k.startswith("kind: choice")}
    assert sum(of_kind.values()) == sum(gone.values())
    assert of_kind["kind: choice True is gone"] == gone["True"]
    assert not any("\x1b" in reason for reason in plan.left_out)


@pytest.mark.parametrize(
    ("stored", "edit", "kept"),
    [
        ((0.0, 0.3, 1.0), ParamEdit(low=0.3), (0.3, 1.0)),
        ((0.1, 0.30000000000000004, 0.35), ParamEdit(step=0.1), (0.1, 0.3)),
        ((0.0, 1e-9, 0.5), ParamEdit(low=1e-9, log=True), (1e-9, 0.5)),
        ((0.1 * (1 + 1e-15), 0.11), ParamEdit(high=0.1), (0.1,)),
    ],
)
def test_numbers_at_the_edges(
    stored: tuple[float, ...], edit: ParamEdit, kept: tuple[float, ...], tmp_path: Path
) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for value in stored:
            built.add_trial(0.5, params={"x": (value, FLOAT)})
    fork = fork_study(tmp_path / "s.db", "s", "f", ForkRequest(edits={"x": edit}))
    assert tuple(trial.params["x"] for trial in load(fork.path, "f").trials) == kept


def test_objectives_in_another_order_and_direction(tmp_path: Path) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study(
            "s",
            ("MINIMIZE", "MAXIMIZE", "MINIMIZE"),
            hptui_study={"token": "t", "objective": {"kind": "file"}},
            hptui_runs=[{"sampler": "nsgaii", "pruner": "none", "started": "x", "ended": None}],
        )
        built.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
            "study:metric_names",
            '["loss", "accuracy", "size"]',
        )
        built.add_trial((1.0, 2.0, math.inf), params={"x": (0.5, FLOAT)})
    request = ForkRequest(objectives=("size", "0"), directions=("maximize", "minimize"))
    made = load(fork_study(tmp_path / "s.db", "s", "two", request).path, "two")
    assert made.trials[0].values == [math.inf, 1.0]
    assert [each.name for each in made.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert made.metric_names == ["size", "loss"]
    one = ForkRequest(objectives=("accuracy",))
    made = load(fork_study(tmp_path / "s.db", "s", "one", one).path, "one")
    assert (made.trials[0].value, made.direction.name) == (2.0, "MAXIMIZE")
    attrs = system_attrs(made)
    assert "objective" not in attrs["hptui:study"]
    assert attrs["hptui:study"]["token"] != "t"
    assert attrs["hptui:study"]["forked_from"] == {"study": "s", "file": "s.db"}
    for wrong in (
        ForkRequest(objectives=("speed",)),
        ForkRequest(objectives=("0", "loss")),
        ForkRequest(directions=("minimize",)),
    ):
        with pytest.raises(UsageError):
            preview_fork(tmp_path / "s.db", "s", wrong)


def test_what_a_sampler_left_about_another_space_stays_behind(tmp_path: Path) -> None:
    state = {"cma:optimizer:0": "ff", "NSGAIISampler:generation": 3}
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, '[1]')",
            "NSGAIISampler:parent:2",
        )
        for value in (0.25, 0.75):
            built.add_trial(value, params={"x": (value, FLOAT)}, attributes=state)
    whole = load(fork_study(tmp_path / "s.db", "s", "whole", ForkRequest()).path, "whole")
    assert whole.trials[0].system_attrs.items() >= state.items()
    assert "hptui:carried" not in system_attrs(whole)
    edit = ForkRequest(edits={"x": ParamEdit(high=2.0)})
    wider = load(fork_study(tmp_path / "s.db", "s", "wider", edit).path, "wider")
    assert set(wider.trials[0].system_attrs) == {"NSGAIISampler:generation", "hptui:forked_from"}
    assert wider.trials[0].system_attrs["NSGAIISampler:generation"] == 0
    assert system_attrs(wider)["hptui:carried"] == 1
    assert "NSGAIISampler:parent:2" not in system_attrs(wider)


def test_a_fork_that_keeps_nothing_is_made_only_when_asked(source: Source, tmp_path: Path) -> None:
    def none(reader: StudyReader) -> Any:
        return np.zeros(len(reader.trials), np.bool_)

    request = ForkRequest(choose=none)
    target = tmp_path / "empty.db"
    with pytest.raises(UsageError, match="not ended yet: 2, filtered out: 24") as caught:
        fork_study(source.path, "plain", "empty", request, target=target)
    assert "--allow-empty" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    fork_study(source.path, "plain", "empty", request, target=target, allow_empty=True)
    assert load(target, "empty").trials == []


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ({"lrr": ParamEdit(low=1)}, "There is no parameter 'lrr'"),
        ({"lr": ParamEdit(low=2.0)}, "low is 2.0 and high is 1.0"),
        ({"lr": ParamEdit(choices=("a",))}, "so it has no choices"),
        ({"kind": ParamEdit(low=1)}, "list of choices"),
    ],
)
def test_edits_that_do_not_suit_are_refused(
    source: Source, edits: dict[str, ParamEdit], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        preview_fork(source.path, "plain", ForkRequest(edits=edits))


def test_names_and_places_that_are_taken(source: Source, tmp_path: Path) -> None:
    with StudyFile(tmp_path / "there.db") as built:
        built.add_study("taken")
    (tmp_path / "text.db").write_text("no study file")
    before = everything(tmp_path)
    for name, target, sentence in (
        ("taken", "there.db", "already holds a study 'taken'"),
        ("../up", "new.db", "cannot be a study's name"),
        ("new", "text.db", "is not a study file|is no"),
        ("new", "no/where.db", "folder does not exist"),
    ):
        with pytest.raises(HptuiError, match=sentence):
            fork_study(source.path, "plain", name, ForkRequest(), target=tmp_path / target)
    with pytest.raises(StudyFileError, match="no study 'gone'"):
        fork_study(source.path, "gone", "new", ForkRequest(), target=tmp_path / "new.db")
    assert everything(tmp_path) == before


def test_damaged_trials_are_left_out(tmp_path: Path) -> None:
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.add_trial(0.5, params={"x": (0.5, FLOAT), "k": (1, CHOICE), "n": (3, INT)})
        built.add_trial(0.5, params={"k": (7, CHOICE)})
        built.add_trial(0.5, state="ODD")
        built.add_trial(0.5, number=None)
    fork = fork_study(tmp_path / "s.db", "s", "f", ForkRequest())
    assert fork.plan.left_out == {"damaged in the file": 3}
    assert load(fork.path, "f").trials[0].params == {"x": 0.5, "k": "b", "n": 3}


def test_trials_beyond_one_reading_are_carried_over_too(tmp_path: Path) -> None:
    n_trials = 2_500
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        built.run("BEGIN")
        for i in range(n_trials):
            built.add_trial(i, number=i, params={"x": (i / n_trials, FLOAT), "k": (i % 3, CHOICE)})
        built.run("COMMIT")
    seen: list[int] = []
    edits = {"x": ParamEdit(low=0.5), "k": ParamEdit(choices=("b", "a"))}
    fork = fork_study(
        tmp_path / "s.db",
        "s",
        "f",
        ForkRequest(edits=edits),
        on_progress=lambda done, _: seen.append(done),
    )
    assert (seen[0], seen[-1]) == (1_000, n_trials)
    gone = sum(i % 3 == 2 for i in range(1_250, n_trials))
    assert fork.plan.left_out == {"x is not in 0.5..1.0": 1_250, "k: choice None is gone": gone}
    made = load(fork.path, "f").trials
    assert [trial.value for trial in made] == [i for i in range(1_250, n_trials) if i % 3 < 2]
    assert {(trial.value or 0) % 3: trial.params["k"] for trial in made} == {0: "a", 1: "b"}
