"""Lets an `hptui` of the tests have its workers, probes and so on without starting Python.

A process that starts a worker has Python start, and import Optuna, joblib and NumPy: most of what a
small run costs. The nursery is a process that has these modules and nothing else, forked before
the program begins. When the program starts a Python of a known kind, the nursery clones itself:
the clone is the program's child, has the descriptors, variables, folder and session that were
ordered, and runs the module that the new Python would run. Whatever else is started is started.

`python -m tests.e2e.nursery DESCRIPTOR` is one for a process that runs tests.
"""

from __future__ import annotations

import _posixsubprocess  # pyright: ignore[reportMissingModuleSource]
import atexit
import ctypes
import fcntl
import gc
import json
import os
import platform
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from hptui.cli.main import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

ROOT: Final = Path(__file__).parents[2]
_SEEDED: Final = (
    "joblib.externals.loky.backend.popen_loky_posix",
    "hptui.registry.probing.probe_child",
)
MODULES: Final = (
    *_SEEDED,
    "hptui.engine.following.follower_process",
    "hptui.engine.importance.child",
    "hptui.engine.sampling.own_process",
)
"""What is run with `-m`, besides `hptui` itself for a run that is detached."""
_OF_A_RUN: Final = (
    "joblib.externals.loky",
    "joblib.externals.loky.backend.fork_exec",
    "joblib.externals.loky.backend.synchronize",
    "numpy.ma",
    "optuna.pruners",
    "optuna.samplers",
    "plotext",
    "threadpoolctl",
    *MODULES,
)
_PACKAGES: Final = (
    *("hptui.domain", "hptui.analysis", "hptui.storage", "hptui.registry"),
    *("hptui.engine", "hptui.engine.sampling", "hptui.engine.sampling.tpe", "hptui.figures"),
    "hptui.cli",
)
"""Packages that are imported whole: commands and runs import many of their modules late."""
_SEED: Final = "PYTHONHASHSEED"
_TRACKER: Final = re.compile(
    r"from (multiprocessing|joblib\.externals\.loky\.backend)\.resource_tracker "
    r"import main; ?main\(\d+(, \w+)?\)"
)
_FLAGS: Final = ("-B", "-P")
_SYS_CLONE: Final = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
_CLONE_PARENT: Final = 0x8000
_HIGH: Final = 600
"""Descriptors are kept from here on while they are put in their places, which are lower."""
_SIGNALS: Final = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM),
)
_LARGEST: Final = 1 << 17
_OWN: Final = (
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHON_CPU_COUNT",
)
"""Variables of Python that are heeded in a clone, or that do not matter to it."""


def _settings(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that a Python which is there already does not follow."""
    kinds = ("PYTHON", "LC_", "LANG")
    heeded = {name: each for name, each in environment.items() if name.startswith(kinds)}
    # What is cloned has this seed.
    return {_SEED: "0"} | {name: heeded[name] for name in heeded.keys() - set(_OWN)}


@dataclass(frozen=True)
class _Place:
    """Where a program that is to be started has its arguments, descriptors and so on."""

    arguments: list[str]
    environment: dict[str, str]
    descriptors: dict[int, int]
    """By which number it is to have which of this process."""
    cwd: str
    leads_session: bool


def open_nursery() -> Callable[[], None] | None:
    """Have this process's workers, probes and trackers cloned from now on.

    Returns: In a clone what it is to do until its end; elsewhere None.
    """
    if _SYS_CLONE is None or sys.platform != "linux":
        return None
    settings = _settings(dict(os.environ))
    if settings[_SEED] != "0":
        return None
    own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        own.close()
        return _serve(its)
    its.close()
    _posixsubprocess.fork_exec = subprocess.__dict__["_fork_exec"] = Orders(own, settings)
    return None


@contextmanager
def nursery() -> Generator[Orders]:
    """Start a nursery for this process, which need not be fit to fork; yields what orders there."""
    own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.nursery", str(its.fileno())],
        cwd=ROOT,
        # A process with threads should not fork.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        pass_fds=(its.fileno(),),
    )
    its.close()
    orders = Orders(own, _settings(dict(os.environ)))
    yield orders
    orders.close()
    process.wait()


def import_modules(*packages: str) -> None:
    """Import what commands, runs, workers and probes need, in a process that is to be forked.

    Args:
        packages: More, which are imported whole.
    """
    # What is imported stays: the collector would go through it again and again.
    gc.disable()
    for command in COMMANDS.values():
        command.load()
    for package in (*_PACKAGES, *packages):
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            import_module(module.name)
    for module in _OF_A_RUN:
        import_module(module)
    gc.collect()
    gc.freeze()
    gc.enable()


class Orders:
    """Stands for the function by which Python starts programs, `_posixsubprocess.fork_exec`."""

    def __init__(self, nursery: socket.socket, settings: dict[str, str]) -> None:
        high = fcntl.fcntl(nursery.fileno(), fcntl.F_DUPFD_CLOEXEC, _HIGH)
        nursery.close()
        self._nursery, self._settings = socket.socket(fileno=high), settings
        self._lock = threading.Lock()
        self._start: Callable[..., int] = _posixsubprocess.fork_exec

    def close(self) -> None:
        """Have the nursery end."""
        self._nursery.close()

    def __call__(self, *given: Any) -> int:
        place = _place_of(given)
        if place is None or _settings(place.environment) != self._settings:
            return self._start(*given)
        sent = {own: fd for own, fd in place.descriptors.items() if _is_open(fd)}
        order = json.dumps(
            {
                "arguments": place.arguments,
                "environment": place.environment,
                "descriptors": list(sent),
                "cwd": place.cwd,
                "leads_session": place.leads_session,
                "max_files": resource.getrlimit(resource.RLIMIT_NOFILE),
            }
        ).encode()
        if len(order) > _LARGEST or any(own >= _HIGH for own in sent):
            return self._start(*given)
        with self._lock:
            socket.send_fds(self._nursery, [order], list(sent.values()))
            return int(self._nursery.recv(32))


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _place_of(given: Sequence[Any]) -> _Place | None:
    """Read what `fork_exec` is given; None for what the nursery does not do."""
    arguments = [os.fsdecode(each) for each in given[0]]
    # Of the group, the users, the mask and what is called before it starts.
    is_plain = (*given[16:20], *given[20:22]) == (-1, None, None, None, -1, None)
    if not is_plain or not _is_known(arguments):
        return None
    pass_fds, cwd, variables = given[3:6]
    (to_in, _, _, to_out, _, to_err, _, errors) = given[6:14]
    pairs = (os.fsdecode(each).split("=", 1) for each in variables or ())
    environment = dict(pairs) if variables is not None else dict(os.environ)
    if any(each in _SEEDED for each in arguments) and environment.get(_SEED) != "0":
        # Only because hptui gives them this seed sets are the same in all workers and probes.
        return None
    standard = {0: to_in, 1: to_out, 2: to_err}
    descriptors = {own: own if fd == -1 else fd for own, fd in standard.items()}
    descriptors |= {fd: fd for fd in map(int, pass_fds) if fd != errors}
    folder = os.getcwd() if cwd is None else os.fsdecode(cwd)
    return _Place(arguments, environment, descriptors, folder, bool(given[15]))


def _is_known(arguments: list[str]) -> bool:
    rest = [each for each in arguments[1:3] if each not in _FLAGS] + arguments[3:]
    if arguments[0] != sys.executable or len(rest) < 2:
        return False
    return (rest[0] == "-m" and rest[1] in (*MODULES, "hptui")) or (
        rest[0] == "-c" and _TRACKER.fullmatch(rest[1]) is not None
    )


def _serve(orders: socket.socket) -> Callable[[], None]:
    """Clone what is ordered; return, in a clone, what it is to do."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    modules = {name: _code_of(name) for name in MODULES}
    modules["hptui"] = _code_of("hptui.__main__")
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, _LARGEST, 64)
        if not data:
            os._exit(0)
        pid = _clone()
        if not pid:
            order = json.loads(data)
            return lambda: _become(order, descriptors, modules)
        for each in descriptors:
            os.close(each)
        orders.send(b"%d" % pid)


