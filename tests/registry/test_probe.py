"""Probing real objectives, well behaved and not, in real processes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from textwrap import dedent
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
import psutil
import pytest
from tests.waiting import DEADLINE_S

from hptui.domain.objective import ObjectiveInfo, ObjectiveRef
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.registry.catalogue import resolve
from hptui.registry.probing.probe import KnownParam, ProbedParam, ProbeResult, known_space, probe
from hptui.registry.probing.probe_child import call_objective
from hptui.registry.probing.probe_result import Story

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")

UNIT = FloatParam(0, 1)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which a probe must leave empty; the test runs beside it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def _probe(
    tmp_path: Path, source: str, attribute: str = "objective", **options: Any
) -> ProbeResult:
    path = tmp_path / "probed.py"
    path.write_text(dedent(source))
    ref = ObjectiveRef("file", str(path), attribute, "probed")
    given: dict[str, Any] = {"timeout_s": DEADLINE_S, **options}
    found = probe(ref, **given)
    assert os.listdir(tmp_path / "tmp") == []
    assert _left_over(tmp_path) == []
    return found


def returned(value: object) -> dict[str, Any]:
    """What a trial tells that returns this."""
    return call_objective(lambda _: value, cast("Any", None))


def raised(error: BaseException) -> dict[str, Any]:
    """What a trial tells that raises this."""

    def objective(_: object) -> float:
        raise error

    return call_objective(objective, cast("Any", None))


def _left_over(tmp_path: Path) -> list[psutil.Process]:
    """Return the processes that still run and whose pids the objective wrote down."""
    file = tmp_path / "pids"
    pids = [int(word) for word in file.read_text().split()] if file.exists() else []
    left: list[psutil.Process] = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except psutil.NoSuchProcess:
            pass
    return left


def test_conditionals_and_loops_are_found_with_their_conditions(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        def objective(trial):
            kind = trial.suggest_categorical("kind", ["net", "svm"])
            if kind == "net":
                for i in range(trial.suggest_int("layers", 1, 3)):
                    trial.suggest_int(f"units_{i}", 8, 64, log=True)
            else:
                trial.suggest_float("C", 1e-3, 1e3, log=True)
            trial.suggest_float("tail", 0, 1, step=0.25)
            return 1.0, 2.0
        """,
    )
    assert found.error == ""
    assert found.complete
    assert found.values_returned == 2
    assert not found.reports
    shown = {name: (param.spec, param.condition) for name, param in found.parameters.items()}
    assert shown == {
        "kind": (ChoiceParam(("net", "svm")), ""),
        "layers": (IntParam(1, 3), "kind = net"),
        "units_0": (IntParam(8, 64, log=True), "kind = net"),
        "units_1": (IntParam(8, 64, log=True), "layers >= 2"),
        "units_2": (IntParam(8, 64, log=True), "layers = 3"),
        "C": (FloatParam(1e-3, 1e3, log=True), "kind = svm"),
        "tail": (FloatParam(0, 1, step=0.25), ""),
    }
    assert found.parameters["kind"].first_seen == 0
    assert found.parameters["C"].first_seen > 0


def test_a_trial_ends_at_its_first_report_even_where_all_exceptions_are_caught(
    tmp_path: Path,
) -> None:
    found = _probe(
        tmp_path,
        """
        def objective(trial):
            trial.suggest_float("x", 0, 1)
            for step in range(10**12):
                try:
                    trial.report(1.0, step)
                    open("went-on", "w")
                except Exception:
                    open("went-on", "w")
            return 1
        """,
    )
    assert list(found.parameters) == ["x"]
    assert found.reports
    assert found.complete
    assert not (tmp_path / "went-on").exists()


@pytest.mark.parametrize("caught", ["", "BaseException"])
def test_an_objective_that_swallows_the_end_is_tolerated(tmp_path: Path, caught: str) -> None:
    found = _probe(
        tmp_path,
        f"""
        def objective(trial):
            trial.suggest_float("x", 0, 1)
            while not trial.params.get("y"):
                try:
                    trial.should_prune()
                except {caught}:
                    trial.suggest_float("y", 0, 1)
            while True:
                try:
                    trial.report(0, 0)
                except {caught}:
                    pass
        """,
    )
    assert list(found.parameters) == ["x", "y"]
    assert found.reports


