"""Finding an objective's search space by running short trials of it in a throw-away process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil

from hptui.domain.trial_folder import VARIABLE
from hptui.registry.loading.core_count import core_variables
from hptui.registry.loading.other_python import module_command, package_variables
from hptui.registry.probing.probe_result import ProbedParam, ProbeResult, Story
from hptui.storage.files.staging import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from hptui.domain.objective import ObjectiveRef
    from hptui.domain.spaces.space import ParamSpec
    from hptui.registry.loading.other_python import OtherPython

_GRACE_S = 2.0
"""After the deadline the process may still tell what it saw and clean up; then it is killed."""
_MAX_BYTES = 64 << 20
_TICK_MS = 100


@dataclass(frozen=True, slots=True)
class KnownParam:
    """A parameter of an objective, and how hptui knows of it."""

    spec: ParamSpec
    origin: Literal["declared", "probed", "seen"]
    condition: str = ""
    """When it exists; empty when always, or when nobody has looked."""
    dynamic: bool = False
    """Whether its space depends on other values."""


@dataclass(frozen=True, slots=True)
class ProbePlace:
    """Where the trials of a run are, as far as their code can see it."""

    variables: Mapping[str, str] | None = None
    """What a worker has in its environment besides; None: one core and nothing else."""
    cores: tuple[int, ...] = ()
    """The cores that it keeps to; none: any."""
    folder: str = ""
    """The working directory; empty: the current one."""
    python: OtherPython | None = None
    """None: the Python of this process."""


def probe(
    ref: ObjectiveRef,
    *,
    timeout_s: float = 20.0,
    max_trials: int = 24,
    quiet_s: float = 1.0,
    on_progress: Callable[[int, int], bool] | None = None,
    place: ProbePlace | None = None,
    lists_studies: bool = False,
) -> ProbeResult:
    """Run the objective a few times in a throw-away process and return what it suggests.

    The values are chosen to reach every choice and both ends of every integer. A trial ends at its
    first report, or when it has suggested nothing new for `quiet_s` (twice that in the first
    trial); the training that follows is cut off. Nothing of it stays: no process, no file in the
    trial's or the temporary folder. What the objective writes elsewhere is its own affair.

    Args:
        ref: The objective; its code runs.
        timeout_s: For everything, the import included; cleaning up may take two seconds more.
        max_trials: At most so many trials.
        quiet_s: How long a trial may go on without a new parameter.
        on_progress: Called about ten times a second with how many trials and parameters have been
            seen; what it returns says whether to go on.
        place: Where it runs, as the trials of a run will.
        lists_studies: Of a script, find its studies instead of a search space; runs no trial.
    """
    if ref.kind == "command":
        # It declares all that it has.
        return ProbeResult(loaded=True, complete=True)
    place = place or ProbePlace()
    story = Story()
    with temporary_folder("probe") as folder:
        try:
            for name in ("trials", "tmp"):
                (folder / name).mkdir()
            deadline = time.monotonic() + timeout_s
            order = {
                "ref": ref.to_json(),
                "folder": str(folder / "trials"),
                "deadline": deadline,
                "quiet_s": quiet_s,
                "max_trials": max_trials,
                "lists": lists_studies,
                "cores": list(place.cores),
            }
            with _child(order, folder / "tmp", place) as (process, reader):
                _listen(process, reader, deadline, story, on_progress)
        finally:
            _remove(folder)
    return story.result(timeout_s)


def known_space(
    declared: Mapping[str, ParamSpec],
    probed: ProbeResult | None,
    stored: Mapping[str, ParamSpec] | None = None,
) -> dict[str, KnownParam]:
    """Return all that is known of a search space, each parameter from the first that knows it.

    Args:
        declared: What the objective declares.
        probed: What probing saw; it also tells when a declared parameter exists.
        stored: What earlier trials of the study hold.
    """
    found = probed.parameters if probed is not None else dict[str, ProbedParam]()
    dynamic = probed.dynamic if probed is not None else frozenset[str]()
    space: dict[str, KnownParam] = {}
    for name, spec in declared.items():
        condition = found[name].condition if name in found else ""
        space[name] = KnownParam(spec, "declared", condition, name in dynamic)
    for name, param in found.items():
        space.setdefault(name, KnownParam(param.spec, "probed", param.condition, name in dynamic))
    for name, spec in (stored or {}).items():
        space.setdefault(name, KnownParam(spec, "seen"))
    return space


@contextlib.contextmanager
def _child(
    order: dict[str, Any], temporary: Path, place: ProbePlace
) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """Start the process; on leaving, it and all that it started are gone."""
    # The application imports this module before its first frame.
    from hptui.registry.scripts.script_process import hash_variables

    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if place.variables is None:
        environment |= core_variables(1, replace=True) | hash_variables()
    else:
        environment |= place.variables
    # Temporary files go with the probe, and joblib starts no processes of its own.
    environment |= dict.fromkeys(("TMPDIR", "JOBLIB_TEMP_FOLDER"), str(temporary))
    environment["JOBLIB_MULTIPROCESSING"] = "0"
    reader, writer = os.pipe()
    try:
        command = module_command(place.python, "hptui.registry.probing.probe_child")
        if place.python is not None:
            environment |= package_variables(temporary.parent, environment)
        process = subprocess.Popen(
            [*command, json.dumps(order | {"fd": writer})],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
            env=environment,
            cwd=place.folder or None,
            start_new_session=True,
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        yield process, reader
    finally:
        os.close(reader)
        _end(process)


def _listen(
    process: subprocess.Popen[bytes],
    reader: int,
    deadline: float,
    story: Story,
    on_progress: Callable[[int, int], bool] | None,
) -> None:
    """Read what the process tells until it is done, dead, out of time or no longer wanted."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    rest, total, has_ended = b"", 0, False
    while not story.is_done and total < _MAX_BYTES:
        # An import that hangs has nothing to clean up or to tell.
        if time.monotonic() >= deadline + (_GRACE_S if story.is_loaded else 0):
            return
        if on_progress is not None and not on_progress(*story.progress()):
            story.stopped()
            return
        if poll.poll(_TICK_MS):
            data = os.read(reader, 1 << 16)
            if not data:
                break
            total += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                story.take(line)
        elif has_ended:
            # A process that it started may hold the pipe open for ever.
            break
        else:
            # What it told just before its end is still to be read.
            has_ended = _is_zombie(process.pid)
    if not story.is_done:
        story.ended_early(_exit_code(process))


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a process that has just closed its pipe; None if it lives on."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if _is_zombie(process.pid):
            _kill_session(process.pid)
            return process.wait()
        select.select([], [], [], 0.01)
    return None


def _is_zombie(pid: int) -> bool:
    # Looked at without reaping: until then the pid, and so the session, stays its own.
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it started."""
    if process.returncode is None:
        with contextlib.suppress(psutil.Error):
            # Stopped, it starts nothing new; alive, it adopts what its descendants leave behind.
            psutil.Process(process.pid).suspend()
        _kill_session(process.pid)
        process.kill()
    process.wait()


def _kill_session(leader: int) -> None:
    """Kill the descendants of a session's leader and all else in the session, but not it."""
    for _ in range(50):
        left = [each for each in _members(leader) if _is_running(each)]
        if not left:
            return
        for each in left:
            with contextlib.suppress(psutil.Error):
                each.kill()
        psutil.wait_procs(left, timeout=0.1)


def _members(leader: int) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        found = {each.pid: each for each in psutil.Process(leader).children(recursive=True)}
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if pid not in (leader, *found) and os.getsid(pid) == leader:
                found[pid] = psutil.Process(pid)
    return list(found.values())


def _is_running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _remove(folder: Path) -> None:
    for root, folders, _ in os.walk(folder):
        for name in folders:
            # The objective may have taken away its own right to delete.
            if not (path := Path(root, name)).is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
