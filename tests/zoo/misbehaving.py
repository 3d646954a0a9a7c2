"""An objective that misbehaves differently in each trial; what is not listed behaves well."""

# pyright: basic

import ctypes
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from hptui import trial_dir

LEAKED = []


class Unpicklable(Exception):  # noqa: N818 - a misnomer is part of it
    def __init__(self, one, two):
        super().__init__("needs two")
        self.lock = threading.Lock()


class Wordless(Exception):  # noqa: N818 - a misnomer is part of it
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


class Leaving(Exception):  # noqa: N818 - a misnomer is part of it
    def __str__(self):
        raise SystemExit(4)

    __repr__ = __str__


class Interrupting:
    def __float__(self):
        raise KeyboardInterrupt


# -- exceptions


def raises(trial):
    raise ValueError("a plain error")


def raises_unpicklable(trial):
    raise Unpicklable(1, 2)


def raises_wordless(trial):
    raise Wordless


def raises_leaving(trial):
    raise Leaving


def raises_group(trial):
    raise BaseExceptionGroup("several", [ValueError("one"), SystemExit(2)])


def recurses(trial):
    return recurses(trial)


def leaves(trial):
    sys.exit(3)


def leaves_with_text(trial):
    sys.exit("an explanation")


def interrupts_itself(trial):
    raise KeyboardInterrupt


# -- values


def returns_none(trial):
    return None


def returns_text(trial):
    return "1.5"


def returns_bytes(trial):
    return b"5"


def returns_a_bool_of_numpy(trial):
    return np.bool_(True)


def returns_bool(trial):
    return True


def returns_complex(trial):
    return 1 + 2j


def returns_dict(trial):
    return {"loss": 1.0}


def returns_generator(trial):
    return (each for each in [1.0])


def returns_function(trial):
    return returns_function


def returns_trial(trial):
    return trial


def returns_interrupting(trial):
    return Interrupting()


def returns_nan(trial):
    return float("nan")


def returns_huge(trial):
    return 10**400


def returns_two(trial):
    return [1.0, 2.0]


def returns_array_of_two(trial):
    return np.array([1.0, 2.0])


def returns_many(trial):
    return [1.0] * 200_000


def returns_scalar_array(trial):
    return np.float32(0.5)


def returns_infinity(trial):
    return float("inf")


# -- reports and attributes


def reports_nan_then_completes(trial):
    trial.report(float("nan"), 1)
    trial.report(1.0, 0)
    trial.report(2.0, 0)
    return 1.0


def reports_before_zero(trial):
    trial.report(1.0, -1)


def names_what_no_file_holds(trial):
    trial.set_user_attr("half a pair \ud800", 1)
    return 1.0


def names_the_study_so(trial):
    trial.study.set_user_attr("half a pair \ud800", 1)
    trial.suggest_float("x", 0, 1)
    return 1.0


def nests_deeply(trial):
    sys.setrecursionlimit(100_000)
    value = []
    for _ in range(20_000):
        value = [value]
    trial.set_user_attr("deep", value)
    return 1.0


def says_too_much(trial):
    trial.set_user_attr("long", "x" * 70_000_000)
    return 1.0


# -- surroundings


def reads_input(trial):
    return input()


def reads_all_input(trial):
    assert sys.stdin.read() == ""
    return 1.0


def prints_binary(trial):
    os.write(1, b"\x1b]52;c;ZXZpbA==\x07" + bytes(range(256)) * 4000)
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return 1.0


def closes_descriptors(trial):
    os.closerange(3, 256)
    return 2.0


def closes_every_descriptor(trial):
    os.closerange(0, 65_536)
    return 2.0


def closes_streams(trial):
    sys.stdout.close()
    sys.stderr.close()
    raise ValueError("without streams")


def closes_standard_descriptors(trial):
    os.closerange(0, 3)
    raise ValueError("without standard descriptors")


def uses_up_descriptors(trial):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
    try:
        while True:
            LEAKED.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return 2.5


def opens_as_many_as_it_should_have(trial):
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
    for number in opened:
        os.close(number)
    return 2.6


def changes_surroundings(trial):
    os.chdir("/")
    os.umask(0o777)
    os.environ["NASTY"] = "1"
    sys.stdout = None
    return 3.0


def sees_what_was_left(trial):
    # Threads share their environment, so it is not put back.
    assert "NASTY" not in os.environ or threading.current_thread() is not threading.main_thread()
    assert Path.cwd() != Path("/")
    (trial_dir() / "file").touch()
    assert (trial_dir() / "file").stat().st_mode & 0o777
    (trial_dir() / "file").unlink()
    print("the stream is back")
    return 4.0


def prunes_with_files(trial):
    (trial_dir() / "deep" / "er").mkdir(parents=True)
    (trial_dir() / "model").write_text("x")
    trial.report(1.0, 3)
    raise optuna.TrialPruned


def fails_with_locked_files(trial):
    (trial_dir() / "deep").mkdir()
    (trial_dir() / "deep" / "model").write_text("x")
    (trial_dir() / "deep").chmod(0)
    raise ValueError("with files")


def completes_with_files(trial):
    (trial_dir() / "model").write_text("x")
    return 5.0


