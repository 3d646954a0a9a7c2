"""The process that calls callbacks: one after the other, with each trial that has ended, in order.

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
from typing import TYPE_CHECKING

from hptui.domain.objective import ObjectiveRef
from hptui.engine import host
from hptui.engine.descriptors import put_limit_back
from hptui.engine.outcome import describe_exception
from hptui.engine.protocol import Message, ProtocolError, WorkerLink
from hptui.engine.remote_storage import RemoteStorage
from hptui.engine.remote_study import RemoteStudy
from hptui.engine.surroundings import write_to
from hptui.engine.trial_link import TrialLink
from hptui.errors import HptuiError
from hptui.registry.callback import load_callback
from hptui.registry.core_count import limit_core_count
from hptui.registry.program import act_as_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from hptui.registry.callback import Callback


def main() -> None:
    """Load the callbacks that the order in the first argument names, and call them until the end.

    The order is JSON: `socket`, `home`, `log` (paths), `token`, `max_files`, `callbacks`
    (references) and `script`, the reference of one whose callbacks come first, or null.
    """
    order: Message = json.loads(sys.argv[1])
    put_limit_back(order["max_files"])
    host.settle(Path(order["log"]))
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


def _load_and_serve(order: Message, socket: Path, token: str) -> None:
    refs = [ObjectiveRef.from_json(each) for each in order["callbacks"]]
    script = order["script"]
    if script is None:
        files = [Path(ref.target) for ref in refs if ref.kind == "file"]
        act_as_program(files[0] if files else None)
        _serve(socket, token, _named(refs), None)
        return
    from hptui.registry.script import CapturedStudy, run_script, shown_callable

    def serve(captured: CapturedStudy) -> None:
        own = [(shown_callable(each), each) for each in captured.callbacks]
        _serve(socket, token, [*own, *_named(refs)], captured.study)
        # What its own cleaning up says belongs to what it has said before.
        write_to(str(order["log"]))

    run_script(ObjectiveRef.from_json(script), serve)


def _named(refs: Sequence[ObjectiveRef]) -> list[tuple[str, Callback]]:
    return [(ref.name, load_callback(ref)) for ref in refs]


def _serve(
    socket: Path,
    token: str,
    callbacks: Sequence[tuple[str, Callback]],
    scripts: optuna.Study | None,
) -> None:
    """Call callbacks as the engine orders, until it is gone or says to end.

    Args:
        socket: Where the engine listens.
        token: By which it knows this process.
        callbacks: What is called, and how people call that.
        scripts: What a script calls its study.
    """
    pid = os.getpid()
    link = WorkerLink(socket, {"op": "follow", "token": token, "pid": pid})
    own = TrialLink(link, -1, user="callback")
    shown: RemoteStudy | None = None
    with contextlib.suppress(ConnectionError, OSError, ProtocolError):
        while True:
            order = link.next_order()
            operation = order.get("op")
            if operation == "exit":
                break
            if operation == "begin":
                with contextlib.suppress(OSError):
                    write_to(str(order["log"]))
                study = RemoteStudy(RemoteStorage(own), order)
                if scripts is not None:
                    study.take_place_of(scripts, by_thread=False)
                # Callbacks compare what they are given with what the script calls its study.
                shown = scripts if isinstance(scripts, RemoteStudy) else study
            if operation == "trial" and shown is not None:
                own.number = int(order["n"])
                ended = _call_all(callbacks, shown, int(order["trial_id"]), own)
                if os.getpid() != pid:
                    # A callback has forked, and its child came back here.
                    os._exit(0)
                link.send({"n": order["n"], **ended})
    link.close()


def _call_all(
    callbacks: Sequence[tuple[str, Callback]], study: RemoteStudy, trial_id: int, link: TrialLink
) -> Message:
    """Call all callbacks with a trial, as `Study.optimize` does, and return how that ended."""
    name = ""
    try:
        frozen = copy.deepcopy(study._storage.get_trial(trial_id))
        for name, callback in callbacks:
            link.tell({"op": "calling", "name": name})
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


def _leave(code: int) -> None:
    """End this process without waiting for threads of callbacks."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
