"""Engines that are launched away from their parent, and steered while they run."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from tests.e2e.programs import wait_until
from tests.storage.study_file import StudyFile

from hptui.cli.main import main
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.recovery.lease import folder_of
from hptui.engine.run.start.launch import OUTPUT_NAME, launch
from hptui.engine.studies.annotations import save_edit
from hptui.engine.studies.importing import import_into
from hptui.errors import HptuiError, UsageError
from hptui.storage.annotations.changes import TagEdit
from hptui.storage.read.study_detail import read_study
from hptui.storage.transfer.import_request import ImportRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

OBJECTIVES = Path(__file__).with_name("steered_objectives.py")


pytestmark = pytest.mark.usefixtures("clones_programs")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    lease = running_engine(tmp_path / "s.db", "s")
    if lease is not None:
        os.kill(lease.pid, signal.SIGKILL)


def trials(file: Path) -> list[FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        return optuna.load_study(study_name=file.stem, storage=storage).trials
    finally:
        storage.engine.dispose()


def params_stored(file: Path) -> set[str]:
    with StudyFile(file) as built:
        rows = built.connection.execute("SELECT DISTINCT param_name FROM trial_params")
        return {name for (name,) in rows}


def start(file: Path, objective: str, *options: str) -> Callable[..., dict[str, Any]]:
    """Launch an engine and return a function that asks it."""
    ref = f"{OBJECTIVES}:{objective}"
    launch([ref, "--storage", str(file), "--jobs", "1", *options], file, file.stem)

    def ask(**message: object) -> dict[str, Any]:
        return ask_engine(file, file.stem, message)

    return ask


def ends(file: Path) -> None:
    wait_until(lambda: running_engine(file, file.stem) is None, "the end of the run")


def test_edits_of_the_space_count_from_the_next_trial_on(folder: Path):
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "5", "--sampler", "tpe", "--seed", "1")
    for number in range(3):
        (folder / f"go-{number}").touch()
    wait_until(lambda: ask(op="status")["counts"]["complete"] == 3, "three trials")
    found = ask(op="space")
    assert set(found["space"]) == {"x", "kind"}
    assert found["edits"] == {}
    inside = sum(-0.5 <= trial.params["x"] <= 0.5 for trial in trials(file)[:3])

    edits = {"x": {"low": -0.5, "high": 0.5}, "kind": {"fixed": {"value": "b"}}}
    dry = ask(op="space", edits=edits, dry=True)
    assert (dry["kept"], dry["set_aside"]) == (inside, 3 - inside)
    assert ask(op="space")["edits"] == {}, "a dry edit changed something"
    with pytest.raises(HptuiError, match=r"low .* above|low is"):
        ask(op="space", edits={"x": {"low": 3, "high": 1}})
    with pytest.raises(HptuiError, match="no parameter"):
        ask(op="space", edits={"y": {"low": 3}})
    assert ask(op="space", edits=edits)["set_aside"] == 3 - inside
    assert ask(op="space")["edits"] == edits

    (folder / "go-3").touch()  # was asked with the earlier bounds
    wait_until(lambda: ask(op="status")["counts"]["complete"] == 4, "the fourth trial")
    wait_until(lambda: "kind" in trials(file)[-1].params, "the fifth trial drew its parameters")
    back = ask(op="space", edits={"x": {}})
    assert back["set_aside"] == 0
    (folder / "go-4").touch()
    ends(file)
    last = trials(file)[4]
    assert last.distributions["x"] == optuna.distributions.FloatDistribution(-0.5, 0.5)
    assert -0.5 <= last.params["x"] <= 0.5
    assert last.params["kind"] == "b"

    (folder / "go-5").touch()
    again = start(file, "stepwise", "--trials", "1")
    assert callable(again)
    ends(file)
    final = trials(file)[5]
    assert final.distributions["x"] == optuna.distributions.FloatDistribution(-5, 5)
    assert final.params["kind"] == "b", "the fixed value was forgotten between runs"
    changes = [(each.number, each.text) for each in read_study(file, "s").changes]
    assert changes == [(4, "x low -0.5, high 0.5; kind fixed b"), (5, "x unedited")]


def test_choices_are_narrowed_till_a_trial_holds_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    file = folder / "s.db"
    start(file, "asks_late", "--trials", "2", "--sampler", "random")
    wait_until((folder / "begun-0").exists, "the first trial")
    choices = ["--choices", "kind=c|a"]
    for options, said in (
        ([*choices, "--dry-run"], "0 trials would be kept, 0 set aside."),
        ([*choices, "--fix", "kind=c"], "0 trials kept, 0 set aside."),
        ([], "  kind  a, b, c   edited since trial 1: fixed c, choices c|a"),
    ):
        assert main(["space", "s.db", *options]) == 0
        assert capsys.readouterr().out.strip("\n") == said
    assert main(["space", "s.db", "--choices", "kind=c|d"]) == 2
    assert "'d' is not one of the choices that the objective asks for: a, b, c" in (
        capsys.readouterr().err
    )
    (folder / "go-0").touch()
    wait_until((folder / "begun-1").exists, "the second trial")
    wait_until(lambda: bool(trials(file)[0].params), "its parameter is in the file")
    assert trials(file)[0].params == {"kind": "c"}
    held = optuna.distributions.CategoricalDistribution(("c", "a"))
    assert trials(file)[0].distributions == {"kind": held}
    for options in ([], ["--dry-run"]):
        assert main(["space", "s.db", "--choices", "kind=c|b", *options]) == 2
        said = capsys.readouterr().err
        assert "a list of choices cannot change within a study" in said
        assert "new study: hptui fork s NEW_NAME --choices 'kind=c|b'" in said
    (folder / "go-1").touch()
    ends(file)


def test_many_trials_are_tagged_and_rows_enqueued_all_or_none(folder: Path):
    file = folder / "s.db"
    with StudyFile(file) as built:
        built.add_study("s")
        built.run("BEGIN")
        for number in range(1_200):
            built.add_trial(float(number))
        built.run("COMMIT")
    (folder / "rows.csv").write_text("x,kind,user_attrs_who,value\n1.5,a,me,0\n2.5,b,you,0\n")
    (folder / "bad.csv").write_text("x,kind,value\n0.5,a,0\n4.5,a,0\n")
    ask = start(file, "stepwise", "--trials", "3")
    with pytest.raises(UsageError, match="no trial 5000"):
        save_edit(file, "s", TagEdit((*range(1_200), 5_000), ("good",)))
    with StudyFile(file) as built:
        (count,) = built.connection.execute("SELECT COUNT(*) FROM trial_user_attributes").fetchone()
    assert count == 0
    assert save_edit(file, "s", TagEdit(tuple(range(1_200)), ("good",))) == 1_200
    waiting = ImportRequest(as_waiting=True)
    wait_until(lambda: "kind" in ask(op="space")["space"], "both parameters")
    # The engine knows a parameter a moment before the file has it; an edit is stored with it.
    ask(op="space", edits={"x": {"high": 3.0}})
    wait_until(lambda: "kind" in params_stored(file), "both parameters in the file")
    with pytest.raises(UsageError, match=r"4\.5"):
        import_into(folder / "bad.csv", waiting, file, "s")
    import_into(folder / "rows.csv", waiting, file, "s")
    with pytest.raises(UsageError, match="All 2 rows of"):
        import_into(folder / "rows.csv", waiting, file, "s")
    for number in range(1_200, 1_203):
        (folder / f"go-{number}").touch()
    ends(file)
    made = trials(file)
    assert {tuple(trial.user_attrs["hptui:tags"]) for trial in made[:1_200]} == {("good",)}
    assert [trial.params for trial in made[1_201:]] == [
        {"x": 1.5, "kind": "a"},
        {"x": 2.5, "kind": "b"},
    ]
    assert [trial.user_attrs for trial in made[1_201:]] == [{"who": "me"}, {"who": "you"}]


def test_failed_trials_are_tried_again_once(folder: Path, capsys: pytest.CaptureFixture[str]):
    file = folder / "s.db"
    ask = start(file, "odd_ones_fail", "--trials", "5", "--sampler", "random")
    wait_until(lambda: ask(op="status")["running"] == 1 and len(trials(file)) == 5, "trial 4")
    (folder / "mended").touch()
    assert ask(op="retry", trials=[3])["trials"] == [3]
    capsys.readouterr()
    assert main(["retry", str(file), "--cause", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == [1]
    with pytest.raises(HptuiError, match="No failed trial is left"):
        ask(op="retry")
    ask(op="extend", trials=2)
    ask(op="limit", seconds=600)
    (folder / "go").touch()
    ends(file)
    changes = [(each.number, each.what, each.text) for each in read_study(file, "s").changes]
    assert changes == [(7, "budget", "5 to 7 trials"), (7, "budget", "10 m left")]
    done = trials(file)
    assert [trial.state for trial in done[5:]] == [TrialState.COMPLETE] * 2
    assert [trial.params for trial in done[5:]] == [done[3].params, done[1].params]


def test_a_launched_engine_has_a_session_of_its_own_and_leaves_its_words(folder: Path):
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "1")
    pid = ask(op="status")["pid"]
    assert os.getsid(pid) == pid
    (folder / "go-0").touch()
    ends(file)
    assert (folder / "s.hptui" / "run.log").read_text() == ""


def test_a_run_that_is_over_at_once_was_launched_all_the_same(folder: Path):
    file = folder / "s.db"
    (folder / "go-0").touch()
    start(file, "stepwise", "--trials", "1")
    ends(file)
    assert [trial.state for trial in trials(file)] == [TrialState.COMPLETE]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-of-this-name"], "nothing-of-this-name"),
        ([f"{OBJECTIVES}:stepwise", "--space", "y=0..1"], "no parameter"),
        ([f"{OBJECTIVES}:stepwise", "--trials", "0"], "above 0"),
    ],
)
def test_what_a_launched_engine_refuses_is_told_and_nothing_is_written(
    arguments: list[str], sentence: str, folder: Path
):
    file = folder / "s.db"
    with pytest.raises(HptuiError, match=sentence) as caught:
        launch([*arguments, "--storage", str(file)], file, "s")
    assert "hptui:" not in caught.value.message
    assert list(folder.iterdir()) == []


@pytest.fixture
def another_disk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A temporary folder on another disk than the studies, where there is one."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path_factory.mktemp("temporary")
        return
    with TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def test_what_a_launched_engine_prints_is_in_its_study_and_nowhere_else(
    folder: Path, another_disk: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary = another_disk
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("there", "new"):
        # A folder that is not there yet has no place for what is printed before the run.
        file = folder / name / "s.db"
        if name == "there":
            file.parent.mkdir()
        start(file, "stepwise", "--trials", "1")(op="stop", now=True)
        ends(file)
        assert (folder_of(file, "s") / OUTPUT_NAME).exists()
        assert {each.name for each in file.parent.iterdir()} <= {"s.db", "s.hptui"}
        wait_until(lambda: not list(temporary.iterdir()), "the end of all that was there")


def test_a_worker_that_was_asked_to_end_gets_no_other_trial(folder: Path):
    file = folder / "s.db"
    ask = start(file, "survives_its_end", "--trials", "2", "--sampler", "random")
    wait_until((folder / "started").exists, "the first trial")
    ask(op="kill", trial=0)
    ends(file)
    done = trials(file)
    assert [trial.state for trial in done] == [TrialState.COMPLETE] * 2
    assert done[0].user_attrs["pid"] != done[1].user_attrs["pid"]


@pytest.mark.parametrize(
    "message",
    [
        {"op": "hello"},
        {"op": "hello", "token": "\N{SNOWMAN}"},
        {"op": "unready"},
        {"op": "jobs", "n": math.inf},
        {"op": "kill"},
        {"op": "nothing of this kind"},
        {},
    ],
)
def test_a_message_that_nobody_here_sends_does_no_harm(
    folder: Path, message: dict[str, object]
) -> None:
    file = folder / "s.db"
    ask = start(file, "stepwise", "--trials", "1")
    with pytest.raises(HptuiError):
        ask(**message)
    wait_until(lambda: ask(op="status")["running"] == 1, "the trial")
    (folder / "go-0").touch()
    ends(file)
    assert [trial.state for trial in trials(file)] == [TrialState.COMPLETE]


def test_a_lease_that_leads_to_another_studys_engine_moves_nothing(folder: Path) -> None:
    file, other = folder / "s.db", folder / "t.db"
    ask = start(file, "stepwise", "--trials", "1")
    lease = json.loads((folder_of(file, "s") / "engine.json").read_text())
    folder_of(other, "t").mkdir()
    lie = {**lease, "study": "t", "inode": 0}
    (folder_of(other, "t") / "engine.json").write_text(json.dumps(lie))
    with pytest.raises(UsageError, match="runs s, another study"):
        ask_engine(other, "t", {"op": "stop", "now": True})
    assert ask(op="status")["state"] == "running"


ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1.5,
    float("inf"),
    "x",
    [],
    [[]],
    {},
    {"x": 1},
    ["x", None],
)


def test_no_odd_request_ends_or_changes_a_run(folder: Path) -> None:
    ask = start(folder / "s.db", "stepwise", "--trials", "1")
    fields: dict[str, tuple[str, ...]] = {
        "kill": ("trial",),
        "jobs": ("n",),
        "enqueue": ("params",),
        "enqueue_rows": ("rows",),
        "extend": ("trials",),
        "space": ("edits",),
        "annotate": ("edit",),
    }
    odd: list[dict[str, Any]]
    odd = [{"op": op, name: value} for op in fields for name in fields[op] for value in ODD_VALUES]
    odd += [{"op": "retry", "trials": value} for value in ODD_VALUES if value is not None]
    odd += [{"op": value} for value in ODD_VALUES]
    no_seconds: tuple[Any, ...] = ("x", [], -1, 10**400, float("inf"))
    odd += [{"op": "limit", "seconds": value} for value in no_seconds]
    odd.append({"op": "limit"})
    kinds: dict[str, Any] = {
        "kind": "tags",
        "trials": [0],
        "add": [],
        "remove": [],
        "clears": False,
    }
    odd_in_tags: tuple[Any, ...] = (1.5, "x", [[]], {"x": 1})
    odd += [
        {"op": "annotate", "edit": {**kinds, name: value}}
        for name in ("kind", "trials", "add", "remove")
        for value in odd_in_tags
    ]
    rows: tuple[dict[str, Any], ...] = (
        {"params": 1},
        {"params": {}, "user_attrs": []},
        {"params": {"x": {}}},
    )
    odd += [{"op": "enqueue_rows", "rows": [row]} for row in rows]
    taken: list[dict[str, Any]] = []
    for request in odd:
        with contextlib.suppress(UsageError):
            ask(**request)
            taken.append(request)
    assert taken == [
        {"op": "enqueue", "params": {}},
        {"op": "enqueue", "params": {"x": 1}},
        {"op": "enqueue_rows", "rows": []},
        # What has begun is not taken away.
        {"op": "extend", "trials": -1},
        {"op": "space", "edits": None},
        {"op": "space", "edits": {}},
    ]
    status = ask(op="status")
    assert (status["state"], status["n_trials"], len(status["slots"])) == ("running", 1, 1)