def _clone() -> int:
    """Fork a child of this process's parent, with all that Python does around a fork."""
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    # This one keeps the lock of the interpreter.
    flags = _CLONE_PARENT | signal.SIGCHLD
    pid = int(ctypes.PyDLL(None).syscall(_SYS_CLONE, flags, 0, 0, 0, 0))
    if pid:
        python.PyOS_AfterFork_Parent()
    else:
        python.PyOS_AfterFork_Child()
    return pid


def _code_of(name: str) -> tuple[str, CodeType]:
    spec = find_spec(name)
    assert spec is not None
    loader: Any = spec.loader
    return str(spec.origin), loader.get_code(name)


def _become(
    order: dict[str, Any], descriptors: list[int], modules: dict[str, tuple[str, CodeType]]
) -> None:
    """Be what a new Python with these arguments would be, and do what it would do."""
    if order["leads_session"]:
        os.setsid()
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, _HIGH) for each in descriptors]
    os.closerange(0, _HIGH)
    for own, fd in zip(order["descriptors"], high, strict=True):
        os.dup2(fd, own)
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(order["max_files"]))
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    flags = [each for each in order["arguments"][1:3] if each in _FLAGS]
    how, what, *more = order["arguments"][1 + len(flags) :]
    # The program's own folder is first.
    del sys.path[0]
    is_hptui = how == "-m" and what == "hptui"
    # `hptui` removes the folder itself where Python was not told to.
    if is_hptui or ("-P" not in flags and not os.environ.get("PYTHONSAFEPATH")):
        sys.path.insert(0, order["cwd"] if how == "-m" else "")
    if is_hptui:
        become = open_nursery()
        if become is not None:
            become()
            return
    main = ModuleType("__main__")
    file, code = modules[what] if how == "-m" else ("-c", compile(what, "<string>", "exec"))
    if how == "-m":
        vars(main).update(__file__=file, __spec__=find_spec(what))
        vars(main)["__package__"] = what.rpartition(".")[0]
    sys.argv = [file, *more]
    sys.modules["__main__"] = main
    end_with(lambda: exec(code, vars(main)))


def end_with(program: Callable[[], object]) -> None:
    """Run a program, and end as its interpreter would, except that no module is taken apart.

    That touches, and so copies, all of the memory that a clone shares: half of what a short command
    costs. A defect, an interrupt and a stream that cannot be written to take the usual way.
    """
    code: Any = 0
    try:
        program()
    except SystemExit as error:
        code = 0 if error.code is None else error.code
    # What the interpreter does first.
    for module, end in ((threading, "_shutdown"), (atexit, "_run_exitfuncs")):
        getattr(module, end)()
    with suppress(OSError):
        for stream in (sys.stdout, sys.stderr):
            # A resource tracker closes what it does not use.
            if stream is not None and not stream.closed:
                stream.flush()
        if isinstance(code, int):
            os._exit(code)
    raise SystemExit(code)


if __name__ == "__main__":
    import_modules()
    _serve(socket.socket(fileno=int(sys.argv[1])))()
