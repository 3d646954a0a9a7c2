"""The throw-away process of a probe: imports an objective and runs short trials of it.

Started as `python -P -m hptui.registry.probing.probe_child ORDER`, where ORDER is JSON. Each trial
runs in a fork, so that whatever it does to its process is gone with it. What is seen is written as
JSON lines to the pipe `fd`; the last line is `done`, and its absence means that the process was
ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from optuna import TrialPruned

from hptui.domain.objective import Direction, ObjectiveRef
from hptui.domain.trial_folder import VARIABLE
from hptui.errors import HptuiError, SpaceError
from hptui.registry.loading.core_count import limit_core_count
from hptui.registry.loading.load import Objective, describe_error, load_objective, loaded_info
from hptui.registry.loading.process_ties import adopt_orphans, die_with_parent
from hptui.registry.probing.descendants import descendants, has_ended, wait_for
from hptui.registry.probing.exploration import Observations, Plan, choose_value
from hptui.registry.probing.observed import End, Observation, Suggestion
from hptui.registry.probing.probe_trial import ProbeEnded, ProbeTrial
from hptui.registry.scripts.script_process import act_as_program

FIRST_QUIET_FACTOR = 2.0
"""The first trial may be quiet for so much longer: imports and data are cold then."""

_UNWIND_S = 1.0
"""What a trial has for its own cleaning up after its first report."""
_EXIT_S = 0.5
_TICK_MS = 50
_GRACE_S = 1.0


class Channel:
    """Writes JSON lines to a pipe, and never to anything else."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            about = os.fstat(self._fd)
            return about.st_dev, about.st_ino
        return None

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; nothing happens when the pipe is gone."""
        data = json.dumps(message).encode("ascii") + b"\n"
        with contextlib.suppress(OSError):
            # An objective may have closed all descriptors and opened a file under this number.
            while data and self._look() == self._identity is not None:
                data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        """Close this end of the pipe."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


class Prober:
    """Runs trials of one objective, one after another, until nothing new is to be found."""

    def __init__(
        self, function: Objective, directions: Sequence[Direction], order: dict[str, Any]
    ) -> None:
        self._function = function
        self._directions = directions
        self._folder = Path(order["folder"])
        self._deadline: float = order["deadline"]
        self._quiet_s: float = order["quiet_s"]
        self._max_trials: int = order["max_trials"]
        self._channel = Channel(order["fd"])
        self._seen = Observations()
        self._longest_gap_s = 0.0
        self._kept = {process.pid for process in descendants()}
        """Processes that the import started: they live as long as this one."""

    def run(self) -> None:
        """Run all trials and tell what they show."""
        while len(self._seen.trials) < self._max_trials and time.monotonic() < self._deadline:
            plan = self._seen.next_plan()
            if plan is None:
                break
            self._seen.add(self._run_trial(plan), plan)
        is_complete = self._seen.next_plan() is None and self._seen.is_covered()
        is_complete = is_complete and all(each.end != "deadline" for each in self._seen.trials)
        self._kept.clear()
        self._sweep()
        self._channel.send({"done": True, "complete": is_complete})

    def _run_trial(self, plan: Plan) -> Observation:
        number = len(self._seen.trials)
        self._channel.send({"trial": number})
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            # Threads that the import started make Python 3.12 warn, and the user's filter raise.
            warnings.simplefilter("ignore")
            pid = os.fork()
        if pid == 0:
            os.close(reader)
            self._channel.close()
            self._be_trial(number, plan, Channel(writer))
        os.close(writer)
        try:
            watch = _Watch(pid, reader, self._channel)
            observation = watch.follow(self._deadline, self._quiet_limit())
            self._longest_gap_s = max(self._longest_gap_s, watch.longest_gap_s)
            self._channel.send({"end": observation.end})
            return observation
        finally:
            os.close(reader)
            self._sweep()

    def _quiet_limit(self) -> float:
        factor = 1.0 if self._seen.trials else FIRST_QUIET_FACTOR
        return max(factor * self._quiet_s, 2 * self._longest_gap_s)

    def _be_trial(self, number: int, plan: Plan, channel: Channel) -> NoReturn:
        """Run the objective once and end the process; what it writes to `channel` is all."""
        try:
            die_with_parent()
            signal.alarm(max(1, int(self._deadline - time.monotonic()) + 5))
            folder = self._folder / f"{number:06}"
            folder.mkdir(parents=True)
            os.environ[VARIABLE] = str(folder)
            rng = random.Random(number)
            trial = ProbeTrial(
                number,
                self._directions,
                choose=lambda name, spec: choose_value(
                    name, spec, plan, self._seen.tried(name), rng
                ),
                on_suggestion=lambda suggestion: channel.send(suggestion.to_json()),
                on_report=lambda: channel.send({"reports": True}),
            )
            pid = os.getpid()
            ended = call_objective(self._function, trial)
            # An objective that forks comes back here twice; its child has nothing to say.
            if os.getpid() == pid:
                channel.send(ended)
        finally:
            os._exit(0)

    def _sweep(self) -> None:
        """End what a trial left running, and wait for it."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            # Asked first: joblib's resource tracker ignores it and cleans up when it is alone.
            left = [each for each in descendants() if each.pid not in self._kept]
            for number in (signal.SIGTERM, signal.SIGKILL):
                for each in left:
                    each.send(number)
                left = wait_for(left, _GRACE_S)


class _Watch:
    """Follows one trial's process from outside."""

    def __init__(self, pid: int, reader: int, channel: Channel) -> None:
        self._pid = pid
        self._reader = reader
        self._channel = channel
        self._rest = b""
        self._observation = Observation()
        self._ended: End | None = None
        self._quiet_at = float("inf")
        self._last = time.monotonic()
        self.longest_gap_s = 0.0
        """The longest time between two suggestions."""

    def follow(self, deadline: float, quiet_s: float) -> Observation:
        """Read until the trial ends or has been quiet for too long, then make sure it is gone."""
        has_exited = False
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while time.monotonic() < min(deadline, self._quiet_at):
            if poll.poll(_TICK_MS):
                data = os.read(self._reader, 1 << 16)
                if not data:
                    # Descriptors close a moment before the process has ended.
                    has_exited = self._exits_soon()
                    break
                self._take(data, quiet_s)
            elif has_exited:
                # A process that it started may hold the pipe open for ever.
                break
            has_exited = has_exited or self._has_exited()
        self._observation.end = self._finish(deadline, has_exited=has_exited)
        return self._observation

    def _take(self, data: bytes, quiet_s: float) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError, SpaceError):
                self._take_message(json.loads(line), quiet_s)

    def _take_message(self, message: dict[str, Any], quiet_s: float) -> None:
        now = time.monotonic()
        if "name" in message:
            suggestion = Suggestion.from_json(message)
            if self._observation.suggestions:
                self.longest_gap_s = max(self.longest_gap_s, now - self._last)
            self._observation.suggestions[suggestion.name] = suggestion
            self._last, self._quiet_at = now, now + quiet_s
        elif "reports" in message:
            self._ended = "reported"
            self._quiet_at = min(self._quiet_at, now + _UNWIND_S)
        elif self._ended is None:
            ends: dict[object, End] = {"raised": "raised", "returned": "returned"}
            self._ended = ends.get(message.get("how"), "deadline")
        self._channel.send(message)

    def _has_exited(self) -> bool:
        # Looked at without reaping, so that the pid stays its own.
        return has_ended(self._pid)

    def _exits_soon(self) -> bool:
        until = time.monotonic() + _EXIT_S
        while not self._has_exited():
            if time.monotonic() > until:
                return False
            select.select([], [], [], 0.005)
        return True

    def _finish(self, deadline: float, *, has_exited: bool) -> End:
        has_exited = has_exited or self._has_exited()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        if self._ended is not None:
            return self._ended
        if has_exited:
            code = os.waitstatus_to_exitcode(status)
            self._channel.send({"how": "died", "code": code})
            return "died"
        return "quiet" if time.monotonic() < deadline else "deadline"


