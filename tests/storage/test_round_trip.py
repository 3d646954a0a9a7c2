"""Any study that is exported and imported is the same study, as plain Optuna reads both."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import csv
import io
import json
import random
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import TrialState, create_trial
from tests.storage.comparison import plain_optuna
from tests.storage.random_studies import write_study
from tests.storage.study_file import FLOAT, INT, StudyFile

from hptui.engine.studies.importing import import_into_new, preview_import
from hptui.storage.transfer.export import export_study
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FORMS = ["csv", "jsonl", *(["parquet"] if find_spec("pyarrow") else [])]
KEPT = ("fixed_params", "hptui:error", "hptui:pruned")

pytestmark = pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def content_of(path: Path) -> list[Any]:
    """All of the one study in a file, but what samplers and programs keep there, and what runs."""
    storage = plain_optuna(path)
    try:
        (study,) = storage.get_all_studies()
        names = study.system_attrs.get("study:metric_names")
        trials = storage.get_all_trials(study._study_id)
        ended = [_trial(each) for each in trials if each.state is not TrialState.RUNNING]
        return [study.directions, names, sorted(map(repr, study.user_attrs.items())), *ended]
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _trial(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "values": repr(trial.values),
        "params": sorted(map(repr, trial.params.items())),
        "distributions": sorted(map(repr, trial.distributions.items())),
        "start": trial.datetime_start,
        "complete": trial.datetime_complete,
        "user_attrs": sorted(map(repr, trial.user_attrs.items())),
        "constraints": sorted(trial.constraints.items()),
        "system_attrs": {key: repr(trial.system_attrs.get(key)) for key in KEPT},
        "reports": sorted(map(repr, trial.intermediate_values.items())),
    }


def round_trip(path: Path, name: str, form: str, said: list[str]) -> Path:
    target = path.with_suffix(f".{form}")
    export_study(path, name, target, tell=said.append)
    return import_into_new(target, ImportRequest(), f"again-{form}", folder=path.parent).path


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_a_random_study_comes_back(seed: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        storage = plain_optuna(path)
        study_id = write_study(storage, random.Random(seed), "s")
        states = {each.state for each in storage.get_all_trials(study_id)}
        storage.remove_session()
        storage.engine.dispose()
        if states == {TrialState.RUNNING}:
            return
        content = content_of(path)
        for form in FORMS:
            said: list[str] = []
            assert content_of(round_trip(path, "s", form, said)) == content, form
            assert bool(said) == (TrialState.RUNNING in states)


LONG = [round(each / 7, 6) for each in range(20_000)]


def odd_study(path: Path) -> None:
    storage = plain_optuna(path)
    study = optuna.create_study(
        storage=storage, study_name="s", directions=["maximize", "minimize"]
    )
    study.set_metric_names(["accuracy", "näme, of 'it'"])
    study.set_user_attr("limits", [float("nan"), float("-inf"), {"$hptui": "x"}, {"$hptui": {}}])
    offered: Any = ([64], [64, 32], {"a": None}, "[64]", "", None, "=1")
    lists = CategoricalDistribution(offered)
    alike = CategoricalDistribution(("1", 1, "true", True, "null", "x" * 200_000))
    for at in range(7):
        trial = create_trial(
            values=[float(at), float("inf")],
            params={
                "lists": lists.choices[at],
                "alike": alike.choices[at % 6],
                "=odd\x1b[31m": 0.5,
                "=odd\x9b[31m": 2,
                "lr": 10.0**-at,
            },
            distributions={
                "lists": lists,
                "alike": alike,
                "=odd\x1b[31m": FloatDistribution(0, 1, step=0.25),
                "=odd\x9b[31m": IntDistribution(0, 8, step=2),
                "lr": FloatDistribution(10.0**-at, 1, log=True),
            },
            user_attrs={
                "curve": LONG,
                "bad": float("nan"),
                "nested": {"at": [float("inf"), None, {"$hptui": "nan"}], "n": at},
                "text": ["nan", "", "1", "null", "'=1", "=1", "[1]"][at],
                "cells": ["a;=1", "; '+1;-2", "\uff1d1", "a; b", ["x;@1"], {"a": ";-1"}, ";;"][at],
                "mixed": [1, "1", 1.0, None, True, [1], {}][at],
                "k" * 2_000: at,
            },
            system_attrs={"constraints:\x1b[1m \u00e4": -1.0 + at, "constraints:b": 0.0},
        )
        study.add_trial(trial)
    study.enqueue_trial({"lr": 0.5, "lists": [64, 32]}, user_attrs={"who": "me"})
    study.add_trial(
        create_trial(
            state=TrialState.FAIL,
            params={"lr": 0.5},
            distributions={"lr": FloatDistribution(0.1, 1, log=True)},
            system_attrs={"hptui:error": {"kind": "exception", "message": "no"}},
        )
    )
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.parametrize("form", FORMS)
def test_what_cells_cannot_spell_comes_back(tmp_path: Path, form: str) -> None:
    odd_study(tmp_path / "s.db")
    said: list[str] = []
    again = round_trip(tmp_path / "s.db", "s", form, said)
    assert content_of(again) == content_of(tmp_path / "s.db")
    assert said == []


def test_lines_of_json_are_strict_and_each_is_a_trial(tmp_path: Path) -> None:
    odd_study(tmp_path / "s.db")
    export_study(tmp_path / "s.db", "s", tmp_path / "s.jsonl")

    def refuse(text: str) -> None:
        raise AssertionError(text)

    lines = (tmp_path / "s.jsonl").read_text("ascii").splitlines()
    trials = [json.loads(line, parse_constant=refuse) for line in lines]
    assert [trial["number"] for trial in trials] == list(range(9))
    assert ["hptui:study" in trial["system_attrs"] for trial in trials] == [True, *[False] * 8]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_edited_to_be_outside_is_left_out_and_what_was_outside_is_not(
    tmp_path: Path, form: str
) -> None:
    path, target = tmp_path / "s.db", tmp_path / f"s.{form}"
    stepped = distribution_to_json(FloatDistribution(0, 1, step=0.25))
    with StudyFile(path) as built:
        built.add_study("s")
        for at, (x, n, q) in enumerate(
            [(0.5, 3, 0.5), (0.25, 4, 0.5), (0.125, 5, 0.5), (7.0, 99, 0.3), (1.0, 2, 1.0)]
        ):
            params = {"x": (x, FLOAT), "n": (n, INT), "q": (q, stepped)}
            built.add_trial(float(at), params=params)
    assert content_of(round_trip(path, "s", form, [])) == content_of(path)
    text = target.read_text()
    for name, old, new in (("x", "0.25", "5.0"), ("n", "5", "5.5"), ("q", "1.0", "0.9")):
        edited = _edited(text, form, name, old, new)
        assert edited != text
        target.write_text(edited)
        plan = preview_import(target, ImportRequest(), None)
        assert len(plan.trials) == 4
        ((reason, count),) = plan.left_out.items()
        assert reason.startswith(f"{name} is not in ")
        assert count == 1


def _edited(text: str, form: str, name: str, old: str, new: str) -> str:
    if form == "jsonl":
        return text.replace(f'"{name}": {old}', f'"{name}": {new}', 1)
    header, *rows = list(csv.reader(text.splitlines()))
    at = header.index(f"params_{name}")
    row = next(each for each in rows if each[at] == old)
    row[at] = new
    made = io.StringIO()
    csv.writer(made).writerows([header, *rows])
    return made.getvalue()