def test_the_training_that_follows_the_suggestions_is_cut_off(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        import time
        def objective(trial):
            if trial.suggest_categorical("kind", ["a", "b"]) == "b":
                trial.suggest_float("x", 0, 1)
            while True:
                time.sleep(0.01)
        """,
        quiet_s=0.2,
    )
    assert {name: each.condition for name, each in found.parameters.items()} == {
        "kind": "",
        "x": "kind = b",
    }
    assert found.complete
    assert found.values_returned is None


def test_everything_that_optuna_has_on_a_trial_works_while_probing(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        import warnings, optuna, hptui, os, pathlib
        warnings.simplefilter("error")
        @hptui.objective(directions=["maximize", "minimize"])
        def objective(trial):
            assert isinstance(trial, optuna.trial.BaseTrial)
            trial.suggest_uniform("a", 0, 1)
            trial.suggest_loguniform("b", 1, 2)
            trial.suggest_discrete_uniform("c", 0, 1, 0.25)
            d = trial.suggest_int("d", 1, 9, step=2)
            assert type(d) is int and trial.suggest_int("d", 1, 9, step=2) == d
            assert trial.params["d"] == d and trial.distributions["d"].step == 2
            try:
                trial.suggest_float("d", 0, 1)
            except ValueError:
                trial.suggest_float("kind change is refused", 0, 1)
            try:
                trial.suggest_int("z", 3, 1)
            except ValueError:
                trial.suggest_float("bad range is refused", 0, 1)
            trial.set_user_attr("key", object())
            trial.set_constraint("size", 3)
            assert trial.constraints == {"size": 3.0} and "key" in trial.user_attrs
            assert trial.number == 0 or trial.datetime_start
            assert [each.name for each in trial.study.directions] == ["MAXIMIZE", "MINIMIZE"]
            folder = hptui.trial_dir()
            assert str(folder) == os.environ["HPTUI_TRIAL_DIR"]
            (folder / "model").write_text("x")
            folder.chmod(0)
            trial.suggest_categorical("end", [None, True, 1.5, "x"])
            raise optuna.TrialPruned
        """,
    )
    assert found.error == ""
    assert list(found.parameters) == [
        "a", "b", "c", "d", "kind change is refused", "bad range is refused", "end",
    ]  # fmt: skip
    assert found.parameters["end"].spec == ChoiceParam((None, True, 1.5, "x"))
    assert found.complete


def test_choices_are_shown_as_they_are_stored(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        def objective(trial):
            kind = trial.suggest_categorical("kind", [int, (1, 2)])
            if kind is int:
                trial.suggest_float("x", 0, 1)
            return 1
        """,
    )
    assert found.parameters["kind"].spec == ChoiceParam(("int", [1, 2]))
    assert found.parameters["x"].condition == "kind = int"


def test_a_range_that_depends_on_another_value_is_dynamic(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        def objective(trial):
            depth = trial.suggest_int("depth", 2, 9)
            return trial.suggest_int("leaves", 1, depth)
        """,
    )
    assert found.dynamic == {"leaves"}
    assert known_space({}, found)["leaves"].dynamic
    assert not known_space({}, found)["depth"].dynamic


