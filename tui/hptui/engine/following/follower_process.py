"""The process of what follows trials: callbacks, or services, one trial after the other, in order.

A script's callbacks are closures of it, so that it is run here as each worker runs it, up to its
call of `Study.optimize`; the callbacks are called inside that call.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import copy
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hptui.domain.following import Tracking
from hptui.domain.objective import ObjectiveRef
from hptui.domain.texts.text import safe_line
from hptui.engine.following.trackers import open_tracker
from hptui.engine.ipc.protocol import Message, ProtocolError, WorkerLink
from hptui.engine.run.outcome import describe_exception
from hptui.engine.workers import worker_process
from hptui.engine.workers.machine.descriptors import put_limit_back
from hptui.engine.workers.remote_storage import RemoteStorage
from hptui.engine.workers.remote_study import RemoteStudy
from hptui.engine.workers.sandbox import write_to
from hptui.engine.workers.trial_link import TrialLink
from hptui.engine.workers.trial_messages import read_trial
from hptui.errors import HptuiError, UsageError
from hptui.registry.loading.callback import load_callback
from hptui.registry.loading.core_count import limit_core_count
from hptui.registry.scripts.script_process import act_as_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from hptui.engine.following.trackers import Tracker
    from hptui.registry.loading.callback import Callback


def main() -> None:
    """Load what the order on standard input names, and call it until the end.

    The order is JSON: `socket`, `home`, `log` (paths), `token`, `max_files`, `study` (its name),
    `callbacks` (references), `script`, the reference of one whose callbacks come first, or null,
    and `tracking`, the services that a process without callbacks tells of trials.
    """
    order: Message = json.load(sys.stdin)
    put_limit_back(order["max_files"])
    worker_process.settle(Path(order["log"]))
    os.chdir(order["home"])
    limit_core_count()
    # What an author is warned of belongs to the log.
    warnings.simplefilter("default")
    socket, token = Path(order["socket"]), str(order["token"])
    try:
        _load_and_serve(order, socket, token)
    except HptuiError as error:
        problem = {"message": error.message, "hint": error.hint, "detail": error.detail}
        WorkerLink(socket, {"op": "unfollow", "token": token, "error": problem}).close()
    except BaseException:  # noqa: BLE001 - the last words go to the log
        traceback.print_exc()
        os._exit(1)
    _leave(0)


class _Follows(Protocol):
    """What is called."""

    def trial(self, study: RemoteStudy, order: Message, link: TrialLink) -> Message:
        """Take a trial that has ended, and return what to answer."""
        ...

    def finish(self, summary: Message, link: TrialLink) -> None:
        """Take the end of the run."""
        ...


def _load_and_serve(order: Message, socket: Path, token: str) -> None:
    if order["tracking"]:
        _serve(socket, token, _Trackers.open(order["tracking"], str(order["study"])), None)
        return
    refs = [ObjectiveRef.from_json(each) for each in order["callbacks"]]
    script = order["script"]
    if script is None:
        files = [Path(ref.target) for ref in refs if ref.kind == "file"]
        act_as_program(files[0] if files else None)
        _serve(socket, token, _Callbacks(_named(refs)), None)
        return
    from hptui.registry.scripts.script import CapturedStudy, run_script, shown_callable

    def serve(captured: CapturedStudy) -> None:
        own = [(shown_callable(each), each) for each in captured.callbacks]
        _serve(socket, token, _Callbacks([*own, *_named(refs)]), captured.study)
        # What its own cleaning up says belongs to what it has said before.
        write_to(str(order["log"]))

    run_script(ObjectiveRef.from_json(script), serve)


def _named(refs: Sequence[ObjectiveRef]) -> list[tuple[str, Callback]]:
    return [(ref.name, load_callback(ref)) for ref in refs]


def _serve(socket: Path, token: str, follows: _Follows, scripts: optuna.Study | None) -> None:
    """Do what the engine orders, until it is gone or says to end.

    Args:
        socket: Where the engine listens.
        token: By which it knows this process.
        follows: What is called.
        scripts: What a script calls its study.
    """
    pid = os.getpid()
    link = WorkerLink(socket, {"op": "follow", "token": token, "pid": pid})
    own = TrialLink(link, -1, user="callback")
    shown: RemoteStudy | None = None
    has_raised = False
    with contextlib.suppress(ConnectionError, OSError, ProtocolError):
        while True:
            order = link.next_order()
            operation = order.get("op")
            if operation == "exit":
                break
            if operation == "end":
                follows.finish(order["summary"], own)
                break
            if operation == "begin":
                with contextlib.suppress(OSError):
                    write_to(str(order["log"]))
                study = RemoteStudy(RemoteStorage(own), order)
                if scripts is not None:
                    study.take_place_of(scripts, by_thread=False)
                # Callbacks compare what they are given with what the script calls its study.
                shown = scripts if isinstance(scripts, RemoteStudy) else study
            # After one that has raised, what was sent ahead is followed no more.
            if operation == "trial" and shown is not None and not has_raised:
                own.number = int(order["n"])
                ended = follows.trial(shown, order, own)
                if os.getpid() != pid:
                    # A callback has forked, and its child came back here.
                    os._exit(0)
                has_raised = ended["op"] == "raised"
                link.send({"n": order["n"], **ended})
    link.close()


def _trial_of(study: RemoteStudy, order: Message) -> FrozenTrial:
    """Return the trial that an order is about, which is the caller's own."""
    if "trial" in order:
        return read_trial(order["trial"])
    return copy.deepcopy(study._storage.get_trial(int(order["trial_id"])))