# -- what stays behind


def forks_and_comes_back(trial):
    if os.fork() == 0:
        return 99.0
    return 6.0


def forks_and_raises(trial):
    if os.fork() == 0:
        raise ValueError("in the child")
    return 6.0


def forks_and_uses_the_trial(trial):
    pid = os.fork()
    if pid == 0:
        trial.report(1.0, 0)
    assert os.waitpid(pid, 0)[1] == 0
    return 6.0


def leaves_a_forked_child(trial):
    if os.fork() == 0:
        time.sleep(600)
    return 6.5


def leaves_a_process(trial):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return 7.0


def leaves_a_daemon(trial):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.waitpid(pid, 0)
    return 7.5


def leaves_semaphores(trial):
    LEAKED.append(multiprocessing.get_context("spawn").Semaphore())
    memory = shared_memory.SharedMemory(create=True, size=100)
    LEAKED.append(memory)
    Path("shared-memory").write_text(memory.name)
    return 8.0


def leaves_a_thread(trial):
    threading.Thread(target=threading.Event().wait).start()
    return 8.5


# -- what ends its process


def vanishes(trial):
    os._exit(0)


def vanishes_from_its_child(trial):
    if os.fork() == 0:
        time.sleep(600)
    os._exit(5)


def kills_itself(trial):
    os.kill(os.getpid(), signal.SIGKILL)


def segfaults(trial):
    ctypes.string_at(0)


def aborts(trial):
    os.abort()


def writes_into_sockets(trial):
    for entry in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{entry}").startswith("socket:"):
                os.write(int(entry), b"no message\n")
        except OSError:
            pass
    time.sleep(600)


# -- what does not end


def hangs(trial):
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1000)


def hangs_in_native_code(trial):
    # PyDLL keeps the interpreter's lock: no other thread, and no signal handler, runs.
    ctypes.PyDLL(None).sleep(1000)


def stops_itself(trial):
    os.kill(os.getpid(), signal.SIGSTOP)
    # Another thread may take the signal, so that this one goes on for a moment.
    return hangs(trial)


HARMLESS: list[Callable[[Any], object]] = [
    raises,
    raises_unpicklable,
    raises_wordless,
    raises_leaving,
    raises_group,
    recurses,
    leaves,
    leaves_with_text,
    interrupts_itself,
    returns_none,
    returns_text,
    returns_bytes,
    returns_bool,
    returns_a_bool_of_numpy,
    returns_complex,
    returns_dict,
    returns_generator,
    returns_function,
    returns_trial,
    returns_interrupting,
    returns_nan,
    returns_huge,
    returns_two,
    returns_array_of_two,
    returns_many,
    returns_scalar_array,
    returns_infinity,
    reports_nan_then_completes,
    reports_before_zero,
    names_what_no_file_holds,
    names_the_study_so,
    nests_deeply,
    says_too_much,
    reads_input,
    reads_all_input,
    prints_binary,
    closes_descriptors,
    closes_every_descriptor,
    closes_streams,
    closes_standard_descriptors,
    uses_up_descriptors,
    opens_as_many_as_it_should_have,
    changes_surroundings,
    sees_what_was_left,
    prunes_with_files,
    fails_with_locked_files,
    completes_with_files,
    forks_and_comes_back,
    forks_and_raises,
    forks_and_uses_the_trial,
    leaves_a_forked_child,
    leaves_a_process,
    leaves_a_daemon,
    leaves_semaphores,
    leaves_a_thread,
]
DEADLY: list[Callable[[Any], object]] = [
    vanishes,
    vanishes_from_its_child,
    kills_itself,
    segfaults,
    aborts,
    writes_into_sockets,
]
ENDLESS: list[Callable[[Any], object]] = [hangs, hangs_in_native_code, stops_itself]


def harmless(trial):
    return HARMLESS[trial.number](trial)


def deadly(trial):
    """Each other trial ends its process."""
    return DEADLY[trial.number // 2](trial) if trial.number % 2 else 1.0


def endless(trial):
    """Each other trial does not end by itself."""
    return ENDLESS[trial.number // 2](trial) if trial.number % 2 else 1.0


def dies_beside_a_neighbour(trial):
    """The first trial waits until the second takes the process along."""
    Path(f"started-{trial.number}").touch()
    if trial.number > 1:
        return 1.0
    while not Path("started-0").exists() or not Path("started-1").exists():
        time.sleep(0.001)
    if trial.number == 1:
        os._exit(5)
    return hangs(trial)


def hangs_beside_neighbours(trial):
    return hangs(trial) if trial.number == 0 else 1.0


def keeps_to_its_folder(trial):
    """Two trials at a time each find only what they have put into their own folder."""
    Path(f"started-{trial.number}").touch()
    while not Path(f"started-{trial.number ^ 1}").exists():
        time.sleep(0.001)
    folder = trial_dir()
    assert list(folder.iterdir()) == []
    (folder / f"model-{trial.number}").touch()
    if trial.number >= 2:
        raise ValueError(os.environ.get("HPTUI_TRIAL_DIR", "the variable is not set"))
    return 1.0