MISBEHAVING = {
    "exits": "os._exit(3)",
    "kills itself": "os.kill(os.getpid(), 9)",
    "dies in native code": "ctypes.string_at(0)",
    "raises": "raise RuntimeError('x')",
    "raises oddly": "raise Odd",
    "leaves": "sys.exit(5)",
    "interrupts": "raise KeyboardInterrupt",
    "hangs": "time.sleep(10**6)",
    "spins": "exec('while True: pass')",
    "floods": "exec('while True: os.write(1, junk); os.write(2, junk)')",
    "prints binary": "sys.stdout.buffer.write(junk); sys.stdout.flush()",
    "reads input": "input()",
    "forks": "os.fork()",
    "leaves a process": "note(subprocess.Popen(['sleep', '1000']).pid)",
    "leaves a session": "note(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)",
    "leaves a daemon": "daemon()",
    "leaves a daemon and hangs": "daemon(); time.sleep(10**6)",
    "leaves a thread": "threading.Thread(target=time.sleep, args=(10**6,)).start()",
    "closes descriptors": "os.closerange(0, 1000)",
    "closes and hangs": "os.closerange(0, 1000); time.sleep(10**6)",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "ignores signals": "ignore_signals(); note(os.getpid()); time.sleep(10**6)",
    "joblib": "Parallel(n_jobs=2)(delayed(abs)(i) for i in range(3))",
    "makes temporary files": "tempfile.mkdtemp(); tempfile.NamedTemporaryFile(delete=False)",
    "returns nonsense": "nonsense = 1",
}
ZOO = """
import ctypes, os, signal, subprocess, sys, tempfile, threading, time
from joblib import Parallel, delayed
junk = b"\\xff\\x1b[2J" * 10000
class Odd(BaseException):
    def __str__(self): raise ValueError
def note(pid):
    with open("pids", "a") as stream: stream.write(f"{pid} ")
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(os.getpid())
            time.sleep(10**6)
        os._exit(0)
    os.wait()
    while not os.path.exists("pids"): time.sleep(0.01)
def ignore_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
def objective(trial):
    trial.suggest_float("before", 0, 1)
    trial.suggest_int("depth", 2, 5)
    BODY
    return object()
"""


@pytest.mark.parametrize("body", MISBEHAVING.values(), ids=MISBEHAVING)
def test_whatever_follows_the_suggestions_they_count_and_nothing_is_left(
    tmp_path: Path, body: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = _probe(tmp_path, ZOO.replace("BODY", body), quiet_s=0.2)
    assert found.error == ""
    assert {name: param.condition for name, param in found.parameters.items()} == {
        "before": "",
        "depth": "",
    }
    assert found.complete
    assert found.n_trials == 2
    assert capfd.readouterr() == ("", "")


def test_suggestions_after_all_descriptors_were_closed_go_nowhere_else(tmp_path: Path) -> None:
    _probe(
        tmp_path,
        """
        import os
        def objective(trial):
            trial.suggest_float("before", 0, 1)
            os.closerange(3, 1000)
            files = [open(f"mine-{i}", "w") for i in range(20)]
            trial.suggest_float("after", 0, 1)
            for file in files: file.close()
            os._exit(0)
        """,
    )
    assert {path.stat().st_size for path in tmp_path.glob("mine-*")} == {0}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("def objective(trial): raise ValueError('no data')", "ValueError: no data"),
        ("import os\ndef objective(trial): os._exit(3)", "exit code 3"),
        ("import os\ndef objective(trial): os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import time\ndef objective(trial): time.sleep(10**6)", "nothing within 6 s"),
        ("def objective(trial): return float(input())", "EOFError"),
        ("x = 1\nraise ImportError('no gpu')", "line 2: ImportError: no gpu"),
        ("def objective(trial):\n  return (", "SyntaxError"),
        ("x = 1", "has no 'objective'"),
        ("import os\nos._exit(4)", "Importing the objective ended the process (exit code 4)"),
        ("import os\nos.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import time\ntime.sleep(10**6)", "not imported within 1 s"),
        ("import os\nos.closerange(3, 1000)\nos.read(os.pipe()[0], 1)", "closed the pipe"),
        ("exec('while True: pass')", "not imported within 1 s"),
    ],
)
def test_when_nothing_is_suggested_the_reason_is_told(
    tmp_path: Path, source: str, error: str
) -> None:
    # Where the import hangs, any time will do; elsewhere a busy machine needs some to get there.
    limits = {"within 1 s": 1.0, "within 6 s": 6.0}
    timeout_s = next((limits[words] for words in limits if words in error), DEADLINE_S)
    found = _probe(tmp_path, source, timeout_s=timeout_s)
    assert error in found.error
    # What took too long, or nobody knows, may well go on in a run.
    is_known = not any(words in error for words in ("within", "closed the pipe"))
    assert error in found.fault if is_known else not found.fault
    assert found.parameters == {}
    assert not found.complete
    assert found.loaded == ("def objective(trial):" in source and "SyntaxError" not in error)
    assert "\x1b" not in found.error


