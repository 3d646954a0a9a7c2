"""What optuna-dashboard's server, the `optuna` command and hptui tell of the same studies."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import optuna
import pytest
from tests.e2e.programs import rest_of, start, wait_until
from tests.interop.dashboard import Dashboard
from tests.interop.optuna_command import optuna_command
from tests.interop.plain_studies import make_plain_studies
from tests.ui.feeding import snapshot_of

from hptui.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Generator

OBJECTIVES = Path(__file__).with_name("objectives_to_share.py")
MADE_BY_OTHERS = "theirs"
FRONTS = ("several", "plain-front", "plain-three")
NAMES = ("constrained", "several", "plain-constraint", "plain-func", "plain-front", "plain-three")


@dataclass
class Place:
    """One file with studies of every origin, and a server that shows it."""

    path: Path
    dashboard: Dashboard
    shown: dict[str, dict[str, Any]]
    """What the server tells of each study."""
    listed: list[dict[str, Any]]
    """What `optuna studies` prints."""
    trials: dict[str, list[dict[str, Any]]]
    """What `optuna trials` prints of each study."""
    best: dict[str, list[dict[str, Any]]]
    """What `optuna best-trial` or `best-trials` prints."""

    def address(self, name: str) -> str:
        return f"{self.path}:{name}"

    def by_optuna(self, name: str) -> optuna.Study:
        return optuna.load_study(study_name=name, storage=f"sqlite:///{self.path}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = tmp_path_factory.mktemp("interop")
    path = folder / "all.db"
    make_plain_studies(f"sqlite:///{path}")
    with _two_runs(path), Dashboard(path) as dashboard:
        listed, *said = optuna_command(
            path,
            ("studies", "-f", "json"),
            *(("trials", "--study-name", name, "-f", "json") for name in NAMES),
            *((_best_of(name), "--study-name", name, "-f", "json") for name in NAMES),
        )
        yield Place(
            path,
            dashboard,
            dashboard.studies(),
            listed,
            dict(zip(NAMES, said[: len(NAMES)], strict=True)),
            {
                name: found if name in FRONTS else [found]
                for name, found in zip(NAMES, said[len(NAMES) :], strict=True)
            },
        )


@contextmanager
def _two_runs(path: Path) -> Generator[None]:
    """Have hptui run two studies; the last trial of one goes on while the block runs."""
    folder = path.parent
    os.mkfifo(folder / "go")
    given = ("--storage", str(path), "-j", "1", "--seed", "1", "--sampler", "random", "-q")
    several = start(
        *("run", f"{OBJECTIVES}:several", "--study", "several", "--trials", "8", *given),
        *("--direction", "minimize", "--direction", "maximize"),
        cwd=folder,
    )
    constrained = start(
        *("run", f"{OBJECTIVES}:constrained", "--study", "constrained", "--trials", "12", *given),
        cwd=folder,
    )
    try:
        wait_until((folder / "last").exists, "the last trial", lambda: constrained.poll())
        rest_of(several)
        assert several.returncode == 0
        assert main(["enqueue", f"{path}:constrained", "--params", '{"x": 0.5, "kind": 2}']) == 0
        yield
        # Without a reader this fails rather than waits.
        os.close(os.open(folder / "go", os.O_WRONLY | os.O_NONBLOCK))
        _, err = rest_of(constrained)
        assert constrained.returncode == 0, err
    finally:
        for process in (several, constrained):
            process.kill()


def _best_of(name: str) -> str:
    return "best-trials" if name in FRONTS else "best-trial"


def hptui(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command prints as JSON: one object, or a list of those on its lines."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    out = capsys.readouterr().out
    if arguments[0] == "trials":
        return [json.loads(line) for line in out.splitlines()]
    return json.loads(out)


def number(value: object) -> object:
    """A number as the programs spell those that JSON lacks."""
    return (
        {math.inf: "inf", -math.inf: "-inf"}.get(value, value)
        if isinstance(value, float)
        else value
    )


def printed_values(line: dict[str, Any]) -> list[Any]:
    """The values that `optuna trials` prints: one, a list, or by the names of metrics."""
    given: Any = line.get("values", [line.get("value")])
    return list(cast("dict[str, Any]", given).values()) if isinstance(given, dict) else given


def spelled(value: object) -> str:
    """A user attribute as the dashboard shows it."""
    return value if isinstance(value, str) else json.dumps(value)


def test_each_program_lists_the_same_studies(place: Place, capsys: pytest.CaptureFixture[str]):
    found = hptui(capsys, "ls", "--studies", str(place.path.parent))
    mine = [each for each in found if each["name"] != MADE_BY_OTHERS]
    assert {each["name"] for each in mine} == set(NAMES)
    assert {each["name"]: each["directions"] for each in mine} == {
        name: shown["directions"] for name, shown in place.shown.items()
    }
    assert {each["name"]: sum(each["counts"].values()) for each in mine} == {
        each["name"]: each["n_trials"] for each in place.listed
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_trials_are_the_same_everywhere(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
):
    mine = hptui(capsys, "trials", place.address(name))
    counts = hptui(capsys, "show", place.address(name))["counts"]
    shown, printed = place.shown[name]["trials"], place.trials[name]
    by_optuna = place.by_optuna(name).trials
    assert set(counts) == {"running", "complete", "pruned", "fail", "waiting", "stale"}
    for told in (
        [trial["state"].lower() for trial in shown],
        [trial["state"].lower() for trial in printed],
        [trial.state.name.lower() for trial in by_optuna],
    ):
        assert {state: n for state, n in counts.items() if n} == Counter(told)
    for own, theirs, line, plain in zip(mine, shown, printed, by_optuna, strict=True):
        assert own["number"] == theirs["number"] == line["number"] == plain.number
        assert own["state"] == theirs["state"].lower() == line["state"].lower()
        values = [number(value) for value in plain.values or ()]
        assert theirs.get("values", []) == values
        if own["state"] != "running":
            # Of a running trial hptui tells its last report where the others tell no value.
            assert [value for value in own["values"] if value is not None] == values
        assert [number(value) for value in printed_values(line) if value is not None] == values
        assert own["params"] == plain.params == line.get("params", {})
        assert {key: str(value) for key, value in own["params"].items()} == {
            each["name"]: each["param_external_value"] for each in theirs["params"]
        }


@pytest.mark.parametrize("name", NAMES)
def test_each_trial_is_the_same_in_full(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
):
    for theirs, plain in zip(
        place.shown[name]["trials"], place.by_optuna(name).trials, strict=True
    ):
        own = hptui(capsys, "show", place.address(name), str(plain.number))
        reports = {each["step"]: each["value"] for each in theirs["intermediate_values"]}
        assert reports == {key: number(each) for key, each in plain.intermediate_values.items()}
        assert dict(own["reports"]) == reports
        assert own["user_attrs"] == plain.user_attrs
        assert {key: spelled(each) for key, each in own["user_attrs"].items()} == {
            each["key"]: each["value"] for each in theirs["user_attrs"]
        }
        assert own["constraints"] == plain.constraints
        assert own["feasible"] == all(value <= 0 for value in plain.constraints.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_best_are_those_that_optuna_finds(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
):
    study = place.by_optuna(name)
    expected = study.best_trials if name in FRONTS else [study.best_trial]
    mine = hptui(capsys, "best", place.address(name))["best"]
    assert {each["number"]: each["params"] for each in mine} == {
        each.number: each.params for each in expected
    }
    assert {each["number"] for each in mine} == {each["number"] for each in place.best[name]}
    seen = snapshot_of(place.path, name)
    in_application = set(seen.front.tolist()) if name in FRONTS else {seen.best_number}
    assert in_application == {each["number"] for each in mine}
    assert {state: count for state, count in seen.counts.items() if count} == Counter(
        each.state.name for each in study.trials
    )


def test_the_dashboard_alone_counts_infeasible_trials_as_best(place: Place):
    """optuna-dashboard 0.21 asks the storage for the best value, which knows no constraints."""
    for name in NAMES:
        study = place.by_optuna(name)
        best = study.best_trials if name in FRONTS else [study.best_trial]
        shown = {each["number"] for each in place.shown[name]["best_trials"]}
        infeasible = {
            trial.number
            for trial in study.trials
            if any(value > 0 for value in trial.constraints.values())
        }
        has_constraints = name != "plain-three"
        assert bool(shown & infeasible) == has_constraints, name
        assert (shown == {trial.number for trial in best}) != has_constraints, name


def test_what_the_dashboard_and_the_command_made_is_read_and_run(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    made = {"study_name": MADE_BY_OTHERS, "directions": ["maximize"]}
    assert place.dashboard.send("POST", "studies", **made) == 201
    address = place.address(MADE_BY_OTHERS)
    assert hptui(capsys, "show", address)["directions"] == ["maximize"]
    assert not any(hptui(capsys, "show", address)["counts"].values())
    space = {
        name: json.loads(optuna.distributions.distribution_to_json(each))
        for name, each in {
            "x": optuna.distributions.FloatDistribution(0, 1),
            "kind": optuna.distributions.CategoricalDistribution(["a", None]),
        }.items()
    }
    ask = ("ask", "--study-name", MADE_BY_OTHERS, "--search-space", json.dumps(space))
    tell = ("tell", "--study-name", MADE_BY_OTHERS, "--trial-number")
    *asked, _, _, _ = optuna_command(
        place.path,
        *[ask] * 5,
        (*tell, "0", "--values", "0.5"),
        (*tell, "1", "--state", "fail"),
        ("study", "set-user-attr", "-k", "by", "--value", "hand", "--study-name", MADE_BY_OTHERS),
    )
    ids = {trial.number: trial._trial_id for trial in place.by_optuna(MADE_BY_OTHERS).trials}  # pyright: ignore[reportPrivateUsage]
    send = place.dashboard.send
    assert send("POST", f"trials/{ids[2]}/tell", state="Complete", values=[0.75]) == 204
    assert send("POST", f"trials/{ids[3]}/tell", state="Fail") == 204
    assert send("POST", f"trials/{ids[4]}/user-attrs", user_attrs={"seen": [1]}) == 204
    shown = hptui(capsys, "show", address)
    assert shown["counts"] == {
        "running": 1,
        "complete": 2,
        "pruned": 0,
        "fail": 2,
        "waiting": 0,
        "stale": 0,
    }
    assert shown["best"] == {"number": 2, "value": 0.75, "params": asked[2]["params"]}
    assert shown["user_attrs"] == {"by": "hand"}
    trials = hptui(capsys, "trials", address)
    assert [trial["params"] for trial in trials] == [each["params"] for each in asked]
    assert [trial["values"] for trial in trials] == [[0.5], [None], [0.75], [None], [None]]
    assert hptui(capsys, "trials", address, "--filter", "has:attr.seen")[0]["number"] == 4


def test_notes_that_the_dashboard_wrote_are_those_that_hptui_reads(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    name, send = "constrained", place.dashboard.send
    study_id = place.shown[name]["study_id"]
    ids = [trial["trial_id"] for trial in place.shown[name]["trials"]]
    long = "**many** words " * 1_000

    def with_note(text: str) -> list[int]:
        found = hptui(capsys, "trials", place.address(name), "--filter", f'note~"{text}"')
        return [trial["number"] for trial in found]

    assert send("PUT", f"studies/{study_id}/note", version=1, body="of the study") == 204
    assert send("PUT", f"studies/{study_id}/{ids[1]}/note", version=1, body=long) == 204
    assert send("PUT", f"studies/{study_id}/{ids[6]}/note", version=1, body="a *bad* one") == 204
    assert (with_note("**many** words **many"), with_note("*bad*")) == ([1], [6])
    assert with_note("of the study") == []
    assert send("PUT", f"studies/{study_id}/{ids[1]}/note", version=2, body="short") == 204
    assert send("PUT", f"studies/{study_id}/{ids[1]}/note", version=2, body="late") == 409
    assert (with_note("many"), with_note("short"), with_note("late")) == ([], [1], [])
    shown = place.dashboard.study(study_id)
    assert shown["note"] == {"version": 1, "body": "of the study"}
    assert shown["trials"][1]["note"] == {"version": 2, "body": "short"}


def test_a_study_exported_as_one_file_is_one_for_the_others(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    copy = place.path.with_name("copy.sqlite.db")
    assert hptui(capsys, "export", place.address("plain-front"), str(copy))["trials"] == 8
    study = optuna.load_study(study_name="plain-front", storage=f"sqlite:///{copy}")
    assert optuna.get_all_study_names(study._storage) == ["plain-front"]  # pyright: ignore[reportPrivateUsage]
    assert [trial.number for trial in study.best_trials] == [
        each["number"] for each in place.best["plain-front"]
    ]
    mine = hptui(capsys, "best", str(copy))["best"]
    assert {each["number"] for each in mine} == {trial.number for trial in study.best_trials}
    assert study.metric_names == ["loss", "accuracy"]


@pytest.mark.parametrize("name", ["constrained", "plain-front"])
def test_notes_and_tags_that_hptui_wrote_are_those_that_the_dashboard_shows(
    place: Place, name: str, capsys: pytest.CaptureFixture[str]
):
    address, study_id = place.address(name), place.shown[name]["study_id"]
    body = "# wörds\n" + "\nand a **long** row of them" * 300
    # One is being run, and its engine writes; the other is at rest.
    assert main(["note", address, "--set", "short"]) == 0
    assert main(["note", address, "7", "--set", body]) == 0
    assert main(["tag", address, "7", "--add", "good", "--add", "to do"]) == 0

    def shown() -> tuple[dict[str, Any], dict[str, Any]]:
        study = place.dashboard.study(study_id)
        return study["note"], study["trials"][7]

    wait_until(lambda: shown()[1]["note"]["body"] == body, "the note", shown)
    note, trial = shown()
    assert note["body"] == "short"
    wait_until(
        lambda: {"key": "hptui:tags", "value": '["good", "to do"]'} in shown()[1]["user_attrs"],
        "the tags",
        shown,
    )
    # Each sees the other's version, so that neither overwrites what it has not read.
    version = trial["note"]["version"]
    path = f"studies/{study_id}/{trial['trial_id']}/note"
    assert place.dashboard.send("PUT", path, version=version, body="late") == 409
    assert place.dashboard.send("PUT", path, version=version + 1, body="theirs") == 204
    assert main(["note", address, "7", "--set", "mine", "--if-version", str(version)]) != 0
    assert hptui(capsys, "note", address, "7") == {
        "study": name,
        "trial": 7,
        "version": version + 1,
        "note": "theirs",
    }
    assert main(["note", address, "7", "--clear"]) == 0
    wait_until(lambda: shown()[1]["note"]["body"] == "", "no note", shown)