class _Callbacks:
    """Callbacks: one that raises ends the run."""

    def __init__(self, callbacks: Sequence[tuple[str, Callback]]) -> None:
        self._callbacks = callbacks
        self._told = ""
        """Which one the engine believes to be called."""

    def trial(self, study: RemoteStudy, order: Message, link: TrialLink) -> Message:
        """Call all with a trial, as `Study.optimize` does, and return how that ended."""
        name = ""
        try:
            frozen = _trial_of(study, order)
            for name, callback in self._callbacks:
                if name != self._told:
                    link.tell({"op": "calling", "name": name})
                    self._told = name
                callback(study, frozen)
        except ConnectionError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the run
            told = describe_exception(error)
            # A callback may have closed the stream, or its disk may be full.
            with contextlib.suppress(OSError, ValueError):
                print(told.traceback, file=sys.stderr)  # noqa: T201 - into the log
            return {"op": "raised", "name": name, "error": told.to_json()}
        return {"op": "followed"}

    def finish(self, summary: Message, link: TrialLink) -> None:
        """Do nothing: callbacks are called with trials."""


class _Trackers:
    """Services: what goes wrong with one is told, and all others go on."""

    def __init__(self, trackers: Sequence[tuple[Tracking, Tracker]]) -> None:
        self._trackers = trackers

    @classmethod
    def open(cls, tracking: Sequence[Message], study: str) -> _Trackers:
        """Open all services.

        Raises:
            UsageError: One cannot be used.
        """
        opened: list[tuple[Tracking, Tracker]] = []
        for each in map(Tracking.from_json, tracking):
            try:
                opened.append((each, open_tracker(each, study)))
            except Exception as error:
                text = _without_address(error, each)
                raise UsageError(f"{each.shown} cannot be used: {text}.") from error
        return cls(opened)

    def trial(self, study: RemoteStudy, order: Message, link: TrialLink) -> Message:
        """Tell all of a trial."""
        frozen = _trial_of(study, order)
        is_best = bool(order.get("best"))
        for tracking, tracker in self._trackers:
            link.tell({"op": "calling", "name": tracking.shown})
            try:
                tracker.trial(study, frozen, is_best=is_best)
            except Exception as error:  # noqa: BLE001 - of any library
                self._tell(error, tracking, link, f"trial {frozen.number}")
        return {"op": "followed"}

    def finish(self, summary: Message, link: TrialLink) -> None:
        """Tell all of the end of the run."""
        for tracking, tracker in self._trackers:
            link.tell({"op": "calling", "name": tracking.shown})
            try:
                tracker.finish(summary)
            except Exception as error:  # noqa: BLE001 - of any library
                self._tell(error, tracking, link, "the run")

    def _tell(self, error: Exception, tracking: Tracking, link: TrialLink, what: str) -> None:
        text = _without_address(error, tracking)
        link.tell({"op": "failed", "name": tracking.shown, "what": what, "text": text})


def _without_address(error: Exception, tracking: Tracking) -> str:
    """Return an exception in one line that does not tell a service's address."""
    told = describe_exception(error)
    text = error.message if isinstance(error, HptuiError) else f"{told.type}: {told.message}"
    if tracking.address:
        text = text.replace(tracking.address, "***")
    return safe_line(text.strip().splitlines()[0] if text.strip() else told.type).removesuffix(".")


def _leave(code: int) -> None:
    """End this process without waiting for threads of callbacks."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