@pytest.mark.parametrize(
    ("ends", "fault"),
    [
        ([returned(1.0), returned(2)], ""),
        ([returned(None), returned(None)], "returns None instead of its value."),
        ([returned("0.5")], "returns str where a number is expected."),
        ([returned([0.5, "x"])], "returns list where a number is expected."),
        ([returned(np.array([0.5, 1.0])), returned(np.float32(1))], ""),
        ([raised(KeyError("lr")), raised(KeyError("lr"))], "fails: KeyError: 'lr'"),
        ([raised(KeyError("lr")), returned(1.0)], ""),
        ([raised(KeyError("lr")), {"how": "ended"}], ""),
        ([raised(optuna.TrialPruned())], ""),
    ],
)
def test_a_fault_is_known_where_every_trial_has_it(ends: list[dict[str, Any]], fault: str) -> None:
    story = Story()
    messages: list[dict[str, Any]] = [{"loaded": True}]
    for number, end in enumerate(ends):
        messages += [{"trial": number}, end, {"end": "returned"}]
    for message in [*messages, {"done": True, "complete": True}]:
        story.take(json.dumps(message).encode())
    assert story.result(1.0).fault.removeprefix("The objective ") == fault


def test_an_objective_without_parameters_is_no_error(tmp_path: Path) -> None:
    found = _probe(tmp_path, "def objective(trial): return 3.0")
    assert (found.error, found.parameters, found.values_returned) == ("", {}, 1)


def test_endless_new_parameters_are_stopped(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        def objective(trial):
            for i in range(10**12):
                trial.suggest_float(f"x{i}", 0, 1)
        """,
    )
    assert len(found.parameters) == 5_000
    assert not found.complete


def test_when_the_time_is_over_what_was_seen_so_far_counts(tmp_path: Path) -> None:
    found = _probe(
        tmp_path,
        """
        import time
        def objective(trial):
            trial.suggest_categorical("kind", list(range(1000)))
            time.sleep(10**6)
        """,
        timeout_s=6.0,
        quiet_s=0.1,
        max_trials=10_000,
    )
    assert list(found.parameters) == ["kind"]
    assert 0 < found.n_trials < 1000
    assert not found.complete


def test_no_more_trials_are_run_than_allowed(tmp_path: Path) -> None:
    source = "def objective(trial): return trial.suggest_categorical('kind', list(range(99)))"
    found = _probe(tmp_path, source, max_trials=5)
    assert found.n_trials == 5
    assert not found.complete


def test_a_file_that_leaves_processes_when_it_is_imported_is_cleaned_up_after(
    tmp_path: Path,
) -> None:
    start = """
        import os, subprocess
        with open("pids", "w") as stream:
            for new in (False, True):
                child = subprocess.Popen(["sleep", "1000"], start_new_session=new)
                stream.write(f"{child.pid} ")
        """
    assert list(_probe(tmp_path, start + """
        def objective(trial): return trial.suggest_float("x", 0, 1)
        """).parameters) == ["x"]  # fmt: skip


def test_files_beside_it_import_and_the_current_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/sibling.py").write_text("HIGH = 7\n")
    (tmp_path / "sub/probed.py").write_text(
        "import os, sibling\n"
        "def objective(trial):\n"
        "    trial.suggest_categorical('cwd', [os.getcwd()])\n"
        "    return trial.suggest_int('x', 1, sibling.HIGH)\n"
    )
    found = probe(resolve("sub/probed.py", tmp_path).ref)
    assert found.parameters["x"].spec == IntParam(1, 7)
    assert found.parameters["cwd"].spec == ChoiceParam((str(tmp_path),))


def test_libraries_of_a_hostile_folder_do_not_take_part(tmp_path: Path) -> None:
    for name in ("optuna", "numpy", "psutil", "hptui", "hptui_objectives"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\n")
    found = probe(ObjectiveRef("module", "hptui_objectives.hartmann6", "objective", "hartmann6"))
    assert len(found.parameters) == 6
    assert not (tmp_path / "ran").exists()


def test_it_runs_with_one_blas_thread_and_without_the_callers_trial_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("HPTUI_TRIAL_DIR", str(tmp_path / "callers"))
    found = _probe(
        tmp_path,
        """
        import os
        SEEN = [os.environ["OMP_NUM_THREADS"], str("HPTUI_TRIAL_DIR" in os.environ)]
        def objective(trial): return trial.suggest_categorical("seen", SEEN)
        """,
    )
    assert found.parameters["seen"].spec == ChoiceParam(("1", "False"))
    assert not (tmp_path / "callers").exists()


WATCHED = """
import os, time
def objective(trial):
    with open("pids", "w") as stream: stream.write(f"{os.getppid()} {os.getpid()}\\n")
    with open(os.environ["READY"], "w") as ready: ready.write("x")
    while True: time.sleep(10**6)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_when_the_caller_is_ended_the_probe_ends_with_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "probed.py").write_text(WATCHED)
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = "from hptui.domain.objective import *; from hptui.registry.probing.probe import *\n"
    code += f"probe(ObjectiveRef('file', {str(tmp_path / 'probed.py')!r}, 'objective', 'x'))"
    environment = {**os.environ, "READY": str(ready), "TMPDIR": str(tmp_path / "tmp")}
    reader = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL
    ) as caller:
        try:
            assert poll.poll(DEADLINE_S * 1_000)
            running = _left_over(tmp_path)
            assert len(running) == 2
        finally:
            caller.send_signal(number)
            os.close(reader)
    gone, alive = psutil.wait_procs(running, timeout=DEADLINE_S)
    assert alive == []
    assert len(gone) == 2
    if number is signal.SIGINT:
        assert os.listdir(tmp_path / "tmp") == []


