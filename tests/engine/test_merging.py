"""Studies become one: each trial once, ordered by start, and nothing that Optuna cannot mix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import optuna
import optuna_dashboard  # pyright: ignore[reportMissingTypeStubs]
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from tests.engine.test_forking import as_trial, load, system_attrs
from tests.engine.test_renaming import everything
from tests.storage.study_file import FLOAT, START_S, StudyFile, text_of

from hptui.cli import main
from hptui.domain.spaces.edits import ParamEdit
from hptui.domain.study_ref import StudyRef
from hptui.engine.studies.forking import fork_study
from hptui.engine.studies.merging import merge_studies, preview_merge
from hptui.errors import UsageError
from hptui.storage.transfer.fork_plan import ForkRequest
from hptui.storage.transfer.merge_plan import TWICE

if TYPE_CHECKING:
    from pathlib import Path


def choices(*listed: str) -> str:
    data = {"name": "CategoricalDistribution", "attributes": {"choices": listed}}
    return json.dumps(data)


WIDE = FLOAT.replace("1.0", "2.0")
LOG = FLOAT.replace("false", "true").replace('"low": 0.0', '"low": 0.001')
INT = '{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 9}}'


def build(path: Path, name: str, *rows: tuple[float, str, str], offset_s: float = 0) -> Path:
    """A study whose trial i has value i, started 10 s after the one before; x, its space, kind."""
    with StudyFile(path) as built:
        study_id = built.add_study(name)
        for i, (x, space, kind) in enumerate(rows):
            listed = ("a", "b") if name == "one" else ("c", "b", "a")
            params = {"x": (x, space), "kind": (listed.index(kind), choices(*listed))}
            start = text_of(START_S + offset_s + 10 * i)
            built.add_trial(i, study_id=study_id, params=params, start=start)
    return path


def test_trials_are_ordered_by_start_and_kept_whole(tmp_path: Path) -> None:
    one = build(tmp_path / "one.db", "one", *[(0.25, FLOAT, "a"), (0.5, FLOAT, "b")])
    rows = [(1.5, WIDE, "a"), (0.5, WIDE, "c"), (0.25, WIDE, "b")]
    two = build(tmp_path / "two.db", "two", *rows, offset_s=5)
    with StudyFile(two) as built:
        built.add_trial(state="RUNNING")
        built.set_attribute(3, "hptui:retry_of", "0")
    for path, name in ((one, "one"), (two, "two")):
        study = load(path, name)
        study.set_user_attr("from", name)
        study.set_user_attr(f"only {name}", 1)
        optuna_dashboard.save_note(as_trial(study, 0), f"first of {name}")
    before = everything(tmp_path)
    merged = merge_studies([StudyRef(one, "one"), StudyRef(two, "two")], "all")
    after = everything(tmp_path)
    assert {name: after[name] for name in before} == before
    assert merged.plan.left_out == {"not ended yet": 1, "kind: choice c is not in one": 1}
    made = load(merged.path, "all")
    origins = [trial.system_attrs["hptui:forked_from"] for trial in made.trials]
    assert [(each["study"], each["number"]) for each in origins] == [
        ("one", 0),
        ("two", 0),
        ("one", 1),
        ("two", 2),
    ]
    assert [trial.number for trial in made.trials] == [0, 1, 2, 3]
    assert [trial.value for trial in made.trials] == [0, 0, 1, 2]
    assert [trial.params["kind"] for trial in made.trials] == ["a", "a", "b", "b"]
    assert [trial.params["x"] for trial in made.trials] == [0.25, 1.5, 0.5, 0.25]
    ab = CategoricalDistribution(("a", "b"))
    assert {trial.distributions["kind"] for trial in made.trials} == {ab}
    assert made.trials[1].distributions["x"] == FloatDistribution(0, 2)
    assert made.user_attrs == {"from": "one", "only one": 1, "only two": 1}
    notes = [optuna_dashboard.get_note(as_trial(made, number)) for number in range(4)]
    assert notes == ["first of one", "first of two", "", ""]
    assert made.trials[3].system_attrs["hptui:retry_of"] == 1
    attrs = system_attrs(made)
    # The ranges of x differ: the engine shows samplers all trials under the one of now.
    assert (attrs["hptui:edited"], attrs["hptui:carried"]) == (["x"], 3)
    assert [each["study"] for each in attrs["hptui:study"]["forked_from"]] == ["one", "two"]
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    assert made.trials[-1].number == 4


def test_what_a_fork_has_from_its_study_is_taken_once(tmp_path: Path) -> None:
    one = build(tmp_path / "one.db", "one", *[(i / 8, FLOAT, "ab"[i % 2]) for i in range(6)])
    with StudyFile(one) as built:
        for _ in range(2):
            # Within a study these are two trials.
            built.add_trial(7.0, params={"x": (0.5, FLOAT)}, start=None, complete=None)
    edits = {"kind": ParamEdit(choices=("b", "a")), "x": ParamEdit(step=0.125)}
    fork = fork_study(one, "one", "fork", ForkRequest(edits=edits))
    with StudyFile(fork.path) as built:
        for _ in range(3):
            built.add_trial(7.0, params={"x": (0.5, FLOAT)}, start=None, complete=None)
        built.add_trial(9.0, params={"x": (0.5, FLOAT)})
    plan = preview_merge([StudyRef(one, "one"), StudyRef(fork.path, "fork")])
    assert plan.left_out == {TWICE: 8}
    assert plan.n_kept == 8 + 3 + 1
    assert plan.remarks == ["one: 8 of 8", "fork: 4 of 12"]


def test_another_kind_or_scale_is_taken_where_it_fits(tmp_path: Path) -> None:
    one = build(tmp_path / "one.db", "one", (0.25, FLOAT, "a"))
    rows = [(0.5, LOG, "a"), (1.0, LOG, "b"), (3, INT, "a"), (1, INT, "a")]
    two = build(tmp_path / "two.db", "two", *rows, offset_s=100)
    with StudyFile(two) as built:
        built.add_trial(5.0, params={"x": (0, choices("p"))})
    merged = merge_studies([StudyRef(one, "one"), StudyRef(two, "two")], "all", target=one)
    assert merged.plan.left_out == {
        "x is a list of choices there, not a float": 1,
        "x is not in 0.0..1.0": 1,
    }
    made = load(one, "all")
    assert [trial.params["x"] for trial in made.trials] == [0.25, 0.5, 1.0, 1.0]
    assert {trial.distributions["x"] for trial in made.trials} == {FloatDistribution(0, 1)}
    assert len(load(one, "one").trials) == 1


def test_studies_that_cannot_be_one_are_refused(tmp_path: Path) -> None:
    def ref(name: str) -> Any:
        return {"objective": {"kind": "file", "target": "/f.py", "attribute": name, "name": name}}

    path = tmp_path / "all.db"
    with StudyFile(path) as built:
        none: dict[str, Any] = {}
        for name, directions, study in (
            ("one", ("MINIMIZE",), ref("f")),
            ("other", ("MINIMIZE",), ref("g")),
            ("most", ("MAXIMIZE",), none),
            ("two", ("MINIMIZE", "MINIMIZE"), none),
            ("open", ("MINIMIZE",), none),
        ):
            study_id = built.add_study(name, directions, hptui_study=study)
            state = "RUNNING" if name == "open" else "COMPLETE"
            built.add_trial([0.0] * len(directions), study_id=study_id, state=state)
    before = everything(tmp_path)
    for names, sentence in (
        (["one"], "One study cannot be merged"),
        (["one", "one"], "Name each study once"),
        (["one", "gone"], "no study 'gone'"),
        (["one", "most"], "most has the direction maximize, and one minimize"),
        (["one", "two"], "two has the direction minimize, minimize"),
        (["one", "other"], "other tunes g .*, and one f"),
        (["open", "open2"], "no study 'open2'"),
    ):
        with pytest.raises(UsageError, match=sentence):
            merge_studies([StudyRef(path, name) for name in names], "new")
    assert everything(tmp_path) == before
    both = [StudyRef(path, "one"), StudyRef(path, "other")]
    assert preview_merge(both, any_objective=True).n_kept == 1


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HPTUI_STUDIES", str(tmp_path))
    build(tmp_path / "one.db", "one", (0.25, FLOAT, "a"), (0.5, FLOAT, "b"))
    build(tmp_path / "two.db", "two", (0.25, FLOAT, "a"), (0.5, FLOAT, "c"), offset_s=5)
    assert main(["merge", "one", "two", "--into", "all", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "all would have 3 of 4 trials, 1 left out:\n"
        "  1  kind: choice c is not in one\n"
        "one: 2 of 2\n"
        "two: 1 of 2\n"
    )
    assert not (tmp_path / "all.db").exists()
    assert main(["merge", "one", "two", "--into", "all", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kept"], answer["path"]) == (3, str(tmp_path / "all.db"))
    assert main(["merge", "one", "--into", "more"]) == 2
    assert main(["merge", "one", "two", "--into", "all"]) == 2
    assert "all.db already exists" in capsys.readouterr().err
    assert optuna.load_study(study_name="all", storage=f"sqlite:///{tmp_path / 'all.db'}").trials