def call_objective(function: Objective, trial: ProbeTrial) -> dict[str, Any]:
    """Run an objective, and return how it has ended, as plain data."""
    try:
        returned = function(trial)
        values = _count_values(returned)
        refused = {} if values is not None else {"refused": type(returned).__name__}
        return {"how": "returned", "values": values, **refused}
    except ProbeEnded:
        return {"how": "ended"}
    except TrialPruned:
        return {"how": "returned", "values": None}
    except BaseException as error:  # noqa: BLE001 - whatever the objective raises ends the trial
        message, detail = describe_error(error)
        return {"how": "raised", "message": message, "detail": detail}


def _count_values(returned: object) -> int | None:
    """Return how many values an objective returned; None when they are not numbers."""
    if type(returned).__module__ == "numpy":
        returned = cast("Any", returned).ravel().tolist()
    is_many = isinstance(returned, Sequence) and not isinstance(returned, str | bytes | bytearray)
    values = cast("Sequence[Any]", returned if is_many else [returned])
    if any(isinstance(value, str | bytes | bytearray) for value in values):
        return None
    try:
        for value in values:
            float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return len(values)


def main() -> NoReturn:
    """Probe the objective that the command line names."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    os.set_inheritable(order["fd"], False)
    die_with_parent()
    adopt_orphans()
    signal.alarm(max(1, int(order["deadline"] - time.monotonic()) + 10))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    channel = Channel(order["fd"])
    ref = ObjectiveRef.from_json(order["ref"])
    pid = os.getpid()
    if order["cores"]:
        os.sched_setaffinity(0, order["cores"])
    limit_core_count()
    try:
        if ref.kind == "script":
            _probe_script(ref, order, channel, pid)
        else:
            act_as_program(Path(ref.target) if ref.kind == "file" else None)
            function = load_objective(ref)
            _probe(function, loaded_info(function, ref).directions, order, channel, pid)
    except HptuiError as error:
        detail = str(getattr(error, "detail", ""))
        channel.send({"problem": error.message, "hint": error.hint, "detail": detail})
        channel.send({"done": True, "complete": False})
        os._exit(1)
    os._exit(0)


def _probe_script(ref: ObjectiveRef, order: dict[str, Any], channel: Channel, pid: int) -> None:
    """Run a script up to its study, and probe the objective from there.

    Raises:
        HptuiError: It does not come there.
    """
    from hptui.registry.scripts.script import CapturedStudy, list_studies, run_script

    if order.get("lists"):
        listing = list_studies(ref)
        for each in listing.studies:
            channel.send({"study": each.to_json()})
        channel.send({"loaded": True, "rest": listing.ended})
        channel.send({"done": True, "complete": not listing.ended})
        return

    def serve(captured: CapturedStudy) -> NoReturn:
        channel.send({"study": captured.about.to_json()})
        _probe(captured.objective, captured.about.directions, order, channel, pid)

    run_script(ref, serve)


def _probe(
    function: Objective,
    directions: Sequence[Direction],
    order: dict[str, Any],
    channel: Channel,
    pid: int,
) -> NoReturn:
    if os.getpid() != pid:
        # The file forked while it was imported.
        os._exit(0)
    channel.send({"loaded": True})
    Prober(function, directions, order).run()
    # Without the import's own exit handlers, which may wait for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