def test_what_is_known_comes_from_the_first_that_knows_it() -> None:
    info = ObjectiveInfo("x", space={"declared": UNIT, "both": IntParam(1, 3)})
    probed = ProbeResult(
        parameters={
            "probed": ProbedParam(UNIT, "both >= 2"),
            "both": ProbedParam(IntParam(1, 9), "kind = a"),
        },
        dynamic=frozenset({"both"}),
    )
    stored = {"seen": UNIT, "probed": IntParam(0, 1), "declared": IntParam(0, 1)}
    assert known_space(info.space, probed, stored) == {
        "declared": KnownParam(UNIT, "declared"),
        "both": KnownParam(IntParam(1, 3), "declared", "kind = a", dynamic=True),
        "probed": KnownParam(UNIT, "probed", "both >= 2"),
        "seen": KnownParam(UNIT, "seen"),
    }
    assert known_space({}, None, None) == {}


def test_probing_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def go_on(n_trials: int, n_params: int) -> bool:
        told.append((n_trials, n_params))
        return n_params < 2

    source = """
        import time

        def objective(trial):
            for index in range(100):
                trial.suggest_float(f"x{index}", 0, 1)
                time.sleep(0.2)
        """
    found = _probe(tmp_path, source, on_progress=go_on)
    assert told[-1][1] >= 2
    assert not found.complete
    assert "x0" in found.parameters

    hangs = "import time\ntime.sleep(600)\n"

    def stop(n_trials: int, n_params: int) -> bool:
        return n_trials + n_params > 0

    found = _probe(tmp_path, hangs, on_progress=stop)
    assert (found.loaded, found.error) == (False, "Probing was stopped.")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_the_objective_work_while_it_is_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    # The socket of a fork server has a path that may not be long.
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    found = _probe(
        tmp_path,
        f"""
        import multiprocessing
        def double(value): return 2 * value
        def objective(trial):
            with multiprocessing.get_context({method!r}).Pool(1) as pool:
                high = pool.map(double, [5])[0]
            return trial.suggest_int("n", 1, high)
        """,
        quiet_s=DEADLINE_S,
    )
    assert found.parameters["n"].spec == IntParam(1, 10)
